package state

import (
	"net/http"
	"slices"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

// Account is a connected account.
type Account struct {
	ID    string
	space *Space
	// at is where it is in its space's list.
	at  int
	doc object.Object

	deleted, deauthorized bool
	// locked says that a link was created: from then on the platform neither sees
	// nor writes what the coach gives to Stripe.
	locked bool
	// kept keeps an unrequested capability from healing what it broke.
	kept bool
	// version is the API version of the account's own.
	version string
	// requested are the capabilities that were requested, and when.
	requested map[string]time.Time
	payouts   []object.Object // oldest first
	balance   Balance
	versions  []version // oldest first
}

// Balance is the money of an account, in the smallest unit.
type Balance struct {
	Available int `json:"available"`
	Pending   int `json:"pending"`
}

// version is what a read of an account answered from a moment on; no body means
// that it was not to be seen.
type version struct {
	at   time.Time
	body []byte
}

// Account is the connected account that a caller may see, or the error of
// looking for it.
func (w *World) Account(c Caller, id string) (*Account, *Error) {
	a := w.accounts[id]
	if a == nil || a.space != c.Space || a.deauthorized {
		return nil, c.noAccess(id)
	}
	if a.deleted {
		if w.SettingsOf(a.space.ID).DeletedAnswer == AnswerMissing {
			return nil, missing("account", id)
		}
		return nil, c.noAccess(id)
	}
	return a, nil
}

func (c Caller) noAccess(id string) *Error {
	return Fail(http.StatusForbidden, "account_invalid", "The provided key '%s' does not have access to account '%s' (or that account "+
		"does not exist). Application access may have been revoked.", masked(c.Key), id)
}

// Read is the account as JSON; stale as it was before the last write.
func (w *World) Read(c Caller, id string, stale bool) ([]byte, *Error) {
	if id == c.ID {
		return w.Self(c)
	}
	if a := w.accounts[id]; a != nil && a.space == c.Space && a.deleted && w.SettingsOf(a.space.ID).DeletedAnswer == AnswerDeleted {
		return deletedBody("account", id), nil
	}
	a, failure := w.Account(c, id)
	if stale {
		return w.readStale(c, id, failure)
	}
	if failure != nil {
		return nil, failure
	}
	return a.body(), nil
}

func (w *World) readStale(c Caller, id string, failure *Error) ([]byte, *Error) {
	a := w.accounts[id]
	if a == nil || a.space != c.Space {
		return nil, failure
	}
	if len(a.versions) < 2 || a.versions[len(a.versions)-2].body == nil {
		return nil, c.noAccess(id)
	}
	return a.versions[len(a.versions)-2].body, nil
}

// deletedBody is the answer to a deletion.
func deletedBody(kind, id string) []byte {
	return Encode(object.Object{"id": id, "object": kind, "deleted": true})
}

// body is the account as reads show it.
func (a *Account) body() []byte { return a.versions[len(a.versions)-1].body }

// commit publishes a change: by reads now, by lists later, and by events of the
// given types, whose object is the account.
func (w *World) commit(a *Account, events ...string) {
	full := Encode(a.doc)
	shown := full
	if a.locked && a.collectedByStripe() {
		shown = Encode(a.forPlatform())
	}
	if a.deleted || a.deauthorized {
		shown = nil
	}
	a.versions = append(a.versions, version{w.now(), shown})
	a.trim(w.now().Add(-time.Duration(w.SettingsOf(a.space.ID).ListLag) - versionsKept))
	for _, event := range events {
		w.emit(a, event, full)
	}
}

// versionsKept is how long versions are kept that the list does not need now:
// the lag may grow.
const versionsKept = time.Minute

// trim forgets the versions that were replaced before the given time, but keeps
// the last two.
func (a *Account) trim(before time.Time) {
	first := 0
	for first < len(a.versions)-2 && !a.versions[first+1].at.After(before) {
		first++
	}
	if first > 0 {
		a.versions = slices.Delete(a.versions, 0, first)
	}
}

// asOf is the account as a read at that time showed it, or nil.
func (a *Account) asOf(at time.Time) []byte {
	for _, v := range slices.Backward(a.versions) {
		if !v.at.After(at) {
			return v.body
		}
	}
	return nil
}

// personal are what the platform neither sees nor writes once the coach may have
// gave to Stripe.
var personal = []string{"individual", "company", "external_account", "bank_account", "account_token", "documents"}

// forPlatform is the account without what the coach gave to Stripe.
func (a *Account) forPlatform() object.Object {
	shown := make(object.Object, len(a.doc))
	for name, value := range a.doc {
		if !slices.Contains(personal, name) {
			shown[name] = value
		}
	}
	return shown
}

func (a *Account) collectedByStripe() bool {
	return object.Text(a.doc, "controller", "requirement_collection") == "stripe"
}

func (a *Account) rejected() bool {
	reason := object.Text(a.doc, "requirements", "disabled_reason")
	return len(reason) > len("rejected.") && reason[:len("rejected.")] == "rejected."
}

// Delete ends an account.
func (w *World) Delete(c Caller, id string) ([]byte, *Error) {
	a, failure := w.Account(c, id)
	if failure != nil {
		return nil, failure
	}
	if failure := a.mayEnd("delete"); failure != nil {
		return nil, failure
	}
	if a.space.Live && object.Text(a.doc, "controller", "losses", "payments") == "stripe" {
		return nil, refuse("", "", "You cannot delete this account: Stripe is responsible for its negative balances.")
	}
	w.end(a)
	return deletedBody("account", id), nil
}

// end removes an account; Stripe has no event for it.
func (w *World) end(a *Account) {
	a.deleted = true
	w.commit(a)
}

// Reject closes an account for good.
func (w *World) Reject(c Caller, id, reason string) ([]byte, *Error) {
	a, failure := w.Account(c, id)
	if failure != nil {
		return nil, failure
	}
	if failure := a.mayEnd("reject"); failure != nil {
		return nil, failure
	}
	if !slices.Contains([]string{"fraud", "terms_of_service", "other"}, reason) {
		return nil, refuse("reason", "", "Invalid reason: must be one of fraud, terms_of_service, or other")
	}
	w.reject(a, "rejected."+reason)
	return a.body(), nil
}

// mayEnd refuses an end while there is money, which matters in live mode only.
func (a *Account) mayEnd(verb string) *Error {
	moving := slices.ContainsFunc(a.payouts, func(p object.Object) bool {
		return slices.Contains([]string{"pending", "in_transit"}, object.Text(p, "status"))
	})
	if a.space.Live && (a.balance != Balance{} || moving) {
		return refuse("", "account_non_zero_balance", "You cannot %s this account while it has a balance or payouts on their way.", verb)
	}
	return nil
}
