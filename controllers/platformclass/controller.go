// Package platformclass reconciles PlatformClasses: it runs the catalogue's steps for what the
// platforms of a class share, reports what they saw, and keeps a class as long as it is used.
package platformclass

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/pass"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/telemetry"
)

const (
	// workers is how many classes are reconciled at a time; there are few.
	workers = 2
	// kind is the metric label of this controller.
	kind = "PlatformClass"
)

// Reconciler reconciles PlatformClasses. All fields are required.
type Reconciler struct {
	Client client.Client
	// Live reads past the cache.
	Live client.Reader
	// Steps in their order.
	Steps []converge.Step[*scope.Class]
	// Installation is the ID that names everything.
	Installation string
	Events       events.EventRecorder
	Metrics      *telemetry.Metrics
	Clock        clock.PassiveClock
	// Resync is how often a quiet class is observed.
	Resync time.Duration

	// answered holds, by class, the question that was last answered with an uncached read. After
	// a restart every class gets one.
	answered sync.Map
}

// question is what requests an uncached read: another spec, since what was seen for the last
// one says nothing about it, or a person.
type question struct {
	generation int64
	requested  string
}

func asked(class *v1alpha1.PlatformClass) question {
	return question{generation: class.Generation, requested: class.Annotations[v1alpha1.AnnotationReconcile]}
}

// Reconcile brings what one class shares closer to its spec and reports what was seen. A class that
// is deleted while platforms use it is reconciled like any other: they depend on it.
func (r *Reconciler) Reconcile(ctx context.Context, class *v1alpha1.PlatformClass) (ctrl.Result, error) {
	used, err := r.usage(ctx, class)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !class.DeletionTimestamp.IsZero() && used.platforms == 0 {
		return r.teardown(ctx, class)
	}
	before, skeleton := class.DeepCopy(), r.pass()
	if class.DeletionTimestamp.IsZero() {
		if err := skeleton.Claim(ctx, class); err != nil {
			return ctrl.Result{}, err
		}
	}
	run := r.scope(class)
	said := r.said(class, skeleton.Run(ctx, run, r.mode(class)))
	result, err := r.finish(ctx, before, class, said, func() { r.report(class, run, used, said) })
	if err == nil {
		r.answered.Store(class.Name, asked(class))
	}
	return result, err
}

// pass is the skeleton of a reconcile.
func (r *Reconciler) pass() pass.Kind[*v1alpha1.PlatformClass, *scope.Class] {
	return pass.Kind[*v1alpha1.PlatformClass, *scope.Class]{
		Name: kind, Finalizer: v1alpha1.FinalizerClass, Client: r.Client, Steps: r.Steps, Metrics: r.Metrics, Clock: r.Clock,
		Resync: r.Resync, WithStatus: func(object, status *v1alpha1.PlatformClass) *v1alpha1.PlatformClass {
			base := *object
			if base.Status = status.Status; base.Status.ObservedGeneration < 0 {
				base.Status = v1alpha1.PlatformClassStatus{} // the first status is written whole, values that are zero included
			}
			return &base
		},
	}
}

// said is what a pass has to say.
func (r *Reconciler) said(class *v1alpha1.PlatformClass, outcomes []converge.Outcome) report.Pass {
	said := report.Pass{Outcomes: outcomes, Types: report.Types(r.Steps)}
	if v1alpha1.Paused(class) {
		said.Still = v1alpha1.ReasonPaused
	}
	return said
}

// finish reports what the pass saw, and says when the next pass is.
func (r *Reconciler) finish(
	ctx context.Context, before, class *v1alpha1.PlatformClass, said report.Pass, status func(),
) (ctrl.Result, error) {
	err := r.pass().Finish(ctx, before, class, func(context.Context) error {
		status()
		r.announce(before, class, said)
		return nil
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	return said.Result(r.Resync, r.Clock.Now(), rand.Float64)
}

func (r *Reconciler) scope(class *v1alpha1.PlatformClass) *scope.Class {
	return &scope.Class{Owner: naming.Class{Installation: r.Installation, Name: class.Name}, Class: class}
}

// mode says how far this pass may go.
func (r *Reconciler) mode(class *v1alpha1.PlatformClass) converge.Mode {
	answered, _ := r.answered.Load(class.Name)
	return converge.Mode{Write: !v1alpha1.Paused(class), Generation: class.Generation, Fresh: answered != asked(class)}
}

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	changed := predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	// A platform's class never changes, so only its coming and going matters here.
	comesOrGoes := predicate.Funcs{
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("platformclass").
		For(&v1alpha1.PlatformClass{}, builder.WithPredicates(changed)).
		Watches(&v1alpha1.CoachPlatform{}, handler.EnqueueRequestsFromMapFunc(classOf), builder.WithPredicates(comesOrGoes)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers, RateLimiter: report.Backoff(), ReconciliationTimeout: pass.Timeout,
		}).
		Complete(reconcile.AsReconciler(r.Client, r))
}

// classOf returns the class that a platform names.
func classOf(_ context.Context, o client.Object) []reconcile.Request {
	platform, ok := o.(*v1alpha1.CoachPlatform)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: platform.Spec.ClassName}}}
}
