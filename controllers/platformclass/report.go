package platformclass

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// leastLeft is how much of a quota should be left, as a divisor: a tenth.
const leastLeft = 10

// report writes the whole status from what one pass saw. It is the only writer of status.
func (r *Reconciler) report(class *v1alpha1.PlatformClass, run *scope.Class, used usage, said report.Pass) {
	status := &class.Status
	status.ObservedGeneration = class.Generation
	status.Platforms = used.platforms
	status.Plan = report.Plan(said.Outcomes)
	observed(status, run)
	ready, reconciling, stalled := said.Summary()
	if !class.DeletionTimestamp.IsZero() {
		kept := used.keep()
		for _, c := range []*metav1.Condition{&ready, &reconciling, &stalled} {
			c.Status, c.Reason, c.Message = metav1.ConditionFalse, kept.Reason, kept.Message
		}
		stalled.Status = metav1.ConditionTrue
	}
	now, conditions := r.Clock.Now(), said.Conditions()
	warn(conditions, status.Quotas)
	status.Steps = said.Steps(status.Steps, now)
	report.Set(&status.Conditions, class.Generation, now, append(conditions, ready, reconciling, stalled)...)
}

// observed copies what steps saw. What could not be observed keeps its last value.
func observed(status *v1alpha1.PlatformClassStatus, run *scope.Class) {
	if run.Network.VPCID != "" {
		status.VPCID, status.SubnetIDs = run.Network.VPCID, run.Network.SubnetIDs
	}
	if run.Quotas != nil {
		status.Quotas = run.Quotas
	}
}

// warn makes the condition of a healthy account say which quotas are nearly used up. It stays true:
// nothing is broken yet.
func warn(conditions []metav1.Condition, quotas []v1alpha1.Quota) {
	c := meta.FindStatusCondition(conditions, v1alpha1.ConditionAccountReady)
	if c == nil || c.Status != metav1.ConditionTrue {
		return
	}
	var low []string
	for _, q := range quotas {
		if q.Limit > 0 && (q.Limit-q.Used)*leastLeft < q.Limit {
			low = append(low, fmt.Sprintf("%s %d of %d", q.Name, q.Used, q.Limit))
		}
	}
	if len(low) > 0 {
		c.Reason = v1alpha1.ReasonQuotaLow
		c.Message = "less than a tenth of a quota is left: " + strings.Join(low, ", ") + "; ask AWS for more in time"
	}
}

// announce tells once what changed in this pass. A class that is being deleted is never ready, so that
// its steps are is no news.
func (r *Reconciler) announce(before, class *v1alpha1.PlatformClass, said report.Pass) {
	for _, e := range said.Events(before.Status.Conditions, before.Status.Steps) {
		if class.DeletionTimestamp.IsZero() || e.Type == corev1.EventTypeWarning || e.Action == report.ActionApply {
			r.Events.Eventf(class, nil, e.Type, e.Reason, e.Action, "%s", e.Note)
		}
	}
	r.emitOnce(before, class, v1alpha1.ConditionAccountReady, v1alpha1.ReasonQuotaLow)
	r.emitOnce(before, class, v1alpha1.ConditionReady, v1alpha1.ReasonInUse)
}

// emitOnce warns when a condition came to have a reason.
func (r *Reconciler) emitOnce(before, class *v1alpha1.PlatformClass, kind, reason string) {
	then, now := meta.FindStatusCondition(before.Status.Conditions, kind), meta.FindStatusCondition(class.Status.Conditions, kind)
	if now != nil && now.Reason == reason && (then == nil || then.Reason != reason) {
		r.Events.Eventf(class, nil, corev1.EventTypeWarning, reason, report.ActionReconcile, "%s", report.Note(now.Message))
	}
}
