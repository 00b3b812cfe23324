package stripe

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	clocktest "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/internal/scope"
)

// turns returns when the next n calls may be made, in milliseconds from now.
func turns(b *bucket, n int) []int64 {
	var all []int64
	for range n {
		delay, _ := b.turn(context.Background())
		all = append(all, max(0, delay.Milliseconds()))
	}
	return all
}

func same(t *testing.T, what string, got []int64, want ...int64) {
	t.Helper()
	for i := range want {
		if len(got) != len(want) || got[i] != want[i] {
			t.Errorf("%s: turns at %v ms, want %v", what, got, want)
			return
		}
	}
}

func TestTurnsComeAtASteadyRate(t *testing.T) {
	clock := clocktest.NewFakeClock(time.Now())
	b := newBucket(clock, testLimit)
	same(t, "first", turns(b, 8), 0, 0, 0, 0, 0, 50, 100, 150)
	clock.Step(200 * time.Millisecond)
	same(t, "right after that", turns(b, 2), 0, 50)
	clock.Step(time.Hour)
	same(t, "after a rest", turns(b, 6), 0, 0, 0, 0, 0, 50)
}

func TestNoSecondHasMoreCallsThanStripeAllows(t *testing.T) {
	for mode, allowed := range map[bool]int{false: 25, true: 100} {
		inSecond := 0
		for _, at := range turns(newBucket(clocktest.NewFakeClock(time.Now()), usualLimit(mode)), 300) {
			if at < 1000 {
				inSecond++
			}
		}
		if inSecond > allowed {
			t.Errorf("%d calls in a second, %d are allowed", inSecond, allowed)
		}
	}
}

func TestARefusalForTooManyCallsIsASecondsPause(t *testing.T) {
	clock := clocktest.NewFakeClock(time.Now())
	b := newBucket(clock, testLimit)
	b.pause()
	same(t, "after it", turns(b, 3), 1000, 1050, 1100)
	clock.Step(500 * time.Millisecond)
	b.pause()
	same(t, "after another", turns(b, 1), 1000)
}

func TestACallThatWouldComeTooLateIsNotWaitedFor(t *testing.T) {
	clock := clocktest.NewFakeClock(time.Now())
	b := newBucket(clock, testLimit)
	b.pause()
	ctx, cancel := context.WithDeadline(t.Context(), clock.Now().Add(900*time.Millisecond))
	defer cancel()
	if err := b.wait(ctx); !Throttled(err) || Indeterminate(err) {
		t.Errorf("%v, want it throttled", err)
	}
	same(t, "those after it", turns(b, 1), 1000)
}

func TestAWaitingCallGoesWhenItIsItsTurn(t *testing.T) {
	clock := clocktest.NewFakeClock(time.Now())
	b := newBucket(clock, testLimit)
	b.pause()
	done := make(chan error, 1)
	go func() { done <- b.wait(t.Context()) }()
	for !clock.HasWaiters() {
		time.Sleep(time.Millisecond)
	}
	if len(done) != 0 {
		t.Fatal("it did not wait")
	}
	clock.Step(time.Second)
	if err := <-done; err != nil {
		t.Errorf("%v", err)
	}
}

func TestReadsAndWritesDoNotWaitForEachOther(t *testing.T) {
	var writes atomic.Int32
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusTooManyRequests)
		}
		writes.Add(1)
		_, _ = w.Write([]byte(`{"id":"acct_1"}`))
	}))
	defer s.Close()
	c, err := New(Options{URL: s.URL, HTTPClient: s.Client()}).For(scope.NewSecret("sk_test_a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "acct_1"); !Throttled(err) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := c.Get(ctx, "acct_1"); !Throttled(err) || writes.Load() != 1 {
		t.Errorf("%v, %d calls: reads must pause", err, writes.Load())
	}
	if _, err := c.Update(ctx, "acct_1", Update{}); err != nil {
		t.Errorf("a write waits for reads: %v", err)
	}
}
