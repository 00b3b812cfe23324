package state

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// What a restricted key may be allowed to do.
const (
	MayAccounts = "accounts"
	MayWebhooks = "webhooks"
	MayLinks    = "links"
)

var everything = []string{MayAccounts, MayWebhooks, MayLinks}

// Platform is a Stripe account with keys; if it has signed up for Connect it has
// connected accounts.
type Platform struct {
	ID      string
	Country string
	// Connect says that it may create accounts.
	Connect bool
	// Approved says that it may ask for transfers alone.
	Approved bool

	issued map[string]string
	keys   map[string]*key
	spaces map[bool]*Space
}

type key struct {
	live    bool
	may     []string
	expired bool
}

// Space is one mode of a platform: everything in it is apart from the other.
type Space struct {
	*Platform
	Live bool

	accounts  []*Account // oldest first
	endpoints []*Endpoint
	events    []*Event // oldest first
	kept      map[string]*Kept
	tokens    [2]bucket // of reads and writes
}

// Mode is "live" or "test".
func (s *Space) Mode() string {
	if s.Live {
		return "live"
	}
	return "test"
}

// PlatformOf returns a platform, or finds the one with that ID. The keys are those
// it was created with.
func (w *World) PlatformOf(id, country string, connect bool) (p *Platform, keys map[string]string, err error) {
	if id == "" {
		id = newID("acct_1", 15)
	}
	if p, ok := w.platforms[id]; ok {
		return p, p.issued, nil
	}
	if !strings.HasPrefix(id, "acct_") || w.accounts[id] != nil {
		return nil, nil, fmt.Errorf("platform %q: an ID is acct_ and what no account has", id)
	}
	if country == "" {
		country = "US"
	}
	if !isCountry(country) {
		return nil, nil, fmt.Errorf("country %q: two letters of ISO 3166", country)
	}
	p = &Platform{ID: id, Country: country, Connect: connect, Approved: true, keys: map[string]*key{}, spaces: map[bool]*Space{}}
	for _, live := range []bool{false, true} {
		p.spaces[live] = &Space{Platform: p, Live: live, kept: map[string]*Kept{}}
	}
	p.issued = map[string]string{
		"testRestricted": p.addKey(false, true, everything), "testSecret": p.addKey(false, false, nil),
		"liveRestricted": p.addKey(true, true, everything), "liveSecret": p.addKey(true, false, nil),
	}
	w.platforms[id] = p
	return p, p.issued, nil
}

// Platform is one by its ID, or nil.
func (w *World) Platform(id string) *Platform { return w.platforms[id] }

// Space is one of the platform's modes.
func (p *Platform) Space(live bool) *Space { return p.spaces[live] }

// AddKey returns a key. A restricted one may do what its permissions say, or everything the
// sandbox knows when that is nil.
func (p *Platform) AddKey(live, restricted bool, may []string) (string, error) {
	for _, permission := range may {
		if !slices.Contains(everything, permission) {
			return "", fmt.Errorf("permission %q is none of %s", permission, strings.Join(everything, ", "))
		}
	}
	if may == nil {
		may = everything
	}
	return p.addKey(live, restricted, may), nil
}

func (p *Platform) addKey(live, restricted bool, may []string) string {
	prefix := "sk_"
	if restricted {
		prefix = "rk_"
	} else {
		may = everything
	}
	if live {
		prefix += "live_"
	} else {
		prefix += "test_"
	}
	text := newID(prefix+"51", 22)
	p.keys[text] = &key{live: live, may: may}
	return text
}

// Revoke takes a key away, or lets it expire.
func (p *Platform) Revoke(text string, expire bool) error {
	k, ok := p.keys[text]
	switch {
	case !ok:
		return errors.New("the platform has no such key")
	case expire:
		k.expired = true
	default:
		delete(p.keys, text)
	}
	return nil
}

// Caller is who calls: a key and what it stands for.
type Caller struct {
	Key string
	*Space
	// Account is the connected account that the call is made as, or nil.
	Account *Account
	may     []string
}

// Kind is the key without what is secret, such as rk_test.
func (c Caller) Kind() string {
	if len(c.Key) < len("rk_test") {
		return ""
	}
	return c.Key[:len("rk_test")]
}

// Identify finds out who calls, from the key.
func (w *World) Identify(text string) (Caller, *Error) {
	for _, p := range w.platforms {
		k, ok := p.keys[text]
		switch {
		case !ok:
		case k.expired:
			return Caller{Key: text}, Fail(http.StatusUnauthorized, "api_key_expired", "Expired API Key provided: %s", masked(text))
		default:
			return Caller{Key: text, Space: p.spaces[k.live], may: k.may}, nil
		}
	}
	if text == "" {
		return Caller{}, Fail(http.StatusUnauthorized, "", "You did not provide an API key. You need to provide your API key in the "+
			"Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').")
	}
	return Caller{}, Fail(http.StatusUnauthorized, "", "Invalid API Key provided: %s", masked(text))
}

// masked shows the beginning and the end of a key.
func masked(text string) string {
	const head, tail = 8, 4
	if len(text) <= head+tail {
		return strings.Repeat("*", len(text))
	}
	return text[:head] + strings.Repeat("*", len(text)-head-tail) + text[len(text)-tail:]
}

// Allow refuses what the key has no permission for.
func (c Caller) Allow(permission string) *Error {
	if permission == "" || slices.Contains(c.may, permission) {
		return nil
	}
	return Fail(http.StatusForbidden, "more_permissions_required", "The provided key '%s' does not have the required permissions "+
		"for this endpoint on account '%s'. Having the '%s' permission would allow this request to continue.",
		masked(c.Key), c.ID, permission)
}

// The limits of Stripe for all calls of one kind, a second.
const (
	liveLimit = 100
	testLimit = 25
)

// bucket holds the calls that may be made now.
type bucket struct {
	left float64
	at   time.Time
}

// Admit counts a call, and refuses it when there were too many of its kind.
func (w *World) Admit(s *Space, write bool) *Error {
	settings := w.SettingsOf(s.ID)
	limit, i := settings.ReadsPerSecond, 0
	if write {
		limit, i = settings.WritesPerSecond, 1
	}
	if limit == 0 {
		limit = testLimit
		if s.Live {
			limit = liveLimit
		}
	}
	b, now := &s.tokens[i], w.now()
	b.left = min(float64(limit), b.left+now.Sub(b.at).Seconds()*float64(limit))
	b.at = now
	if b.left < 1 {
		return RateLimited()
	}
	b.left--
	return nil
}

// RateLimited is the answer to too many calls.
func RateLimited() *Error {
	return Fail(http.StatusTooManyRequests, "rate_limit", "Request rate limit exceeded. Learn more about rate limits here "+
		"https://stripe.com/docs/rate-limits.")
}
