package network

import (
	"context"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Observe implements converge.Resource. A network that cannot work is a fault: the group is left as
// it is until the class is corrected.
func (r resource) Observe(ctx context.Context, in *scope.Class, want State, fresh bool) (
	converge.Observation[State], error,
) {
	none := converge.Observation[State]{}
	account := r.sessions.Account(in.Class)
	network, err := account.Network(ctx, in.Class, fresh)
	if err != nil {
		return none, err
	}
	if err := check(&in.Class.Spec.Network, network); err != nil {
		return none, err
	}
	group, at, err := account.SubnetGroup(ctx, want.Name, fresh)
	if err != nil || group == nil {
		return none, err
	}
	if !naming.Owns(in.Owner, group.Tags) {
		return none, fault.New(fault.Conflict, v1alpha1.ReasonConflict,
			"the DB subnet group %s does not carry this class's tags; it is not touched: delete it, or restore its coach: "+
				"tags if it is this class's", want.Name)
	}
	return converge.Observation[State]{
		Exists: true, Settled: true, ID: group.ARN, At: at, State: stateOf(want, network, group),
	}, nil
}

func stateOf(want State, network aws.Network, group *aws.SubnetGroup) State {
	return State{
		Name: want.Name, Description: group.Description, Released: group.Tags[naming.TagReleased],
		Subnets: compared(want.Subnets, subnetIDs(network), group.SubnetIDs),
		ARN:     group.ARN, VPCID: group.VPCID, SubnetIDs: group.SubnetIDs,
	}
}

func subnetIDs(n aws.Network) []string {
	ids := make([]string, 0, len(n.Subnets))
	for _, s := range n.Subnets {
		ids = append(ids, s.ID)
	}
	return ids
}
