package payoutaccount

import (
	"strings"
	"testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

func TestAdoptionStopsNoPayoutsAndStartsThemOnlyThroughTheGate(t *testing.T) {
	for name, c := range map[string]struct {
		open             bool
		before, interval string
		opened           string
		schedule         bool
	}{
		"daily, while the gate is closed":  {false, "daily", "daily", "true", false},
		"daily, while the gate is open":    {true, "daily", "daily", "true", false},
		"manual, while the gate is closed": {false, "manual", "manual", "", false},
		"manual, while the gate is open":   {true, "manual", "daily", "true", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			account := w.has("acct_x", nil)
			account.Interval = c.before
			w.in.Spec.Adopt, w.in.Gate.Open = "acct_x", c.open
			for range 2 { // the second observation finds it marked
				w.pass()
			}
			if account.Interval != c.interval || account.Metadata[naming.MetaOpened] != c.opened {
				t.Errorf("payouts are %s, opened %q", account.Interval, account.Metadata[naming.MetaOpened])
			}
			if !w.in.Coach.OwnsAccount(account.Metadata) {
				t.Errorf("it is not marked: %v", account.Metadata)
			}
			if got := w.scheduled(); got != c.schedule {
				t.Errorf("a schedule was sent: %v", got)
			}
		})
	}
}

// scheduled says whether any change was one of the schedule.
func (w *world) scheduled() bool {
	for _, form := range w.writes {
		for name := range form {
			if strings.HasPrefix(name, "settings[payouts][schedule]") {
				return true
			}
		}
	}
	return false
}

func TestAdoptingIsOverOnceAnAccountIsRecorded(t *testing.T) {
	another := naming.Coach{Tenant: naming.Tenant{Installation: "there", Namespace: "shop", NamespaceUID: "uid2", Name: "shop"}, ID: "jo"}
	for name, c := range map[string]struct {
		metadata        map[string]string
		claim, recorded bool
		taken           bool
	}{
		"nobody's is adopted":                            {nil, false, false, true},
		"another's is not":                               {another.Metadata(), false, false, false},
		"another's is claimed":                           {another.Metadata(), true, false, true},
		"what was ours and is another's is left to it":   {another.Metadata(), true, true, false},
		"what was ours and is nobody's is left as it is": {nil, true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			account := w.has("acct_x", c.metadata)
			w.in.Spec.Adopt = "acct_x"
			if c.claim {
				w.in.Claim = "acct_x"
			}
			if c.recorded {
				w.in.Recorded = scope.AccountRecord{Business: w.business, Account: "acct_x"}
			}
			out := w.pass()
			if c.taken {
				if !out.Applied || !w.in.Coach.OwnsAccount(account.Metadata) {
					t.Errorf("%v: not ours: %v", out.Err, account.Metadata)
				}
				return
			}
			w.fails(out, fault.Conflict, v1alpha1.ReasonOwnedByAnother)
			w.untouched()
		})
	}
}
