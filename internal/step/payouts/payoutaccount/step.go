// Package payoutaccount is the step that owns one coach's account at Stripe: that there is exactly one,
// whose it is, what it may do and when it pays. What the coach submits to Stripe is not ours: it is neither
// written nor read. It must not import other steps.
package payoutaccount

import (
	"time"

	"k8s.io/utils/clock"

	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step.
const Name = "payoutaccount"

// Options are what the step works with.
type Options struct {
	Stripe *stripe.Clients
	Clock  clock.PassiveClock
	// Sweep is how old a listing of all accounts may be to answer a quiet read.
	Sweep time.Duration
}

// New returns the step.
func New(o Options) converge.Step[*scope.Payout] {
	return converge.Of[*scope.Payout, State]{
		ID: Name,
		About: "A coach's account at Stripe: exactly one, marked as this coach's, with its capabilities, what the business says of " +
			"it, and its payout schedule.",
		Desire:    Desire,
		Resource:  &resource{Options: o, missed: newMisses()},
		Fields:    Fields,
		Constrain: constrain,
		Publish:   publish,
	}
}

// resource talks to Stripe.
type resource struct {
	Options
	missed *misses
}

// publish hands on what was read.
func publish(in *scope.Payout, s State) { in.Account = s.account }
