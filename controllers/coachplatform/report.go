package coachplatform

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// maxDrift bounds what the status shows of a drift.
const maxDrift = 200

const (
	// none is what the status shows for nothing, and unknown for what could not be seen.
	none    = "None"
	unknown = "Unknown"
	// separator of the fields of a drift.
	separator = ", "
)

// report writes the status from what one pass saw, all but the condition EvidenceFresh, which depends on whether
// the report could be written.
func (r *Reconciler) report(platform *v1alpha1.CoachPlatform, run *scope.Platform, said report.Pass, answers []evidence.Answer) {
	now, status, outcomes := r.Clock.Now(), &platform.Status, said.Outcomes
	ready, reconciling, stalled := said.Summary()
	drift := driftOf(outcomes)
	if known := converged(outcomes); known != "" {
		status.Converged = known
	}
	status.ObservedGeneration = platform.Generation
	if run.Class != nil && !observeFailed(outcomes) {
		status.ReconcileHandled = requested(platform)
	}
	status.Plan, status.PlanSummary, status.Approval = report.Plan(outcomes), report.PlanSummary(outcomes), approval(outcomes)
	status.Drift = report.Truncate(drift, maxDrift)
	status.Security = evidence.Summarize(answers, now)
	status.Steps = said.Steps(status.Steps, now)
	observed(status, run, outcomes)
	report.Keep(&status.Conditions, conditionTypes...)
	report.Set(&status.Conditions, platform.Generation, now, ready, reconciling, stalled)
	report.Set(&status.Conditions, platform.Generation, now, ofPayouts(platform, said.Conditions())...)
	report.Set(&status.Conditions, platform.Generation, now, ofStripe(platform, outcomes)...)
	report.Set(&status.Conditions, platform.Generation, now, drifted(drift), held(status))
}

// conditionTypes are the conditions of a platform.
var conditionTypes = []string{
	v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionKeyReady,
	v1alpha1.ConditionNetworkReady, v1alpha1.ConditionDatabaseReady, v1alpha1.ConditionRolesReady, v1alpha1.ConditionSecretsReady,
	v1alpha1.ConditionPayoutsReady, v1alpha1.ConditionKeyValid, v1alpha1.ConditionWebhookReceiving, v1alpha1.ConditionDrifted,
	v1alpha1.ConditionApprovalNeeded, v1alpha1.ConditionEvidenceFresh,
}

// observed copies what steps saw. What could not be observed keeps its last value; a database that is
// known to be gone has no state.
func observed(status *v1alpha1.CoachPlatformStatus, run *scope.Platform, outcomes []converge.Outcome) {
	if run.Key.ARN != "" {
		status.KeyARN = run.Key.ARN
	}
	if run.Binding != "" {
		status.Binding.Name = run.Binding
	}
	if db := run.Database; db.Identifier != "" {
		status.Database = v1alpha1.DatabaseStatus{
			Identifier: db.Identifier, Endpoint: db.Endpoint, Port: db.Port, EngineVersion: db.EngineVersion,
			State: db.State, AllocatedGiB: db.AllocatedGiB, ResourceID: db.Record.ResourceID,
		}
	}
	for _, o := range outcomes {
		if o.Err != nil && fault.As(o.Err).Reason == v1alpha1.ReasonDatabaseLost {
			status.Database.State = ""
		}
	}
}

// driftOf names what differs although it was in place and nobody requested anything else since. A thing
// that is gone is named alone.
func driftOf(outcomes []converge.Outcome) string {
	var paths []string
	for _, o := range outcomes {
		drifted := slices.DeleteFunc(slices.Clone(o.Changes), func(c converge.Change) bool { return !c.Drift })
		if len(drifted) > 0 && !o.Exists {
			paths = append(paths, o.Step)
			continue
		}
		for _, c := range drifted {
			paths = append(paths, c.Step+"."+c.Path)
		}
	}
	switch {
	case len(paths) > 0:
		return strings.Join(paths, separator)
	case observeFailed(outcomes):
		return unknown
	}
	return none
}

// observeFailed says that a step saw nothing.
func observeFailed(outcomes []converge.Outcome) bool {
	return slices.ContainsFunc(outcomes, func(o converge.Outcome) bool { return o.ObserveFailed })
}

// converged is what the outcomes say of it, as one text; what was in place before is read from it.
func converged(outcomes []converge.Outcome) string {
	var all []string
	for _, o := range outcomes {
		if o.LastConverged != "" {
			all = append(all, o.Step+"="+o.LastConverged)
		}
	}
	return strings.Join(all, separator)
}

