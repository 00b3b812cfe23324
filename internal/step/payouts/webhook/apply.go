package webhook

import (
	"context"
	"slices"

	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Apply implements converge.Resource. A secret is returned once, in the answer that makes the endpoint: it is
// kept before the endpoint it replaces goes.
func (r *resource) Apply(
	ctx context.Context, in *scope.Platform, want State, got converge.Observation[State], changes []converge.Change,
) error {
	client, err := r.clients.For(in.Business.Key)
	if err != nil {
		return err
	}
	surplus := got.State.surplus
	anew := slices.ContainsFunc(changes, func(c converge.Change) bool { return c.Path == pathVersion || c.Path == pathSigning })
	switch {
	case !got.Exists || anew:
		if len(surplus) > 1 { // no secret could be kept for a while, and each day made one more of the few that there may be
			if err := drop(ctx, client, surplus); err != nil {
				return err
			}
			surplus = nil
		}
		made, err := remake(ctx, client, in, want, got.State)
		if err != nil {
			return err
		}
		surplus = slices.DeleteFunc(append(slices.Clone(surplus), got.State.id), func(id string) bool { return id == "" || id == made })
	case slices.ContainsFunc(changes, func(c converge.Change) bool { return c.Path != pathOthers }):
		if _, err := client.UpdateEndpoint(ctx, got.State.id, spec(in, client, want)); err != nil {
			return stripe.Classify(err)
		}
	}
	return drop(ctx, client, surplus)
}

// drop deletes endpoints.
func drop(ctx context.Context, client *stripe.Client, ids []string) error {
	for _, id := range ids {
		if err := client.DeleteEndpoint(ctx, id); err != nil {
			return stripe.Classify(err)
		}
	}
	return nil
}

// remake makes an endpoint and keeps its secret. The key of the call names what is replaced: a call that
// is made again after a crash is answered with the same endpoint and the same secret.
func remake(ctx context.Context, client *stripe.Client, in *scope.Platform, want, got State) (string, error) {
	attempt := in.Tenant.EndpointKey(client.Key().Live, want.URL, got.signing.Endpoint+"/"+got.id)
	made, secret, err := client.CreateEndpoint(ctx, spec(in, client, want), attempt)
	if err != nil {
		return "", stripe.Classify(err)
	}
	return made.ID, in.Business.Signing.Store(ctx, made.ID, secret)
}

func spec(in *scope.Platform, client *stripe.Client, want State) stripe.EndpointSpec {
	return stripe.EndpointSpec{
		URL: want.URL, Events: want.Events, Metadata: in.Tenant.StripeMetadata(client.Key().Live),
		Description: "Coach operator: " + in.Tenant.Namespace + "/" + in.Tenant.Name,
	}
}
