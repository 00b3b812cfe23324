package cache

import (
	"context"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"
)

func TestAPassReadsAThingOnceUnlessItWritesToIt(t *testing.T) {
	clock := testclock.NewFakePassiveClock(time.Unix(1_000_000, 0))
	reads := 0
	keyed := NewKeyed[int](Options{Clock: clock}, time.Minute)
	batch := NewBatch(Options{Clock: clock}, time.Minute, func(context.Context, []string) (map[string]int, error) {
		reads++
		return map[string]int{"k": reads}, nil
	})
	for name, c := range map[string]struct {
		read    func(ctx context.Context, fresh bool) (int, error)
		written func()
	}{
		"a keyed thing": {
			func(ctx context.Context, fresh bool) (int, error) {
				got, _, err := keyed.Get(ctx, "k", fresh, func(context.Context) (int, error) { reads++; return reads, nil })
				return got, err
			}, func() { keyed.Forget("k") },
		},
		"a thing of a batch": {
			func(ctx context.Context, fresh bool) (int, error) {
				got, _, err := batch.Get(ctx, []string{"k"}, fresh)
				return got["k"], err
			}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			reads = 0
			expect := func(what string, ctx context.Context, fresh bool, want int) {
				t.Helper()
				clock.SetTime(clock.Now().Add(time.Second))
				if got, err := c.read(ctx, fresh); err != nil || got != want || reads != want {
					t.Errorf("%s: got %d after %d reads (%v), want %d", what, got, reads, err, want)
				}
			}
			expect("the first read", t.Context(), false, 1)
			pass := Pass(t.Context(), clock.Now())
			expect("a cached read of a pass", pass, false, 1)
			expect("a fresh read, though the cached one is young", pass, true, 2)
			expect("a second fresh read of the pass", pass, true, 2)
			expect("a fresh read of the next pass", Pass(t.Context(), clock.Now()), true, 3)
			expect("a fresh read outside a pass", t.Context(), true, 4)
			pass = Pass(t.Context(), clock.Now())
			expect("a fresh read", pass, true, 5)
			if c.written != nil {
				c.written()
				expect("a fresh read after a write of the pass", pass, true, 6)
			}
		})
	}
}
