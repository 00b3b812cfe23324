package firewall

import (
	"context"
	"slices"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Observe implements converge.Resource.
func (r *resource) Observe(ctx context.Context, in *scope.Platform, want State, fresh bool) (
	converge.Observation[State], error,
) {
	none := converge.Observation[State]{Settled: true}
	account := r.sessions.Account(in.Class)
	v, at, err := resolve(ctx, account, in, want, fresh)
	if err != nil {
		return none, err
	}
	group, seen, err := own(ctx, account, in, v.network.VPCID, fresh)
	if err != nil {
		return none, err
	}
	if group == nil {
		none.State = v.judge(want, &aws.Group{VPCID: v.network.VPCID})
		return none, nil
	}
	at = earlier(at, seen)
	others, attached, err := beside(ctx, account, in, group.ID)
	if v.others, v.hidden = others, err; err == nil { // what cannot be known keeps nothing from being closed
		at = earlier(at, attached)
	}
	return converge.Observation[State]{Exists: true, Settled: true, ID: group.ID, At: at, State: v.judge(want, group)}, nil
}

// beside returns the security groups that are attached to the tenant's database beside its own, and when that was seen.
// A database is guarded by all its groups together: each opens what its rules say, whatever the others do not.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.RDSSecurityGroups.html
func beside(ctx context.Context, account *aws.Account, in *scope.Platform, own string) ([]aws.Group, time.Time, error) {
	ids, at, err := account.Attached(ctx, in.Tenant.Resource())
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == own })
	if err != nil || len(ids) == 0 {
		return nil, at, err
	}
	found, seen, err := account.GroupsByID(ctx, ids, false)
	if err != nil {
		return nil, at, err
	}
	var groups []aws.Group
	for _, id := range ids {
		g, exists := found[id]
		if !exists {
			return nil, at, fault.Wait(v1alpha1.ReasonSettling, 0, "security group %s is attached and not listed", id)
		}
		groups = append(groups, g)
	}
	return groups, earlier(at, seen), nil
}

// own returns the tenant's security group and when it was seen, nil if there is none. A group of its
// name with other tags is not owned.
func own(ctx context.Context, account *aws.Account, in *scope.Platform, vpc string, fresh bool) (
	*aws.Group, time.Time, error,
) {
	group, at, err := account.Group(ctx, vpc, in.Tenant.Resource(), fresh)
	if err != nil || group == nil {
		return nil, at, err
	}
	if !naming.Owns(in.Tenant, group.Tags) {
		return nil, at, fault.New(fault.Conflict, v1alpha1.ReasonConflict,
			"security group %s (%s) in %s does not carry this platform's tags; it is not touched: remove the group, or "+
				"restore its coach: tags if it is this platform's", in.Tenant.Resource(), group.ID, vpc)
	}
	return group, at, nil
}

// resolve reads what the wanted peers stand for at present. The class's own groups are resolved once a
// sweep for all its platforms; before a write, what the tenant names is read again. When the peers
// of one kind cannot be seen, that is a problem of theirs: it keeps nothing else open.
func resolve(ctx context.Context, account *aws.Account, in *scope.Platform, want State, fresh bool) (
	v view, at time.Time, err error,
) {
	v = view{tenant: in.Tenant, class: in.Class.Name, unseen: map[string]*fault.Error{}}
	at = account.Now()
	if v.network, err = account.Network(ctx, in.Class, false); err != nil {
		return v, at, err
	}
	if ids := want.ids(kindGroup); len(ids) > 0 {
		var seen time.Time
		if v.groups, seen, err = account.GroupsByID(ctx, ids, fresh); err != nil {
			v.unseen[kindGroup] = fault.As(err)
		} else {
			at = earlier(at, seen)
		}
	}
	if ids := want.ids(kindInstance); len(ids) > 0 {
		var seen time.Time
		if v.hosts, seen, err = account.Hosts(ctx, ids, fresh); err != nil {
			v.unseen[kindInstance] = fault.As(err)
		} else {
			at = earlier(at, seen)
		}
	}
	return v, at, nil
}

func earlier(x, y time.Time) time.Time {
	if y.Before(x) {
		return y
	}
	return x
}
