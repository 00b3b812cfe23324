package aws

import (
	"context"
	"maps"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// loadTimeout bounds a shared load, which outlives the caller that started it.
const loadTimeout = 90 * time.Second

// Listing is a look at many things at once that all platforms share.
type Listing[T any] struct {
	load  func(context.Context) (map[string]T, error)
	clock clock.PassiveClock
	sweep time.Duration
	lag   time.Duration
	group flight

	mu      sync.Mutex
	items   map[string]T
	at      time.Time
	written map[string]time.Time
}

func newListing[T any](o Options, load func(context.Context) (map[string]T, error)) *Listing[T] {
	return &Listing[T]{
		load: load, clock: o.Clock, sweep: o.Sweep, lag: o.Lag,
		written: map[string]time.Time{},
	}
}

// Get returns the thing of that key, whether it was listed, and when the list was made. The list is
// made again when it is older than a sweep, and always when the key was written after the list was
// made.
func (l *Listing[T]) Get(ctx context.Context, key string) (item T, listed bool, at time.Time, err error) {
	// A load that was under way may have begun before the key was written; the next one has not.
	for again := !l.usable(key); again; again = l.outdated(key) {
		if _, err = l.group.do(ctx, "", func() (any, error) { return nil, l.reload(ctx) }); err != nil {
			return item, false, at, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	item, listed = l.items[key]
	return item, listed, l.at, nil
}

// All returns all things of a list that is younger than a sweep. It must not be changed.
func (l *Listing[T]) All(ctx context.Context) (map[string]T, error) {
	if _, _, _, err := l.Get(ctx, ""); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.items, nil
}

// Behind says that the list may not show the last write to the key yet.
func (l *Listing[T]) Behind(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clock.Since(l.written[key]) < l.lag
}

// Written notes that the key was written just now.
func (l *Listing[T]) Written(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written[key] = l.clock.Now()
}

func (l *Listing[T]) usable(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.at.IsZero() && l.clock.Since(l.at) < l.sweep && !l.at.Before(l.written[key])
}

// outdated says that the key was written after the list was made.
func (l *Listing[T]) outdated(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at.Before(l.written[key])
}

func (l *Listing[T]) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	started := l.clock.Now()
	items, err := l.load(patient(ctx))
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items, l.at = items, started
	for key, at := range l.written {
		if started.Sub(at) > l.lag {
			delete(l.written, key)
		}
	}
	return nil
}

// Memo keeps looks that have no batch form, each for a while of its own so that they spread out.
type Memo[T any] struct {
	clock clock.PassiveClock
	keep  time.Duration
	// common says that all platforms wait for the same looks.
	common bool
	group  flight

	mu    sync.Mutex
	items map[string]memo[T]
}

type memo[T any] struct {
	item T
	// at is when the load began; zero when nothing is known.
	at time.Time
	// round counts what made earlier looks worthless: writes, and demands for a fresh one.
	round int
}

func newMemo[T any](o Options, keep time.Duration) *Memo[T] {
	return &Memo[T]{clock: o.Clock, keep: keep, items: map[string]memo[T]{}}
}

// newCommon returns a memo of looks that all platforms share. They wait for the budget as long as it
// takes, as listings do: the looks of single platforms would keep them away for minutes.
func newCommon[T any](o Options, keep time.Duration) *Memo[T] {
	m := newMemo[T](o, keep)
	m.common = true
	return m
}

// Get returns what load answered at most the memo's age ago, and when; fresh asks again now.
func (m *Memo[T]) Get(ctx context.Context, key string, fresh bool, load func(context.Context) (T, error)) (
	T, time.Time, error,
) {
	if fresh {
		m.Forget(key)
	}
	known := m.peek(key)
	if m.clock.Since(known.at) < m.keep {
		return known.item, known.at, nil
	}
	for {
		got, err := m.group.do(ctx, key, func() (any, error) { return m.look(ctx, key, load) })
		if err != nil {
			return *new(T), time.Time{}, err
		}
		// A load that was under way may have begun before what this look must see; the next one has not.
		if kept, ok := got.(memo[T]); ok && kept.round >= known.round {
			return kept.item, kept.at, nil
		}
	}
}

// look loads the item, and keeps it unless something made it worthless meanwhile.
func (m *Memo[T]) look(ctx context.Context, key string, load func(context.Context) (T, error)) (memo[T], error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	if m.common {
		ctx = patient(ctx)
	}
	got := memo[T]{at: m.clock.Now(), round: m.peek(key).round}
	var err error
	if got.item, err = load(ctx); err != nil {
		return got, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.items[key].round == got.round {
		m.items[key] = got
	}
	m.tidy(got.at)
	return got, nil
}

// tidy drops what nobody has asked for in a long time; the caller holds the lock.
func (m *Memo[T]) tidy(now time.Time) {
	maps.DeleteFunc(m.items, func(_ string, known memo[T]) bool {
		return !known.at.IsZero() && now.Sub(known.at) > m.keep+askedIdle
	})
}

// Forget makes the next look a fresh one.
func (m *Memo[T]) Forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items[key] = memo[T]{round: m.items[key].round + 1}
}

func (m *Memo[T]) peek(key string) memo[T] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.items[key]
}
