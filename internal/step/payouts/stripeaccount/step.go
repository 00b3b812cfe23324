// Package stripeaccount is the step that observes the business's own Stripe account: that the key is good,
// restricted and in the right mode, and that Stripe itself collects what it must know of every coach. It
// writes nothing. It must not import other steps.
package stripeaccount

import (
	"context"
	"time"

	"k8s.io/utils/clock"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step.
const Name = "stripe"

// Options are what the step works with.
type Options struct {
	Stripe *stripe.Clients
	Clock  clock.PassiveClock
	// Sweep is how old a listing of all accounts may be.
	Sweep time.Duration
}

// New returns the step.
func New(o Options) converge.Step[*scope.Platform] {
	return converge.Of[*scope.Platform, State]{
		ID:        Name,
		Condition: v1alpha1.ConditionPayoutsReady,
		About: "The business's own Stripe account: its key, which is restricted and in the right mode, and that Stripe itself collects " +
			"what it must know of every coach.",
		When:     func(in *scope.Platform) bool { return in.Spec.Stripe.CredentialsSecretName != "" },
		Desire:   desire,
		Resource: &resource{o},
		Controls: Controls,
		Degraded: degraded,
		Publish:  func(in *scope.Platform, s State) { in.Business.ID, in.Business.Accounts = s.ID, s.kept },
	}
}

// resource talks to Stripe.
type resource struct{ Options }

// Apply implements converge.Resource: there is nothing to write.
func (*resource) Apply(context.Context, *scope.Platform, State, converge.Observation[State], []converge.Change) error {
	return nil
}

// Release implements converge.Resource: there is nothing to release.
func (*resource) Release(context.Context, *scope.Platform) (bool, error) { return true, nil }
