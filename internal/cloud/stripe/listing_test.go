package stripe_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/fault"
)

func listed(l *stripe.Listing) []string {
	var ids []string
	for a := range l.All() {
		ids = append(ids, a.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestAnAccountThatHasNotChangedIsKeptOnce(t *testing.T) {
	coach := "jo"
	s := newServer(t, pages(func() []string { return []string{"acct_kept", "acct_changed"} }, func(id string) string {
		if id == "acct_changed" {
			return coach
		}
		return "kim"
	}, 10))
	c := s.client(t)
	first, err := c.Listing(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	coach = "lee"
	second, err := c.Listing(t.Context(), time.Now())
	if err != nil || second == first {
		t.Fatalf("no second listing: %v", err)
	}
	for id, want := range map[string]bool{"acct_kept": true, "acct_changed": false} {
		was, _ := first.Account(id)
		is, ok := second.Account(id)
		shared := reflect.ValueOf(was.Metadata).Pointer() == reflect.ValueOf(is.Metadata).Pointer()
		if !ok || shared != want {
			t.Errorf("%s: two listings share it: %v, want %v", id, shared, want)
		}
	}
	if n := len(first.Coach("lee")) + len(second.Coach("jo")); n != 0 {
		t.Errorf("%d accounts are listed under the coach of another listing", n)
	}
	if len(second.Coach("lee")) != 1 || len(second.Coach("kim")) != 1 {
		t.Error("the second listing does not have each coach's account")
	}
}

// BenchmarkListing reports how much memory listings of ten thousand accounts hold: one, and what a second adds while
// the first is still in use.
func BenchmarkListing(b *testing.B) {
	var ids []string
	for i := range 10_000 {
		ids = append(ids, fmt.Sprintf("acct_%05d", i))
	}
	s := newServer(b, pages(func() []string { return ids }, func(id string) string { return "coach-of-" + id }, 100))
	heap := func() float64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return float64(stats.HeapAlloc) / (1 << 20)
	}
	for b.Loop() {
		c, empty := s.client(b), heap()
		first, err := c.Listing(b.Context(), time.Time{})
		if err != nil {
			b.Fatal(err)
		}
		one := heap()
		second, err := c.Listing(b.Context(), time.Now())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(one-empty, "MiB/first")
		b.ReportMetric(heap()-one, "MiB/second")
		if first.Len() != len(ids) || second.Len() != len(ids) {
			b.Fatal("the listings are not complete")
		}
	}
}

func TestAListingHasAllPages(t *testing.T) {
	var ids []string
	for i := range 25 {
		ids = append(ids, fmt.Sprintf("acct_%02d", i))
	}
	s := newServer(t, pages(func() []string { return ids }, func(id string) string { return "coach" + id[5:6] }, 10))
	l, err := s.client(t).Listing(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ids, listed(l)); diff != "" || l.Len() != 25 {
		t.Errorf("%d accounts (-want +got):\n%s", l.Len(), diff)
	}
	var queries []string
	for _, r := range s.all() {
		queries = append(queries, r.query)
	}
	if diff := cmp.Diff([]string{"limit=100", "limit=100&starting_after=acct_09", "limit=100&starting_after=acct_19"}, queries); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
	if n := len(l.Coach("coach2")); n != 5 {
		t.Errorf("%d accounts of a coach", n)
	}
	if _, ok := l.Account("acct_07"); !ok {
		t.Error("an account is missing")
	}
	if _, ok := l.Account("acct_77"); ok || l.Coach("nobody") != nil {
		t.Error("there is an account that is not")
	}
}

func TestACoachsOldestAccountComesFirst(t *testing.T) {
	s := newServer(t, always(200, `{"object":"list","data":[`+accountJSON("acct_b", "c", 30)+","+accountJSON("acct_c", "c", 10)+","+accountJSON("acct_a", "c", 30)+
		`,{"id":"acct_d","deleted":true}]}`))
	l, err := s.client(t).Listing(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, a := range l.Coach("c") {
		ids = append(ids, a.ID)
	}
	if diff := cmp.Diff([]string{"acct_c", "acct_a", "acct_b"}, ids); diff != "" || l.Len() != 3 {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAListingServesUntilOneMustHaveBegunLater(t *testing.T) {
	s := newServer(t, pages(func() []string { return []string{"acct_1"} }, func(string) string { return "c" }, 10))
	clock := tick()
	o := s.options()
	o.Clock = clock
	c := clientOf(t, o)
	start := clock.Now()
	for name, step := range []struct {
		notBefore time.Time
		calls     int
	}{
		{time.Time{}, 1},
		{start, 1},
		{start.Add(-time.Hour), 1},
		{start.Add(time.Nanosecond), 2},
		{start.Add(time.Minute), 2},
		{start.Add(time.Hour), 2}, // nothing begins in the future
	} {
		if name == 3 {
			clock.Step(time.Minute)
		}
		l, err := c.Listing(t.Context(), step.notBefore)
		if err != nil || len(s.all()) != step.calls {
			t.Errorf("step %d: %v, %d calls, want %d", name, err, len(s.all()), step.calls)
			continue
		}
		if l.Began().Before(step.notBefore) && !step.notBefore.After(clock.Now()) {
			t.Errorf("step %d: began %s", name, l.Began())
		}
	}
}

func TestOneListingAtATimeServesAllWhoAsk(t *testing.T) {
	var running, most atomic.Int32
	s := newServer(t, func(asked) (int, string) {
		if now := running.Add(1); now > most.Load() {
			most.Store(now)
		}
		defer running.Add(-1)
		time.Sleep(20 * time.Millisecond)
		return 200, `{"object":"list","data":[` + accountJSON("acct_1", "c", 1) + `]}`
	})
	c := s.client(t)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			asked := time.Now()
			if l, err := c.Listing(t.Context(), asked); err != nil || l.Began().Before(asked) {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	if n := len(s.all()); n > 5 || most.Load() != 1 {
		t.Errorf("%d listings, %d at once", n, most.Load())
	}
}

func TestAListingGoesOnWithoutWhoAskedFirst(t *testing.T) {
	arrived, release := make(chan struct{}, 9), make(chan struct{})
	s := newServer(t, func(asked) (int, string) {
		arrived <- struct{}{}
		<-release
		return 200, `{"object":"list","data":[` + accountJSON("acct_1", "c", 1) + `]}`
	})
	c := s.client(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if _, err := c.Listing(ctx, time.Time{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	close(release)
	l, err := c.Listing(t.Context(), time.Time{})
	if err != nil || l.Len() != 1 || len(s.all()) != 1 {
		t.Errorf("%v, %d calls", err, len(s.all()))
	}
}

func TestAListingThatFailsLeavesTheOldOne(t *testing.T) {
	ids := []string{"acct_1", "acct_2", "acct_3"}
	good := pages(func() []string { return ids }, func(string) string { return "c" }, 2)
	var broken atomic.Bool
	s := newServer(t, func(r asked) (int, string) {
		if broken.Load() && strings.Contains(r.query, "starting_after") {
			return 401, failure("invalid_request_error", "", "")
		}
		return good(r)
	})
	clock := tick()
	o := s.options()
	o.Clock = clock
	c := clientOf(t, o)
	first, err := c.Listing(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	clock.Step(time.Minute)
	if _, err := c.Listing(t.Context(), clock.Now()); !stripe.Credentials(err) {
		t.Errorf("half a listing: %v", err)
	}
	again, err := c.Listing(t.Context(), first.Began())
	if err != nil || again.Len() != 3 || !again.Began().Equal(first.Began()) {
		t.Errorf("%v, the old listing is gone", err)
	}
}

func TestAPageIsTriedAgain(t *testing.T) {
	var calls atomic.Int32
	s := newServer(t, func(asked) (int, string) {
		if calls.Add(1) < 3 {
			return 503, "decoy"
		}
		return 200, `{"object":"list","data":[` + accountJSON("acct_1", "c", 1) + `]}`
	})
	if l, err := s.client(t).Listing(t.Context(), time.Time{}); err != nil || l.Len() != 1 {
		t.Errorf("%v", err)
	}
	down := newServer(t, always(503, "decoy"))
	if _, err := down.client(t).Listing(t.Context(), time.Time{}); !stripe.Indeterminate(err) || len(down.all()) != 3 {
		t.Errorf("%v, %d calls", err, len(down.all()))
	}
}

func TestWhatWasWrittenIsListedAtOnce(t *testing.T) {
	var coach atomic.Value
	coach.Store("before")
	s := newServer(t, func(r asked) (int, string) {
		switch {
		case r.path == "/v1/accounts" && r.method == "GET":
			return 200, `{"object":"list","data":[` + accountJSON("acct_1", "before", 1) + `]}`
		case r.path == "/v1/accounts":
			return 200, accountJSON("acct_2", "new", 2)
		case r.path == "/v1/accounts/acct_3":
			return 200, `{"id":"acct_3","deleted":true}`
		case r.path == "/v1/accounts/acct_2" && r.method == "GET":
			return 403, failure("invalid_request_error", "account_invalid", "")
		}
		return 200, accountJSON("acct_1", coach.Load().(string), 1)
	})
	clock := tick()
	o := s.options()
	o.Clock = clock
	c := clientOf(t, o)
	list := func(notBefore time.Time) *stripe.Listing {
		t.Helper()
		l, err := c.Listing(t.Context(), notBefore)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := list(time.Time{})

	clock.Step(time.Second)
	if _, err := c.Create(t.Context(), stripe.Creation{}, "k"); err != nil {
		t.Fatal(err)
	}
	coach.Store("after")
	if _, err := c.Update(t.Context(), "acct_1", stripe.Update{}); err != nil {
		t.Fatal(err)
	}
	if len(l.Coach("new")) != 1 || len(l.Coach("after")) != 1 || len(l.Coach("before")) != 0 || l.Len() != 2 {
		t.Errorf("%v: what was written is not in the listing", listed(l))
	}

	clock.Step(30 * time.Second)
	if l = list(clock.Now()); len(l.Coach("new")) != 1 || len(l.Coach("before")) != 1 {
		t.Errorf("%v: a new account must stay while Stripe may not list it yet, and an old one be as it was listed", listed(l))
	}
	if _, err := c.Get(t.Context(), "acct_2"); !stripe.IsGone(err) || len(l.Coach("new")) != 0 {
		t.Errorf("%v: an account that is gone is still listed", err)
	}
	if a, err := c.Get(t.Context(), "acct_3"); err != nil || !a.Gone || l.Len() != 1 {
		t.Errorf("%v: a deleted account is listed in %v", err, listed(l))
	}
	clock.Step(2 * time.Minute)
	if l = list(clock.Now()); l.Len() != 1 {
		t.Errorf("%v: what Stripe does not list after so long is not there", listed(l))
	}
}

func TestWhatIsMadeDuringAListingIsInIt(t *testing.T) {
	inPage, goOn := make(chan struct{}), make(chan struct{})
	s := newServer(t, func(r asked) (int, string) {
		if r.method == "POST" {
			return 200, accountJSON("acct_2", "new", 2)
		}
		close(inPage)
		<-goOn
		return 200, `{"object":"list","data":[` + accountJSON("acct_1", "c", 1) + `]}`
	})
	c := s.client(t)
	done := make(chan int)
	go func() {
		l, err := c.Listing(context.WithoutCancel(t.Context()), time.Time{})
		if err != nil {
			t.Error(err)
		}
		done <- len(l.Coach("new"))
	}()
	<-inPage
	if _, err := c.Create(t.Context(), stripe.Creation{}, "k"); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if n := <-done; n != 1 {
		t.Error("the account is missing")
	}
}

func TestAListingIsBounded(t *testing.T) {
	s := newServer(t, always(200, `{"object":"list","has_more":true,"data":[`+accountJSON("acct_1", "c", 1)+`]}`))
	_, err := s.client(t).Listing(t.Context(), time.Time{})
	if f := fault.As(err); f.Reason != v1alpha1.ReasonQuotaExceeded || len(s.all()) != 1000 {
		t.Errorf("%v after %d pages: half a listing proves no absence", err, len(s.all()))
	}
}

func TestWhatIsListedDuringAWriteDoesNotHideIt(t *testing.T) {
	clock := tick()
	var c *stripe.Client
	s := newServer(t, func(r asked) (int, string) {
		if r.method == "GET" {
			return 200, `{"object":"list","data":[` + accountJSON("acct_1", "before", 1) + `]}`
		}
		clock.Step(time.Second)
		if _, err := c.Listing(context.WithoutCancel(t.Context()), clock.Now()); err != nil {
			t.Error(err)
		}
		clock.Step(time.Second)
		return 200, accountJSON("acct_1", "after", 1)
	})
	o := s.options()
	o.Clock = clock
	c = clientOf(t, o)
	if _, err := c.Update(t.Context(), "acct_1", stripe.Update{}); err != nil {
		t.Fatal(err)
	}
	l, err := c.Listing(t.Context(), time.Time{})
	if err != nil || len(l.Coach("after")) != 1 || len(s.all()) != 2 {
		t.Errorf("%v: the write is not listed", err)
	}
}
