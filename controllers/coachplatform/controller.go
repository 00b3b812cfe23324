// Package coachplatform reconciles CoachPlatforms: it runs the catalogue's steps for each, reports
// what they saw, and releases everything when the object is deleted.
package coachplatform

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/pass"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/telemetry"
)

// kind is the metric label of this controller.
const kind = "CoachPlatform"

// Reconciler reconciles CoachPlatforms. All fields are required.
type Reconciler struct {
	Client client.Client
	// Live reads past the cache.
	Live client.Reader
	// Steps in their order.
	Steps []converge.Step[*scope.Platform]
	// Installation is the ID that names everything.
	Installation string
	// InstallationGiven says that a person set it, as after a disaster: what an earlier operator kept may be lost.
	InstallationGiven bool
	// Namespace is the operator's own.
	Namespace string
	Events    events.EventRecorder
	Metrics   *telemetry.Metrics
	Clock     clock.PassiveClock
	// Resync is how often a quiet platform is observed.
	Resync time.Duration
	// Workers is how many platforms are reconciled at a time.
	Workers int

	pace pace
}

// Reconcile brings one platform closer to its spec and reports what was seen.
func (r *Reconciler) Reconcile(ctx context.Context, platform *v1alpha1.CoachPlatform) (ctrl.Result, error) {
	if !platform.DeletionTimestamp.IsZero() {
		return r.teardown(ctx, platform)
	}
	before, skeleton := platform.DeepCopy(), r.pass()
	platform.Status = r.pace.resume(platform)
	run, err := r.inputs(ctx, platform)
	if err != nil {
		return r.finish(ctx, before, platform, &scope.Platform{}, r.said(platform, report.NotRun(skeleton.Names()), err))
	}
	denied := permit(run)
	if denied != nil && !skeleton.Claimed(platform) { // it never had anything in AWS
		return r.finish(ctx, before, platform, run, r.said(platform, report.NotRun(skeleton.Names()), denied))
	}
	if err := skeleton.Claim(ctx, platform); err != nil {
		return ctrl.Result{}, err
	}
	outcomes := skeleton.Run(ctx, run, r.mode(platform, denied))
	return r.finish(ctx, before, platform, run, r.said(platform, outcomes, denied))
}

// pass is the skeleton of a reconcile.
func (r *Reconciler) pass() pass.Kind[*v1alpha1.CoachPlatform, *scope.Platform] {
	return pass.Kind[*v1alpha1.CoachPlatform, *scope.Platform]{
		Name: kind, Finalizer: v1alpha1.FinalizerPlatform, Client: r.Client, Steps: r.Steps, Metrics: r.Metrics, Clock: r.Clock,
		Resync: r.Resync, WithStatus: func(object, status *v1alpha1.CoachPlatform) *v1alpha1.CoachPlatform {
			base := *object
			if base.Status = status.Status; base.Status.ObservedGeneration < 0 {
				base.Status = v1alpha1.CoachPlatformStatus{} // the first status is written whole, values that are zero included
			}
			return &base
		},
	}
}

// said is what a pass has to say.
func (r *Reconciler) said(platform *v1alpha1.CoachPlatform, outcomes []converge.Outcome, cause error) report.Pass {
	said := report.Pass{Outcomes: outcomes, Cause: cause, Types: report.Types(r.Steps)}
	switch {
	case v1alpha1.Paused(platform):
		said.Still = v1alpha1.ReasonPaused
	case observing(platform):
		said.Still = v1alpha1.ReasonObserving
	}
	return said
}

// mode says how far this pass may go.
func (r *Reconciler) mode(platform *v1alpha1.CoachPlatform, denied error) converge.Mode {
	return converge.Mode{
		Write:         denied == nil && !v1alpha1.Paused(platform) && !observing(platform),
		Approved:      platform.Annotations[v1alpha1.AnnotationApprove],
		Used:          platform.Annotations[v1alpha1.AnnotationApproved],
		Object:        string(platform.UID),
		Generation:    platform.Generation,
		Fresh:         requested(platform) != platform.Status.ReconcileHandled,
		LastConverged: lastConverged(platform.Status.Converged),
	}
}

func observing(platform *v1alpha1.CoachPlatform) bool {
	return platform.Spec.ManagementPolicy == v1alpha1.ManagementObserve
}

// requested is the value of the annotation that requests an uncached read.
func requested(platform *v1alpha1.CoachPlatform) string {
	return report.Truncate(platform.Annotations[v1alpha1.AnnotationReconcile], maxDrift)
}

