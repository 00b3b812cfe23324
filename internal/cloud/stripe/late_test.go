package stripe_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/fault"
)

func TestWhatIsNoListProvesNoAbsence(t *testing.T) {
	for name, answer := range map[string]string{
		"an empty document":          `{}`,
		"a list of something else":   `{"object":"search_result","data":[],"has_more":false}`,
		"nothing, with more to come": `{"object":"list","data":[],"has_more":true}`,
		"more to come without data":  `{"object":"list","has_more":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			l, err := newServer(t, always(200, answer)).client(t).Listing(t.Context(), time.Time{})
			if err == nil {
				t.Fatalf("a listing of %d accounts", l.Len())
			}
			if f := fault.As(stripe.Classify(err)); f.Class != fault.Transient || f.Reason != v1alpha1.ReasonStripeUnreachable {
				t.Errorf("%v", f)
			}
		})
	}
}

func TestAPageThatIsNoListEndsNoListing(t *testing.T) {
	s := newServer(t, func(r asked) (int, string) {
		if strings.Contains(r.query, "starting_after") {
			return 200, `{}`
		}
		return 200, `{"object":"list","has_more":true,"data":[` + accountJSON("acct_1", "c", 1) + `]}`
	})
	if l, err := s.client(t).Listing(t.Context(), time.Time{}); err == nil {
		t.Errorf("a listing of %d accounts", l.Len())
	}
}

func TestAnEmptyListIsOne(t *testing.T) {
	l, err := newServer(t, always(200, `{"object":"list","data":[],"has_more":false}`)).client(t).Listing(t.Context(), time.Time{})
	if err != nil || l.Len() != 0 {
		t.Errorf("%v", err)
	}
}

// line is a Stripe that lists one account, named after the number of the call. From the second call on it
// answers when it is let.
type line struct {
	calls atomic.Int32
	let   chan struct{}
	fails bool
}

// RoundTrip implements http.RoundTripper.
func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	n := l.calls.Add(1)
	if n > 1 {
		select {
		case <-l.let:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		if l.fails {
			return nil, errors.New("decoy")
		}
	}
	body := `{"object":"list","data":[` + accountJSON(fmt.Sprintf("acct_%d", n), "c", 1) + `]}`
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestAnOlderListingServesWhileTheNextIsMade(t *testing.T) {
	const age = 10 * time.Minute
	for name, c := range map[string]struct {
		// old is how old the kept listing is.
		old         time.Duration
		slow, fails bool
		// want is the account that is listed, and next the one that is listed once a newer listing is complete; "" is
		// that there is no listing in time, or none is requested.
		want, next string
		// asks is whether a newer one is requested, and within how long the observation takes.
		asks   bool
		within time.Duration
	}{
		"a young one serves":                                    {old: age, slow: true, want: "acct_1"},
		"an older one serves at once, and is replaced":          {old: age + 1, want: "acct_1", next: "acct_2", asks: true},
		"an older one serves at once, however long that takes":  {old: age + 1, slow: true, want: "acct_1", next: "acct_2", asks: true},
		"one of twice the age does too":                         {old: 2 * age, slow: true, want: "acct_1", next: "acct_2", asks: true},
		"one older than that is waited for, and not for ever":   {old: 2*age + 1, slow: true, asks: true, within: 20 * time.Second},
		"one older than that is replaced":                       {old: 2*age + 1, want: "acct_2", next: "acct_2", asks: true},
		"an older one serves when there is no other":            {old: age + 1, fails: true, want: "acct_1", next: "acct_1", asks: true},
		"one older than that does not when the newer one fails": {old: 2*age + 1, fails: true, asks: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, clock := &line{let: make(chan struct{}), fails: c.fails}, tick()
				client := clientOf(t, stripe.Options{URL: "https://stripe.example", HTTPClient: &http.Client{Transport: l}, Clock: clock, Reads: 1e6})
				if _, err := client.Lately(t.Context(), age); err != nil {
					t.Fatal(err)
				}
				clock.Step(c.old)
				let := func() { close(l.let) }
				if !c.slow {
					let()
				}
				start := time.Now()
				got, err := client.Lately(t.Context(), age)
				if waited := time.Since(start).Round(time.Millisecond); waited != c.within {
					t.Errorf("it took %s, want %s", waited, c.within)
				}
				synctest.Wait()
				if n := l.calls.Load(); n > 1 != c.asks {
					t.Errorf("%d calls", n)
				}
				if c.slow {
					let()
				}
				synctest.Wait()
				if c.want == "" {
					if err == nil {
						t.Errorf("there is a listing, of %v", listed(got))
					}
					return
				}
				if err != nil || listed(got)[0] != c.want {
					t.Errorf("%v, %v", got, err)
				}
				if later, err := client.Lately(t.Context(), age); c.next != "" && (err != nil || listed(later)[0] != c.next) {
					t.Errorf("after it: %v, %v; want %s", later, err, c.next)
				}
			})
		})
	}
}

func TestWhatWasMadeMeanwhileServesNext(t *testing.T) {
	const age = 10 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		l, clock := &line{let: make(chan struct{})}, tick()
		client := clientOf(t, stripe.Options{URL: "https://stripe.example", HTTPClient: &http.Client{Transport: l}, Clock: clock, Reads: 1e6})
		read := func(want string) {
			t.Helper()
			got, err := client.Lately(t.Context(), age)
			if err != nil {
				t.Fatal(err)
			}
			if ids := listed(got); ids[0] != want {
				t.Errorf("listed %v, want %s", ids, want)
			}
		}
		read("acct_1")
		clock.Step(age + time.Second)
		start := time.Now()
		for range 100 { // all of one business's coaches, with one worker
			read("acct_1")
		}
		if waited := time.Since(start); waited > 0 {
			t.Errorf("a hundred reads waited %s for one listing", waited)
		}
		close(l.let)
		synctest.Wait()
		read("acct_2")
		if n := l.calls.Load(); n != 2 {
			t.Errorf("%d calls", n)
		}
	})
}
