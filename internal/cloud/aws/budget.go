package aws

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// limit is what AWS lets one account do in one region.
type limit struct {
	perSecond rate.Limit
	burst     int
}

// limits are the published ones, of which the operator takes a share only: it is not alone. Where AWS
// counts each operation by itself, its name follows the service's.
// RDS: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-api-throttling.html (12/s, 300)
// EC2: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html (20/s, 100)
// KMS: https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html
// Tagging: https://docs.aws.amazon.com/general/latest/gr/arg.html (15/s).
var limits = map[string]limit{
	"RDS":                         {12, 300},
	"EC2":                         {20, 100},
	"KMS":                         {5, 5},
	"KMS:CreateAlias":             {5, 5},
	"KMS:CreateKey":               {5, 5},
	"KMS:DescribeKey":             {2000, 2000},
	"KMS:EnableKeyRotation":       {15, 15},
	"KMS:GetKeyPolicy":            {1000, 1000},
	"KMS:GetKeyRotationStatus":    {1000, 1000},
	"KMS:ListAliases":             {500, 500},
	"KMS:ListResourceTags":        {2000, 2000},
	"KMS:PutKeyPolicy":            {15, 15},
	"KMS:ScheduleKeyDeletion":     {15, 15},
	"KMS:TagResource":             {10, 10},
	"STS":                         {100, 100},
	"Resource Groups Tagging API": {15, 15},
}

// readShare is how much of the operator's share reads may use: the rest is always there for writes.
const readShare = 0.7

// patience is how long a call waits for its turn. A call that would wait longer fails with a wait, so that
// platforms behind one limit of one account do not occupy the workers. A load that serves all platforms
// waits for as long as it takes.
const patience = time.Second

type patientKey struct{}

// patient makes the calls of ctx wait for as long as ctx lasts.
func patient(ctx context.Context) context.Context { return context.WithValue(ctx, patientKey{}, true) }

// tenantLimit keeps one busy tenant from using up what all share, and namespaceLimit all tenants of one
// namespace together: an editor there can request a reconcile as often as they like.
var (
	tenantLimit    = limit{5, 50}
	namespaceLimit = limit{20, 400}
)

type namespaceKey struct{}

// For counts the calls of ctx as a namespace's, except those whose answer serves all.
func For(ctx context.Context, namespace string) context.Context {
	return context.WithValue(ctx, namespaceKey{}, namespace)
}

// budget is the operator's share of an account's call limits in one region.
type budget struct {
	share  float64
	quotas *quotas
	tenant *rate.Limiter
}

// quotas are what all tenants of an account share. Under the mutex a turn in several of them is atomic.
type quotas struct {
	mu                     sync.Mutex
	all, reads, namespaces map[string]*rate.Limiter
}

func newBudget(share float64) *budget {
	q := &quotas{
		all: map[string]*rate.Limiter{}, reads: map[string]*rate.Limiter{}, namespaces: map[string]*rate.Limiter{},
	}
	for name, l := range limits {
		q.all[name] = l.limiter(share)
		q.reads[name] = l.limiter(share * readShare)
	}
	return &budget{share: share, quotas: q}
}

// forTenant returns the same budget behind a limit of the tenant's own.
func (b *budget) forTenant() *budget {
	return &budget{share: b.share, quotas: b.quotas, tenant: tenantLimit.limiter(b.share)}
}

func (l limit) limiter(part float64) *rate.Limiter {
	return rate.NewLimiter(l.perSecond*rate.Limit(part), max(1, int(float64(l.burst)*part)))
}

// wait returns when the call may be sent, or ctx's error. It returns a fault at once when that is not soon.
func (b *budget) wait(ctx context.Context, service, operation string) error {
	now := time.Now() //nolint:forbidigo // the limits of AWS are in real time, whatever a test's clock shows
	delay, taken := b.turn(ctx, now, service, operation)
	if !taken {
		return fault.Wait(v1alpha1.ReasonThrottled, aside(),
			"many platforms wait for %s, which AWS limits; it is tried again", action(service, operation))
	}
	if delay <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// turn takes the next free place in every queue that the call is in, and returns how far away it is. A call
// that is not patient takes none when one of them is far away.
func (b *budget) turn(ctx context.Context, now time.Time, service, operation string) (delay time.Duration, taken bool) {
	b.quotas.mu.Lock()
	defer b.quotas.mu.Unlock()
	queues, patient := b.queues(service, operation), ctx.Value(patientKey{}) != nil
	if namespace, ok := ctx.Value(namespaceKey{}).(string); ok && !patient {
		queues = append(queues, b.namespace(namespace))
	}
	for _, q := range queues {
		if short := 1 - q.TokensAt(now); !patient && short > float64(q.Limit())*patience.Seconds() {
			return 0, false
		}
	}
	for _, q := range queues {
		delay = max(delay, q.ReserveN(now, 1).DelayFrom(now))
	}
	return delay, true
}

// namespace returns the limiter of a namespace; the caller holds the lock.
func (b *budget) namespace(name string) *rate.Limiter {
	if b.quotas.namespaces[name] == nil {
		b.quotas.namespaces[name] = namespaceLimit.limiter(b.share)
	}
	return b.quotas.namespaces[name]
}

// queues returns the limiters that count the call.
func (b *budget) queues(service, operation string) []*rate.Limiter {
	quota := service + ":" + operation
	if limits[quota] == (limit{}) {
		quota = service
	}
	queues := []*rate.Limiter{b.quotas.all[quota]}
	if isRead(operation) {
		queues = append(queues, b.quotas.reads[quota])
	}
	if b.tenant != nil {
		queues = append(queues, b.tenant)
	}
	return queues
}

// aside is how long a platform steps aside: long against patience, so that it is no load most of the time,
// and spread, so that not all come back at once.
func aside() time.Duration {
	return time.Duration((2 + 4*rand.Float64()) * float64(patience)) //nolint:gosec // it spreads load and guards nothing
}

func isRead(operation string) bool {
	return strings.HasPrefix(operation, "Describe") || strings.HasPrefix(operation, "Get") ||
		strings.HasPrefix(operation, "List")
}

// attach lets every attempt of every call wait for the budget.
func (b *budget) attach(stack *middleware.Stack) error {
	wait := middleware.FinalizeMiddlewareFunc("coach/budget",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
			middleware.FinalizeOutput, middleware.Metadata, error,
		) {
			err := b.wait(ctx, middleware.GetServiceID(ctx), middleware.GetOperationName(ctx))
			if err != nil {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, err
			}
			return next.HandleFinalize(ctx, in)
		})
	return stack.Finalize.Insert(wait, "Retry", middleware.After)
}
