package cache

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// well is one number, which takes a while to read.
type well struct {
	value, reads atomic.Int32
	takes        atomic.Int64 // nanoseconds
	fails        atomic.Bool
	shared       *Shared[int32]
}

func newWell() *well {
	w := &well{}
	w.shared = NewShared(Options{}, func(context.Context, time.Time) (int32, error) {
		w.reads.Add(1)
		value := w.value.Load()
		time.Sleep(time.Duration(w.takes.Load()))
		if w.fails.Load() {
			return 0, errors.New("no")
		}
		return value, nil
	})
	return w
}

func TestARecentValueServesWhileANewerOneIsRead(t *testing.T) {
	const young, old = 10 * time.Second, 14 * time.Second
	for name, c := range map[string]struct {
		age, takes time.Duration
		fails      bool
		want       int32
		waits      time.Duration
		reads      int32
		failed     bool
	}{
		"a young value is returned at once":                    {age: young, want: 1, reads: 1},
		"a newer one is waited for briefly":                    {age: young + 1, takes: time.Second, want: 2, waits: time.Second, reads: 2},
		"and no longer":                                        {age: young + 1, takes: 5 * time.Second, want: 1, waits: brief, reads: 2},
		"one that is too old is not returned":                  {age: old + 1, takes: 5 * time.Second, want: 2, waits: 5 * time.Second, reads: 2},
		"a read that fails leaves what is not too old":         {age: young + 1, fails: true, want: 1, reads: 2},
		"a read that fails is an error if there is no other":   {age: old + 1, fails: true, reads: 2, failed: true},
		"a caller waits for the provider only so long":         {age: old + 1, takes: time.Minute, waits: Patience, reads: 2, failed: true},
		"and not at all beside a value that is not too old at": {age: young + 1, takes: time.Minute, want: 1, waits: brief, reads: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWell()
				defer time.Sleep(time.Minute) // until the read has ended
				w.value.Store(1)
				if _, _, err := w.shared.Get(t.Context(), time.Now()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(c.age)
				w.value.Store(2)
				w.takes.Store(int64(c.takes))
				w.fails.Store(c.fails)
				began := time.Now()
				got, _, err := w.shared.Recent(t.Context(), began.Add(-young), began.Add(-old))
				if got != c.want || (err != nil) != c.failed || w.reads.Load() != c.reads {
					t.Errorf("%d after %d reads (%v), want %d after %d", got, w.reads.Load(), err, c.want, c.reads)
				}
				if waited := time.Since(began); waited != c.waits {
					t.Errorf("the caller waited %s, want %s", waited, c.waits)
				}
			})
		})
	}
}

func TestCallersDoNotWaitForAReadThatIsKnownToBeSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWell()
		defer time.Sleep(time.Minute) // until the read has ended
		if _, _, err := w.shared.Get(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		w.takes.Store(int64(10 * time.Second))
		recent := func() time.Duration {
			began := time.Now()
			if _, _, err := w.shared.Recent(t.Context(), began.Add(-5*time.Second), began.Add(-time.Minute)); err != nil {
				t.Errorf("a recent value: %v", err)
			}
			return time.Since(began)
		}
		if first, second := recent(), recent(); first != brief || second != 0 || w.reads.Load() != 2 {
			t.Errorf("the first caller waited %s, the second %s, with %d reads; want %s, none, 2", first, second, w.reads.Load(), brief)
		}
	})
}

func TestAValueThatWasForgottenMeanwhileIsNotReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWell()
		w.value.Store(1)
		w.takes.Store(int64(time.Second))
		go func() {
			time.Sleep(time.Second / 2) // the read is under way and saw 1
			w.value.Store(2)
			w.shared.Forget()
		}()
		if got, _, err := w.shared.Get(t.Context(), time.Now()); err != nil || got != 2 || w.reads.Load() != 2 {
			t.Errorf("got %d after %d reads (%v), want 2 after 2", got, w.reads.Load(), err)
		}
	})
}
