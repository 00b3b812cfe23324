package aws

import (
	"context"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/coachplatform/coach-operator/internal/cloud/cache"
)

// Listed is how a step shares what it reads of a service that has no client here: one listing, on the freshness
// clock, answers for all platforms, and a single read answers where the listing may be behind a write.
type Listed[T any] struct {
	list    *cache.ListCache[T]
	written *cache.KeyedCache[T]
	age     time.Duration
}

// List returns the account's list of that name, which all platforms share, creating it first if there is none. Load
// lists everything by key, with the session of sweeps. The name is the step's own.
func List[T any](a *Account, name string, load func(context.Context, awssdk.Config) (map[string]T, error)) *Listed[T] {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.lists[name].(*Listed[T]); ok {
		return known
	}
	o := a.sessions.options
	created := &Listed[T]{
		list: cache.NewList(o.common(), o.Lag, func(ctx context.Context) (map[string]T, error) {
			items, err := load(ctx, a.read)
			return items, Classify(err)
		}),
		written: cache.NewKeyed[T](o.own(), o.Lag), age: o.Freshness,
	}
	a.lists[name] = created
	return created
}

// Get returns the thing of that key, the zero value if there is none, and when it was read. Read reads this one thing,
// past the listing: if fresh, and while the listing may not show the last write to it.
func (l *Listed[T]) Get(ctx context.Context, key string, fresh bool, read func(context.Context) (T, error)) (T, time.Time, error) {
	if !fresh && !l.list.Behind(key) {
		item, _, at, err := l.list.Get(ctx, key, l.age)
		return item, at, err
	}
	item, at, err := l.written.Get(ctx, key, fresh, read)
	return item, at, Classify(err)
}

// Written notes a write to the thing of that key: answers older than it are not used any more.
func (l *Listed[T]) Written(key string) {
	l.list.Written(key)
	l.written.Forget(key)
}
