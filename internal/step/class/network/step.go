// Package network is the step that owns a class's DB subnet group, and that checks the network which
// the class names: one VPC, private subnets in two zones or more. It must not import other steps.
package network

import (
	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step.
const Name = "network"

// New returns the step.
func New(sessions *aws.Sessions) converge.Step[*scope.Class] {
	return converge.Of[*scope.Class, State]{
		ID:        Name,
		Condition: v1alpha1.ConditionNetworkReady,
		About:     "The DB subnet group of the class, over private subnets in two zones or more.",
		Desire:    Desire,
		Resource:  resource{sessions},
		Fields:    Fields,
		Publish:   publish,
		Reads:     reads,
		Writes:    writes,
	}
}

// resource talks to RDS and EC2.
type resource struct {
	sessions *aws.Sessions
}

func publish(in *scope.Class, s State) {
	in.Network = scope.ClassNetwork{VPCID: s.VPCID, SubnetIDs: s.SubnetIDs}
}
