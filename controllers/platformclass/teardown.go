package platformclass

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// teardown releases in reverse order what the platforms shared, and drops the finalizer when an
// observation found nothing left to release. No platform uses the class any more.
func (r *Reconciler) teardown(ctx context.Context, class *v1alpha1.PlatformClass) (ctrl.Result, error) {
	skeleton := r.pass()
	if !skeleton.Claimed(class) {
		return ctrl.Result{}, nil
	}
	before := class.DeepCopy()
	said, done := r.release(ctx, class)
	if done {
		r.answered.Delete(class.Name)
		return ctrl.Result{}, skeleton.Drop(ctx, class)
	}
	return r.finish(ctx, before, class, said, func() {
		now, status := r.Clock.Now(), &class.Status
		status.ObservedGeneration, status.Platforms, status.Plan = class.Generation, 0, nil
		status.Steps = said.Steps(status.Steps, now)
		ready, reconciling, stalled := said.Summary()
		report.Set(&status.Conditions, class.Generation, now, append(said.Conditions(), ready, reconciling, stalled)...)
	})
}

// release releases everything, and says whether nothing was left to do.
func (r *Reconciler) release(ctx context.Context, class *v1alpha1.PlatformClass) (report.Pass, bool) {
	skeleton := r.pass()
	if v1alpha1.Paused(class) {
		said := r.said(class, report.NotRun(skeleton.Names()))
		said.Cause = fault.Wait(v1alpha1.ReasonPaused, r.Resync,
			"nothing is released while the class is paused; remove the annotation %s", v1alpha1.AnnotationPaused)
		return said, false
	}
	outcomes, done := skeleton.Release(ctx, r.scope(class))
	return r.said(class, outcomes), done
}
