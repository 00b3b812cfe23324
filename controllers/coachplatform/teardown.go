package coachplatform

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// patience is how long a terminating namespace waits for AWS. Then the object goes: everything it
// created is kept and still carries its tags, but it was not released.
const patience = 10 * time.Minute

// teardown releases the steps in reverse order, and drops the finalizer when nothing is left to
// release. It needs nothing from the tenant's namespace.
func (r *Reconciler) teardown(ctx context.Context, platform *v1alpha1.CoachPlatform) (ctrl.Result, error) {
	if !r.pass().Claimed(platform) {
		return ctrl.Result{}, nil
	}
	closing, err := r.closing(ctx, platform.Namespace)
	if err != nil {
		return ctrl.Result{}, err
	}
	// Nothing may be written; in a terminating namespace nobody could end the pause.
	if observing(platform) || v1alpha1.Paused(platform) && closing {
		return ctrl.Result{}, r.drop(ctx, platform)
	}
	before := platform.DeepCopy()
	said, done := r.release(ctx, platform)
	if done || closing && r.abandon(ctx, platform, said) {
		return ctrl.Result{}, r.drop(ctx, platform)
	}
	return r.finish(ctx, before, platform, &scope.Platform{}, said)
}

// release releases everything, and says whether nothing was left to do.
func (r *Reconciler) release(ctx context.Context, platform *v1alpha1.CoachPlatform) (said report.Pass, done bool) {
	skeleton := r.pass()
	if v1alpha1.Paused(platform) {
		return r.said(platform, report.NotRun(skeleton.Names()), fault.New(fault.Invalid, v1alpha1.ReasonPaused,
			"the platform is to be deleted and is paused: remove the annotation %s, and it is released", v1alpha1.AnnotationPaused)), false
	}
	run, err := r.tenancy(ctx, platform)
	if err != nil {
		return r.said(platform, report.NotRun(skeleton.Names()), err), false
	}
	outcomes, done := skeleton.Release(ctx, run)
	return r.said(platform, outcomes, nil), done
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
func (r *Reconciler) abandon(ctx context.Context, platform *v1alpha1.CoachPlatform, said report.Pass) bool {
	if r.Clock.Since(platform.DeletionTimestamp.Time) < patience {
		return false
	}
	ready, _, _ := said.Summary()
	logf.FromContext(ctx).Info("The namespace is terminating and what the platform has in AWS could not be released; "+
		"it is kept with its tags", "reason", ready.Message)
	r.Events.Eventf(platform, nil, corev1.EventTypeWarning, v1alpha1.ReasonReleasing, "Release",
		"kept in AWS without the mark of a release: the namespace is terminating and AWS could not be reached")
	return true
}

// drop lets the object go.
func (r *Reconciler) drop(ctx context.Context, platform *v1alpha1.CoachPlatform) error {
	r.Metrics.NoOrphans(string(platform.UID))
	r.pace.forget(platform.UID)
	return r.pass().Drop(ctx, platform)
}
