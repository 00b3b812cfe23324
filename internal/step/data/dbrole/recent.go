package dbrole

import (
	"maps"
	"sync"
	"time"
)

// recent keeps what was observed, each thing for as long as it may be used.
type recent[T any] struct {
	age time.Duration

	mu    sync.Mutex
	items map[string]dated[T]
	// swept is when the items that were too old were dropped.
	swept time.Time
}

type dated[T any] struct {
	item T
	at   time.Time
}

func newRecent[T any](age time.Duration) *recent[T] {
	return &recent[T]{age: age, items: map[string]dated[T]{}}
}

// get returns what is kept and not too old at a moment.
func (r *recent[T]) get(key string, now time.Time) (item T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.items[key]
	if !ok || now.Sub(known.at) >= r.age {
		return item, false
	}
	return known.item, true
}

// put keeps what was observed at a moment, and drops what is too old to be used.
func (r *recent[T]) put(key string, item T, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.Sub(r.swept) > r.age { // so that one costs little, however many there are
		maps.DeleteFunc(r.items, func(_ string, old dated[T]) bool { return at.Sub(old.at) > r.age })
		r.swept = at
	}
	r.items[key] = dated[T]{item, at}
}
