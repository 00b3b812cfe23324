package payoutaccount

import (
	"net/url"
	"strings"
	"testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

func TestWhatStripeRefusesKeepsNoPayoutsFromStopping(t *testing.T) {
	for name, c := range map[string]struct {
		ask    func(spec *v1alpha1.PayoutAccountSpec)
		refuse string
	}{
		"a merchant category": {
			func(spec *v1alpha1.PayoutAccountSpec) { spec.BusinessProfile.MCC = "0000" }, "business_profile[",
		},
		"a capability": {
			func(spec *v1alpha1.PayoutAccountSpec) {
				spec.Capabilities = append(spec.Capabilities, v1alpha1.CapabilityCardPayments)
			}, "capabilities[",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			account := w.has("acct_x", w.ours())
			w.in.Recorded = scope.AccountRecord{Business: w.business, Account: "acct_x"}
			w.in.Gate = scope.Gate{Suspend: true, Hold: true}
			c.ask(w.in.Spec)
			before := "none was requested"
			w.refuse = func(form url.Values) bool {
				for name := range form {
					if strings.HasPrefix(name, c.refuse) {
						before = account.Interval
						return true
					}
				}
				return false
			}
			w.fails(w.pass(), fault.Invalid, v1alpha1.ReasonInvalidSpec)
			if account.Interval != manual || account.Metadata[naming.MetaSuspended] != "true" {
				t.Errorf("payouts go on: %s, %v", account.Interval, account.Metadata)
			}
			if before != manual {
				t.Errorf("when Stripe refused, payouts were %s", before)
			}
		})
	}
}

func TestWhatStripeAcceptsIsChangedInOnePass(t *testing.T) {
	w := newWorld(t)
	account := w.has("acct_x", w.ours())
	w.in.Recorded = scope.AccountRecord{Business: w.business, Account: "acct_x"}
	w.in.Gate = scope.Gate{Suspend: true, Hold: true}
	w.in.Spec.BusinessProfile.MCC = "8299"
	if out := w.pass(); !out.Applied || account.Interval != manual || account.MCC != "8299" {
		t.Errorf("%v: payouts %s, category %q", out.Err, account.Interval, account.MCC)
	}
	if out := w.pass(); out.Err != nil || len(out.Changes) != 0 {
		t.Errorf("the next pass: %v, %v", out.Changes, out.Err)
	}
}
