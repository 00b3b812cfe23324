package cache

import (
	"context"
	"maps"
	"sync"
	"time"
)

// grace is how much older than it should be a list may be that answers while a newer one is being read; it is never
// more than twice as old.
const grace = 4 * time.Second

// ListCache is a list of many things that is read for all callers.
type ListCache[T any] struct {
	options Options
	lag     time.Duration
	list    *Shared[map[string]T]

	mu      sync.Mutex
	written map[string]time.Time
}

// NewList returns a cache of what load lists. Lag is how long the provider's lists may lag behind writes.
func NewList[T any](o Options, lag time.Duration, load func(context.Context) (map[string]T, error)) *ListCache[T] {
	l := &ListCache[T]{options: o.withDefaults(), lag: lag, written: map[string]time.Time{}}
	l.list = NewShared(o, func(ctx context.Context, began time.Time) (map[string]T, error) {
		items, err := load(ctx)
		if err == nil {
			l.forgetWrites(began)
		}
		return items, err
	})
	return l
}

// Get returns the thing of that key, whether it is listed, and when the list was read: at most age ago, a few seconds
// more while a newer list is being read, and always after the last write to the key.
func (l *ListCache[T]) Get(ctx context.Context, key string, age time.Duration) (item T, listed bool, at time.Time, err error) {
	items, at, err := l.recent(ctx, l.since(key), age)
	if err != nil {
		return item, false, at, err
	}
	item, listed = items[key]
	return item, listed, at, nil
}

// All returns all things of a list of that age, whatever was written since, and when it was read. It must not be
// changed.
func (l *ListCache[T]) All(ctx context.Context, age time.Duration) (map[string]T, time.Time, error) {
	return l.recent(ctx, time.Time{}, age)
}

func (l *ListCache[T]) recent(ctx context.Context, written time.Time, age time.Duration) (map[string]T, time.Time, error) {
	young := l.options.Clock.Now().Add(-age + 1) // a list of exactly that age is too old
	old := young.Add(-min(grace, age))
	return l.list.Recent(ctx, latest(young, written), latest(old, written))
}

// Known returns the thing of that key from the list at hand; ok says that it is listed, in a list that is younger than
// age and was read after the last write to the key.
func (l *ListCache[T]) Known(key string, age time.Duration) (item T, at time.Time, ok bool) {
	items, at, young := l.list.Known(latest(l.options.Clock.Now().Add(-age+1), l.since(key)))
	if item, ok = items[key]; !young {
		return *new(T), at, false
	}
	return item, at, ok
}

// Len is how many things the list at hand has.
func (l *ListCache[T]) Len() int {
	items, _, _ := l.list.Known(time.Time{})
	return len(items)
}

// Behind says that the list may not show the last write to the key yet.
func (l *ListCache[T]) Behind(key string) bool {
	return l.options.Clock.Since(l.lastWrite(key)) < l.lag
}

// Written notes that the key was written just now.
func (l *ListCache[T]) Written(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written[key] = l.options.Clock.Now()
}

// since is the earliest that a list may begin which shows the last write to the key: one of the same instant may not.
func (l *ListCache[T]) since(key string) time.Time { return l.lastWrite(key).Add(1) }

func (l *ListCache[T]) lastWrite(key string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written[key]
}

// forgetWrites drops the writes that every list from now on shows.
func (l *ListCache[T]) forgetWrites(began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.written, func(_ string, at time.Time) bool { return began.Sub(at) > l.lag })
}

func latest(x, y time.Time) time.Time {
	if y.After(x) {
		return y
	}
	return x
}
