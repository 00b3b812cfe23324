package report

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
)

// maxMessage bounds a condition's message, in characters: it should be read at a glance.
const maxMessage = 1024

// Type returns the type of a step's condition: KeyReady for the step key.
func Type(step string) string {
	if step == "" {
		return v1alpha1.ConditionReady
	}
	return strings.ToUpper(step[:1]) + step[1:] + v1alpha1.ConditionReady
}

// Failed returns an outcome for every named step of a pass in which none could run, because of err.
func Failed(steps []string, err error) []converge.Outcome {
	outcomes := make([]converge.Outcome, 0, len(steps))
	for _, step := range steps {
		outcomes = append(outcomes, converge.Outcome{Step: step, Err: err, ObserveFailed: true})
	}
	return outcomes
}

// Steps returns one condition per step, in the order of the outcomes. Outcomes of the same step share
// a condition, in which the one that matters most speaks.
func Steps(outcomes []converge.Outcome) []metav1.Condition {
	verdicts := gather(outcomes)
	conditions := make([]metav1.Condition, 0, len(verdicts))
	for _, v := range verdicts {
		conditions = append(conditions, condition(Type(v.step), v.status, v.reason, v.message))
	}
	return conditions
}

// Summary returns the kstatus conditions. Ready is false when any step is known not to be ready,
// unknown when one could not be observed or none ran, and true when nothing is left to do but what
// waits for an approval. Stalled wins over Reconciling: while a person has to act, that others still move
// is no progress for the whole.
func Summary(outcomes []converge.Outcome) (ready, reconciling, stalls metav1.Condition) {
	verdicts := gather(outcomes)
	top := worst(verdicts)
	message := top.message
	if top.rank > converged {
		message = top.step + ": " + top.message + others(verdicts, top)
	}
	ready = condition(v1alpha1.ConditionReady, readiness(verdicts), top.reason, message)
	reconciling = condition(v1alpha1.ConditionReconciling, metav1.ConditionFalse, top.reason, message)
	stalls = condition(v1alpha1.ConditionStalled, metav1.ConditionFalse, top.reason, message)
	switch top.rank {
	case stalled:
		stalls.Status = metav1.ConditionTrue
	case waiting, retrying:
		reconciling.Status = metav1.ConditionTrue
	case converged, held, pending:
	}
	return ready, reconciling, stalls
}

func readiness(verdicts []verdict) metav1.ConditionStatus {
	switch {
	case slices.ContainsFunc(verdicts, func(v verdict) bool { return v.status == metav1.ConditionFalse }):
		return metav1.ConditionFalse
	case len(verdicts) == 0, slices.ContainsFunc(verdicts, func(v verdict) bool { return v.status == metav1.ConditionUnknown }):
		return metav1.ConditionUnknown
	default:
		return metav1.ConditionTrue
	}
}

// others names the further steps that are not ready.
func others(verdicts []verdict, top verdict) string {
	var names []string
	for _, v := range verdicts {
		if v.step != top.step && v.status != metav1.ConditionTrue {
			names = append(names, v.step)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (not ready either: " + strings.Join(names, ", ") + ")"
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
}

// Set writes conditions for one generation. The transition time of a condition moves only with its
// status, and a message is bounded.
func Set(conditions *[]metav1.Condition, generation int64, now time.Time, all ...metav1.Condition) {
	for _, c := range all {
		c.ObservedGeneration = generation
		c.LastTransitionTime = metav1.NewTime(now)
		c.Message = Truncate(c.Message, maxMessage)
		meta.SetStatusCondition(conditions, c)
	}
}
