package appsecret

import (
	"context"
	"errors"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Apply implements converge.Resource. Each write is bound to what was seen, so that of two writers one fails
// and observes again, and one that fails keeps no other from being tried.
func (r *resource) Apply(
	ctx context.Context, in *scope.Platform, _ State, got converge.Observation[State], _ []converge.Change,
) error {
	var problems []error
	for _, one := range got.State.Secrets {
		if one.condition.repairable() {
			problems = append(problems, classify(r.repair(ctx, one), in.Tenant.Namespace, "Secret "+one.Name))
		}
	}
	return errors.Join(problems...)
}

// repair makes one Secret what it should be.
func (r *resource) repair(ctx context.Context, one Secret) error {
	switch {
	case one.live == nil:
		return r.kube.Create(ctx, one.want)
	case one.want == nil:
		return r.drop(ctx, one.live)
	case one.condition == unfit:
		if err := r.drop(ctx, one.live); err != nil {
			return err
		}
		return r.kube.Create(ctx, one.want)
	}
	repaired := one.live.DeepCopy()
	repaired.Data, repaired.OwnerReferences = one.want.Data, one.want.OwnerReferences
	repaired.Labels, repaired.Annotations = with(repaired.Labels, one.want.Labels), with(repaired.Annotations, one.want.Annotations)
	return r.kube.Patch(ctx, repaired, client.MergeFromWithOptions(one.live, client.MergeFromWithOptimisticLock{}))
}

// drop deletes the very Secret that was seen; one that is gone is no error.
func (r *resource) drop(ctx context.Context, seen *corev1.Secret) error {
	return client.IgnoreNotFound(r.kube.Delete(ctx, seen, client.Preconditions{UID: &seen.UID, ResourceVersion: &seen.ResourceVersion}))
}

func with(all, ours map[string]string) map[string]string {
	both := maps.Clone(all)
	if both == nil {
		both = map[string]string{}
	}
	maps.Copy(both, ours)
	return both
}

// constrain takes out what cannot be repaired now: it stays as it is. What is out of date is renewed, which is no
// return to what was.
func constrain(want, got State) State {
	w := want
	w.Secrets = slices.Clone(want.Secrets)
	for _, one := range got.Secrets {
		i := w.index(one.Name)
		switch {
		case i < 0:
		case one.condition == outdated:
			w.Secrets[i].condition = renewed
		case !one.condition.repairable():
			w.Secrets[i].condition = one.condition
		}
	}
	return w
}
