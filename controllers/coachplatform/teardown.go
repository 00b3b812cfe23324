package coachplatform

import (
	"context"
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	// releasePoll is when a release is looked at again.
	releasePoll = 2 * time.Second
	// patience is how long a terminating namespace waits for AWS. Then the object goes: everything it
	// made is kept and still carries its tags, but it was not let go.
	patience = 10 * time.Minute
)

// teardown lets go of everything, last step first, and removes the finalizer when nothing is left to
// let go of. It needs nothing from the tenant's namespace.
func (r *Reconciler) teardown(ctx context.Context, platform *v1alpha1.CoachPlatform) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(platform, v1alpha1.FinalizerPlatform) {
		return ctrl.Result{}, nil
	}
	if platform.Spec.ManagementPolicy == v1alpha1.ManagementObserve {
		return ctrl.Result{}, r.dropFinalizer(ctx, platform)
	}
	run, err := r.inputs(ctx, platform)
	done := false
	if err == nil {
		done, err = r.release(ctx, run)
	}
	if done || r.abandon(ctx, platform, err) {
		return ctrl.Result{}, r.dropFinalizer(ctx, platform)
	}
	return r.releasing(ctx, platform, err)
}

// release lets go of every step's thing. One that fails does not keep the others.
func (r *Reconciler) release(ctx context.Context, run *scope.Platform) (bool, error) {
	all, failures := true, []error(nil)
	for _, step := range slices.Backward(r.Steps) {
		done, err := step.Release(ctx, run)
		all = all && done && err == nil
		failures = append(failures, err)
	}
	return all, errors.Join(failures...)
}

// abandon says whether a terminating namespace has waited long enough.
func (r *Reconciler) abandon(ctx context.Context, platform *v1alpha1.CoachPlatform, cause error) bool {
	namespace, err := r.namespace(ctx, platform.Namespace)
	if err != nil || namespace.DeletionTimestamp.IsZero() || r.Clock.Since(platform.DeletionTimestamp.Time) < patience {
		return false
	}
	logf.FromContext(ctx).Error(cause, "The namespace is terminating and AWS things of the platform could not be let go; "+
		"they are kept with their tags", "platform", platform.Name)
	r.Events.Eventf(platform, nil, corev1.EventTypeWarning, v1alpha1.ReasonReleasing, "Release",
		"kept in AWS without the mark of a release: the namespace is terminating and AWS could not be reached")
	return true
}

// releasing reports a release that is not done.
func (r *Reconciler) releasing(ctx context.Context, platform *v1alpha1.CoachPlatform, cause error) (ctrl.Result, error) {
	before := platform.DeepCopy()
	condition := metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonReleasing,
		Message: "everything in AWS is kept and being let go",
	}
	after := releasePoll
	if cause != nil {
		f := fault.As(cause)
		condition.Reason, condition.Message = f.Reason, "letting go: "+f.Message
		after = max(f.After, fault.Handle(f.Class).After, releasePoll)
		logf.FromContext(ctx).Info("Release is not done", "reason", cause.Error())
	}
	report.Set(&platform.Status.Conditions, platform.Generation, r.Clock.Now(), condition)
	return ctrl.Result{RequeueAfter: after}, r.patchStatus(ctx, before, platform)
}

func (r *Reconciler) dropFinalizer(ctx context.Context, platform *v1alpha1.CoachPlatform) error {
	before := platform.DeepCopy()
	controllerutil.RemoveFinalizer(platform, v1alpha1.FinalizerPlatform)
	return client.IgnoreNotFound(r.Client.Patch(ctx, platform, client.MergeFrom(before)))
}
