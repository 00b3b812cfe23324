package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	testclock "k8s.io/utils/clock/testing"
)

// source is a world of named things that counts the reads.
type source struct {
	mu    sync.Mutex
	items map[string]int
	loads [][]string
	err   error
}

func (s *source) load(_ context.Context, ids []string) (map[string]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(ids)
	s.loads = append(s.loads, ids)
	found := map[string]int{}
	for _, id := range ids {
		if item, ok := s.items[id]; ok {
			found[id] = item
		}
	}
	return found, s.err
}

func (s *source) took() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	loads := s.loads
	s.loads = nil
	return loads
}

func newSource(items map[string]int) (*source, *BatchCache[int], *testclock.FakePassiveClock) {
	s := &source{items: items}
	clock := testclock.NewFakePassiveClock(time.Unix(1_000_000, 0))
	return s, NewBatch(Options{Clock: clock}, 50*time.Second, s.load), clock
}

func TestABatchIsASharedRead(t *testing.T) {
	s, batch, clock := newSource(map[string]int{"a": 1, "b": 2})
	after := func(d time.Duration) { clock.SetTime(clock.Now().Add(d)) }
	for _, step := range []struct {
		name  string
		wait  time.Duration
		ids   []string
		fresh bool
		found map[string]int
		loads [][]string
		// age is how old the answer is.
		age time.Duration
	}{
		{name: "no ID is no call", found: map[string]int{}},
		{name: "what is new is read", ids: []string{"a"}, found: map[string]int{"a": 1}, loads: [][]string{{"a"}}},
		{
			name: "what is known is not read again", wait: 40 * time.Second, ids: []string{"a"},
			found: map[string]int{"a": 1}, age: 40 * time.Second,
		},
		{
			name: "only what is new is read, and the answer is as old as its oldest part", ids: []string{"a", "b"},
			found: map[string]int{"a": 1, "b": 2}, loads: [][]string{{"b"}}, age: 40 * time.Second,
		},
		{name: "what does not exist is an answer too", ids: []string{"none"}, found: map[string]int{}, loads: [][]string{{"none"}}},
		{name: "and is not read again", ids: []string{"none"}, found: map[string]int{}},
		{
			name: "when one has aged all are read, so that they age together", wait: 11 * time.Second, ids: []string{"a"},
			found: map[string]int{"a": 1}, loads: [][]string{{"a", "b", "none"}},
		},
		{name: "so the others cost nothing", ids: []string{"b"}, found: map[string]int{"b": 2}},
		{
			name: "a fresh read is of its own things alone", wait: time.Second, ids: []string{"b"}, fresh: true,
			found: map[string]int{"b": 2}, loads: [][]string{{"b"}},
		},
		{
			name: "what is not asked for any more is forgotten", wait: idle + time.Second, ids: []string{"a"},
			found: map[string]int{"a": 1}, loads: [][]string{{"a"}},
		},
	} {
		after(step.wait)
		found, at, err := batch.Get(t.Context(), step.ids, step.fresh)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.found, found); diff != "" {
			t.Errorf("%s: found (-want +got):\n%s", step.name, diff)
		}
		if diff := cmp.Diff(step.loads, s.took()); diff != "" {
			t.Errorf("%s: loads (-want +got):\n%s", step.name, diff)
		}
		if age := clock.Since(at); age != step.age {
			t.Errorf("%s: the answer is %v old, want %v", step.name, age, step.age)
		}
	}
}

func TestAFailedReadIsAnErrorAndNotAnAbsence(t *testing.T) {
	s, batch, _ := newSource(map[string]int{"a": 1})
	s.err = errors.New("no answer")
	if found, _, err := batch.Get(t.Context(), []string{"a"}, false); !errors.Is(err, s.err) {
		t.Fatalf("got %v and error %v, want the error of the read", found, err)
	}
	s.err = nil
	if found, _, err := batch.Get(t.Context(), []string{"a"}, false); err != nil || found["a"] != 1 {
		t.Errorf("the next read must be a new one: %v %v", found, err)
	}
}

func TestManyCallersNeedFewReads(t *testing.T) {
	const callers = 200
	items := map[string]int{}
	for i := range callers {
		items[fmt.Sprint(i)] = i
	}
	synctest.Test(t, func(t *testing.T) {
		s, batch, _ := newSource(items)
		release := make(chan struct{})
		inner := batch.load
		batch.load = func(ctx context.Context, ids []string) (map[string]int, error) {
			<-release
			return inner(ctx, ids)
		}
		var group sync.WaitGroup
		for i := range callers {
			group.Go(func() {
				id := fmt.Sprint(i)
				if found, _, err := batch.Get(t.Context(), []string{id}, false); err != nil || found[id] != i {
					t.Errorf("%s: %v %v", id, found, err)
				}
			})
			if i == 0 {
				synctest.Wait() // the first load is under way before any other caller
			}
		}
		synctest.Wait() // all of them wait for the first load
		close(release)
		group.Wait()
		// The first load serves the one that was there when it began, the second all others.
		if loads := s.took(); len(loads) != 2 {
			t.Errorf("%d callers needed %d reads, want 2", callers, len(loads))
		}
	})
}
