package aws

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

// source is a world of named things that counts how often it is asked.
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

func newSource(items map[string]int) (*source, *Asked[int], *testclock.FakePassiveClock) {
	s := &source{items: items}
	clock := testclock.NewFakePassiveClock(time.Unix(1_000_000, 0))
	return s, newAsked(Options{Clock: clock, Sweep: 50 * time.Second}.withDefaults(), s.load), clock
}

func TestAskedIsASharedLook(t *testing.T) {
	s, asked, clock := newSource(map[string]int{"a": 1, "b": 2})
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
		{name: "nothing asked for is no call", found: map[string]int{}},
		{name: "what is new is looked up", ids: []string{"a"}, found: map[string]int{"a": 1}, loads: [][]string{{"a"}}},
		{
			name: "what is known is not looked up again", wait: 40 * time.Second, ids: []string{"a"},
			found: map[string]int{"a": 1}, age: 40 * time.Second,
		},
		{
			name: "only what is new is looked up, and the answer is as old as its oldest part", ids: []string{"a", "b"},
			found: map[string]int{"a": 1, "b": 2}, loads: [][]string{{"b"}}, age: 40 * time.Second,
		},
		{name: "what does not exist is an answer too", ids: []string{"none"}, found: map[string]int{}, loads: [][]string{{"none"}}},
		{name: "and is not looked up again", ids: []string{"none"}, found: map[string]int{}},
		{
			name: "when one has aged all are looked up, so that they age together", wait: 11 * time.Second, ids: []string{"a"},
			found: map[string]int{"a": 1}, loads: [][]string{{"a", "b", "none"}},
		},
		{name: "so the others cost nothing", ids: []string{"b"}, found: map[string]int{"b": 2}},
		{
			name: "a fresh look asks for its own things alone", wait: time.Second, ids: []string{"b"}, fresh: true,
			found: map[string]int{"b": 2}, loads: [][]string{{"b"}},
		},
		{
			name: "what nobody asks for any more is forgotten", wait: askedIdle + time.Second, ids: []string{"a"},
			found: map[string]int{"a": 1}, loads: [][]string{{"a"}},
		},
	} {
		after(step.wait)
		found, at, err := asked.Get(t.Context(), step.ids, step.fresh)
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

func TestAFailedLookIsAnErrorAndNotAnAbsence(t *testing.T) {
	s, asked, _ := newSource(map[string]int{"a": 1})
	s.err = errors.New("no answer")
	if found, _, err := asked.Get(t.Context(), []string{"a"}, false); !errors.Is(err, s.err) {
		t.Fatalf("got %v and error %v, want the error of the look", found, err)
	}
	s.err = nil
	if found, _, err := asked.Get(t.Context(), []string{"a"}, false); err != nil || found["a"] != 1 {
		t.Errorf("the next look must be a new one: %v %v", found, err)
	}
}

func TestManyAskersNeedFewLooks(t *testing.T) {
	const askers = 200
	items := map[string]int{}
	for i := range askers {
		items[fmt.Sprint(i)] = i
	}
	synctest.Test(t, func(t *testing.T) {
		s, asked, _ := newSource(items)
		release := make(chan struct{})
		inner := asked.load
		asked.load = func(ctx context.Context, ids []string) (map[string]int, error) {
			<-release
			return inner(ctx, ids)
		}
		var group sync.WaitGroup
		for i := range askers {
			group.Go(func() {
				id := fmt.Sprint(i)
				if found, _, err := asked.Get(t.Context(), []string{id}, false); err != nil || found[id] != i {
					t.Errorf("%s: %v %v", id, found, err)
				}
			})
			if i == 0 {
				synctest.Wait() // the first load is under way before anybody else asks
			}
		}
		synctest.Wait() // all of them wait for the first load
		close(release)
		group.Wait()
		// The first load serves the one that was there when it began, the second everybody else.
		if loads := s.took(); len(loads) != 2 {
			t.Errorf("%d askers needed %d looks, want 2", askers, len(loads))
		}
	})
}
