package platformclass

import (
	"context"
	"slices"
	"time"

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

// releasePoll is when a release is tried again.
const releasePoll = 2 * time.Second

// teardown releases in reverse order what the platforms shared, and removes the finalizer when an
// observation found nothing left to release. No platform uses the class any more.
func (r *Reconciler) teardown(ctx context.Context, class *v1alpha1.PlatformClass) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(class, v1alpha1.FinalizerClass) {
		return ctrl.Result{}, nil
	}
	before := class.DeepCopy()
	outcomes, done := r.release(ctx, class)
	if done {
		r.answered.Delete(class.Name)
		controllerutil.RemoveFinalizer(class, v1alpha1.FinalizerClass)
		return ctrl.Result{}, client.IgnoreNotFound(r.Client.Patch(ctx, class, client.MergeFrom(before)))
	}
	class.Status.ObservedGeneration, class.Status.Platforms, class.Status.Plan = class.Generation, 0, nil
	ready, reconciling, stalled := report.Summary(outcomes)
	report.Set(&class.Status.Conditions, class.Generation, r.Clock.Now(),
		append(report.Steps(outcomes), ready, reconciling, stalled)...)
	return r.finish(ctx, before, class, outcomes)
}

// release releases every step's thing and returns what there is to say about each, and whether all
// are gone. One that fails does not keep the others.
func (r *Reconciler) release(ctx context.Context, class *v1alpha1.PlatformClass) ([]converge.Outcome, bool) {
	run, all := r.scope(class), true
	var outcomes []converge.Outcome
	for _, step := range slices.Backward(r.Steps) {
		done, err := r.releaseStep(ctx, step, run)
		all = all && done
		outcomes = append(outcomes, converge.Outcome{Step: step.Name(), Err: err})
	}
	slices.Reverse(outcomes)
	return outcomes, all
}

// releaseStep releases one step's thing. What is not done, and what waits for the others, is a wait: only
// the former requests a pass soon, or one that is stuck would have all of them polled for ever.
func (r *Reconciler) releaseStep(ctx context.Context, step converge.Step[*scope.Class], run *scope.Class) (bool, error) {
	if v1alpha1.Paused(run.Class) {
		return false, fault.Wait(v1alpha1.ReasonPaused, r.Resync,
			"nothing is released while the class is paused; remove the annotation %s", v1alpha1.AnnotationPaused)
	}
	log := logf.FromContext(ctx).WithValues("step", step.Name())
	log.Info("Releasing")
	done, err := report.Release(ctx, step, run)
	switch {
	case err != nil:
		log.Info("Step is not released", "reason", err.Error())
		return false, err
	case !done:
		return false, fault.Wait(v1alpha1.ReasonReleasing, releasePoll, "being released")
	default:
		return true, fault.Wait(v1alpha1.ReasonReleasing, r.Resync, "released")
	}
}
