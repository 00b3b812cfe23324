// Package cache shares what is read of a cloud: few calls answer many reconciles. A cached answer carries the time
// at which its read began, so that callers can say how old it may be, and a write makes older answers useless.
// What many ask for at once is read once. A read outlives the caller that began it.
package cache

import (
	"context"
	"time"

	"k8s.io/utils/clock"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

const (
	// idle is how long what was not asked for is kept.
	idle = time.Hour
	// brief is how long a caller usually waits for a newer answer that has an older one.
	brief = 2 * time.Second
	// Patience is how long a read may take before its callers are sent away. It goes on, but a cloud that does not
	// answer must not hold the workers that others need.
	Patience = 20 * time.Second
	// timeout bounds a read.
	timeout = 90 * time.Second
)

// realTime is what waiting goes by, whatever the clock of a test shows.
var realTime = clock.RealClock{}

// Options are the settings of a cache. The zero value of a field means its default.
type Options struct {
	// Clock dates reads; default the real one.
	Clock clock.PassiveClock
	// Timeout bounds a read; default 90 s.
	Timeout time.Duration
	// Brief is how long a caller waits for a newer answer that has an older one; default 2 s, less than 0 is not at all.
	Brief time.Duration
	// Context prepares the context of a read that serves all callers; default as it is.
	Context func(context.Context) context.Context
	// Late is the error of callers that are sent away since a read takes longer than Patience; default a transient fault.
	Late error
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = realTime
	}
	if o.Timeout == 0 {
		o.Timeout = timeout
	}
	if o.Brief == 0 {
		o.Brief = brief
	}
	if o.Context == nil {
		o.Context = func(ctx context.Context) context.Context { return ctx }
	}
	if o.Late == nil {
		o.Late = fault.New(fault.Transient, v1alpha1.ReasonTransientError, "no answer for %s; it is tried again", Patience)
	}
	return o
}

// context returns the context of a read, which outlives that of its caller.
func (o Options) context(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(o.Context(context.WithoutCancel(ctx)), o.Timeout)
}

type passKey struct{}

// Pass makes an answer whose read began after the given time count as fresh for the calls of ctx: one pass reads a
// thing at most once, unless it writes to it.
func Pass(ctx context.Context, began time.Time) context.Context {
	return context.WithValue(ctx, passKey{}, began)
}

// inPass says whether a read that began at the given time is one of the pass of ctx.
func inPass(ctx context.Context, at time.Time) bool {
	began, ok := ctx.Value(passKey{}).(time.Time)
	return ok && at.After(began)
}
