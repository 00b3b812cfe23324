// Package payoutaccount reconciles PayoutAccounts: each becomes one account at Stripe, and its status says
// where that account stands, who must act, and by when.
package payoutaccount

import (
	"context"
	"math/rand/v2"
	"time"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/pass"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/controllers/internal/stripesecret"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/telemetry"
)

// kind is the metric label of this controller.
const kind = "PayoutAccount"

// Reconciler reconciles PayoutAccounts. All fields are required.
type Reconciler struct {
	Client client.Client
	// Live reads past the cache.
	Live client.Reader
	// Steps in their order.
	Steps []converge.Step[*scope.Payout]
	// Installation is the ID that names everything.
	Installation string
	Events       events.EventRecorder
	Metrics      *telemetry.Metrics
	Clock        clock.PassiveClock
	// Resync is how often a quiet account is observed.
	Resync time.Duration
	// Grace is how long a control may be violated before payouts stop, where they are to stop.
	Grace time.Duration
	// Workers is how many accounts are reconciled at a time.
	Workers int

	keys       stripesecret.Keys
	namespaces namespaces
	reads      reads
}

// Reconcile brings one account closer to its spec and reports where it stands.
func (r *Reconciler) Reconcile(ctx context.Context, account *v1alpha1.PayoutAccount) (ctrl.Result, error) {
	if !account.DeletionTimestamp.IsZero() {
		return r.teardown(ctx, account)
	}
	before := account.DeepCopy()
	run, err := r.inputs(ctx, account)
	if err != nil {
		return r.finish(ctx, before, account, run, report.Failed(r.names(), err))
	}
	skeleton := r.pass()
	if err := skeleton.Claim(ctx, account); err != nil {
		return ctrl.Result{}, err
	}
	mode := r.mode(account, run)
	run.fresh = mode.Fresh
	return r.finish(ctx, before, account, run, skeleton.Run(ctx, run.payout(), mode))
}

// pass is the skeleton of a reconcile.
func (r *Reconciler) pass() pass.Kind[*v1alpha1.PayoutAccount, *scope.Payout] {
	return pass.Kind[*v1alpha1.PayoutAccount, *scope.Payout]{
		Name: kind, Finalizer: v1alpha1.FinalizerAccount, Client: r.Client, Steps: r.Steps, Metrics: r.Metrics, Clock: r.Clock,
		Resync: r.Resync, WithStatus: func(object, status *v1alpha1.PayoutAccount) *v1alpha1.PayoutAccount {
			base := *object
			if base.Status = status.Status; base.Status.ObservedGeneration < 0 {
				base.Status = v1alpha1.PayoutAccountStatus{} // the first status is written whole, values that are zero included
			}
			return &base
		},
	}
}

// mode says how far this pass may go.
func (r *Reconciler) mode(account *v1alpha1.PayoutAccount, run *inputs) converge.Mode {
	return converge.Mode{
		Write:         !v1alpha1.Paused(account) && !observing(run.platform),
		Generation:    account.Generation,
		Fresh:         requested(account) != account.Status.ReconcileHandled || hinted(account) != account.Status.LastEventID,
		LastConverged: map[string]string{r.names()[0]: account.Status.Converged},
	}
}

func observing(platform *v1alpha1.CoachPlatform) bool {
	return platform.Spec.ManagementPolicy == v1alpha1.ManagementObserve
}

// maxNote bounds what the status keeps of an annotation.
const maxNote = 200

// requested is the value of the annotation that asks for an uncached read.
func requested(account *v1alpha1.PayoutAccount) string {
	return report.Truncate(account.Annotations[v1alpha1.AnnotationReconcile], maxNote)
}

// hinted is the last event of Stripe about the account.
func hinted(account *v1alpha1.PayoutAccount) string {
	return report.Truncate(account.Annotations[v1alpha1.AnnotationEvent], maxNote)
}

// finish keeps and reports what the pass saw, and says when to reconcile again.
func (r *Reconciler) finish(
	ctx context.Context, before, account *v1alpha1.PayoutAccount, run *inputs, outcomes []converge.Outcome,
) (ctrl.Result, error) {
	err := r.pass().Finish(ctx, before, account, func(ctx context.Context) error {
		unrecorded := r.record(ctx, account, run)
		r.report(account, run, outcomes)
		r.announce(before, account, run)
		return unrecorded
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	result, err := report.Result(outcomes, r.Resync, r.Clock.Now(), rand.Float64)
	if err == nil {
		soonest := r.soonest(result.RequeueAfter, run)
		result.Priority = priority(outcomes, soonest < result.RequeueAfter)
		result.RequeueAfter = soonest
	}
	return result, err
}

// soonest is when to reconcile again, given when payouts would have to stop.
func (r *Reconciler) soonest(after time.Duration, run *inputs) time.Duration {
	until := run.gated.Violated.Add(r.Grace).Sub(r.Clock.Now())
	if !run.run.Gate.Hold || run.gated.Violated.IsZero() || until <= 0 {
		return after
	}
	return min(after, max(time.Second, until))
}

// record keeps which account is the coach's, when it was found rather than made, and forgets that the
// coach disconnected it, when it was seen since.
func (r *Reconciler) record(ctx context.Context, account *v1alpha1.PayoutAccount, run *inputs) error {
	if run.run.Account.ID == "" {
		return nil
	}
	book := ledger{client: r.Client, object: account}
	if account.Annotations[v1alpha1.AnnotationAccount] == "" && run.run.Coach.OwnsAccount(run.run.Account.Metadata) {
		if err := book.Record(ctx, scope.AccountRecord{Business: run.run.Business, Account: run.run.Account.ID}); err != nil {
			return err
		}
	}
	if run.fresh && account.Annotations[v1alpha1.AnnotationDeauthorized] != "" {
		return book.annotate(ctx, v1alpha1.AnnotationDeauthorized, "")
	}
	return nil
}

func (r *Reconciler) names() []string { return r.pass().Names() }
