// Package firewall is the step that owns a tenant's security group: who may open a connection to the
// tenant's database, and nothing else. It must not import other steps.
package firewall

import (
	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step.
const Name = "firewall"

// New returns the step.
func New(sessions *aws.Sessions) converge.Step[*scope.Platform] {
	return converge.Of[*scope.Platform, State]{
		ID:        Name,
		Condition: v1alpha1.ConditionNetworkReady,
		About:     "The tenant's own security group: it admits who the spec and the class name, on the database's port, and nobody else.",
		Desire:    Desire,
		Resource:  &resource{sessions: sessions},
		Fields:    Fields,
		Controls:  Controls,
		Constrain: constrain,
		Degraded:  degraded,
		Publish:   publish,
		Reads:     reads,
		Writes:    writes,
	}
}

// resource talks to EC2.
type resource struct {
	sessions *aws.Sessions
}

func publish(in *scope.Platform, s State) { in.Firewall = scope.Firewall{GroupID: s.GroupID} }
