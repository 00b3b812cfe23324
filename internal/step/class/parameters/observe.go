package parameters

import (
	"context"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Observe implements converge.Resource. A cached read costs one call for the values; the owner of the
// group is read once in the freshness bound and before every write. The group of a major that the class
// does not offer (any more) is maintained if there is one, since databases use it, and is not created.
func (r resource) Observe(ctx context.Context, in *scope.Class, want State, fresh bool) (
	converge.Observation[State], error,
) {
	account, offered := r.sessions.Account(in.Class), r.pair.offered(in)
	none := converge.Observation[State]{}
	if !offered {
		none = converge.Observation[State]{Exists: true, Settled: true, State: want} // there is nothing to do
		if listed, err := r.listed(ctx, account, want.Name, fresh); err != nil || !listed {
			return none, err
		}
	}
	values, at, err := account.Parameters(ctx, want.Name, fresh)
	if err != nil || values == nil {
		return none, err
	}
	group, _, err := account.ParameterGroup(ctx, want.Name, fresh)
	if err != nil || group == nil {
		return none, err
	}
	if !naming.Owns(in.Owner, group.Tags) {
		if !offered {
			return none, nil
		}
		return none, fault.New(fault.Conflict, v1alpha1.ReasonConflict,
			"the DB parameter group %s does not carry this class's tags; it is not touched: delete it, or restore its "+
				"coach: tags if it is this class's", want.Name)
	}
	if group.Family != want.Family {
		return none, fault.New(fault.Conflict, v1alpha1.ReasonConflict,
			"the DB parameter group %s is for %s and must be for %s, which cannot be changed; delete it and it is created again",
			want.Name, group.Family, want.Family)
	}
	state := State{
		Name: want.Name, Family: group.Family, ARN: group.ARN,
		Released: group.Tags[naming.TagReleased], Values: map[string]string{},
	}
	for _, o := range owned {
		if value, ok := values[o.name]; ok {
			state.Values[o.name] = canonical(value)
		}
	}
	return converge.Observation[State]{Exists: true, Settled: true, ID: group.ARN, At: at, State: state}, nil
}

// listed says whether the group may be there. A fresh observation reads the group itself.
func (resource) listed(ctx context.Context, account *aws.Account, name string, fresh bool) (bool, error) {
	if fresh {
		return true, nil
	}
	return account.ParameterGroupListed(ctx, name)
}
