package cache

import (
	"context"
	"sync"
	"time"
)

// BatchCache shares reads of things that are named by ID. One read answers for every ID that was asked for lately, so
// that a sweep costs as many calls as the IDs fill, and not one for each caller.
type BatchCache[T any] struct {
	options Options
	age     time.Duration
	load    func(ctx context.Context, ids []string) (map[string]T, error)
	flight  flight

	mu    sync.Mutex
	items map[string]*answer[T]
}

// answer is what is known about one ID.
type answer[T any] struct {
	item  T
	found bool
	// at is when it was read; zero before the first time.
	at time.Time
	// need is the age that a caller requires: an older read is no answer.
	need time.Time
	// used is when it was last asked for.
	used time.Time
}

// NewBatch returns a cache of what load reads, which serves for age.
func NewBatch[T any](o Options, age time.Duration, load func(context.Context, []string) (map[string]T, error)) *BatchCache[T] {
	return &BatchCache[T]{options: o.withDefaults(), age: age, load: load, items: map[string]*answer[T]{}}
}

// Get returns those of the IDs that exist, and when the oldest of them was read: at most the cache's age ago, or, if
// fresh, now or in the pass of ctx.
func (c *BatchCache[T]) Get(ctx context.Context, ids []string, fresh bool) (map[string]T, time.Time, error) {
	need := c.require(ctx, ids, fresh)
	for {
		found, at, ok := c.answers(ids, need)
		if ok {
			return found, at, nil
		}
		// A read that was under way may have begun before these IDs were asked for; the next one has not.
		if _, err := c.flight.do(ctx, "", c.options.Late, func() (any, error) { return nil, c.reload(ctx) }); err != nil {
			return nil, at, err
		}
	}
}

// require notes that the IDs are asked for, and returns how old the answer may be.
func (c *BatchCache[T]) require(ctx context.Context, ids []string, fresh bool) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.options.Clock.Now()
	need := now
	if began, ok := ctx.Value(passKey{}).(time.Time); ok && fresh {
		need = earliest(now, began.Add(1))
	}
	if !fresh {
		need = now.Add(-c.age)
	}
	for _, id := range ids {
		if c.items[id] == nil {
			c.items[id] = &answer[T]{}
		}
		a := c.items[id]
		a.used = now
		if need.After(a.need) {
			a.need = need
		}
	}
	return need
}

// answers returns what is known, and whether all of it is young enough.
func (c *BatchCache[T]) answers(ids []string, need time.Time) (found map[string]T, at time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, at = map[string]T{}, c.options.Clock.Now()
	for _, id := range ids {
		a := c.items[id]
		if a == nil || a.at.Before(need) {
			return nil, at, false
		}
		if a.at.Before(at) {
			at = a.at
		}
		if a.found {
			found[id] = a.item
		}
	}
	return found, at, true
}

func (c *BatchCache[T]) reload(ctx context.Context) error {
	ctx, cancel := c.options.context(ctx)
	defer cancel()
	started := c.options.Clock.Now()
	ids := c.due(started)
	if len(ids) == 0 {
		return nil
	}
	items, err := c.load(ctx, ids)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if a := c.items[id]; a != nil {
			a.item, a.found = items[id]
			a.at = started
		}
	}
	return nil
}

// due returns the IDs to read. When one has aged, all are read, so that they age together; what is new or wanted
// fresh is read alone.
func (c *BatchCache[T]) due(now time.Time) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var due, all []string
	aged := false
	for id, a := range c.items {
		if now.Sub(a.used) > idle {
			delete(c.items, id)
			continue
		}
		all = append(all, id)
		if a.at.Before(a.need) {
			due = append(due, id)
			aged = aged || !a.at.IsZero() && now.Sub(a.at) >= c.age
		}
	}
	if aged {
		return all
	}
	return due
}

func earliest(x, y time.Time) time.Time {
	if y.Before(x) {
		return y
	}
	return x
}
