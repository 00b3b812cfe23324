package aws

import (
	"context"
	"strings"

	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"
)

// limit is what one service lets one account do in one region.
type limit struct {
	perSecond rate.Limit
	burst     int
}

// limits are the published ones, of which the operator takes a share only: it is not alone.
// RDS: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-api-throttling.html (12/s, 300)
// EC2: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html (20/s, 100)
// KMS: https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html (5 to 50/s)
// Tagging: https://docs.aws.amazon.com/general/latest/gr/arg.html (15/s).
var limits = map[string]limit{
	"RDS":                         {12, 300},
	"EC2":                         {20, 100},
	"KMS":                         {15, 30},
	"STS":                         {100, 100},
	"Resource Groups Tagging API": {15, 15},
}

// readShare is how much of the operator's share reads may use: the rest is always there for writes.
const readShare = 0.7

// tenantLimit keeps one busy tenant from using up what all share.
var tenantLimit = limit{5, 50}

// budget is the operator's share of an account's call limits in one region.
type budget struct {
	share      float64
	all, reads map[string]*rate.Limiter
	tenant     *rate.Limiter
}

func newBudget(share float64) *budget {
	b := &budget{share: share, all: map[string]*rate.Limiter{}, reads: map[string]*rate.Limiter{}}
	for service, l := range limits {
		b.all[service] = l.limiter(share)
		b.reads[service] = l.limiter(share * readShare)
	}
	return b
}

// forTenant returns the same budget behind a limit of the tenant's own.
func (b *budget) forTenant() *budget {
	return &budget{share: b.share, all: b.all, reads: b.reads, tenant: tenantLimit.limiter(b.share)}
}

func (l limit) limiter(part float64) *rate.Limiter {
	return rate.NewLimiter(l.perSecond*rate.Limit(part), max(1, int(float64(l.burst)*part)))
}

// wait returns when the call may be made, or ctx's error.
func (b *budget) wait(ctx context.Context, service, operation string) error {
	queue := []*rate.Limiter{b.tenant}
	if isRead(operation) {
		queue = append(queue, b.reads[service])
	}
	for _, l := range append(queue, b.all[service]) {
		if l == nil {
			continue
		}
		if err := l.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func isRead(operation string) bool {
	return strings.HasPrefix(operation, "Describe") || strings.HasPrefix(operation, "Get") ||
		strings.HasPrefix(operation, "List")
}

// attach makes every attempt of every call wait for the budget.
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
