package state

import (
	"net/url"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

const (
	// linkLife is how long an account link may be followed.
	linkLife = 5 * time.Minute
	// sessionLife is how long an account session lasts.
	sessionLife = 30 * time.Minute
	// tokenLength creates a token that cannot be guessed.
	tokenLength = 32
)

// link is an address that works once.
type link struct {
	ends time.Time
	used bool
}

// linkable refuses an account that there is nothing to do for.
func (w *World) linkable(c Caller, id string) (*Account, *Error) {
	a, failure := w.Account(c, id)
	if failure != nil {
		return nil, failure
	}
	if a.rejected() {
		return nil, refuse("", "", "This account has been rejected; no links can be created for it.")
	}
	return a, nil
}

// NewLink returns a link for the coach to follow. From then on what the coach gives
// Stripe is Stripe's.
func (w *World) NewLink(c Caller, params object.Object) (object.Object, *Error) {
	a, failure := w.linkable(c, object.Text(params, "account"))
	if failure != nil {
		return nil, failure
	}
	kind := object.Text(params, "type")
	if kind == "account_update" && a.collectedByStripe() {
		return nil, refuse("type", "", "You cannot create `account_update` type Account Links for this account. Valid Account Link types "+
			"for this account are: `account_onboarding`.")
	}
	if failure := checkRedirects(c.Live, params); failure != nil {
		return nil, failure
	}
	now := w.Clock()
	address := "https://connect.stripe.com/setup/e/" + a.ID + "/" + newID("", tokenLength)
	w.links[address[len("https://connect.stripe.com"):]] = &link{ends: now.Add(linkLife)}
	w.lock(a)
	return object.Object{
		"object": "account_link", "created": now.Unix(), "expires_at": now.Add(linkLife).Unix(), "url": address,
	}, nil
}

// checkRedirects refuses a link that leads nowhere afterwards.
func checkRedirects(live bool, params object.Object) *Error {
	for _, name := range []string{"return_url", "refresh_url"} {
		address, err := url.Parse(object.Text(params, name))
		switch {
		case err != nil:
			return refuse(name, "url_invalid", "Not a valid URL")
		case address.String() == "":
			return refuse(name, "parameter_missing", "Missing required param: %s.", name)
		case live && address.Scheme != "https":
			return refuse(name, "url_invalid", "Livemode requests must always be redirected via HTTPS.")
		}
	}
	return nil
}

// lock hides what the coach gives to Stripe from the platform. Stripe
// chooses a kind of business then, if there is none.
func (w *World) lock(a *Account) {
	if a.locked {
		return
	}
	a.locked = true
	if a.doc["business_type"] == nil {
		a.doc["business_type"] = "individual"
	}
	w.commit(a)
}

// Follow opens a link, once.
func (w *World) Follow(path string) bool {
	l := w.links[path]
	if l == nil || l.used || !w.Clock().Before(l.ends) {
		return false
	}
	l.used = true
	return true
}

// NewSession lets components in the platform's page act for the account.
func (w *World) NewSession(c Caller, params object.Object) (object.Object, *Error) {
	a, failure := w.linkable(c, object.Text(params, "account"))
	if failure != nil {
		return nil, failure
	}
	w.lock(a)
	components := object.Object{}
	for _, name := range []string{"account_onboarding", "documents", "payment_details", "payments", "payouts"} {
		components[name] = object.Object{"enabled": false, "features": object.Object{}}
	}
	object.Merge(components, object.Child(params, "components"))
	return object.Object{
		"object": "account_session", "account": a.ID, "client_secret": newID("accs_secret__", tokenLength), "components": components,
		"expires_at": w.Clock().Add(sessionLife).Unix(), "livemode": a.space.Live,
	}, nil
}

// NewLogin returns a link to the Express Dashboard.
func (w *World) NewLogin(c Caller, id string) (object.Object, *Error) {
	a, failure := w.linkable(c, id)
	switch {
	case failure != nil:
		return nil, failure
	case object.Text(a.doc, "controller", "stripe_dashboard", "type") != "express":
		return nil, refuse("", "", "Login Links can only be created for accounts with the Express Dashboard.")
	case !object.Bool(a.doc, "details_submitted"):
		return nil, refuse("", "", "Cannot create a login link for an account that has not completed onboarding.")
	}
	path := "/express/" + a.ID + "/" + newID("", tokenLength)
	w.links[path] = &link{ends: w.Clock().Add(linkLife)}
	return object.Object{"object": "login_link", "created": w.Clock().Unix(), "url": "https://connect.stripe.com" + path}, nil
}
