package webhook_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/onsi/gomega"

	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// legs are parts of an endpoint's life in which the operator writes.
var legs = map[string]func(o *operator){
	"from nothing":        func(*operator) {},
	"from a lost Secret":  func(o *operator) { o.converge(); o.kept.endpoint, o.kept.text = "", "" },
	"from a short secret": func(o *operator) { o.converge(); o.kept.text = "short" },
	"from another version": func(o *operator) {
		o.kept.endpoint, o.kept.text = o.make(o.url, otherVersion, o.tenant.StripeMetadata(false)), "whsec_of_another_version"
	},
	"from another address": func(o *operator) { o.converge(); o.url += "-moved" },
	"from a deleted one":   func(o *operator) { o.converge(); o.remove(o.only().ID) },
	"from two": func(o *operator) {
		o.converge()
		o.make(o.url, version, o.tenant.StripeMetadata(false))
	},
}

// minCrashes is how many deaths and losses this suite must have covered.
const minCrashes = 105

func TestAnOperatorThatDiesAnywhereKeepsOneEndpointAndItsSecret(t *testing.T) {
	struck, covered := 0, map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(legs)) {
		calm := &path{}
		newWorld(t).travel(name, calm)
		for nth, what := range calm.calls {
			for _, m := range modes {
				rough := &path{mode: m, nth: nth + 1}
				t.Run(fmt.Sprintf("%s it %s call %d, %s", name, m, nth+1, what), func(t *testing.T) { newWorld(t).travel(name, rough) })
				if rough.struck() {
					struck++
					covered[what+", "+string(m)]++
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(covered)) {
		t.Logf("%3d x %s", covered[key], key)
	}
	if struck < minCrashes {
		t.Errorf("%d deaths and losses, want at least %d", struck, minCrashes)
	}
}

// travel goes a leg by a path, with a new process whenever one died.
func (w *world) travel(leg string, through *path) {
	w.t.Helper()
	o := w.platform("studio")
	legs[leg](o)
	o.clock.Step(sweep * 2)
	o.restart(through)
	for range maxPasses {
		out := o.later()
		if o.path.alive() && out.Err == nil {
			break
		}
		if !o.path.alive() {
			o.restart(&path{})
		}
	}
	if through.nth > 0 && !through.struck() {
		w.t.Error("there was no such call")
	}
	o.only()
}

func TestAnEndpointThatIsDeletedRightAfterItWasMadeIsMadeAnew(t *testing.T) {
	for _, m := range []mode{after, lost} {
		t.Run("the operator "+string(m)+" the call that makes it", func(t *testing.T) {
			o := newWorld(t).platform("studio")
			rough := &path{mode: m, nth: creation, then: func() { o.remove(o.endpoints()[0].ID) }}
			o.restart(rough)
			_ = o.pass()
			if !rough.struck() || len(o.endpoints()) != 0 || o.kept.endpoint != "" {
				t.Fatalf("it did not come to that: %v", rough.calls)
			}
			o.restart(&path{})
			o.converge()
			o.only()
			if len(o.kept.all) != 2 { // that of the deleted one, with which Stripe answers again, and the next
				t.Errorf("%d secrets were kept, want 2", len(o.kept.all))
			}
		})
	}
}

func TestALostAnswerIsGivenAgain(t *testing.T) {
	o := newWorld(t).platform("studio")
	o.restart(&path{mode: lost, nth: creation})
	_ = o.pass()
	made := o.endpoints()
	if len(made) != 1 || o.kept.endpoint != "" {
		t.Fatalf("%d endpoints", len(made))
	}
	o.sandbox.Clock(t, 25*time.Hour) // beyond the life of the idempotency key
	o.converge()
	o.only()
}

func TestEventsThatStripeSignsAreVerifiedByWhatIsKept(t *testing.T) {
	for name, prepare := range map[string]func(o *operator){
		"the first secret":          func(*operator) {},
		"one that was created anew": func(o *operator) { o.kept.endpoint, o.kept.text = "", "" },
		"one whose answer was lost": func(o *operator) {
			o.remove(o.only().ID)
			o.clock.Step(sweep * 2)
			o.restart(&path{mode: lost, nth: creation})
		},
		"one of an endpoint made anew": func(o *operator) { o.remove(o.only().ID) },
	} {
		t.Run(name, func(t *testing.T) {
			type delivery struct {
				body   []byte
				header string
			}
			arrived := make(chan delivery, 16)
			receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body := make([]byte, 1<<20)
				n := 0
				for {
					m, err := r.Body.Read(body[n:])
					if n += m; err != nil {
						break
					}
				}
				arrived <- delivery{body[:n], r.Header.Get("Stripe-Signature")}
			}))
			defer receiver.Close()
			o := newWorld(t).platform("studio")
			o.url = receiver.URL // Stripe's test mode delivers without TLS
			o.converge()
			prepare(o)
			o.converge()
			o.only()
			account := o.sandbox.StripeUnmanaged(t, o.stripe.ID, false, 1, nil)[0]
			o.sandbox.Act(t, account, "verify", nil)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var got delivery
			gomega.NewWithT(t).Eventually(ctx, arrived).Should(gomega.Receive(&got))
			hint, err := stripe.Verify(got.body, got.header, []scope.Secret{scope.NewSecret(o.kept.text)}, time.Now())
			if err != nil || hint.Account != account {
				t.Errorf("the event is of %q: %v", hint.Account, err)
			}
		})
	}
}
