package state

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

// eventsKept is how many events a space remembers.
const eventsKept = 10_000

// Event is something that happened to an account.
type Event struct {
	ID, Type  string
	Account   string
	Version   string
	Live      bool
	CreatedAt time.Time
	Object    json.RawMessage

	deliveries []*Delivered
}

// Delivered is one event on its way to one endpoint. Its fields belong to the
// world's lock.
type Delivered struct {
	URL string `json:"url"`
	// Status is the HTTP status of the last attempt, 0 if there was none or no
	// answer.
	Status   int `json:"status"`
	Attempts int `json:"attempts"`
}

// Sending is the request to send an event to an endpoint.
type Sending struct {
	Event    *Event
	Endpoint *Endpoint
	Report   *Delivered
}

// body is the event in an API version.
func (e *Event) body(version string) []byte {
	return Encode(object.Object{
		"id": e.ID, "object": "event", "type": e.Type, "account": e.Account, "api_version": version, "created": e.CreatedAt.Unix(),
		"livemode": e.Live, "pending_webhooks": 1, "request": object.Object{"id": nil, "idempotency_key": nil},
		"data": object.Object{"object": e.Object},
	})
}

// Body is the event as an endpoint gets it: in the endpoint's version, but for
// the end of a connection, which has the version of the account.
func (e *Event) Body(to *Endpoint) []byte {
	if e.Type == deauthorized || to.Version == "" {
		return e.body(e.Version)
	}
	return e.body(to.Version)
}

// emit reports something that happened to an account.
func (w *World) emit(a *Account, kind string, about json.RawMessage) {
	s := a.space
	e := &Event{
		ID: newID("evt_1", 23), Type: kind, Account: a.ID, Version: a.version, Live: s.Live, CreatedAt: w.Clock(), Object: about,
	}
	if len(s.events) >= eventsKept {
		s.events = slices.Delete(s.events, 0, eventsKept/10) //nolint:mnd // a tenth at once is cheap
	}
	s.events = append(s.events, e)
	for _, endpoint := range w.listeners(s) {
		if endpoint.wants(kind) {
			w.deliver(e, endpoint)
		}
	}
}

// listeners are the endpoints that may get a space's events.
func (w *World) listeners(s *Space) []*Endpoint {
	if !s.Live && w.SettingsOf(s.ID).CrossMode {
		return append(slices.Clone(s.endpoints), s.spaces[true].endpoints...)
	}
	return s.endpoints
}

func (w *World) deliver(e *Event, to *Endpoint) {
	report := &Delivered{URL: to.URL}
	e.deliveries = append(e.deliveries, report)
	w.send(Sending{Event: e, Endpoint: to, Report: report})
}

// Resend sends an event once more to all endpoints that get it.
func (w *World) Resend(id string) bool {
	for _, p := range w.platforms {
		for _, s := range p.spaces {
			i := slices.IndexFunc(s.events, func(e *Event) bool { return e.ID == id })
			if i < 0 {
				continue
			}
			for _, endpoint := range w.listeners(s) {
				if endpoint.wants(s.events[i].Type) {
					w.deliver(s.events[i], endpoint)
				}
			}
			return true
		}
	}
	return false
}

// succeeded reports whether every endpoint has taken the event.
func (e *Event) succeeded() bool {
	return !slices.ContainsFunc(e.deliveries, func(d *Delivered) bool { return d.Status < 200 || d.Status > 299 })
}

// Events are those of the account that the caller acts as, newest first. Those
// of connected accounts are not the platform's own, of which there are none.
func (c Caller) Events(params object.Object) (object.Object, *Error) {
	var found []*Event
	for _, e := range slices.Backward(c.events) {
		if c.Account != nil && e.Account == c.Account.ID && e.matches(params) {
			found = append(found, e)
		}
	}
	return page("/v1/events", params, found, func(e *Event) string { return e.ID }, func(e *Event) json.RawMessage {
		return e.body(e.Version)
	})
}

func (e *Event) matches(params object.Object) bool {
	if kind := object.Text(params, "type"); kind != "" && kind != e.Type {
		return false
	}
	if kinds, ok := params["types"].([]any); ok && !slices.Contains(kinds, any(e.Type)) {
		return false
	}
	if success, ok := params["delivery_success"].(bool); ok && success != e.succeeded() {
		return false
	}
	return inRange(params["created"], e.CreatedAt.Unix())
}

// Event is one that the caller may see.
func (c Caller) Event(id string) ([]byte, *Error) {
	i := slices.IndexFunc(c.events, func(e *Event) bool { return e.ID == id && c.Account != nil && e.Account == c.Account.ID })
	if i < 0 {
		return nil, missing("event", id)
	}
	return c.events[i].body(c.events[i].Version), nil
}

// Forged is an event that never was.
func Forged(kind, account, version string, live bool, at time.Time) []byte {
	e := Event{
		ID: newID("evt_1", 23), Type: kind, Account: account, Live: live, CreatedAt: at,
		Object: Encode(object.Object{"id": account, "object": "account", "email": decoyEmail}),
	}
	return e.body(version)
}
