package httpapi

import (
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/state"
)

// call is one call that may be carried out.
type call struct {
	state.Caller
	path   []string // the values of the path's variables
	params object.Object
	stale  bool
}

// operation is what the sandbox does for one operation of the API. What it
// returns is JSON already when it is bytes.
type operation struct {
	needs string
	do    func(*state.World, call) (any, *state.Error)
}

// operations are all that there are, by operationId.
func operations() map[string]operation {
	all := map[string]operation{
		"GetAccount":             {"", func(w *state.World, c call) (any, *state.Error) { return result(w.Self(c.Caller)) }},
		"GetCountrySpecsCountry": {"", func(_ *state.World, c call) (any, *state.Error) { return result(state.CountrySpec(c.path[0])) }},
	}
	for needs, some := range map[string]map[string]func(*state.World, call) (any, *state.Error){
		state.MayAccounts: accountOperations(), state.MayWebhooks: endpointOperations(), state.MayLinks: linkOperations(),
	} {
		for id, do := range some {
			all[id] = operation{needs, do}
		}
	}
	return all
}

// result keeps a failure that is none from becoming one.
func result[T any](value T, failure *state.Error) (any, *state.Error) {
	if failure != nil {
		return nil, failure
	}
	return value, nil
}

func accountOperations() map[string]func(*state.World, call) (any, *state.Error) {
	return map[string]func(*state.World, call) (any, *state.Error){
		"PostAccounts": func(w *state.World, c call) (any, *state.Error) {
			a, failure := w.Create(c.Space, c.params)
			return read(w, c, a, failure)
		},
		"PostAccountsAccount": func(w *state.World, c call) (any, *state.Error) {
			a, failure := w.Update(c.Caller, c.path[0], c.params)
			return read(w, c, a, failure)
		},
		"GetAccountsAccount": func(w *state.World, c call) (any, *state.Error) { return result(w.Read(c.Caller, c.path[0], c.stale)) },
		"GetAccounts":        func(w *state.World, c call) (any, *state.Error) { return result(w.List(c.Space, c.params, c.stale)) },
		"DeleteAccountsAccount": func(w *state.World, c call) (any, *state.Error) {
			return result(w.Delete(c.Caller, c.path[0]))
		},
		"PostAccountsAccountReject": func(w *state.World, c call) (any, *state.Error) {
			return result(w.Reject(c.Caller, c.path[0], object.Text(c.params, "reason")))
		},
		"GetAccountsAccountCapabilities": func(w *state.World, c call) (any, *state.Error) {
			a, failure := w.Account(c.Caller, c.path[0])
			if failure != nil {
				return nil, failure
			}
			return object.Object{
				"object": "list", "data": a.Capabilities(), "has_more": false, "url": "/v1/accounts/" + a.ID + "/capabilities",
			}, nil
		},
		"GetAccountsAccountCapabilitiesCapability":  capability,
		"PostAccountsAccountCapabilitiesCapability": askCapability,

		"GetEvents":        func(_ *state.World, c call) (any, *state.Error) { return result(c.Events(c.params)) },
		"GetEventsId":      func(_ *state.World, c call) (any, *state.Error) { return result(c.Event(c.path[0])) },
		"GetPayouts":       func(_ *state.World, c call) (any, *state.Error) { return result(c.Payouts(c.params)) },
		"GetPayoutsPayout": func(_ *state.World, c call) (any, *state.Error) { return result(c.Payout(c.path[0])) },
		"GetBalance":       func(_ *state.World, c call) (any, *state.Error) { return c.Balance(), nil },
	}
}

// read answers a write with what it created.
func read(w *state.World, c call, a *state.Account, failure *state.Error) (any, *state.Error) {
	if failure != nil {
		return nil, failure
	}
	return result(w.Read(c.Caller, a.ID, false))
}

func capability(w *state.World, c call) (any, *state.Error) {
	a, failure := w.Account(c.Caller, c.path[0])
	if failure != nil {
		return nil, failure
	}
	return result(a.Capability(c.path[1]))
}

func askCapability(w *state.World, c call) (any, *state.Error) {
	if _, given := c.params["requested"]; given {
		update := object.Object{"capabilities": object.Object{c.path[1]: object.Object{"requested": c.params["requested"]}}}
		if _, failure := w.Update(c.Caller, c.path[0], update); failure != nil {
			return nil, failure
		}
	}
	return capability(w, c)
}

func endpointOperations() map[string]func(*state.World, call) (any, *state.Error) {
	return map[string]func(*state.World, call) (any, *state.Error){
		"PostWebhookEndpoints": func(w *state.World, c call) (any, *state.Error) { return result(w.NewEndpoint(c.Space, c.params)) },
		"GetWebhookEndpoints":  func(_ *state.World, c call) (any, *state.Error) { return result(c.Endpoints(c.params)) },
		"GetWebhookEndpointsWebhookEndpoint": func(_ *state.World, c call) (any, *state.Error) {
			return result(c.ReadEndpoint(c.path[0]))
		},
		"PostWebhookEndpointsWebhookEndpoint": func(_ *state.World, c call) (any, *state.Error) {
			return result(c.UpdateEndpoint(c.path[0], c.params))
		},
		"DeleteWebhookEndpointsWebhookEndpoint": func(_ *state.World, c call) (any, *state.Error) {
			return result(c.DeleteEndpoint(c.path[0]))
		},
	}
}

func linkOperations() map[string]func(*state.World, call) (any, *state.Error) {
	return map[string]func(*state.World, call) (any, *state.Error){
		"PostAccountLinks":    func(w *state.World, c call) (any, *state.Error) { return result(w.NewLink(c.Caller, c.params)) },
		"PostAccountSessions": func(w *state.World, c call) (any, *state.Error) { return result(w.NewSession(c.Caller, c.params)) },
		"PostAccountsAccountLoginLinks": func(w *state.World, c call) (any, *state.Error) {
			return result(w.NewLogin(c.Caller, c.path[0]))
		},
	}
}
