// Package account is the step that observes a class's AWS account: that the operator's role leads
// there, may be assumed for reading and for writing, and how much of the account's quotas is left.
// It owns nothing and changes nothing. It must not import other steps.
package account

import (
	"context"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step.
const Name = "account"

// State is what was seen of the account.
type State struct {
	// Quotas that platforms use up, sorted by name.
	Quotas []v1alpha1.Quota
}

// New returns the step.
func New(sessions *aws.Sessions) converge.Step[*scope.Class] {
	return converge.Of[*scope.Class, State]{
		ID:        Name,
		Condition: v1alpha1.ConditionAccountReady,
		About:     "The AWS account of the class: the operator's role leads there, and how much its quotas leave.",
		Desire:    func(*scope.Class) (State, error) { return State{}, nil },
		Resource:  resource{sessions},
		Publish:   func(in *scope.Class, s State) { in.Quotas = s.Quotas },
		Reads:     []string{"rds:DescribeAccountAttributes", "sts:GetCallerIdentity"},
	}
}

// resource reads STS and RDS.
type resource struct {
	sessions *aws.Sessions
}

// Apply implements converge.Resource: there is nothing to change.
func (resource) Apply(
	context.Context, *scope.Class, State, converge.Observation[State], []converge.Change,
) error {
	return nil
}

// Release implements converge.Resource: there is nothing to release.
func (resource) Release(context.Context, *scope.Class) (bool, error) { return true, nil }
