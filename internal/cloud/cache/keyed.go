package cache

import (
	"context"
	"maps"
	"sync"
	"time"
)

// KeyedCache keeps things that are read one by one, each for a while of its own so that the reads spread out.
type KeyedCache[T any] struct {
	options Options
	age     time.Duration
	flight  flight

	mu    sync.Mutex
	items map[string]keyed[T]
	// tidied is when idle things were dropped last.
	tidied time.Time
}

type keyed[T any] struct {
	item T
	// at is when the read began; zero when nothing is known.
	at time.Time
	// round counts what made earlier reads useless: writes, and demands for a fresh one.
	round int
}

// NewKeyed returns a cache that keeps what was read for age.
func NewKeyed[T any](o Options, age time.Duration) *KeyedCache[T] {
	return &KeyedCache[T]{options: o.withDefaults(), age: age, items: map[string]keyed[T]{}}
}

// Get returns what load answered at most the cache's age ago, and when its read began. If fresh it reads again, unless
// the pass of ctx has read the thing already.
func (c *KeyedCache[T]) Get(ctx context.Context, key string, fresh bool, load func(context.Context) (T, error)) (
	T, time.Time, error,
) {
	known := c.peek(key)
	if fresh && !inPass(ctx, known.at) {
		c.Forget(key)
		known = c.peek(key)
	}
	if c.options.Clock.Since(known.at) < c.age {
		return known.item, known.at, nil
	}
	for {
		got, err := c.flight.do(ctx, key, c.options.Late, func() (any, error) { return c.read(ctx, key, load) })
		if err != nil {
			return *new(T), time.Time{}, err
		}
		// A read that was under way may have begun before what this one must see; the next one has not.
		if kept, ok := got.(keyed[T]); ok && kept.round >= known.round {
			return kept.item, kept.at, nil
		}
	}
}

// Known returns what is kept of the key, and when its read began; ok says that it is young enough.
func (c *KeyedCache[T]) Known(key string) (item T, at time.Time, ok bool) {
	known := c.peek(key)
	if c.options.Clock.Since(known.at) < c.age {
		return known.item, known.at, true
	}
	return item, at, false
}

// read loads the item, and keeps it unless something made it useless meanwhile.
func (c *KeyedCache[T]) read(ctx context.Context, key string, load func(context.Context) (T, error)) (keyed[T], error) {
	ctx, cancel := c.options.context(ctx)
	defer cancel()
	got := keyed[T]{at: c.options.Clock.Now(), round: c.peek(key).round}
	var err error
	if got.item, err = load(ctx); err != nil {
		return got, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.items[key].round == got.round {
		c.items[key] = got
	}
	c.tidy(got.at)
	return got, nil
}

// tidy drops what was not asked for in a long time, now and then; the caller holds the lock.
func (c *KeyedCache[T]) tidy(now time.Time) {
	if now.Sub(c.tidied) < idle/4 {
		return
	}
	c.tidied = now
	maps.DeleteFunc(c.items, func(_ string, known keyed[T]) bool {
		return !known.at.IsZero() && now.Sub(known.at) > c.age+idle
	})
}

// Forget makes the next read of the key a new one.
func (c *KeyedCache[T]) Forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items[key] = keyed[T]{round: c.items[key].round + 1}
}

func (c *KeyedCache[T]) peek(key string) keyed[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.items[key]
}
