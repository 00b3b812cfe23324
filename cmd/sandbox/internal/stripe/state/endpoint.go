package state

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

// maxEndpoints is how many a platform may have in a mode.
const maxEndpoints = 16

// Endpoint takes events.
type Endpoint struct {
	ID, URL  string
	Version  string // "" for the account's own
	Disabled bool

	// Connect says that it takes events of connected accounts.
	Connect bool
	Events  []string

	space       *Space
	created     time.Time
	description string
	metadata    object.Object
	secrets     []secret // the newest first
}

type secret struct {
	text string
	ends time.Time // never, when zero
}

func (e *Endpoint) wants(kind string) bool {
	return e.Connect && !e.Disabled && (slices.Contains(e.Events, kind) || slices.Contains(e.Events, "*"))
}

// SettingsOf are those of the endpoint's platform.
func (w *World) settingsOf(e *Endpoint) Settings { return w.SettingsOf(e.space.ID) }

// Route is how events of an endpoint travel: the secrets to sign with, and what
// goes wrong. ok is false when it takes none any more.
func (w *World) Route(e *Endpoint) (secrets []string, settings Settings, ok bool) {
	for _, s := range e.secrets {
		if s.ends.IsZero() || w.Clock().Before(s.ends) {
			secrets = append(secrets, s.text)
		}
	}
	there := w.platforms[e.space.ID] == e.space.Platform && slices.Contains(e.space.endpoints, e)
	return secrets, w.settingsOf(e), there && !e.Disabled
}

// NewEndpoint returns one; only this answer holds the secret.
func (w *World) NewEndpoint(s *Space, params object.Object) (object.Object, *Error) {
	if len(s.endpoints) >= maxEndpoints {
		return nil, refuse("", "", "You have reached the maximum of %d %s webhook endpoints.", maxEndpoints, s.Mode())
	}
	e := &Endpoint{
		ID: newID("we_1", 23), space: s, created: w.Clock(), metadata: object.Object{},
		Connect: object.Bool(params, "connect"), Version: object.Text(params, "api_version"),
		secrets: []secret{{text: newID("whsec_", 32)}},
	}
	if failure := e.write(params); failure != nil {
		return nil, failure
	}
	s.endpoints = append(s.endpoints, e)
	shown := e.object()
	shown["secret"] = e.secrets[0].text
	return shown, nil
}

func (e *Endpoint) write(params object.Object) *Error {
	if address, given := params["url"].(string); given {
		parsed, err := url.Parse(address)
		switch {
		case err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https":
			return refuse("url", "url_invalid", "Not a valid URL")
		case e.space.Live && parsed.Scheme != "https":
			return refuse("url", "url_invalid", "Invalid URL: live mode requires HTTPS.")
		}
		e.URL = address
	}
	if events, given := params["enabled_events"].([]any); given {
		e.Events = nil
		for _, event := range events {
			text, _ := event.(string)
			e.Events = append(e.Events, text)
		}
	}
	if disabled, given := params["disabled"].(bool); given {
		e.Disabled = disabled
	}
	if description, given := params["description"].(string); given {
		e.description = description
	}
	return writeMetadata(e.metadata, params["metadata"], func() { e.metadata = object.Object{} })
}

func (e *Endpoint) object() object.Object {
	var version, description, application any
	if e.Version != "" {
		version = e.Version
	}
	if e.description != "" {
		description = e.description
	}
	if e.Connect { // as Stripe does, to tell them apart
		application = "ca_" + e.space.ID[len("acct_"):]
	}
	status := "enabled"
	if e.Disabled {
		status = "disabled"
	}
	return object.Object{
		"id": e.ID, "object": "webhook_endpoint", "api_version": version, "application": application, "created": e.created.Unix(),
		"description": description, "enabled_events": e.Events, "livemode": e.space.Live, "metadata": object.Clone(e.metadata),
		"status": status, "url": e.URL,
	}
}

// Endpoint is one of the space's.
func (s *Space) Endpoint(id string) (*Endpoint, *Error) {
	i := slices.IndexFunc(s.endpoints, func(e *Endpoint) bool { return e.ID == id })
	if i < 0 {
		e := missing("webhook endpoint", id)
		e.Status, e.Param = http.StatusNotFound, "webhook_endpoint"
		return nil, e
	}
	return s.endpoints[i], nil
}

// ReadEndpoint is one of the endpoints as the API shows it.
func (s *Space) ReadEndpoint(id string) (object.Object, *Error) {
	e, failure := s.Endpoint(id)
	if failure != nil {
		return nil, failure
	}
	return e.object(), nil
}

// UpdateEndpoint changes an endpoint.
func (s *Space) UpdateEndpoint(id string, params object.Object) (object.Object, *Error) {
	e, failure := s.Endpoint(id)
	if failure != nil {
		return nil, failure
	}
	changed := *e
	changed.metadata, _ = object.Clone(e.metadata).(object.Object)
	if failure := changed.write(params); failure != nil {
		return nil, failure
	}
	*e = changed
	return e.object(), nil
}

// DeleteEndpoint takes an endpoint away.
func (s *Space) DeleteEndpoint(id string) ([]byte, *Error) {
	e, failure := s.Endpoint(id)
	if failure != nil {
		return nil, failure
	}
	s.endpoints = slices.DeleteFunc(s.endpoints, func(other *Endpoint) bool { return other == e })
	return deletedBody("webhook_endpoint", id), nil
}

// Endpoints are the space's, newest first.
func (s *Space) Endpoints(params object.Object) (object.Object, *Error) {
	newest := slices.Clone(s.endpoints)
	slices.Reverse(newest)
	return page("/v1/webhook_endpoints", params, newest, func(e *Endpoint) string { return e.ID }, func(e *Endpoint) any { return e.object() })
}

// Roll gives an endpoint a new secret; until the overlap is over, events are
// signed with the old one too.
func (w *World) Roll(p *Platform, id string, overlap time.Duration) (string, *Error) {
	for _, s := range p.spaces {
		e, failure := s.Endpoint(id)
		if failure != nil {
			continue
		}
		e.secrets[0].ends = w.Clock().Add(overlap)
		e.secrets = append([]secret{{text: newID("whsec_", 32)}}, e.secrets[0])
		return e.secrets[0].text, nil
	}
	return "", missing("webhook endpoint", id)
}

// Swapped ends the reordering of events, which is for two of them.
func (w *World) Swapped(e *Endpoint) {
	settings := w.settingsOf(e)
	settings.Delivery.Reorder = false
	if _, own := w.own[e.space.ID]; own {
		w.own[e.space.ID] = settings
		return
	}
	w.settings = settings
}
