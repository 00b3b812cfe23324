package aws

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// askedIdle is how long a thing that nobody asks for any more is still looked at.
const askedIdle = time.Hour

// Asked is a shared look at things that are named by ID. Whoever asks, one load answers for every ID
// that anybody asked for lately, so that a sweep costs as many calls as its IDs fill, and not one for
// each platform.
type Asked[T any] struct {
	load  func(ctx context.Context, ids []string) (map[string]T, error)
	clock clock.PassiveClock
	sweep time.Duration
	group flight

	mu    sync.Mutex
	items map[string]*answer[T]
}

// answer is what is known about one ID.
type answer[T any] struct {
	item  T
	found bool
	// at is when it was looked at; zero before the first time.
	at time.Time
	// need is the age that somebody asked for: an older look is no answer.
	need time.Time
	// used is when somebody last asked.
	used time.Time
}

func newAsked[T any](o Options, load func(context.Context, []string) (map[string]T, error)) *Asked[T] {
	return &Asked[T]{load: load, clock: o.Clock, sweep: o.Sweep, items: map[string]*answer[T]{}}
}

// Get returns those of the IDs that exist, and when the oldest of them was looked at: at most a sweep
// ago, or now when fresh.
func (q *Asked[T]) Get(ctx context.Context, ids []string, fresh bool) (map[string]T, time.Time, error) {
	need := q.ask(ids, fresh)
	for {
		found, at, ok := q.answers(ids, need)
		if ok {
			return found, at, nil
		}
		// A load that was under way may have begun before these IDs were asked for; the next one has not.
		if _, err := q.group.do(ctx, "", func() (any, error) { return nil, q.reload(ctx) }); err != nil {
			return nil, at, err
		}
	}
}

// ask notes that somebody wants to know about the IDs, and returns how old the answer may be.
func (q *Asked[T]) ask(ids []string, fresh bool) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.clock.Now()
	need := now
	if !fresh {
		need = now.Add(-q.sweep)
	}
	for _, id := range ids {
		if q.items[id] == nil {
			q.items[id] = &answer[T]{}
		}
		a := q.items[id]
		a.used = now
		if need.After(a.need) {
			a.need = need
		}
	}
	return need
}

// answers returns what is known, and whether all of it is young enough.
func (q *Asked[T]) answers(ids []string, need time.Time) (found map[string]T, at time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	found, at = map[string]T{}, q.clock.Now()
	for _, id := range ids {
		a := q.items[id]
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

func (q *Asked[T]) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	started := q.clock.Now()
	ids := q.due(started)
	if len(ids) == 0 {
		return nil
	}
	items, err := q.load(patient(ctx), ids)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range ids {
		if a := q.items[id]; a != nil {
			a.item, a.found = items[id]
			a.at = started
		}
	}
	return nil
}

// due returns the IDs to load. When one has aged, all are loaded, so that they age together; what is
// new or wanted fresh is loaded alone.
func (q *Asked[T]) due(now time.Time) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var due, all []string
	aged := false
	for id, a := range q.items {
		if now.Sub(a.used) > askedIdle {
			delete(q.items, id)
			continue
		}
		all = append(all, id)
		if a.at.Before(a.need) {
			due = append(due, id)
			aged = aged || !a.at.IsZero() && now.Sub(a.at) >= q.sweep
		}
	}
	if aged {
		return all
	}
	return due
}
