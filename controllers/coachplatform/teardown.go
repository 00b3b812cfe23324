package coachplatform

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	// releasePoll is when a release is tried again.
	releasePoll = 2 * time.Second
	// patience is how long a terminating namespace waits for AWS. Then the object goes: everything it
	// made is kept and still carries its tags, but it was not released.
	patience = 10 * time.Minute
)

// teardown releases the steps in reverse order, and removes the finalizer when nothing is left to
// release. It needs nothing from the tenant's namespace.
func (r *Reconciler) teardown(ctx context.Context, platform *v1alpha1.CoachPlatform) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(platform, v1alpha1.FinalizerPlatform) {
		return ctrl.Result{}, nil
	}
	closing, err := r.closing(ctx, platform.Namespace)
	if err != nil {
		return ctrl.Result{}, err
	}
	// Nothing may be written; in a terminating namespace nobody could end the pause.
	if observing(platform) || v1alpha1.Paused(platform) && closing {
		return ctrl.Result{}, r.dropFinalizer(ctx, platform)
	}
	before := platform.DeepCopy()
	outcomes, done := r.release(ctx, platform)
	if done || closing && r.abandon(ctx, platform, outcomes) {
		return ctrl.Result{}, r.dropFinalizer(ctx, platform)
	}
	return r.finish(ctx, before, platform, &scope.Platform{}, outcomes)
}

// release releases every step's thing, last step first, and says whether nothing was left to do.
func (r *Reconciler) release(ctx context.Context, platform *v1alpha1.CoachPlatform) (outcomes []converge.Outcome, done bool) {
	if v1alpha1.Paused(platform) {
		return report.Failed(r.names(), fault.New(fault.Invalid, v1alpha1.ReasonPaused,
			"the platform is to be deleted and is paused: remove the annotation %s, and it is released", v1alpha1.AnnotationPaused)), false
	}
	run, err := r.tenancy(ctx, platform)
	if err != nil {
		return report.Failed(r.names(), err), false
	}
	outcomes = report.Failed(r.names(), fault.Wait(v1alpha1.ReasonReleasing, releasePoll,
		"everything in AWS is kept and being released"))
	done = true
	for i, step := range slices.Backward(r.Steps) { // one that fails does not keep the others
		ended, err := report.Release(ctx, step, run)
		switch {
		case err != nil:
			outcomes[i].Err = err
			logf.FromContext(ctx).Info("Release is not done", "step", step.Name(), "reason", err.Error())
		case ended: // it waits for the others, and requests no pass of its own
			outcomes[i].Err = fault.Wait(v1alpha1.ReasonReleasing, r.Resync, "released")
		}
		done = done && ended && err == nil
	}
	return outcomes, done
}

// closing says whether the namespace is being deleted, or gone: then nothing waits for a person.
func (r *Reconciler) closing(ctx context.Context, name string) (bool, error) {
	namespace, err := r.namespace(ctx, name)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return err == nil && !namespace.DeletionTimestamp.IsZero(), err
}

// abandon says whether a terminating namespace has waited long enough.
func (r *Reconciler) abandon(ctx context.Context, platform *v1alpha1.CoachPlatform, outcomes []converge.Outcome) bool {
	if r.Clock.Since(platform.DeletionTimestamp.Time) < patience {
		return false
	}
	ready, _, _ := report.Summary(outcomes)
	logf.FromContext(ctx).Info("The namespace is terminating and what the platform has in AWS could not be released; "+
		"it is kept with its tags", "reason", ready.Message)
	r.Events.Eventf(platform, nil, corev1.EventTypeWarning, v1alpha1.ReasonReleasing, "Release",
		"kept in AWS without the mark of a release: the namespace is terminating and AWS could not be reached")
	return true
}

// dropFinalizer lets the object go. The lock keeps finalizers that others added meanwhile.
func (r *Reconciler) dropFinalizer(ctx context.Context, platform *v1alpha1.CoachPlatform) error {
	before := platform.DeepCopy()
	controllerutil.RemoveFinalizer(platform, v1alpha1.FinalizerPlatform)
	r.Metrics.NoOrphans(string(platform.UID))
	return client.IgnoreNotFound(
		r.Client.Patch(ctx, platform, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})))
}
