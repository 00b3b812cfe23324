package webhook

import (
	"context"
	"slices"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// minSecret is how long a secret is at least; a shorter one is none.
const minSecret = 16

// Observe implements converge.Resource.
func (r *resource) Observe(ctx context.Context, in *scope.Platform, want State, fresh bool) (converge.Observation[State], error) {
	client, err := r.clients.For(in.Business.Key)
	if err != nil {
		return converge.Observation[State]{}, err
	}
	signing, err := in.Business.Signing.Stored(ctx)
	if err != nil {
		return converge.Observation[State]{}, err
	}
	all, at, err := client.Endpoints(ctx, fresh)
	if err != nil {
		return converge.Observation[State]{}, stripe.Classify(err)
	}
	ours, others := sorted(in, client.Key().Live, all)
	if err := alone(ours, others, want.URL); err != nil {
		return converge.Observation[State]{}, err
	}
	if len(ours) == 0 {
		return converge.Observation[State]{At: at, State: State{signing: signing}}, nil
	}
	kept := ours[max(0, slices.IndexFunc(ours, func(e stripe.Endpoint) bool { return e.ID == signing.Endpoint }))]
	s := State{
		URL: kept.URL, Version: kept.APIVersion, Events: slices.Sorted(slices.Values(kept.Events)), Enabled: kept.Status == "enabled",
		Signed: kept.ID == signing.Endpoint && len(signing.Secret.Reveal()) >= minSecret,
		Others: len(ours) - 1, id: kept.ID, signing: signing,
	}
	for _, e := range ours {
		if e.ID != kept.ID {
			s.surplus = append(s.surplus, e.ID)
		}
	}
	return converge.Observation[State]{Exists: true, Settled: true, ID: kept.ID, At: at, State: s}, nil
}

// sorted returns the endpoints that are the platform's and the rest, oldest first.
func sorted(in *scope.Platform, live bool, all []stripe.Endpoint) (ours, others []stripe.Endpoint) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(x, y stripe.Endpoint) int { return x.Created.Compare(y.Created) })
	for _, e := range all {
		if in.Tenant.OwnsAtStripe(e.Metadata, live) {
			ours = append(ours, e)
		} else {
			others = append(others, e)
		}
	}
	return ours, others
}

// alone refuses a Stripe account that another platform uses: of two, the one whose endpoint is older. An
// endpoint at our address that somebody made by hand is in the way, too.
func alone(ours, others []stripe.Endpoint, url string) error {
	for _, e := range others {
		switch {
		case e.Metadata[naming.MetaManagedBy] == naming.ManagedBy && (len(ours) == 0 || e.Created.Before(ours[0].Created)):
			return fault.New(fault.Conflict, v1alpha1.ReasonConflict,
				"another platform (%s) uses this Stripe account: its endpoint is %s; give each platform a Stripe account of its own, or, "+
					"if that platform is gone, delete the endpoint in Stripe's Dashboard", e.Metadata[naming.MetaTenant], e.ID)
		case e.URL == url:
			return fault.New(fault.Conflict, v1alpha1.ReasonConflict,
				"the endpoint %s at this platform's address was made by somebody else; delete it in Stripe's Dashboard, and the platform's is made", e.ID)
		}
	}
	return nil
}
