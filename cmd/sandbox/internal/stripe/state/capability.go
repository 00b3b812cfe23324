package state

import (
	"maps"
	"slices"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// requested are the capabilities that parameters ask for.
func requested(params object.Object) []string {
	var names []string
	capabilities := object.Child(params, "capabilities")
	for _, name := range sortedKeys(capabilities) {
		if object.Bool(capabilities, name, "requested") {
			names = append(names, name)
		}
	}
	return names
}

// checkCapabilities refuses what does not go together.
func checkCapabilities(p *Platform, names []string, agreement string) *Error {
	cards, transfers := slices.Contains(names, "card_payments"), slices.Contains(names, "transfers")
	switch {
	case agreement == "recipient" && cards:
		return refuse("capabilities", "", "Accounts under the recipient service agreement cannot request the card_payments capability.")
	case cards && !transfers:
		return refuse("capabilities", "", "You cannot request the `card_payments` capability without the `transfers` capability.")
	case transfers && !cards && agreement != "recipient" && !p.Approved:
		return refuse("capabilities", "", "Your platform needs approval for accounts to have requested the `transfers` capability without "+
			"the `card_payments` capability. If you would like to request transfers without card_payments, please contact us via "+
			"https://support.stripe.com/contact.")
	}
	return nil
}

// request notes which capabilities are requested from now on.
func (a *Account) request(capabilities object.Object, now time.Time) {
	statuses := object.Child(a.doc, "capabilities")
	for name := range capabilities {
		wanted, given := object.At(capabilities, name, "requested").(bool)
		switch {
		case given && !wanted:
			delete(a.requested, name)
			delete(statuses, name)
		case given && a.requested[name].IsZero():
			a.requested[name] = now
			statuses[name] = a.usualStatus()
		}
	}
}

// usualStatus is how far a capability is that is requested now.
func (a *Account) usualStatus() string {
	switch {
	case object.Bool(a.doc, "payouts_enabled"):
		return "active"
	case object.Bool(a.doc, "details_submitted") && !a.rejected():
		return "pending"
	}
	return "inactive"
}

// restore enables an account again that was stopped for want of a capability, once
// one more is requested than before.
func (a *Account) restore(before []string) {
	if !a.kept && len(a.requested) > len(before) &&
		object.Text(a.doc, "requirements", "disabled_reason") == "action_required.requested_capabilities" {
		a.enable()
	}
}

// setCapabilities gives all that were requested a status.
func (a *Account) setCapabilities(status string) {
	statuses := object.Child(a.doc, "capabilities")
	for name := range a.requested {
		statuses[name] = status
	}
}

// capability is one as the API shows it.
func (a *Account) capability(name string) object.Object {
	at, requested := a.requested[name]
	capability := object.Object{
		"id": name, "object": "capability", "account": a.ID, "requested": requested, "requested_at": nil,
		"status": "unrequested", "requirements": object.Clone(a.doc["requirements"]), "future_requirements": requirements(needs{}),
	}
	if requested {
		capability["requested_at"], capability["status"] = at.Unix(), object.Text(a.doc, "capabilities", name)
	}
	return capability
}

// Capabilities are all that the account has requested.
func (a *Account) Capabilities() []any {
	all := []any{}
	for _, name := range sortedKeys(a.requested) {
		all = append(all, a.capability(name))
	}
	return all
}

// Capability is one of the account's.
func (a *Account) Capability(name string) (object.Object, *Error) {
	if _, known := a.requested[name]; !known && !slices.Contains([]string{"transfers", "card_payments"}, name) {
		return nil, missing("capability", name)
	}
	return a.capability(name), nil
}
