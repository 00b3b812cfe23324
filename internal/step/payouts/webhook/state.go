package webhook

import (
	"slices"
	"strconv"
	"strings"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const reasonWaiting = v1alpha1.ReasonWaitingForPlatform

// State is the endpoint.
type State struct {
	URL, Version string
	// Events that it receives, sorted.
	Events []string
	// Enabled says that Stripe delivers to it.
	Enabled bool
	// Signed says that its secret is kept.
	Signed bool
	// Others are further endpoints of ours, which should not be.
	Others int

	// Observed only: its ID, those of the others, what the kept secret belongs to, and why another platform
	// goes before this one.
	id      string
	surplus []string
	signing scope.Signing
	elder   error
}

// desire says what the endpoint should be.
func desire(in *scope.Platform) (State, error) {
	if in.Business.ID == "" {
		return State{}, waiting(in)
	}
	return State{
		URL: in.Business.URL, Version: stripe.APIVersion, Events: slices.Sorted(slices.Values(stripe.Events)), Enabled: true, Signed: true,
	}, nil
}

// Paths of the fields that only a new endpoint repairs.
const (
	pathVersion = "apiVersion"
	pathSigning = "signingSecret"
)

// pathOthers is the field that is repaired by deleting alone.
const pathOthers = "others"

// Fields are what the step owns.
var Fields = []converge.Field[State]{
	{Path: "url", About: "where events are delivered", Get: func(s State) string { return s.URL }},
	{Path: "events", About: "which events are delivered", Get: func(s State) string { return strings.Join(s.Events, " ") }},
	{Path: "enabled", About: "that events are delivered", Get: func(s State) string { return strconv.FormatBool(s.Enabled) }},
	{
		Path: pathVersion, About: "the version of Stripe's API that events are in; a new endpoint is created for another",
		Get: func(s State) string { return s.Version },
	},
	{
		Path: pathSigning, About: "that the secret which events are signed with is kept; a new endpoint is created if it is lost",
		Get: func(s State) string { return strconv.FormatBool(s.Signed) },
	},
	{
		Path: pathOthers, About: "further endpoints of the platform's, which are deleted",
		Get: func(s State) string { return strconv.Itoa(s.Others) },
	},
}

// Controls are what the step can prove.
var Controls = []converge.Control[State]{{ID: "CP-PAY-04", Check: func(want, got State) (converge.Verdict, string) {
	switch {
	case got.elder != nil:
		return converge.Unknown, "another platform uses the Stripe account"
	case !strings.HasPrefix(got.URL, "https://"):
		return converge.Violated, "events are delivered without TLS"
	case got.URL != want.URL:
		return converge.Violated, "events are delivered to another address"
	case !got.Enabled:
		return converge.Violated, "the endpoint is disabled"
	case !slices.Equal(got.Events, want.Events):
		return converge.Violated, "the endpoint receives other events than it needs"
	case !got.Signed:
		return converge.Violated, "the secret that events are signed with is not kept"
	}
	return converge.Verified, "one endpoint over TLS, whose secret is kept"
}}}
