package webhook

import (
	"cmp"
	"context"
	"slices"
	"strings"

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
	elder := olderThan(ours, others)
	switch {
	case elder != nil && len(ours) > 0: // both were made at the same time
		return converge.Observation[State]{Exists: true, Settled: true, At: at, State: yielding(want, ours, elder)}, nil
	case elder != nil:
		return converge.Observation[State]{}, elder
	}
	if err := free(others, want.URL); err != nil {
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

// sorted returns the endpoints that are the platform's and the rest, oldest first. Stripe counts in seconds, so
// of the same second the names decide: all platforms must see the same order.
func sorted(in *scope.Platform, live bool, all []stripe.Endpoint) (ours, others []stripe.Endpoint) {
	all = slices.Clone(all)
	slices.SortFunc(all, older)
	for _, e := range all {
		if in.Tenant.OwnsAtStripe(e.Metadata, live) {
			ours = append(ours, e)
		} else {
			others = append(others, e)
		}
	}
	return ours, others
}

func older(x, y stripe.Endpoint) int {
	return cmp.Or(x.Created.Compare(y.Created), strings.Compare(x.ID, y.ID))
}

func managed(e stripe.Endpoint) bool { return e.Metadata[naming.MetaManagedBy] == naming.ManagedBy }

// olderThan refuses a Stripe account that another platform uses: of two, the one whose endpoint is older has it.
func olderThan(ours, others []stripe.Endpoint) error {
	i := slices.IndexFunc(others, managed)
	if i < 0 || len(ours) > 0 && older(ours[0], others[i]) < 0 {
		return nil
	}
	return fault.New(fault.Conflict, v1alpha1.ReasonConflict,
		"another platform (%s) uses this Stripe account: its endpoint is %s; give each platform a Stripe account of its own, or, "+
			"if that platform is gone, delete the endpoint in Stripe's Dashboard", others[i].Metadata[naming.MetaTenant], others[i].ID)
}

// free says that an endpoint which somebody made by hand at our address is in the way.
func free(others []stripe.Endpoint, url string) error {
	i := slices.IndexFunc(others, func(e stripe.Endpoint) bool { return e.URL == url && !managed(e) })
	if i < 0 {
		return nil
	}
	return fault.New(fault.Conflict, v1alpha1.ReasonConflict,
		"the endpoint %s at this platform's address was made by somebody else; delete it in Stripe's Dashboard, and the platform's is made",
		others[i].ID)
}

// yielding is the state of a platform that came second: nothing differs but that it has endpoints, which
// go. If they stayed, the elder would be the younger once it had to make its own anew.
func yielding(want State, ours []stripe.Endpoint, elder error) State {
	s := want
	s.Others, s.elder = len(ours), elder
	for _, e := range ours {
		s.surplus = append(s.surplus, e.ID)
	}
	return s
}
