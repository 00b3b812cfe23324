package report

import (
	"errors"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
)

const (
	// jitterShare is how far a quiet resync may be off its base, up or down, so that objects spread out.
	jitterShare = 0.1
	// firstRetry and lastRetry bound the growing delay of what is tried again. The longest is no
	// longer than a resync: one failing step must not keep the others from being looked at.
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// Result says when to look again: the soonest that any outcome asks for, and base, give or take a
// tenth, for what is quiet. Jitter returns a number in [0,1). The errors of what is tried again are
// returned, since the queue gives those growing delays.
func Result(outcomes []converge.Outcome, base time.Duration, jitter func() float64) (ctrl.Result, error) {
	var failures []error
	quiet := spread(base, jitter())
	next := time.Duration(0)
	for _, o := range outcomes {
		if o.Err != nil && fault.Handle(fault.ClassOf(o.Err)).Backoff {
			failures = append(failures, o.Err)
		}
		if after := delay(o, quiet); next == 0 || after < next {
			next = after
		}
	}
	if len(failures) > 0 {
		return ctrl.Result{}, errors.Join(failures...)
	}
	if next == 0 {
		next = quiet
	}
	return ctrl.Result{RequeueAfter: next}, nil
}

// delay is when one outcome wants the next look.
func delay(o converge.Outcome, quiet time.Duration) time.Duration {
	if o.Err == nil {
		return quiet
	}
	f := fault.As(o.Err)
	if f.After > 0 {
		return f.After
	}
	if after := fault.Handle(f.Class).After; after > 0 {
		return after
	}
	return quiet
}

func spread(base time.Duration, at float64) time.Duration {
	return base + time.Duration(float64(base)*jitterShare*(2*at-1))
}

// Backoff returns the pace at which a controller tries again what failed: from one second, doubling
// up to a minute, for each object of its own.
func Backoff() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry)
}
