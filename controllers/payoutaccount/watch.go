package payoutaccount

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/pass"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/evidence"
)

const (
	// coachIndex finds the objects of one coach.
	coachIndex = "coach"
)

func coachOf(a *v1alpha1.PayoutAccount) string { return a.Spec.PlatformName + "/" + a.Spec.CoachID }

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	for index, of := range map[string]func(*v1alpha1.PayoutAccount) string{
		coachIndex:                 coachOf,
		v1alpha1.PlatformNameField: func(a *v1alpha1.PayoutAccount) string { return a.Spec.PlatformName },
	} {
		err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.PayoutAccount{}, index,
			func(o client.Object) []string {
				if a, ok := o.(*v1alpha1.PayoutAccount); ok {
					return []string{of(a)}
				}
				return nil
			})
		if err != nil {
			return fmt.Errorf("indexing accounts by %s: %w", index, err)
		}
	}
	changed := predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		Named("payoutaccount").
		For(&v1alpha1.PayoutAccount{}, builder.WithPredicates(changed)).
		Watches(&v1alpha1.CoachPlatform{}, fanOut(r.accountsOf), builder.WithPredicates(platformChanged)).
		Watches(&v1alpha1.SecurityReport{}, fanOut(r.accountsOf), builder.WithPredicates(r.gateChanged())).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.Workers, RateLimiter: report.Backoff(), ReconciliationTimeout: pass.Timeout,
		}).
		Complete(reconcile.AsReconciler(r.Client, r))
}

// behind is the priority of accounts that are observed because of their platform, or because of their time: an
// event of Stripe's, or an edit, does not wait for a sweep.
const behind = -10

// priority is that of the next pass: quiet accounts stand behind all others, unless payouts are about to stop.
func priority(outcomes []converge.Outcome, urgent bool) *int {
	quiet := !slices.ContainsFunc(outcomes, func(o converge.Outcome) bool { return o.Err != nil })
	if quiet && !urgent {
		return new(behind)
	}
	return new(0)
}

// fanOut enqueues all accounts of a platform behind everything else: ten thousand of one business must not
// stand before an event of another.
func fanOut(of func(context.Context, client.Object) []reconcile.Request) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	add := func(ctx context.Context, platform client.Object, q queue) {
		for _, request := range of(ctx, platform) {
			if ordered, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
				ordered.AddWithOpts(priorityqueue.AddOpts{Priority: new(behind)}, request)
				continue
			}
			q.Add(request)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) { add(ctx, e.ObjectNew, q) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, e.Object, q) },
	}
}

// platformChanged lets through what accounts depend on: the platform's spec, and whether its Stripe
// account and endpoint are in order.
var platformChanged = predicate.Funcs{
	GenericFunc: func(event.GenericEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		was, is := e.ObjectOld.(*v1alpha1.CoachPlatform), e.ObjectNew.(*v1alpha1.CoachPlatform)
		return was.Generation != is.Generation ||
			met(was, v1alpha1.ConditionPayoutsReady) != met(is, v1alpha1.ConditionPayoutsReady)
	},
}

func met(p *v1alpha1.CoachPlatform, kind string) bool {
	return meta.IsStatusConditionTrue(p.Status.Conditions, kind)
}

// gateChanged lets through reports that open or close the gate, not every stamp of their times.
func (r *Reconciler) gateChanged() predicate.Predicate {
	return predicate.Funcs{
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			was, is := e.ObjectOld.(*v1alpha1.SecurityReport), e.ObjectNew.(*v1alpha1.SecurityReport)
			now := r.Clock.Now()
			return evidence.Gating(&was.Report, now) != evidence.Gating(&is.Report, now)
		},
	}
}

// accountsOf returns the accounts of the platform that an object is named after.
func (r *Reconciler) accountsOf(ctx context.Context, platform client.Object) []reconcile.Request {
	var accounts v1alpha1.PayoutAccountList
	err := r.Client.List(ctx, &accounts,
		client.InNamespace(platform.GetNamespace()), client.MatchingFields{v1alpha1.PlatformNameField: platform.GetName()})
	if err != nil {
		logf.FromContext(ctx).Error(err, "Listing the accounts of a platform; their resync will find the change")
		return nil
	}
	requests := make([]reconcile.Request, 0, len(accounts.Items))
	for i := range accounts.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&accounts.Items[i])})
	}
	return requests
}
