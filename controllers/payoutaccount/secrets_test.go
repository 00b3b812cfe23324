package payoutaccount_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// life is all that can happen to an account, in an order in which each act is possible.
var life = []struct {
	name string
	args env.StripeAct
}{
	{"submit", env.StripeAct{}},
	{"verify", env.StripeAct{}},
	{"require", env.StripeAct{Fields: []string{"person_1Quill.first_name", "external_account"}, Deadline: &deadline}},
	{"past-due", env.StripeAct{}},
	{"eventually-due", env.StripeAct{}},
	{"future", env.StripeAct{Deadline: &deadline}},
	{"pending-verification", env.StripeAct{}},
	{"under-review", env.StripeAct{}},
	{"listed", env.StripeAct{}},
	{"other", env.StripeAct{}},
	{"pause", env.StripeAct{}},
	{"action-required", env.StripeAct{Keep: true}},
	{"release", env.StripeAct{}},
	{"intervene", env.StripeAct{}},
	{"bank-error", env.StripeAct{Status: "errored"}},
	{"release", env.StripeAct{}},
	{"payout-failed", env.StripeAct{Code: "account_closed"}},
	{"payout-paid", env.StripeAct{}},
	{"schedule", env.StripeAct{Interval: "manual"}},
	{"set", env.StripeAct{Merge: map[string]any{"requirements": map[string]any{"disabled_reason": "sanctioned_party"}}}},
	{"reject", env.StripeAct{Reason: "listed"}},
	{"reject", env.StripeAct{Reason: "fraud"}},
	{"deauthorize", env.StripeAct{}},
	{"delete", env.StripeAct{}},
}

// traces are texts that must be found nowhere outside of Stripe.
func (w *world) traces() []string {
	w.t.Helper()
	keys := w.stripe.Keys
	return slices.Concat(w.sandbox.Decoys(w.t),
		[]string{keys.TestRestricted, keys.TestSecret, keys.LiveRestricted, keys.LiveSecret, "****"},
		[]string{"listed", "sanction", "fraud", "under_review", "1Quill", "does not match", "document front"})
}

// silent fails if anything that people can read holds a trace.
func (w *world) silent(at string) {
	w.t.Helper()
	object, err := json.Marshal(w.account("jo"))
	w.must(err)
	for where, text := range map[string]string{"the object": string(object), "the events": w.events.text(), "the logs": w.logs.String()} {
		for _, trace := range w.traces() {
			if strings.Contains(text, trace) {
				w.t.Errorf("%s: %s holds what only Stripe may know (number %d of the traces)", at, where, slices.Index(w.traces(), trace))
			}
		}
	}
}

func TestNothingOfWhatStripeKnowsIsFoundElsewhere(t *testing.T) {
	w := newWorld(t)
	w.logs = &journal{}
	w.coach("jo")
	w.stands("jo", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
	played := map[string]bool{}
	for _, act := range life {
		w.act("jo", act.name, act.args)
		for range 4 {
			_, _ = w.pass("jo")
			w.clock.Step(resync)
			w.hint("jo")
		}
		w.silent("after " + act.name)
		played[act.name] = true
	}
	if len(played) < 20 {
		t.Errorf("only %d acts were played", len(played))
	}
	if !strings.Contains(w.logs.String(), "Step") || w.events.text() == "" {
		t.Error("nothing was logged or reported, so that nothing was tried")
	}
}

func TestAKeyIsNeverDisclosed(t *testing.T) {
	w := newWorld(t)
	w.logs = &journal{}
	verified(w)
	for name, spoil := range map[string]func(){
		"refused": func() {
			w.answer("", env.InjectedFault{Kind: env.Failure, Code: "api_key_expired", Status: 401, Count: 20})
		},
		"revoked":            func() { w.sandbox.RevokeStripeKey(t, w.stripe.ID, w.stripe.Keys.TestRestricted) },
		"with a slip in it":  func() { w.give(w.stripe.Keys.TestSecret + " ?") },
		"of the other mode":  func() { w.give(w.stripe.Keys.LiveSecret) },
		"that browsers use":  func() { w.give("pk" + w.stripe.Keys.TestSecret[2:]) },
		"that signs webhook": func() { w.give("whsec_" + w.stripe.Keys.TestSecret[8:]) },
	} {
		spoil()
		w.passes("jo")
		w.silent("a key " + name)
		if body := w.stripe.Keys.TestSecret[8:]; strings.Contains(w.logs.String(), body) || strings.Contains(describe(w.account("jo")), body) {
			t.Errorf("a key %s is reported", name)
		}
	}
}
