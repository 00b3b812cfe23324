package cache

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	testclock "k8s.io/utils/clock/testing"
)

// page is a cache of one number.
type page struct {
	clock *testclock.FakePassiveClock
	cache *KeyedCache[int]

	mu    sync.Mutex
	value int
	loads int
	err   error
	gate  chan struct{}
}

func newPage() *page {
	p := &page{clock: testclock.NewFakePassiveClock(time.Unix(1_000_000, 0)), value: 1}
	p.cache = NewKeyed[int](Options{Clock: p.clock}, 15*time.Minute)
	return p
}

func (p *page) get(ctx context.Context, fresh bool) (int, time.Time, error) {
	return p.cache.Get(ctx, "k", fresh, func(ctx context.Context) (int, error) {
		p.mu.Lock()
		p.loads++
		value, err, gate := p.value, p.err, p.gate
		p.mu.Unlock()
		if gate != nil {
			<-gate
		}
		return value, errors.Join(err, ctx.Err())
	})
}

func (p *page) set(value int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value = value
}

func TestAKeyedReadIsKeptForItsAge(t *testing.T) {
	p := newPage()
	for _, c := range []struct {
		name  string
		after time.Duration
		do    func()
		fresh bool
		want  int
		loads int
		age   time.Duration
	}{
		{name: "the first read", want: 1, loads: 1},
		{name: "a read soon after", after: time.Minute, do: func() { p.set(2) }, want: 1, loads: 1, age: time.Minute},
		{name: "a fresh read", fresh: true, want: 2, loads: 2},
		{name: "a read within the age of the fresh one", after: 15*time.Minute - 1, want: 2, loads: 2, age: 15*time.Minute - 1},
		{name: "a read when the age is over", after: 1, do: func() { p.set(3) }, want: 3, loads: 3},
		{name: "a read after a write", after: 1, do: func() { p.set(4); p.cache.Forget("k") }, want: 4, loads: 4},
		{name: "another key's write is no matter", do: func() { p.cache.Forget("other") }, want: 4, loads: 4},
	} {
		p.clock.SetTime(p.clock.Now().Add(c.after))
		if c.do != nil {
			c.do()
		}
		got, at, err := p.get(t.Context(), c.fresh)
		if err != nil || got != c.want || p.loads != c.loads {
			t.Errorf("%s: %d after %d loads, error %v; want %d after %d", c.name, got, p.loads, err, c.want, c.loads)
		}
		if age := p.clock.Since(at); age != c.age {
			t.Errorf("%s: age %s, want %s", c.name, age, c.age)
		}
	}
}

func TestAFailedReadIsNotKept(t *testing.T) {
	p := newPage()
	p.err = errors.New("no")
	if _, _, err := p.get(t.Context(), false); err == nil {
		t.Error("no error")
	}
	p.err = nil
	if got, _, err := p.get(t.Context(), false); err != nil || got != 1 {
		t.Errorf("after a failure: %d, %v", got, err)
	}
	p.err = errors.New("no")
	if _, _, err := p.get(t.Context(), true); err == nil {
		t.Error("an old read answers for a fresh one that failed")
	}
}

func TestManyCallersShareOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage()
		p.gate = make(chan struct{})
		gone, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i := range 10 {
			ctx := t.Context()
			if i == 0 {
				ctx = gone
			}
			all.Go(func() {
				if got, _, err := p.get(ctx, false); (err != nil || got != 1) != (i == 0) {
					t.Errorf("caller %d: %d, %v", i, got, err)
				}
			})
			synctest.Wait()
		}
		leave() // the caller that began the read may go: the others need it
		synctest.Wait()
		close(p.gate)
		all.Wait()
		if p.loads != 1 {
			t.Errorf("%d loads for 10 callers", p.loads)
		}
	})
}

func TestAReadThatBeganBeforeAWriteNeitherAnswersNorStays(t *testing.T) {
	for name, c := range map[string]struct {
		write func(*page)
		fresh bool
	}{
		"a fresh read after the write":   {func(*page) {}, true},
		"a cached read after the write":  {func(p *page) { p.cache.Forget("k") }, false},
		"a fresh read that is forgotten": {func(p *page) { p.cache.Forget("k") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPage()
				p.gate = make(chan struct{})
				var all sync.WaitGroup
				all.Go(func() { _, _, _ = p.get(t.Context(), false) })
				synctest.Wait() // the read is under way and saw 1
				p.set(2)
				c.write(p)
				all.Go(func() {
					if got, _, err := p.get(t.Context(), c.fresh); err != nil || got != 2 {
						t.Errorf("after the write: %d, %v", got, err)
					}
				})
				synctest.Wait()
				close(p.gate)
				all.Wait()
				if got, _, err := p.get(t.Context(), false); err != nil || got != 2 || p.loads != 2 {
					t.Errorf("what stays: %d after %d loads, %v", got, p.loads, err)
				}
			})
		})
	}
}
