package stripeaccount

import (
	"fmt"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/internal/converge"
)

// Controls are what the step can prove.
var Controls = []converge.Control[State]{
	{ID: "CP-PAY-01", Check: func(_, got State) (converge.Verdict, string) {
		switch {
		case got.Restricted && got.ID == "":
			return converge.Unknown, "a restricted key of the other mode, with which nobody asked Stripe"
		case got.Restricted:
			return converge.Verified, "a restricted key, which Stripe accepts"
		}
		return converge.Violated, "a secret key, which can do everything; make a restricted one and put it into the Secret"
	}},
	{ID: "CP-PAY-02", Check: func(want, got State) (converge.Verdict, string) {
		return converge.VerdictOf(want.Live == got.Live), "the key is in " + mode(got.Live) + " mode"
	}},
	{
		ID: "CP-PAY-03", At: func(got State) time.Time { return got.Listed },
		Check: func(_, got State) (converge.Verdict, string) {
			if got.Listed.IsZero() {
				return converge.Unknown, "the accounts were not listed"
			}
			if len(got.Elsewhere) > 0 {
				return converge.Violated, fmt.Sprintf("not Stripe collects it for %d of %d accounts: %s", len(got.Elsewhere), got.Accounts,
					strings.Join(got.Elsewhere[:min(len(got.Elsewhere), few)], " "))
			}
			return converge.Verified, fmt.Sprintf("requirement_collection=stripe on all %d accounts", got.Accounts)
		},
	},
}

// few is how many accounts are named.
const few = 3

func mode(live bool) string {
	if live {
		return "live"
	}
	return "test"
}
