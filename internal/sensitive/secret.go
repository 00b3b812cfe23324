package sensitive

import (
	"regexp"
	"strings"
)

// token is a key, a signing secret or a single-use token of Stripe's.
// https://docs.stripe.com/keys https://docs.stripe.com/api/tokens
var token = regexp.MustCompile(`(?:^|[^A-Za-z0-9_])(?:[sr]k_(?:live_|test_)?[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9+/]{8,}|` +
	`(?:btok|tok|ct|cvtok)_(?:live_|test_)?[A-Za-z0-9]{14,})`)

// bearers are parts of what lets its holder in: links to Stripe's forms and the secrets of sessions.
// https://docs.stripe.com/connect/hosted-onboarding https://docs.stripe.com/api/account_sessions
var bearers = []string{"accs_secret", "connect.stripe.com/setup/", "connect.stripe.com/express/"}

// secret says whether a text holds a secret of Stripe's.
func secret(text string) bool {
	if strings.Contains(text, "_") && token.MatchString(text) {
		return true
	}
	if !strings.ContainsAny(text, "_/") {
		return false
	}
	lower := strings.ToLower(text)
	for _, bearer := range bearers {
		if strings.Contains(lower, bearer) {
			return true
		}
	}
	return false
}
