package stripe

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

const (
	// loadTimeout bounds a shared read, which outlives the caller that began it.
	loadTimeout = 10 * time.Minute
	// patience is how long a caller waits for one: an account with many others must not hold the workers
	// that other businesses need. The look goes on.
	patience = 20 * time.Second
	// brief is how long somebody waits who has an older one.
	brief = 2 * time.Second
)

// look is something of Stripe's that is read once for all who ask.
type look[T any] struct {
	clock  clock.PassiveClock
	load   func(ctx context.Context, began time.Time) (T, error)
	flight singleflight.Group

	mu    sync.Mutex
	value T
	// began is when the value was begun to be read; zero if there is none.
	began time.Time
	// writes counts what made a value useless that was read meanwhile.
	writes int
	// loading is since when it is being read; zero if it is not.
	loading time.Time
}

func newLook[T any](c clock.PassiveClock, load func(context.Context, time.Time) (T, error)) *look[T] {
	return &look[T]{clock: c, load: load}
}

// get returns what was begun to be read at notBefore or later, and when that was.
func (l *look[T]) get(ctx context.Context, notBefore time.Time) (T, time.Time, error) {
	var none T
	if now := l.clock.Now(); notBefore.After(now) {
		notBefore = now
	}
	timer := realTime.NewTimer(patience)
	defer timer.Stop()
	for {
		if value, began, ok := l.young(notBefore); ok {
			return value, began, nil
		}
		// One that is under way may have begun too early; the next one has not.
		answer := l.flight.DoChan("", func() (any, error) { return nil, l.reload(ctx) })
		select {
		case r := <-answer:
			if r.Err != nil {
				return none, time.Time{}, r.Err
			}
		case <-ctx.Done():
			return none, time.Time{}, ctx.Err()
		case <-timer.C():
			return none, time.Time{}, fault.Wait(v1alpha1.ReasonSettling, 0,
				"Stripe is still being asked, which takes a while if the business has many accounts")
		}
	}
}

// old returns the value if it is no older than age; and, while a newer one is being read, or that takes long,
// if it is no older than worst.
func (l *look[T]) old(ctx context.Context, age, worst time.Duration) (T, bool) {
	now := l.clock.Now()
	if value, _, ok := l.young(now.Add(-age)); ok {
		return value, true
	}
	value, _, ok := l.young(now.Add(-worst))
	if !ok {
		return value, false
	}
	answer := l.flight.DoChan("", func() (any, error) { return nil, l.reload(ctx) })
	if l.slow() {
		return value, true
	}
	timer := realTime.NewTimer(brief)
	defer timer.Stop()
	select {
	case <-answer:
	case <-ctx.Done():
	case <-timer.C():
		return value, true
	}
	newer, _, ok := l.young(now.Add(-worst))
	return newer, ok
}

// slow says that the value has been read for longer than anybody waits who has an older one.
func (l *look[T]) slow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.loading.IsZero() && realTime.Since(l.loading) > brief
}

func (l *look[T]) young(notBefore time.Time) (T, time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value, l.began, !l.began.IsZero() && !l.began.Before(notBefore)
}

// reload reads anew. What fails leaves the old value where it is.
func (l *look[T]) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	l.mu.Lock()
	writes := l.writes
	l.loading = realTime.Now()
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.loading = time.Time{}
	}()
	began := l.clock.Now()
	value, err := l.load(ctx, began)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if writes == l.writes {
		l.value, l.began = value, began
	}
	return nil
}

// forget makes the next pass a new one, for what it shows was changed, or may have been.
func (l *look[T]) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes++
	l.began = time.Time{}
}
