package cache

import (
	"context"
	"sync"
	"time"
)

// Shared is one thing that is read for all callers.
type Shared[T any] struct {
	options Options
	load    func(ctx context.Context, began time.Time) (T, error)
	flight  flight

	mu    sync.Mutex
	value T
	// began is when the read of the value began; zero if there is none.
	began time.Time
	// writes counts what made a value useless that was read meanwhile.
	writes int
}

// NewShared returns a cache of what load reads.
func NewShared[T any](o Options, load func(ctx context.Context, began time.Time) (T, error)) *Shared[T] {
	return &Shared[T]{options: o.withDefaults(), load: load}
}

// Get returns a value whose read began at notBefore or later, and when that was.
func (s *Shared[T]) Get(ctx context.Context, notBefore time.Time) (T, time.Time, error) {
	if now := s.options.Clock.Now(); notBefore.After(now) {
		notBefore = now
	}
	for {
		if value, began, ok := s.Known(notBefore); ok {
			return value, began, nil
		}
		// A read that was under way may have begun too early; the next one has not.
		if _, err := s.flight.do(ctx, "", s.options.Late, s.reload(ctx)); err != nil {
			return *new(T), time.Time{}, err
		}
	}
}

// Recent returns a value whose read began at young or later. If there is none it begins a read; while that takes
// long, a value serves whose read began at old or later, so that callers wait briefly at most.
func (s *Shared[T]) Recent(ctx context.Context, young, old time.Time) (T, time.Time, error) {
	if value, began, ok := s.Known(young); ok {
		return value, began, nil
	}
	value, began, ok := s.Known(old)
	if !ok {
		return s.Get(ctx, young)
	}
	answer := s.flight.start("", s.reload(ctx))
	if s.options.Brief < 0 {
		return value, began, nil
	}
	timer := realTime.NewTimer(s.options.Brief - s.flight.since(""))
	defer timer.Stop()
	select {
	case <-answer:
	case <-ctx.Done():
	case <-timer.C():
	}
	if value, began, ok := s.Known(old); ok {
		return value, began, nil
	}
	return s.Get(ctx, young) // it was written meanwhile
}

// Known returns the value at hand if its read began at notBefore or later.
func (s *Shared[T]) Known(notBefore time.Time) (value T, began time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value, s.began, !s.began.IsZero() && !s.began.Before(notBefore)
}

// reload returns a function that reads the value. A read that fails leaves the old value in place.
func (s *Shared[T]) reload(ctx context.Context) func() (any, error) {
	return func() (any, error) {
		ctx, cancel := s.options.context(ctx)
		defer cancel()
		writes, began := s.written(0), s.options.Clock.Now()
		value, err := s.load(ctx, began)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if writes == s.writes {
			s.value, s.began = value, began
		}
		return nil, nil
	}
}

// Forget makes the next read a new one, since what the value shows was changed, or may have been.
func (s *Shared[T]) Forget() {
	s.written(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began = time.Time{}
}

// written counts more writes and returns how many there were.
func (s *Shared[T]) written(more int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes += more
	return s.writes
}
