package stripe

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// keyPattern is a secret or a restricted key. https://docs.stripe.com/keys
var keyPattern = regexp.MustCompile(`^(sk|rk)_(live|test)_[A-Za-z0-9_]{1,247}$`)

// KeyKind is what a key reports about itself.
type KeyKind struct {
	// Restricted keys may do what they were given rights for, others everything.
	Restricted bool
	// Live is Stripe's live mode: an account does not say in which mode it is, its key does.
	Live bool
}

// String says it in words.
func (k KeyKind) String() string {
	kind, mode := "secret", "test"
	if k.Restricted {
		kind = "restricted"
	}
	if k.Live {
		mode = "live"
	}
	return "a " + kind + " key of the " + mode + " mode"
}

// Key is an API key that is one by its looks.
type Key struct {
	KeyKind

	secret scope.Secret
}

// Format keeps the key out of every verb: fmt prints what is unexported without asking it.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// ParseKey reads an API key. White space around it is forgiven; what is wrong is reported without quoting it.
func ParseKey(secret scope.Secret) (Key, error) {
	text := strings.TrimSpace(secret.Reveal())
	match := keyPattern.FindStringSubmatch(text)
	if match == nil {
		return Key{}, fault.New(fault.Invalid, v1alpha1.ReasonPlatformCredentialsInvalid, "%s", mistake(text))
	}
	return Key{KeyKind: KeyKind{Restricted: match[1] == "rk", Live: match[2] == "live"}, secret: scope.NewSecret(text)}, nil
}

func mistake(text string) string {
	const wanted = "put a restricted key (rk_live_… or rk_test_…) there, or a secret one (sk_live_… or sk_test_…)"
	switch {
	case text == "":
		return "there is no Stripe key; " + wanted
	case strings.HasPrefix(text, "pk_"):
		return "this is Stripe's publishable key, which may not read accounts; " + wanted
	case strings.HasPrefix(text, "whsec_"):
		return "this is the secret that webhooks are signed with, and no API key; " + wanted
	}
	return "this is no API key of Stripe's; " + wanted
}
