package aws

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// slow is how long a shared load may take before nobody waits for it any more. It goes on, but an account
// that does not answer must not hold the workers that others need.
const slow = 20 * time.Second

// flight lets all who ask at once share one load.
type flight struct {
	group singleflight.Group

	mu    sync.Mutex
	began map[string]time.Time
}

// do returns what the load under way answers, or that of a new one. It returns early when ctx ends or
// when the load has been under way for too long.
func (f *flight) do(ctx context.Context, key string, load func() (any, error)) (any, error) {
	answer := f.group.DoChan(key, func() (any, error) {
		f.mark(key, time.Now()) //nolint:forbidigo // waiting is in real time, whatever a test's clock shows
		defer f.mark(key, time.Time{})
		return load()
	})
	timer := time.NewTimer(f.left(key))
	defer timer.Stop()
	select {
	case r := <-answer:
		return r.Val, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, fault.New(fault.Transient, v1alpha1.ReasonTransientError,
			"AWS has not answered for %s; it is tried again", slow)
	}
}

// mark notes when a load began; zero is that it ended.
func (f *flight) mark(key string, began time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.began == nil {
		f.began = map[string]time.Time{}
	}
	f.began[key] = began
	if began.IsZero() {
		delete(f.began, key)
	}
}

// left is how long the load under way may still take.
func (f *flight) left(key string) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if began, ok := f.began[key]; ok {
		return slow - time.Since(began) //nolint:forbidigo // as above
	}
	return slow
}
