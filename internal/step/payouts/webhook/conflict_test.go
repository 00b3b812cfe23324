package webhook_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// conflicts says that a pass ends in a conflict that names what is in the way.
func (o *operator) conflicts(out converge.Outcome, names string) {
	o.t.Helper()
	f := fault.As(out.Err)
	if out.Err == nil || f.Class != fault.Conflict || f.Reason != v1alpha1.ReasonConflict || !strings.Contains(f.Message, names) {
		o.t.Errorf("%v, want a conflict that names %s", out.Err, names)
	}
	if len(out.Findings) != 1 || out.Findings[0].Verdict != converge.Unknown {
		o.t.Errorf("in a conflict CP-PAY-04 reads %+v", out.Findings)
	}
}

func TestTheYoungerOfTwoPlatformsIsAConflictAndTheElderIsNotDisturbed(t *testing.T) {
	for name, c := range map[string]struct {
		// other is another platform than elder.
		other func(elder *operator) *operator
	}{
		"another platform of the namespace": {func(elder *operator) *operator { return elder.platform("younger") }},
		"one of another namespace": {func(elder *operator) *operator {
			o := elder.platform("elder")
			o.tenant.NamespaceUID = "another"
			return o
		}},
		"one of another installation, at the same address": {func(elder *operator) *operator {
			o := elder.platform("elder")
			o.tenant.Installation = "another"
			return o
		}},
	} {
		t.Run(name, func(t *testing.T) {
			elder := newWorld(t).platform("elder")
			elder.converge()
			endpoint := elder.only()
			younger := c.other(elder)
			for range 3 {
				younger.conflicts(younger.later(), endpoint.ID)
				if out := elder.later(); out.Err != nil || out.Applied {
					t.Errorf("the elder is disturbed: %v", out.Err)
				}
			}
			if now := elder.only(); now.ID != endpoint.ID || younger.kept.endpoint != "" {
				t.Errorf("the endpoint was %s and is %s", endpoint.ID, now.ID)
			}
			younger.release()
			elder.only()
			elder.release()
			younger.converge()
			younger.only()
		})
	}
}

// In a race both have read before either has written. Stripe's timestamps are in seconds, so that both may be
// of the same.
func TestOfTwoThatRaceOneStays(t *testing.T) {
	for i := range 4 {
		w := newWorld(t)
		one, two := w.platform("one"), w.platform("two")
		if i%2 == 0 { // as after a backup of one cluster was restored in another
			two.url = one.url
		}
		one.race(two)
		w.clock.Step(sweep * 2)
		refused := 0
		for _, o := range []*operator{one, two} {
			if out := o.run(converge.Mode{}); out.Err != nil {
				o.conflicts(out, "endpoint is we_")
				refused++
			}
		}
		if refused != 1 {
			t.Fatalf("%d of two that raced are refused, want 1", refused)
		}
		for range maxPasses {
			one.later()
			two.later()
		}
		all := w.endpoints()
		if len(all) != 1 {
			t.Fatalf("%d endpoints stay, want 1", len(all))
		}
		winner, loser := one, two
		if two.kept.endpoint == all[0].ID {
			winner, loser = two, one
		}
		winner.only()
		if out := winner.later(); out.Err != nil {
			t.Errorf("the winner is disturbed: %v", out.Err)
		}
		loser.conflicts(loser.later(), all[0].ID)

		winner.kept.endpoint, winner.kept.text = "", "" // which makes its endpoint the youngest
		winner.converge()
		winner.only()
		loser.conflicts(loser.later(), winner.only().ID)
	}
}

// race makes one observation before two has made its endpoint, and write after it.
func (o *operator) race(two *operator) {
	o.t.Helper()
	o.restart(&path{onWrite: two.converge})
	_ = o.pass()
	if len(o.endpoints()) != 2 {
		o.t.Fatalf("%d endpoints, want a race", len(o.endpoints()))
	}
}

func TestAnEndpointMadeByHandAtTheSameAddressIsAConflict(t *testing.T) {
	for name, first := range map[string]func(o *operator){
		"before the platform's": func(*operator) {},
		"after the platform's":  (*operator).converge,
	} {
		t.Run(name, func(t *testing.T) {
			o := newWorld(t).platform("studio")
			first(o)
			before := len(o.endpoints())
			id := o.make(o.url, version, nil)
			for range 2 {
				o.conflicts(o.later(), id)
			}
			if n := len(o.endpoints()); n != before+1 {
				t.Errorf("%d endpoints, want %d: nothing is made or deleted", n, before+1)
			}
			o.remove(id)
			o.converge()
			o.only()
		})
	}
}

func TestAnUnmanagedEndpointElsewhereIsLeftAlone(t *testing.T) {
	o := newWorld(t).platform("studio")
	metadata := o.tenant.StripeMetadata(false)
	partly := maps.Clone(metadata)
	delete(partly, "managed_by")
	ids := []string{
		o.make("https://own.example.com/", version, nil), o.make("https://own.example.com/2", otherVersion, map[string]string{"managed_by": "us"}),
		o.make("https://own.example.com/3", version, partly),
	}
	o.converge()
	o.release()
	var left []string
	for _, e := range o.endpoints() {
		left = append(left, e.ID)
	}
	for _, id := range ids {
		if !strings.Contains(strings.Join(left, " "), id) {
			t.Errorf("%s was deleted", id)
		}
	}
	if len(left) != len(ids) {
		t.Errorf("%d endpoints are left, want %d", len(left), len(ids))
	}
}

func TestTheModesAreApart(t *testing.T) {
	test := newWorld(t).platform("studio")
	test.converge()
	live := test.platform("studio")
	live.key = live.stripe.Keys.LiveRestricted
	live.converge()
	modes := map[string]env.StripeEndpoint{}
	for _, e := range test.endpoints() {
		modes[e.Mode] = e
	}
	if len(test.endpoints()) != 2 || modes["live"].ID != live.kept.endpoint || modes["test"].ID != test.kept.endpoint {
		t.Errorf("%d endpoints", len(test.endpoints()))
	}
	live.release()
	test.only()
}
