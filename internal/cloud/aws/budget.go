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
	"github.com/coachplatform/coach-operator/internal/cloud/cache"
	"github.com/coachplatform/coach-operator/internal/fault"
)

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
	tenantLimit    = limit{5, 12}
	namespaceLimit = limit{20, 400}
)

type namespaceKey struct{}

// Pass makes ctx that of one step's pass for a namespace's platform: its calls count as the namespace's, and what it
// reads it reads once.
func (s *Sessions) Pass(ctx context.Context, namespace string) context.Context {
	return cache.Pass(forNamespace(ctx, namespace), s.options.Clock.Now())
}

// forNamespace counts the calls of ctx as a namespace's, except those whose answer serves all.
func forNamespace(ctx context.Context, namespace string) context.Context {
	return context.WithValue(ctx, namespaceKey{}, namespace)
}

// budget is the operator's share of an account's call limits in one region.
type budget struct {
	share  float64
	region string
	quotas *quotas
	tenant *rate.Limiter
}

// quotas are what all tenants of an account share. Under the mutex a turn in several of them is atomic.
type quotas struct {
	mu         sync.Mutex
	buckets    map[string]*bucket
	namespaces map[string]*rate.Limiter
}

// newBudget returns the budget of a region; its account's quotas are those of all its regions.
func newBudget(share float64, region string, q *quotas) *budget {
	return &budget{share: share, region: region, quotas: q}
}

func newQuotas() *quotas {
	return &quotas{buckets: map[string]*bucket{}, namespaces: map[string]*rate.Limiter{}}
}

// forTenant returns the same budget behind a limit of the tenant's own.
func (b *budget) forTenant() *budget {
	return &budget{share: b.share, region: b.region, quotas: b.quotas, tenant: tenantLimit.limiter(b.share)}
}

func (l limit) limiter(part float64) *rate.Limiter {
	return rate.NewLimiter(l.perSecond*rate.Limit(part), max(1, int(float64(l.burst)*part)))
}

// wait returns when the call may be sent, or ctx's error. It returns a fault at once when that is not soon.
func (b *budget) wait(ctx context.Context, service, operation string) error {
	if err := checkService(service); err != nil {
		return err
	}
	delay, taken := b.turn(ctx, realNow(), service, operation)
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
	queues, patient := b.queues(now, service, operation), ctx.Value(patientKey{}) != nil
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
	key := b.region + "/" + name
	if b.quotas.namespaces[key] == nil {
		b.quotas.namespaces[key] = namespaceLimit.limiter(b.share)
	}
	return b.quotas.namespaces[key]
}

// queues returns the limiters that count the call; the caller holds the lock.
func (b *budget) queues(now time.Time, service, operation string) []*rate.Limiter {
	bucket := b.bucket(service, operation)
	bucket.recover(now)
	queues := []*rate.Limiter{bucket.all}
	if isRead(operation) {
		queues = append(queues, bucket.reads)
	}
	if b.tenant != nil {
		queues = append(queues, b.tenant)
	}
	return queues
}

// bucket returns what counts the calls of an operation; the caller holds the lock.
func (b *budget) bucket(service, operation string) *bucket {
	row := services[service]
	name, limit := row.limitOf(operation)
	key := service + ":" + name
	if !row.global {
		key = b.region + "/" + key
	}
	if b.quotas.buckets[key] == nil {
		b.quotas.buckets[key] = newBucket(limit, b.share)
	}
	return b.quotas.buckets[key]
}

// throttled notes that AWS refused a call since there were too many: others use the account's limit too, or it
// is lower than published.
func (b *budget) throttled(service, operation string) {
	b.quotas.mu.Lock()
	defer b.quotas.mu.Unlock()
	b.bucket(service, operation).throttled(realNow())
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
			service, operation := middleware.GetServiceID(ctx), middleware.GetOperationName(ctx)
			if err := b.wait(ctx, service, operation); err != nil {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, err
			}
			out, meta, err := next.HandleFinalize(ctx, in)
			if code := codeOf(err); isThrottle(code) && means(service, code) == "" {
				b.throttled(service, operation)
			}
			return out, meta, err
		})
	return stack.Finalize.Insert(wait, "Retry", middleware.After)
}
