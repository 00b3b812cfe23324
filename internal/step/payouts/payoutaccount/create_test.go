package payoutaccount

import (
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

func TestAnAttemptBelongsToTheBusinessThatItWasBegunUnder(t *testing.T) {
	open := scope.Intent{Attempt: 1, Business: "acct_a", Since: ago(30 * time.Minute), Unsure: ago(29 * time.Minute)}
	refused := open
	refused.Refusal = &scope.Refusal{At: ago(time.Minute), Generation: 0, Code: "country_unsupported"}
	for name, c := range map[string]struct {
		intent   scope.Intent
		business string
		// attempt is with which the account is created; 0 is not at all.
		attempt int
	}{
		"another business's key makes none":             {open, "acct_b", 0},
		"the same business's key makes it":              {open, "acct_a", 1},
		"what one business refused, another may accept": {refused, "acct_b", 2},
		"the first attempt is under any":                {scope.Intent{}, "acct_b", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.business, w.in.Intent = c.business, c.intent
			book := &ledger{intent: c.intent}
			w.in.Ledger = book
			out := w.pass()
			if c.attempt == 0 {
				w.fails(out, fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid)
				w.untouched()
				return
			}
			if w.made != 1 || book.intent.Attempt != c.attempt || book.intent.Business != c.business {
				t.Errorf("%v: %d made, by attempt %d of %s", out.Err, w.made, book.intent.Attempt, book.intent.Business)
			}
			if want := (scope.AccountRecord{Business: c.business, Account: "acct_made1"}); book.record != want {
				t.Errorf("recorded %s", book.record)
			}
		})
	}
}

func TestAFurtherAttemptTakesAListingOfNow(t *testing.T) {
	refused := scope.Intent{Attempt: 1, Business: "acct_b", Since: ago(30 * time.Minute)}
	refused.Refusal = &scope.Refusal{At: ago(30 * time.Minute), Generation: 1, Code: "country_unsupported"}
	for name, c := range map[string]struct {
		elsewhere bool
		made      int
		found     string
	}{
		"what another cluster made since is found": {true, 0, "acct_elsewhere"},
		"where there is none, one is created":      {false, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.in.Intent = refused
			w.fails(w.pass(), fault.Invalid, v1alpha1.ReasonCreateRejected) // and the listing is kept
			w.clock.Step(time.Minute)
			if c.elsewhere {
				w.has("acct_elsewhere", w.ours())
			}
			w.in.Generation = 2
			w.pass()
			if w.made != c.made || w.in.Account.ID != c.found {
				t.Errorf("%d made, found %q", w.made, w.in.Account.ID)
			}
		})
	}
}
