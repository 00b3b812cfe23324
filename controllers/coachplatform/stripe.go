package coachplatform

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/payouts/stripeaccount"
	"github.com/coachplatform/coach-operator/internal/step/payouts/webhook"
)

// audit counts the coaches' accounts at Stripe that carry the platform's mark and that no object claims.
// It counts them only; kubectl coach inventory lists them, and nothing is done about them.
func (r *Reconciler) audit(ctx context.Context, platform *v1alpha1.CoachPlatform, run *scope.Platform) {
	if run.Business.ID == "" {
		return
	}
	var accounts v1alpha1.PayoutAccountList
	if err := r.Client.List(ctx, &accounts, client.InNamespace(platform.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		logf.FromContext(ctx).Error(err, "Looking for orphaned accounts")
		return
	}
	claimed := map[string]bool{}
	for i := range accounts.Items {
		claimed[scope.ParseAccountRecord(accounts.Items[i].Annotations[v1alpha1.AnnotationAccount]).Account] = true
	}
	orphans := 0
	for _, id := range run.Business.Accounts {
		if !claimed[id] {
			orphans++
		}
	}
	r.Metrics.Orphans(string(platform.UID), orphans)
}

// hasStripe says that a platform has a Stripe account.
func hasStripe(p *v1alpha1.CoachPlatform) bool { return p.Spec.Stripe.CredentialsSecretName != "" }

// problemOf is what went wrong in a step; nil is nothing. A step that did not run is no good news.
func problemOf(outcomes []converge.Outcome, step string) *fault.Error {
	i := slices.IndexFunc(outcomes, func(o converge.Outcome) bool { return o.Step == step })
	switch {
	case i < 0:
		return fault.Wait(v1alpha1.ReasonNotObserved, 0, "not observed yet")
	case outcomes[i].Err == nil:
		return nil
	}
	return fault.As(outcomes[i].Err)
}

// ofPayouts makes the condition of payouts say that a platform has no Stripe account: that nothing is wrong
// with what is not there is no readiness.
func ofPayouts(platform *v1alpha1.CoachPlatform, all []metav1.Condition) []metav1.Condition {
	c := meta.FindStatusCondition(all, v1alpha1.ConditionPayoutsReady)
	if c != nil && c.Status == metav1.ConditionTrue && !hasStripe(platform) {
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, v1alpha1.ReasonNotConfigured, noStripe
	}
	return all
}

// noStripe is the message of conditions about Stripe of a platform without.
const noStripe = "the platform has no Stripe account"

// ofStripe are the conditions that a user acts on at Stripe.
func ofStripe(platform *v1alpha1.CoachPlatform, outcomes []converge.Outcome) []metav1.Condition {
	valid := metav1.Condition{
		Type: v1alpha1.ConditionKeyValid, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonKeyAccepted, Message: "Stripe accepts the key",
	}
	receiving := metav1.Condition{
		Type: v1alpha1.ConditionWebhookReceiving, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonNoDelivery,
		Message: "no event of Stripe has arrived yet; the first comes with the first change of an account",
	}
	problem, hook := problemOf(outcomes, stripeaccount.Name), problemOf(outcomes, webhook.Name)
	switch {
	case !hasStripe(platform):
		valid.Status, valid.Reason, valid.Message = metav1.ConditionUnknown, v1alpha1.ReasonNotConfigured, noStripe
		receiving.Status, receiving.Reason, receiving.Message = valid.Status, valid.Reason, valid.Message
		return []metav1.Condition{valid, receiving}
	case hook != nil:
		receiving.Reason, receiving.Message = hook.Reason, "waits for step "+webhook.Name
	case platform.Annotations[v1alpha1.AnnotationDelivered] != "":
		receiving.Status, receiving.Reason, receiving.Message = metav1.ConditionTrue, v1alpha1.ReasonDelivered, "events of Stripe arrive"
	}
	switch {
	case problem != nil && problem.Reason == v1alpha1.ReasonPlatformCredentialsInvalid:
		valid.Status, valid.Reason, valid.Message = metav1.ConditionFalse, problem.Reason, "the key is not accepted; PayoutsReady says why"
	case problem != nil:
		valid.Status, valid.Reason, valid.Message = metav1.ConditionUnknown, problem.Reason, "waits for step "+stripeaccount.Name
	}
	return []metav1.Condition{valid, receiving}
}
