// Package versions keeps resources together with what they were a moment ago, so
// that listings can lag behind writes and a read can be stale, as in AWS.
package versions

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// View is how a read sees resources. The zero View sees what is.
type View struct {
	// Lag shows what was true this long ago.
	Lag time.Duration
	// Stale shows each resource as it was before its last write.
	Stale bool
}

// Kind distinguishes a change by a caller from one by the service itself.
type Kind bool

// The kinds of change.
const (
	Event Kind = false
	Write Kind = true
)

// kept is for how long what was is remembered: the longest lag that works.
const kept = 10 * time.Minute

// Store holds resources by name. Values must not be changed after they were put.
// It is safe for concurrent use.
type Store[V any] struct {
	now     func() time.Time
	mu      sync.RWMutex
	history map[string][]version[V]
}

type version[V any] struct {
	at      time.Time
	value   V
	exists  bool
	written bool
}

// New returns an empty store; now is the clock.
func New[V any](now func() time.Time) *Store[V] {
	return &Store[V]{now: now, history: map[string][]version[V]{}}
}

// Put sets a resource.
func (s *Store[V]) Put(name string, value V, kind Kind) {
	s.add(name, version[V]{value: value, exists: true, written: bool(kind)})
}

// Import sets a resource that has been there all along: no listing lags behind it.
func (s *Store[V]) Import(name string, value V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history[name] = []version[V]{{value: value, exists: true}}
}

// Settle makes everything as it is now have been there all along.
func (s *Store[V]) Settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, history := range s.history {
		last := history[len(history)-1]
		if !last.exists {
			delete(s.history, name)
			continue
		}
		s.history[name] = []version[V]{{value: last.value, exists: true}}
	}
}

// Remove takes a resource away.
func (s *Store[V]) Remove(name string, kind Kind) { s.add(name, version[V]{written: bool(kind)}) }

func (s *Store[V]) add(name string, added version[V]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added.at = s.now()
	s.history[name] = append(trim(s.history[name], added.at.Add(-kept)), added)
}

// trim drops what no view can show any more: all before the version that stood at
// the limit, but never what stood before the last write.
func trim[V any](history []version[V], limit time.Time) []version[V] {
	first := 0
	for i, v := range history {
		if v.at.Before(limit) {
			first = i
		}
	}
	if last := lastWrite(history); last > 0 {
		first = min(first, last-1)
	}
	return slices.Clone(history[first:])
}

func lastWrite[V any](history []version[V]) int {
	for i, v := range slices.Backward(history) {
		if v.written {
			return i
		}
	}
	return -1
}

// Get is a resource as a view sees it.
func (s *Store[V]) Get(name string, view View) (V, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.see(s.history[name], view)
}

// All is every resource a view sees, in order of name.
func (s *Store[V]) All(view View) []V {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]V, 0, len(s.history))
	for _, name := range slices.Sorted(maps.Keys(s.history)) {
		if value, ok := s.see(s.history[name], view); ok {
			all = append(all, value)
		}
	}
	return all
}

// History is what a resource was, oldest first, as far as it is remembered.
func (s *Store[V]) History(name string) []V {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var values []V
	for _, v := range s.history[name] {
		if v.exists {
			values = append(values, v.value)
		}
	}
	return values
}

// Len is how many resources there are.
func (s *Store[V]) Len() int { return len(s.All(View{})) }

func (s *Store[V]) see(history []version[V], view View) (value V, ok bool) {
	last := len(history) - 1
	if view.Stale {
		if write := lastWrite(history); write >= 0 {
			last = write - 1
		}
	}
	limit := s.now().Add(-view.Lag)
	for i := last; i >= 0; i-- {
		if !history[i].at.After(limit) {
			return history[i].value, history[i].exists
		}
	}
	return value, false
}