// lastConverged reads what converged wrote.
func lastConverged(text string) map[string]string {
	all := map[string]string{}
	for part := range strings.SplitSeq(text, separator) {
		step, codes, _ := strings.Cut(part, "=")
		all[step] = codes
	}
	return all
}

func findings(outcomes []converge.Outcome) []converge.Finding {
	var all []converge.Finding
	for _, o := range outcomes {
		all = append(all, o.Findings...)
	}
	return all
}

func exemptions(run *scope.Platform) []v1alpha1.Exemption {
	if run.Class == nil {
		return nil
	}
	return run.Class.Spec.Exemptions
}

func approval(outcomes []converge.Outcome) string {
	for _, o := range outcomes {
		if o.Approval != "" && !o.Spent {
			return o.Approval
		}
	}
	return ""
}

func drifted(drift string) metav1.Condition {
	switch drift {
	case unknown:
		return metav1.Condition{
			Type: v1alpha1.ConditionDrifted, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonNotObserved,
			Message: "not everything could be seen; status.steps says why",
		}
	case none:
		return metav1.Condition{
			Type: v1alpha1.ConditionDrifted, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNoDrift,
			Message: "nothing was changed behind the operator's back",
		}
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionDrifted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonDriftFound,
		Message: "changed behind the operator's back: " + drift,
	}
}

func held(status *v1alpha1.CoachPlatformStatus) metav1.Condition {
	if status.Approval == "" {
		return metav1.Condition{
			Type: v1alpha1.ConditionApprovalNeeded, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNothingHeld,
			Message: "no change waits for an approval",
		}
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionApprovalNeeded, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonApprovalNeeded,
		Message: fmt.Sprintf("changes in status.plan would interrupt the tenant; to make them, annotate the platform with %s=%s",
			v1alpha1.AnnotationApprove, status.Approval),
	}
}

func fresh(s *v1alpha1.SecuritySummary, unwritten error) metav1.Condition {
	if unwritten != nil && fault.ClassOf(unwritten) == fault.Conflict {
		f := fault.As(unwritten)
		return metav1.Condition{
			Type: v1alpha1.ConditionEvidenceFresh, Status: metav1.ConditionFalse, Reason: f.Reason, Message: f.Message,
		}
	}
	if unwritten != nil && fault.ClassOf(unwritten) != fault.Waiting {
		return metav1.Condition{
			Type: v1alpha1.ConditionEvidenceFresh, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonStale,
			Message: "the SecurityReport could not be written, so readers see an older one; it is tried again (the operator's log has the details)",
		}
	}
	if s.Unknown == 0 {
		return metav1.Condition{
			Type: v1alpha1.ConditionEvidenceFresh, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonFresh,
			Message: "every security control was observed within its bound",
		}
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionEvidenceFresh, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonStale,
		Message: fmt.Sprintf("%d security controls could not be observed; status.security.open lists them", s.Unknown),
	}
}

// announce tells once what changed in this pass.
func (r *Reconciler) announce(before, platform *v1alpha1.CoachPlatform, said report.Pass) {
	for _, e := range said.Events(before.Status.Conditions, before.Status.Steps) {
		r.Events.Eventf(platform, nil, e.Type, e.Reason, e.Action, "%s", e.Note)
	}
	if message := obstructed(platform); message != "" && obstructed(before) == "" {
		r.Events.Eventf(platform, nil, corev1.EventTypeWarning, v1alpha1.ReasonConflict, report.ActionReconcile,
			"%s", report.Note(message))
	}
	if found := news(before.Status.Drift, platform.Status.Drift); found != "" {
		r.Events.Eventf(platform, nil, corev1.EventTypeWarning, v1alpha1.ReasonDriftFound, report.ActionReconcile,
			"changed behind the operator's back: %s", found)
	}
}

// obstructed says what keeps the platform's report from being written; "" is nothing.
func obstructed(platform *v1alpha1.CoachPlatform) string {
	c := meta.FindStatusCondition(platform.Status.Conditions, v1alpha1.ConditionEvidenceFresh)
	if c == nil || c.Reason != v1alpha1.ReasonConflict {
		return ""
	}
	return c.Message
}

// news are the fields of a drift that were not known to have drifted. That a known one stays, or
// is repaired, is none.
func news(before, now string) string {
	known, found := strings.Split(before, separator), []string(nil)
	for path := range strings.SplitSeq(now, separator) {
		if path != none && path != unknown && !slices.Contains(known, path) {
			found = append(found, path)
		}
	}
	return strings.Join(found, separator)
}
