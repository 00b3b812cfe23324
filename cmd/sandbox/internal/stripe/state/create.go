package state

import (
	"net/http"
	"slices"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

// Create creates a connected account.
func (w *World) Create(s *Space, params object.Object) (*Account, *Error) {
	if !s.Connect {
		return nil, refuse("", "", "You can only create new accounts if you've signed up for Connect, which you can do at "+
			"https://dashboard.stripe.com/connect.")
	}
	country := object.Text(params, "country")
	if country == "" {
		country = s.Country
	}
	controller, failure := controllerOf(params)
	if failure == nil {
		failure = checkCountry(s.Country, country)
	}
	if failure == nil {
		failure = checkCapabilities(s.Platform, requested(params), object.Text(params, "tos_acceptance", "service_agreement"))
	}
	if failure != nil {
		return nil, failure
	}
	now := w.Clock()
	a := &Account{ID: newID("acct_1", 15), space: s, version: APIVersion, requested: map[string]time.Time{}}
	a.doc = newDocument(a.ID, country, now.Unix())
	controller["type"], controller["is_controller"] = "application", true
	a.doc["controller"] = controller
	if kind := object.Text(params, "type"); kind != "" {
		a.doc["type"] = kind
	}
	if failure := a.write(params, now); failure != nil {
		return nil, failure
	}
	w.add(a)
	return a, nil
}

// add puts a new account into its space and emits an event.
func (w *World) add(a *Account) {
	a.at = len(a.space.accounts)
	a.space.accounts = append(a.space.accounts, a)
	w.accounts[a.ID] = a
	w.commit(a, "account.updated")
	for _, name := range sortedKeys(a.requested) {
		w.emit(a, "capability.updated", Encode(a.capability(name)))
	}
}

// Update changes an account.
func (w *World) Update(c Caller, id string, params object.Object) (*Account, *Error) {
	a, failure := w.Account(c, id)
	if failure != nil {
		return nil, failure
	}
	if a.rejected() && len(requested(params)) > 0 {
		return nil, refuse("capabilities", "", "This account has been rejected; its capabilities cannot be changed.")
	}
	before, _ := object.Clone(a.doc).(object.Object)
	earlier := sortedKeys(a.requested)
	if failure := a.write(params, w.Clock()); failure != nil {
		a.doc = before
		return nil, failure
	}
	a.restore(earlier)
	w.commit(a, "account.updated")
	for _, name := range requested(params) {
		w.emit(a, "capability.updated", Encode(a.capability(name)))
	}
	return a, nil
}

// write puts what the platform sent into the account. After a failure the
// account is as good as lost.
func (a *Account) write(params object.Object, now time.Time) *Error {
	if failure := a.mayWrite(params); failure != nil {
		return failure
	}
	clearAll := func() { a.doc["metadata"] = object.Object{} }
	if failure := writeMetadata(object.Child(a.doc, "metadata"), params["metadata"], clearAll); failure != nil {
		return failure
	}
	if failure := a.writeSchedule(object.Child(params, "settings", "payouts", "schedule")); failure != nil {
		return failure
	}
	rest, _ := object.Clone(params).(object.Object)
	for _, name := range []string{"capabilities", "controller", "country", "expand", "metadata", "type"} {
		delete(rest, name)
	}
	delete(object.Child(rest, "settings", "payouts"), "schedule")
	object.Merge(a.doc, rest)
	a.request(object.Child(params, "capabilities"), now)
	return nil
}

// mayWrite refuses what only the coach may give.
func (a *Account) mayWrite(params object.Object) *Error {
	if agreement := object.Text(params, "tos_acceptance", "service_agreement"); agreement != "" && len(a.versions) > 0 &&
		agreement != object.Text(a.doc, "tos_acceptance", "service_agreement") {
		return refuse("tos_acceptance[service_agreement]", "", "The service agreement of an account cannot be changed.")
	}
	if !a.collectedByStripe() {
		return nil
	}
	fields := personal
	if a.locked {
		fields = append(slices.Clone(personal), "business_type")
	}
	for _, name := range fields {
		if _, given := params[name]; given {
			failure := Fail(http.StatusForbidden, "", "This application does not have the required permissions for the parameter "+
				"'%s' on account '%s'.", name, a.ID)
			failure.Param = name
			return failure
		}
	}
	for _, name := range []string{"date", "ip", "user_agent"} {
		if object.At(params, "tos_acceptance", name) != nil {
			return refuse("tos_acceptance["+name+"]", "", "You cannot accept the Terms of Service on behalf of an account whose "+
				"requirements Stripe collects.")
		}
	}
	return nil
}

func controllerOf(params object.Object) (object.Object, *Error) {
	given := object.Child(params, "controller")
	kind := object.Text(params, "type")
	if given != nil && kind != "" {
		return nil, refuse("type", "", "You may not provide the `type` parameter and `controller` parameters simultaneously. They are "+
			"mutually exclusive.")
	}
	if kind != "" {
		return typed(kind), nil
	}
	controller := standardController()
	object.Merge(controller, given)
	dashboard := object.Text(controller, "stripe_dashboard", "type")
	losses := object.Text(controller, "losses", "payments")
	switch collects := object.Text(controller, "requirement_collection"); {
	case dashboard == "full" && (losses == "application" || object.Text(controller, "fees", "payer") == "application"):
		return nil, refuse("controller[stripe_dashboard][type]", "", "Accounts with the full Stripe Dashboard cannot have a platform that "+
			"pays their fees or losses.")
	case dashboard == "express" && losses != "application":
		return nil, refuse("controller[losses][payments]", "", "Accounts with the Express Dashboard need a platform that is liable for "+
			"negative balances.")
	case collects == "application" && (dashboard != "none" || losses != "application"):
		return nil, refuse("controller[requirement_collection]", "", "A platform that collects requirements must be liable for negative "+
			"balances, and its accounts have no Stripe-hosted dashboard.")
	}
	return controller, nil
}

func checkCountry(platform, country string) *Error {
	if !isCountry(country) {
		return refuse("country", "country_code_invalid", "Country '%s' is unknown. Try using a 2-character alphanumeric country code "+
			"instead, such as 'US', 'EG', or 'GB'.", country)
	}
	if !mayCreateIn(platform, country) {
		return refuse("country", "country_unsupported", "Connected accounts in %s cannot be created by platforms in %s. To learn more, see "+
			"https://stripe.com/docs/connect/cross-border-payouts.", country, platform)
	}
	return nil
}
