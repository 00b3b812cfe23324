// Package control is the part of the admin API about Stripe: what a test may see
// and turn that Stripe would not show or let it, and the coach's part.
package control

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/admin"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/deliver"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/state"
)

// Control answers the calls under /stripe.
type Control struct {
	World     *state.World
	Deliverer *deliver.Deliverer
	Now       func() time.Time
}

// Routes are the calls it answers.
func (c *Control) Routes() admin.Routes {
	routes := admin.Routes{"POST /stripe/forge": c.forge} // waits for the answer, without the lock
	for pattern, handle := range map[string]func(*http.Request) (any, error){
		"POST /stripe/platforms":                          c.platform,
		"POST /stripe/platforms/{id}":                     c.change,
		"POST /stripe/platforms/{id}/keys":                c.addKey,
		"DELETE /stripe/platforms/{id}/keys/{key}":        c.revoke,
		"GET /stripe/platforms/{id}/accounts":             c.accounts,
		"POST /stripe/platforms/{id}/accounts":            c.addUnmanaged,
		"GET /stripe/platforms/{id}/endpoints":            c.endpoints,
		"GET /stripe/platforms/{id}/events":               c.events,
		"POST /stripe/platforms/{id}/endpoints/{we}/roll": c.roll,
		"POST /stripe/accounts/{id}/act":                  c.act,
		"POST /stripe/clock":                              c.clock,
		"GET /stripe/settings":                            c.settings,
		"POST /stripe/settings":                           c.set,
		"POST /stripe/events/{id}/resend":                 c.resend,
		"POST /stripe/reset":                              c.reset,
		"GET /stripe/decoys":                              c.decoys,
	} {
		routes[pattern] = func(r *http.Request) (any, error) {
			c.World.Lock()
			defer c.World.Unlock()
			return handle(r)
		}
	}
	return routes
}

type done struct {
	OK bool `json:"ok"`
}

func bad(err error) error { return wire.Errorf(http.StatusBadRequest, "BadRequest", "%v", err) }

func unknown(kind, id string) error {
	return wire.Errorf(http.StatusNotFound, "NotFound", "no %s %s", kind, id)
}

// caused reports to the client what Stripe would have refused.
func caused(err error) error {
	if err == nil {
		return nil
	}
	return bad(err)
}

func (c *Control) find(r *http.Request) (*state.Platform, error) {
	p := c.World.Platform(r.PathValue("id"))
	if p == nil {
		return nil, unknown("platform", r.PathValue("id"))
	}
	return p, nil
}

func (c *Control) platform(r *http.Request) (any, error) {
	order := struct {
		ID      string `json:"id"`
		Country string `json:"country"`
		Connect bool   `json:"connect"`
	}{Connect: true}
	if err := admin.Decode(r, &order); err != nil {
		return nil, err
	}
	p, keys, err := c.World.PlatformOf(order.ID, order.Country, order.Connect)
	if err != nil {
		return nil, bad(err)
	}
	return map[string]any{"id": p.ID, "keys": keys}, nil
}

func (c *Control) change(r *http.Request) (any, error) {
	p, err := c.find(r)
	if err != nil {
		return nil, err
	}
	order := struct {
		Connect  *bool `json:"connect"`
		Approved *bool `json:"approved"`
	}{&p.Connect, &p.Approved} // what is left out stays
	return done{true}, admin.Decode(r, &order)
}

func (c *Control) addKey(r *http.Request) (any, error) {
	p, err := c.find(r)
	if err != nil {
		return nil, err
	}
	var order struct {
		Live        bool     `json:"live"`
		Restricted  bool     `json:"restricted"`
		Permissions []string `json:"permissions"`
	}
	if err := admin.Decode(r, &order); err != nil {
		return nil, err
	}
	key, err := p.AddKey(order.Live, order.Restricted, order.Permissions)
	return map[string]string{"key": key}, caused(err)
}

func (c *Control) revoke(r *http.Request) (any, error) {
	p, err := c.find(r)
	if err != nil {
		return nil, err
	}
	if p.Revoke(r.PathValue("key"), r.URL.Query().Get("expire") == "true") != nil {
		return nil, unknown("such key of platform", p.ID)
	}
	return done{true}, nil
}

func (c *Control) accounts(r *http.Request) (any, error) {
	p, err := c.find(r)
	if err != nil {
		return nil, err
	}
	return p.Rows(), nil
}

