package stripeaccount

import (
	"context"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// State is the business's account, as far as it is judged.
type State struct {
	// ID of the account.
	ID string
	// Live is the mode that is requested, or that of the key.
	Live bool
	// Restricted says that the key can do only what it was given.
	Restricted bool
	// Accounts is how many coaches' accounts are the platform's, and Elsewhere those of them of which not
	// Stripe collects what it must know. Listed is when that was seen.
	Accounts  int
	Elsewhere []string
	Listed    time.Time

	// kept are the platform's accounts that were not released, and former how many of an earlier platform of
	// this name were not: its namespace, or itself, was made anew.
	kept   []string
	former int
}

// desire says in which mode the platform is. A platform without a key, or in another mode than its class,
// is not observed.
func desire(in *scope.Platform) (State, error) {
	mode := in.Spec.Stripe.Mode
	switch {
	case in.Class.Spec.Stripe.Mode == "":
		return State{}, fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
			"the class %s offers no payouts; a cluster operator can add spec.stripe to it, or leave spec.stripe out here", in.Class.Name)
	case in.Class.Spec.Stripe.Mode != mode:
		return State{}, fault.New(fault.Invalid, v1alpha1.ReasonModeMismatch,
			"spec.stripe.mode is %s and the class %s is for %s; make the platform in a class of its mode", mode, in.Class.Name,
			in.Class.Spec.Stripe.Mode)
	case in.Business.Problem != nil:
		return State{}, in.Business.Problem
	}
	return State{Live: mode == v1alpha1.StripeLive, Restricted: true}, nil
}

// Observe implements converge.Resource.
func (r *resource) Observe(ctx context.Context, in *scope.Platform, want State, fresh bool) (converge.Observation[State], error) {
	client, err := r.Stripe.For(in.Business.Key)
	if err != nil {
		return converge.Observation[State]{}, err
	}
	kind := client.Key()
	if kind.Live != want.Live { // nothing is asked in a world that is not the platform's
		return converge.Observation[State]{
			Exists: true, Settled: true, At: r.Clock.Now(), State: State{Live: kind.Live, Restricted: kind.Restricted},
		}, nil
	}
	business, at, err := client.Platform(ctx, fresh)
	if err != nil {
		return converge.Observation[State]{}, stripe.Classify(err)
	}
	listing, err := client.Lately(ctx, r.Sweep)
	if err != nil {
		return converge.Observation[State]{}, stripe.Classify(err)
	}
	s := State{ID: business.ID, Live: kind.Live, Restricted: kind.Restricted, Listed: listing.Began()}
	for account := range listing.All() {
		if !account.Gone {
			s.count(in.Tenant, account)
		}
	}
	return converge.Observation[State]{Exists: true, Settled: true, ID: business.ID, At: at, State: s}, nil
}

// count adds an account to what is judged.
func (s *State) count(tenant naming.Tenant, account scope.Account) {
	released := account.Metadata[naming.MetaReleased] != ""
	if !tenant.OwnsAtStripe(account.Metadata, s.Live) {
		if tenant.Formerly(account.Metadata) && !released {
			s.former++
		}
		return
	}
	s.Accounts++
	if !released {
		s.kept = append(s.kept, account.ID)
	}
	if account.Controller.RequirementCollection != collectedByStripe {
		s.Elsewhere = append(s.Elsewhere, account.ID)
	}
}

// degraded says that the key is of the other mode, or that coaches would get a second account.
func degraded(want, got State) error {
	if got.former > 0 {
		return fault.New(fault.Conflict, v1alpha1.ReasonOwnedByAnother,
			"the Stripe account has %d coaches' accounts of an earlier platform of this name, whose namespace was created again, and no others "+
				"are created beside them: adopt each (spec.adopt and the annotation %s), or give it the metadata %s in Stripe's Dashboard",
			got.former, v1alpha1.AnnotationClaim, naming.MetaReleased)
	}
	if want.Live == got.Live {
		return nil
	}
	return fault.New(fault.Denied, v1alpha1.ReasonModeMismatch,
		"the key in the Secret of spec.stripe.credentialsSecretName is of %s mode and the platform of %s; put a key of the platform's mode there",
		mode(got.Live), mode(want.Live))
}

const collectedByStripe = "stripe"