// record keeps what must outlive the status: which database is the platform's, and that an approval
// was used. The patch holds these annotations only, so it needs no lock against the edits of others.
func (r *Reconciler) record(
	ctx context.Context, platform *v1alpha1.CoachPlatform, run *scope.Platform, said report.Pass,
) error {
	before := platform.DeepCopy()
	if id := run.Database.Record.String(); id != "" && platform.Annotations[v1alpha1.AnnotationDatabase] == "" {
		metav1.SetMetaDataAnnotation(&platform.ObjectMeta, v1alpha1.AnnotationDatabase, id)
	}
	if given, ok := platform.Annotations[v1alpha1.AnnotationApprove]; ok && usedUp(said) {
		delete(platform.Annotations, v1alpha1.AnnotationApprove)
		platform.Annotations[v1alpha1.AnnotationApproved] = report.Truncate(given, maxDrift)
	}
	if maps.Equal(before.Annotations, platform.Annotations) {
		return nil
	}
	status := platform.Status.DeepCopy()
	if err := r.Client.Patch(ctx, platform, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("recording the database: %w", err)
	}
	platform.Status = *status
	return nil
}

// usedUp says that an approval has no use any more: it was used in this pass, or everything was observed
// and nothing waits for one. Then it was used in a pass that was cut short, and must not approve
// what comes later.
func usedUp(said report.Pass) bool {
	return slices.ContainsFunc(said.Outcomes, func(o converge.Outcome) bool { return o.Spent }) ||
		said.Cause == nil && !slices.ContainsFunc(said.Outcomes, func(o converge.Outcome) bool { return o.Err != nil })
}

// finish keeps and reports what the pass saw, and says when the next pass is.
func (r *Reconciler) finish(
	ctx context.Context, before, platform *v1alpha1.CoachPlatform, run *scope.Platform, said report.Pass,
) (ctrl.Result, error) {
	now, held := r.Clock.Now(), false
	next, failed := said.Result(r.Resync, now, rand.Float64)
	err := r.pass().Finish(ctx, before, platform, func(ctx context.Context) error {
		unrecorded := r.record(ctx, platform, run, said)
		answers := evidence.Judge(findings(said.Outcomes), exemptions(run), hasStripe(platform), now)
		r.report(platform, run, said, answers)
		r.audit(ctx, platform, run)
		if held = unrecorded == nil && r.reported(ctx, platform) && r.pace.hold(platform, said, next, now); held {
			platform.Status = before.Status
			return nil
		}
		unwritten := r.writeReport(ctx, platform, answers)
		report.Set(&platform.Status.Conditions, platform.Generation, now, fresh(&platform.Status.Security, unwritten))
		said.Earlier = r.pace.earlier(platform.UID)
		r.announce(before, platform, said)
		return errors.Join(unrecorded, retried(ctx, unwritten))
	})
	if err != nil {
		r.pace.forget(platform.UID)
		return ctrl.Result{}, err
	}
	if !held {
		r.pace.wrote(platform)
	}
	return next, failed
}

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	if err := mgr.Add(manager.RunnableFunc(r.measure)); err != nil {
		return fmt.Errorf("measuring: %w", err)
	}
	changed := predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		Named("coachplatform").
		For(&v1alpha1.CoachPlatform{}, builder.WithPredicates(changed)).
		Watches(&v1alpha1.PlatformClass{}, handler.EnqueueRequestsFromMapFunc(r.platformsOf),
										builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&v1alpha1.SecurityReport{}, builder.WithPredicates(lost)). // deleted evidence is written again
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.Workers, RateLimiter: report.Backoff(), ReconciliationTimeout: pass.Timeout,
		}).
		Complete(reconcile.AsReconciler(r.Client, r))
}

// lost lets through that something is gone.
var lost = predicate.Funcs{
	CreateFunc:  func(event.CreateEvent) bool { return false },
	UpdateFunc:  func(event.UpdateEvent) bool { return false },
	GenericFunc: func(event.GenericEvent) bool { return false },
}

// platformsOf returns the platforms of a class. Classes change seldom, so they are looked for among
// all platforms of the cache.
func (r *Reconciler) platformsOf(ctx context.Context, class client.Object) []reconcile.Request {
	var platforms v1alpha1.CoachPlatformList
	if err := r.Client.List(ctx, &platforms); err != nil {
		logf.FromContext(ctx).Error(err, "Listing the platforms of a class; their resync will find the change")
		return nil
	}
	var requests []reconcile.Request
	for i := range platforms.Items {
		if p := &platforms.Items[i]; p.Spec.ClassName == class.GetName() {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p)})
		}
	}
	return requests
}
