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
	// window is the share of a resync in which all quiet objects are observed: wide enough not to queue up,
	// short enough that one shared read of AWS serves them all.
	window = 0.05
	// firstRetry and lastRetry bound the growing delay of what is tried again. The longest is no
	// longer than a resync: one failing step must not keep the others from being observed.
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// Result says when the next pass is. The cause of a pass, if there is one, decides alone.
func (p Pass) Result(base time.Duration, now time.Time, jitter func() float64) (ctrl.Result, error) {
	if p.Cause != nil {
		return Result([]converge.Outcome{{Err: p.Cause}}, base, now, jitter)
	}
	return Result(p.Outcomes, base, now, jitter)
}

// Result says when the next pass is: the soonest that any outcome requests, and the next beat for what is
// quiet. Beats are multiples of base on the clock, the same for all objects; jitter, a number in
// [0,1), places an object in the short window after one. The errors of what is tried again are
// returned, since the queue gives those growing delays; but while a step waits to verify its own write, or for AWS to
// end its work, the failures of others do not delay that.
func Result(outcomes []converge.Outcome, base time.Duration, now time.Time, jitter func() float64) (ctrl.Result, error) {
	var failures []error
	verifying := false
	quiet := beat(base, now, jitter())
	next := time.Duration(0)
	for _, o := range outcomes {
		if o.Err != nil && fault.Handle(fault.ClassOf(o.Err)).Backoff {
			failures = append(failures, o.Err)
		}
		verifying = verifying || o.Applied || o.Err != nil && fault.As(o.Err).Reason == converge.ReasonSettling
		if after := delay(o, quiet); next == 0 || after < next {
			next = after
		}
	}
	if len(failures) > 0 && !verifying {
		return ctrl.Result{}, errors.Join(failures...)
	}
	if next == 0 {
		next = quiet
	}
	return ctrl.Result{RequeueAfter: next}, nil
}

// delay is when one outcome wants the next pass.
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

// beat is how long it is to the next beat, and a little more.
func beat(base time.Duration, now time.Time, at float64) time.Duration {
	next := now.Truncate(base).Add(base).Sub(now)
	return next + time.Duration(float64(base)*window*at)
}

// Backoff returns the pace at which a controller tries again what failed: from one second, doubling
// up to a minute, for each object of its own.
func Backoff() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry)
}
