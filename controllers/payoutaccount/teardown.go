package payoutaccount

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
)

const (
	// releasePoll is how long a release waits for its next pass.
	releasePoll = 2 * time.Second
	// patience is how long an object waits for Stripe, or for a key, before it goes without the mark of a
	// release. Its account is kept either way.
	patience = 10 * time.Minute
)

// teardown releases the account: it stays at Stripe with all that it holds, marked as released. In a
// terminating namespace there is no call: the key goes with the namespace, and nothing waits for it.
func (r *Reconciler) teardown(ctx context.Context, account *v1alpha1.PayoutAccount) (ctrl.Result, error) {
	if !r.pass().Claimed(account) {
		return ctrl.Result{}, nil
	}
	closing, err := r.closing(ctx, account.Namespace)
	if err != nil {
		return ctrl.Result{}, err
	}
	if closing {
		return ctrl.Result{}, r.dropFinalizer(ctx, account)
	}
	before := account.DeepCopy()
	run, err := r.inputs(ctx, account)
	if err == nil && v1alpha1.Paused(account) {
		err = fault.New(fault.Invalid, v1alpha1.ReasonPaused,
			"the object is to be deleted and is paused: remove the annotation %s, and the account is released", v1alpha1.AnnotationPaused)
		return r.finish(ctx, before, account, run, report.Failed(r.names(), err))
	}
	if err == nil && observing(run.platform) { // nothing may be written
		return ctrl.Result{}, r.dropFinalizer(ctx, account)
	}
	done := false
	if err == nil {
		var outcomes []converge.Outcome
		outcomes, done = r.pass().Release(ctx, run.payout())
		err = obstacle(outcomes)
	}
	if done || mine(err) || r.abandoned(ctx, account, err) {
		return ctrl.Result{}, r.dropFinalizer(ctx, account)
	}
	if err == nil {
		err = fault.Wait(v1alpha1.ReasonReleasing, releasePoll, "the account is kept and being released")
	}
	return r.finish(ctx, before, account, run, []converge.Outcome{{Step: r.names()[0], Err: err, ObserveFailed: true}})
}

// obstacle is what keeps the account from being released; nil is nothing.
func obstacle(outcomes []converge.Outcome) error {
	for _, o := range outcomes {
		if fault.As(o.Err).Reason != v1alpha1.ReasonReleasing {
			return o.Err
		}
	}
	return nil
}

// mine says that there is nothing of this object's own to release: its account is another's, or its
// platform is gone, and with it whoever could reach the account.
func mine(err error) bool {
	if err == nil {
		return false
	}
	f := fault.As(err)
	return f.Class == fault.Conflict || f.Reason == v1alpha1.ReasonWaitingForPlatform
}

// closing says whether the namespace is being deleted, or gone.
func (r *Reconciler) closing(ctx context.Context, name string) (bool, error) {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	err := r.Live.Get(ctx, types.NamespacedName{Name: name}, namespace)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return err == nil && !namespace.DeletionTimestamp.IsZero(), err
}

// abandoned says whether Stripe was waited for long enough.
func (r *Reconciler) abandoned(ctx context.Context, account *v1alpha1.PayoutAccount, err error) bool {
	if err == nil || r.Clock.Since(account.DeletionTimestamp.Time) < patience {
		return false
	}
	logf.FromContext(ctx).Info("The account could not be marked as released; it is kept at Stripe", "reason", fault.As(err).Reason)
	r.Events.Eventf(account, nil, corev1.EventTypeWarning, v1alpha1.ReasonReleasing, "Release",
		"kept at Stripe without the mark of a release, since Stripe could not be asked")
	return true
}

// dropFinalizer lets the object go.
func (r *Reconciler) dropFinalizer(ctx context.Context, account *v1alpha1.PayoutAccount) error {
	r.reads.forget(account.UID)
	return r.pass().Drop(ctx, account)
}
