package account

import (
	"context"
	"errors"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// watched are the quotas that platforms use up, by the names that RDS gives them. Allocated storage
// is in GiB, everything else is a count.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_AccountQuota.html
var watched = []string{"AllocatedStorage", "DBInstances", "DBParameterGroups", "DBSubnetGroups", "ManualSnapshots"}

// Observe implements converge.Resource. The account is read at most once in the freshness bound,
// unless the observation is fresh.
func (r resource) Observe(ctx context.Context, in *scope.Class, _ State, fresh bool) (
	converge.Observation[State], error,
) {
	none := converge.Observation[State]{}
	account := r.sessions.Account(in.Class)
	if err := account.Prove(ctx, fresh); err != nil {
		return none, reachable(in, err)
	}
	if err := account.ProveWriter(ctx, in.Owner, fresh); err != nil {
		return none, reachable(in, err)
	}
	quotas, at, err := account.Quotas(ctx, fresh)
	if err != nil {
		return none, reachable(in, err)
	}
	return converge.Observation[State]{
		Exists: true, Settled: true, At: at, ID: account.ID() + "/" + account.Region(), State: State{Quotas: pick(quotas)},
	}, nil
}

// reachable says of a call that failed without an answer of AWS which region it went to: a region
// that does not exist fails like a network that is down.
func reachable(in *scope.Class, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Class != fault.Transient || f.Reason != v1alpha1.ReasonTransientError {
		return err
	}
	return fault.New(fault.Transient, v1alpha1.ReasonTransientError,
		"AWS does not answer as it should in region %s; it is tried again: if this stays, check spec.region and the "+
			"operator's way to the endpoints of STS and RDS there", in.Class.Spec.Region).Because(err)
}

// pick returns the watched quotas, sorted by name.
func pick(all []rdstypes.AccountQuota) []v1alpha1.Quota {
	var picked []v1alpha1.Quota
	for _, q := range all {
		if name := awssdk.ToString(q.AccountQuotaName); slices.Contains(watched, name) {
			picked = append(picked, v1alpha1.Quota{Name: name, Used: awssdk.ToInt64(q.Used), Limit: awssdk.ToInt64(q.Max)})
		}
	}
	slices.SortFunc(picked, func(x, y v1alpha1.Quota) int { return strings.Compare(x.Name, y.Name) })
	return picked
}
