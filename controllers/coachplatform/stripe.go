package coachplatform

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
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

// Names of the steps about Stripe.
const (
	stepStripe  = "stripe"
	stepWebhook = "webhook"
)

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

// ofStripe are the conditions that say more of the platform's Stripe account than those of its steps.
func ofStripe(platform *v1alpha1.CoachPlatform, outcomes []converge.Outcome) []metav1.Condition {
	valid := metav1.Condition{
		Type: v1alpha1.ConditionKeyValid, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonKeyAccepted, Message: "Stripe accepts the key",
	}
	matches := metav1.Condition{
		Type: v1alpha1.ConditionModeMatches, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonKeyAccepted,
		Message: "key, platform and class are in the same mode of Stripe",
	}
	receiving := metav1.Condition{
		Type: v1alpha1.ConditionWebhookReceiving, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonNoDelivery,
		Message: "no event of Stripe has arrived yet; the first comes with the first change of an account",
	}
	if platform.Annotations[v1alpha1.AnnotationDelivered] != "" {
		receiving.Status, receiving.Reason, receiving.Message = metav1.ConditionTrue, v1alpha1.ReasonDelivered, "events of Stripe arrive"
	}
	all := []metav1.Condition{valid, matches, receiving}
	if !hasStripe(platform) {
		for i := range all {
			all[i].Status, all[i].Reason = metav1.ConditionUnknown, v1alpha1.ReasonNotConfigured
			all[i].Message = "the platform has no Stripe account"
		}
		return all
	}
	if hook := problemOf(outcomes, stepWebhook); hook != nil {
		all[2].Status, all[2].Reason, all[2].Message = metav1.ConditionUnknown, hook.Reason, hook.Message
	}
	problem := problemOf(outcomes, stepStripe)
	if problem == nil {
		return all
	}
	for _, c := range []*metav1.Condition{&all[0], &all[1]} {
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, problem.Reason, problem.Message
	}
	switch problem.Reason {
	case v1alpha1.ReasonPlatformCredentialsInvalid:
		all[0].Status = metav1.ConditionFalse
	case v1alpha1.ReasonModeMismatch:
		all[1].Status = metav1.ConditionFalse
	}
	return all
}
