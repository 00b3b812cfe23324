// Package webhook is the step that owns the one endpoint at which Stripe reports a business's coaches,
// and what its events are signed with. It must not import other steps.
package webhook

import (
	"context"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step.
const Name = "webhook"

// New returns the step.
func New(clients *stripe.Clients) converge.Step[*scope.Platform] {
	return converge.Of[*scope.Platform, State]{
		ID:        Name,
		Condition: v1alpha1.ConditionPayoutsReady,
		About: "The endpoint at which Stripe reports the business's coaches: one for each Stripe account and mode, below the class's " +
			"webhookBaseURL, with the secret that its events are signed with.",
		When:     func(in *scope.Platform) bool { return in.Spec.Stripe.CredentialsSecretName != "" },
		Desire:   desire,
		Resource: &resource{clients},
		Fields:   Fields,
		Controls: Controls,
		Degraded: func(_, got State) error { return got.elder },
	}
}

// resource talks to Stripe.
type resource struct{ clients *stripe.Clients }

// Release implements converge.Resource: the endpoint holds nothing, so it is deleted. Without a key nobody
// can, and nothing waits for one.
func (r *resource) Release(ctx context.Context, in *scope.Platform) (bool, error) {
	if problem := in.Business.Problem; problem != nil {
		if fault.ClassOf(problem) == fault.Transient { // it is not known whether there is a key
			return false, problem
		}
		return true, nil
	}
	client, err := r.clients.For(in.Business.Key)
	if err != nil {
		return true, nil //nolint:nilerr // what is in the Secret is no key
	}
	all, _, err := client.Endpoints(ctx, true)
	switch {
	case stripe.Credentials(err):
		return true, nil
	case err != nil:
		return false, stripe.Classify(err)
	}
	ours, _ := sorted(in, client.Key().Live, all)
	for _, e := range ours {
		switch err := client.DeleteEndpoint(ctx, e.ID); {
		case stripe.Credentials(err): // a key that may read and not write
			return true, nil
		case err != nil:
			return false, stripe.Classify(err)
		}
	}
	return len(ours) == 0, nil
}

// waiting says that the step stripe has to succeed first.
func waiting(in *scope.Platform) error {
	if in.Business.Problem != nil {
		return in.Business.Problem
	}
	return fault.Wait(reasonWaiting, 0, "the endpoint waits for the business's Stripe account")
}
