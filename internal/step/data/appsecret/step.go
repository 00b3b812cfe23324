// Package appsecret is the step that owns the Secrets by which a tenant's applications log in to the
// tenant's database: one for each login, in the tenant's namespace. They are output: what is in them is
// never believed. It must not import other steps.
package appsecret

import (
	"context"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step.
const Name = "appsecret"

// New returns the step. The client must not cache: nothing may watch the Secrets of tenants.
func New(kube API) converge.Step[*scope.Platform] {
	return converge.Of[*scope.Platform, State]{
		ID:        Name,
		Condition: v1alpha1.ConditionSecretsReady,
		About: "The Secrets in the tenant's namespace, one for each login of the database: where it is, who logs in with which " +
			"password, and which authorities vouch for the server.",
		Desire:    Desire,
		Resource:  &resource{kube: kube},
		Fields:    Fields,
		Constrain: constrain,
		Degraded:  degraded,
		Publish:   publish,
	}
}

// resource talks to the API server.
type resource struct {
	kube API
}

// publish names the first login's Secret, once it is there.
func publish(in *scope.Platform, s State) {
	for _, one := range s.Secrets {
		if one.want != nil && one.live != nil && one.login.Binding == "" && (one.condition == current || one.condition.repairable()) {
			in.Binding = one.Name
		}
	}
}

// Release implements converge.Resource. The Secrets belong to the platform's object and go with it, and the
// namespace may be gone by now.
func (r *resource) Release(context.Context, *scope.Platform) (bool, error) { return true, nil }
