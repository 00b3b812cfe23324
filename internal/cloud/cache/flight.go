package cache

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// flight lets all that ask at once share one read.
type flight struct {
	group singleflight.Group

	mu    sync.Mutex
	began map[string]time.Time
}

// do returns what the read under way answers, or that of a new one. It returns late as soon as ctx ends or the read
// has been under way for Patience.
func (f *flight) do(ctx context.Context, key string, late error, load func() (any, error)) (any, error) {
	answer := f.start(key, load)
	timer := time.NewTimer(Patience - f.since(key))
	defer timer.Stop()
	select {
	case r := <-answer:
		return r.Val, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, late
	}
}

// start begins a read unless one is under way, and returns where its answer arrives.
func (f *flight) start(key string, load func() (any, error)) <-chan singleflight.Result {
	return f.group.DoChan(key, func() (any, error) {
		f.mark(key, realTime.Now())
		defer f.mark(key, time.Time{})
		return load()
	})
}

// mark notes when a read began; zero is that it ended.
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

// since is how long the read has been under way, zero if it has not.
func (f *flight) since(key string) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if began, ok := f.began[key]; ok {
		return realTime.Since(began)
	}
	return 0
}
