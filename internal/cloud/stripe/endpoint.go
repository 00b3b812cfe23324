package stripe

import (
	"context"
	"net/http"
	"strconv"
	"time"

	stripesdk "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"

	"github.com/coachplatform/coach-operator/internal/scope"
)

// APIVersion is the version of Stripe's API that this package speaks.
const APIVersion = stripesdk.APIVersion

const (
	endpointsPath = "/v1/webhook_endpoints"
	// maxEndpointPages is far more than the 16 that an account may have.
	maxEndpointPages = 5
)

// Endpoint is where Stripe sends events to.
// https://docs.stripe.com/api/webhook_endpoints/object
type Endpoint struct {
	ID, URL string
	Created time.Time
	// Status is enabled or disabled.
	Status     string
	APIVersion string
	// Application is set for events of connected accounts.
	Application string
	Events      []string
	// Metadata are those whose keys are ours.
	Metadata map[string]string
}

// EndpointSpec is what an endpoint should be.
type EndpointSpec struct {
	URL         string
	Events      []string
	Metadata    map[string]string
	Description string
}

type wireEndpoint struct {
	ID          string            `json:"id"`
	Created     int64             `json:"created"`
	URL         string            `json:"url"`
	Status      string            `json:"status"`
	APIVersion  string            `json:"api_version"`
	Application string            `json:"application"`
	Events      []string          `json:"enabled_events"`
	Metadata    map[string]string `json:"metadata"`
}

func (w *wireEndpoint) endpoint() Endpoint {
	return Endpoint{
		ID: word(w.ID), Created: at(w.Created), URL: text(w.URL), Status: word(w.Status), APIVersion: word(w.APIVersion),
		Application: word(w.Application), Events: w.Events, Metadata: ours(w.Metadata),
	}
}

// oneEndpoint is the answer about one. Its secret is there once, when it is created.
type oneEndpoint struct {
	silent
	wireEndpoint

	Secret string `json:"secret"`
}

// Endpoints returns all of the business's endpoints in the key's mode, and when they were requested. They
// must not be changed.
// https://docs.stripe.com/api/webhook_endpoints/list
func (c *Client) Endpoints(ctx context.Context, fresh bool) ([]Endpoint, time.Time, error) {
	return shared(ctx, c, c.endpoints, fresh)
}

func (c *Client) readEndpoints(ctx context.Context, _ time.Time) ([]Endpoint, error) {
	var all []Endpoint
	after := ""
	for range maxEndpointPages {
		var page wirePage[wireEndpoint]
		err := c.call(ctx, request{
			operation: "ListEndpoints", method: http.MethodGet, path: endpointsPath,
			fields: body("limit", pageSize, "starting_after", after),
		}, &page)
		if err != nil {
			return nil, err
		}
		for i := range page.Data {
			all = append(all, page.Data[i].endpoint())
			after = page.Data[i].ID
		}
		if !page.HasMore {
			break
		}
	}
	return all, nil
}

// CreateEndpoint makes an endpoint for events of connected accounts, in the API version that this package
// reads, and returns the secret that they are signed with.
// https://docs.stripe.com/api/webhook_endpoints/create
func (c *Client) CreateEndpoint(ctx context.Context, spec EndpointSpec, idempotencyKey string) (Endpoint, scope.Secret, error) {
	const operation = "CreateEndpoint"
	if idempotencyKey == "" {
		return Endpoint{}, scope.Secret{}, &Error{Operation: operation, Type: typeClient, Code: codeNoKey}
	}
	fields := body("api_version", stripesdk.APIVersion, "connect", "true")
	spec.addTo(fields)
	answer, err := c.writeEndpoint(ctx, request{
		operation: operation, method: http.MethodPost, path: endpointsPath, fields: fields, key: idempotencyKey,
	})
	return answer.endpoint(), scope.NewSecret(answer.Secret), err
}

// UpdateEndpoint makes an endpoint what it should be, and enabled.
// https://docs.stripe.com/api/webhook_endpoints/update
func (c *Client) UpdateEndpoint(ctx context.Context, id string, spec EndpointSpec) (Endpoint, error) {
	const operation = "UpdateEndpoint"
	if err := checkID(operation, id); err != nil {
		return Endpoint{}, err
	}
	fields := body("disabled", "false")
	spec.addTo(fields)
	answer, err := c.writeEndpoint(ctx, request{
		operation: operation, method: http.MethodPost, path: endpointsPath + "/" + id, fields: fields,
	})
	return answer.endpoint(), err
}

// DeleteEndpoint removes an endpoint; one that is gone is no error.
// https://docs.stripe.com/api/webhook_endpoints/delete
func (c *Client) DeleteEndpoint(ctx context.Context, id string) error {
	const operation = "DeleteEndpoint"
	if err := checkID(operation, id); err != nil {
		return err
	}
	_, err := c.writeEndpoint(ctx, request{operation: operation, method: http.MethodDelete, path: endpointsPath + "/" + id})
	if IsGone(err) {
		return nil
	}
	return err
}

// writeEndpoint makes a call that changes an endpoint, or may have.
func (c *Client) writeEndpoint(ctx context.Context, r request) (*oneEndpoint, error) {
	defer c.endpoints.Forget()
	answer := &oneEndpoint{}
	if err := c.call(ctx, r, answer); err != nil {
		return &oneEndpoint{}, err
	}
	return answer, nil
}

func (s EndpointSpec) addTo(f *form.Values) {
	for i, event := range s.Events {
		f.Add("enabled_events["+strconv.Itoa(i)+"]", event)
	}
	if s.Description != "" {
		f.Add("description", s.Description)
	}
	addMetadata(f, s.Metadata)
	f.Add("url", s.URL)
}