func (c *Control) addUnmanaged(r *http.Request) (any, error) {
	p, err := c.find(r)
	if err != nil {
		return nil, err
	}
	var order struct {
		Count    int            `json:"count"`
		Metadata map[string]any `json:"metadata"`
		Live     bool           `json:"live"`
	}
	if err := admin.Decode(r, &order); err != nil {
		return nil, err
	}
	ids, failure := c.World.AddUnmanaged(p.Space(order.Live), order.Count, order.Metadata)
	if failure != nil {
		return nil, bad(failure)
	}
	return map[string]any{"accounts": ids}, nil
}

func (c *Control) endpoints(r *http.Request) (any, error) {
	p, err := c.find(r)
	if err != nil {
		return nil, err
	}
	return p.EndpointRows(), nil
}

func (c *Control) events(r *http.Request) (any, error) {
	p, err := c.find(r)
	if err != nil {
		return nil, err
	}
	return p.EventRows(), nil
}

func (c *Control) roll(r *http.Request) (any, error) {
	p, err := c.find(r)
	if err != nil {
		return nil, err
	}
	var order struct {
		Overlap setting.Duration `json:"overlap"`
	}
	if err := admin.Decode(r, &order); err != nil {
		return nil, err
	}
	secret, failure := c.World.Roll(p, r.PathValue("we"), time.Duration(order.Overlap))
	if failure != nil {
		return nil, unknown("endpoint", r.PathValue("we"))
	}
	return map[string]string{"secret": secret}, nil
}

func (c *Control) act(r *http.Request) (any, error) {
	order, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, bad(err)
	}
	if !c.World.Has(r.PathValue("id")) {
		return nil, unknown("account", r.PathValue("id"))
	}
	a, err := c.World.Perform(r.PathValue("id"), order)
	if err != nil {
		return nil, bad(err)
	}
	return a.Row(), nil
}

func (c *Control) clock(r *http.Request) (any, error) {
	var order struct {
		Advance setting.Duration `json:"advance"`
	}
	if err := admin.Decode(r, &order); err != nil {
		return nil, err
	}
	return map[string]time.Time{"now": c.World.Advance(time.Duration(order.Advance)).UTC()}, nil
}

func (c *Control) settings(r *http.Request) (any, error) {
	return c.World.SettingsOf(r.URL.Query().Get("platform")), nil
}

func (c *Control) set(r *http.Request) (any, error) {
	patch, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, bad(err)
	}
	settings, err := c.World.Set(r.URL.Query().Get("platform"), json.RawMessage(patch))
	return settings, caused(err)
}

func (c *Control) resend(r *http.Request) (any, error) {
	if !c.World.Resend(r.PathValue("id")) {
		return nil, unknown("event", r.PathValue("id"))
	}
	return done{true}, nil
}

func (c *Control) reset(*http.Request) (any, error) {
	c.World.Reset()
	return done{true}, nil
}

func (c *Control) decoys(*http.Request) (any, error) { return state.Decoys(), nil }

// forge sends an event that Stripe never sent.
func (c *Control) forge(r *http.Request) (any, error) {
	order := struct {
		URL        string           `json:"url"`
		Secret     string           `json:"secret"`
		Type       string           `json:"type"`
		Account    string           `json:"account"`
		Live       bool             `json:"livemode"`
		APIVersion string           `json:"apiVersion"`
		Age        setting.Duration `json:"age"`
		Body       *string          `json:"body"`
		Header     *string          `json:"header"`
	}{Type: "account.updated", APIVersion: state.APIVersion}
	if err := admin.Decode(r, &order); err != nil {
		return nil, err
	}
	at := c.Now().Add(-time.Duration(order.Age))
	body := state.Forged(order.Type, order.Account, order.APIVersion, order.Live, at)
	if order.Body != nil {
		body = []byte(*order.Body)
	}
	header := deliver.Sign(body, at, []string{order.Secret})
	if order.Header != nil {
		header = *order.Header
	}
	c.World.Lock()
	resolve := c.World.SettingsOf(r.URL.Query().Get("platform")).Resolve
	c.World.Unlock()
	status, err := c.Deliverer.Forge(r.Context(), deliver.Forgery{URL: order.URL, Signature: header, Body: body, Resolve: resolve})
	if err != nil {
		return nil, bad(fmt.Errorf("post the forged event: %w", err))
	}
	return map[string]int{"status": status}, nil
}
