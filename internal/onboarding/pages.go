package onboarding

import (
	"net/url"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// Pages are where Stripe sends the coach afterwards. That a coach comes to one of them proves nothing.
type Pages struct {
	// Return is where the coach goes from the forms, finished or not.
	Return string
	// Refresh is where the coach goes from a link that has expired or was used; it should give a new one.
	Refresh string
}

// maxAddress is more than any page needs, and less than browsers refuse.
const maxAddress = 2000

func (p Pages) check() error {
	for _, page := range []struct{ what, address string }{{"return", p.Return}, {"refresh", p.Refresh}} {
		if !secure(page.address) {
			return fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
				"the %s URL must be an https address, such as https://studio.example.com/welcome", page.what)
		}
	}
	return nil
}

// secure says whether an address leads over TLS to a host that has a name.
func secure(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && len(address) <= maxAddress
}
