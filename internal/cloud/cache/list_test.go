package cache

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	testclock "k8s.io/utils/clock/testing"
)

// shelf is a world of numbered things that counts how often it is listed.
type shelf struct {
	clock *testclock.FakePassiveClock
	list  *ListCache[int]

	mu    sync.Mutex
	items map[string]int
	loads int
	err   error
	// gate, if not nil, holds every load until it can be read from.
	gate chan struct{}
}

func newShelf() *shelf {
	s := &shelf{clock: testclock.NewFakePassiveClock(time.Unix(1_000_000, 0)), items: map[string]int{"a": 1}}
	s.list = NewList(Options{Clock: s.clock}, 15*time.Second, s.load)
	return s
}

func (s *shelf) load(ctx context.Context) (map[string]int, error) {
	s.mu.Lock()
	s.loads++
	items, err, gate := maps.Clone(s.items), s.err, s.gate
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	return items, errors.Join(err, ctx.Err())
}

// get reads with the age of a sweep.
func (s *shelf) get(ctx context.Context, key string) (int, bool, time.Time, error) {
	return s.list.Get(ctx, key, 50*time.Second)
}

func (s *shelf) after(d time.Duration) { s.clock.SetTime(s.clock.Now().Add(d)) }

func (s *shelf) took() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.loads
	s.loads = 0
	return n
}

func TestAListIsReadAgainWhenItMust(t *testing.T) {
	nothing := func(*shelf) {}
	for name, c := range map[string]struct {
		since func(*shelf) // since the first read
		key   string
		loads int
		found bool
	}{
		"a young list serves":          {since: nothing, key: "a", found: true},
		"a young list serves all keys": {since: nothing, key: "b"},
		"just before the sweep":        {since: func(s *shelf) { s.after(50*time.Second - 1) }, key: "a", found: true},
		"after a sweep":                {since: func(s *shelf) { s.after(50 * time.Second) }, key: "a", loads: 1, found: true},
		"a list older than a write of the key": {since: func(s *shelf) {
			s.after(1)
			s.list.Written("a")
		}, key: "a", loads: 1, found: true},
		"a write of another key is no matter": {since: func(s *shelf) {
			s.after(1)
			s.list.Written("b")
		}, key: "a", found: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			first := s.clock.Now()
			if _, _, _, err := s.get(t.Context(), "a"); err != nil || s.took() != 1 {
				t.Fatalf("the first read: %v", err)
			}
			c.since(s)
			item, found, at, err := s.get(t.Context(), c.key)
			if err != nil || found != c.found || c.found && item != 1 {
				t.Errorf("got %d, %t, %v", item, found, err)
			}
			if loads := s.took(); loads != c.loads {
				t.Errorf("%d loads, want %d", loads, c.loads)
			}
			if age := s.clock.Since(at); c.loads > 0 && age != 0 || c.loads == 0 && age != s.clock.Since(first) {
				t.Errorf("the answer is said to be %s old", age)
			}
		})
	}
}

func TestAListIsBehindForTheLagAfterAWrite(t *testing.T) {
	s := newShelf()
	s.list.Written("a")
	for _, c := range []struct {
		after  time.Duration
		behind bool
	}{{0, true}, {15*time.Second - 1, true}, {1, false}} {
		s.after(c.after)
		if got := s.list.Behind("a"); got != c.behind {
			t.Errorf("after another %s: behind %t, want %t", c.after, got, c.behind)
		}
		if s.list.Behind("b") {
			t.Error("a key that was not written is behind")
		}
	}
}

func TestAWriteIsRememberedWhileAListMayMissIt(t *testing.T) {
	s := newShelf()
	s.list.Written("a")
	for _, c := range []struct {
		after  time.Duration
		behind bool
	}{{6 * time.Second, true}, {6 * time.Second, true}, {6 * time.Second, false}} {
		s.after(c.after)
		if _, _, _, err := s.list.Get(t.Context(), "a", time.Second); err != nil || s.took() != 1 {
			t.Fatalf("listing: %v", err)
		}
		if got := s.list.Behind("a"); got != c.behind {
			t.Errorf("after a list that was read another %s later: behind %t, want %t", c.after, got, c.behind)
		}
	}
	if len(s.list.written) != 0 {
		t.Errorf("writes are remembered for ever: %v", s.list.written)
	}
}

func TestAFailedListIsAnErrorAndNothingElse(t *testing.T) {
	s := newShelf()
	s.err = errors.New("no")
	if _, found, _, err := s.get(t.Context(), "a"); err == nil || found {
		t.Errorf("found %t, error %v", found, err)
	}
	s.err = nil
	if _, found, _, err := s.get(t.Context(), "a"); err != nil || !found {
		t.Errorf("after the failure: found %t, error %v", found, err)
	}
	s.err = errors.New("no")
	s.after(time.Minute)
	if _, found, _, err := s.get(t.Context(), "a"); err == nil || found {
		t.Errorf("an old list answers for a failed one: found %t, error %v", found, err)
	}
}

func TestManyCallersShareOneList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		s.gate = make(chan struct{})
		gone, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i := range 20 {
			ctx := t.Context()
			if i == 0 {
				ctx = gone
			}
			all.Go(func() {
				if _, found, _, err := s.get(ctx, "a"); (err != nil || !found) != (i == 0) {
					t.Errorf("caller %d: found %t, error %v", i, found, err)
				}
			})
			synctest.Wait()
		}
		leave() // the caller that began the load may go: the others need it
		synctest.Wait()
		close(s.gate)
		all.Wait()
		if loads := s.took(); loads != 1 {
			t.Errorf("%d loads for 20 callers", loads)
		}
	})
}

func TestALoadThatBeganBeforeAWriteDoesNotAnswerForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		s.gate = make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() { _, _, _, _ = s.get(t.Context(), "a") })
		synctest.Wait() // the load is under way and saw a=1
		s.after(1)
		s.mu.Lock()
		s.items["a"] = 2
		s.mu.Unlock()
		s.list.Written("a")
		all.Go(func() {
			if item, _, _, err := s.get(t.Context(), "a"); err != nil || item != 2 {
				t.Errorf("after the write: %d, %v", item, err)
			}
		})
		synctest.Wait()
		close(s.gate)
		all.Wait()
		// The first caller, which wants it as it is after the write, shares the second load or comes too late for it.
		if loads := s.took(); loads < 2 || loads > 3 {
			t.Errorf("%d loads, want 2, or 3", loads)
		}
	})
}
