package coachplatform

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	// none is what the status shows for nothing.
	none = "None"
	// separator of the fields of a drift.
	separator = ", "
)

// report writes the whole status from what one pass saw. It is the only writer of status.
func (r *Reconciler) report(platform *v1alpha1.CoachPlatform, run *scope.Platform, outcomes []converge.Outcome) {
	now, status := r.Clock.Now(), &platform.Status
	ready, reconciling, stalled := report.Summary(outcomes)
	drift := driftOf(status, outcomes)
	if ready.Status == metav1.ConditionTrue {
		status.Converged = desired(outcomes)
	}
	answers := evidence.Judge(findings(outcomes), exemptions(run), now)
	status.ObservedGeneration = platform.Generation
	if run.Class != nil {
		status.ReconcileHandled = requested(platform)
	}
	status.Plan, status.PlanSummary, status.Approval = report.Plan(outcomes), report.PlanSummary(outcomes), approval(outcomes)
	status.Drift = report.Truncate(drift, maxDrift)
	status.Security = evidence.Summarize(answers)
	observed(status, run, outcomes)
	all := append(report.Steps(outcomes), ready, reconciling, stalled, drifted(drift), held(status), fresh(&status.Security))
	report.Set(&status.Conditions, platform.Generation, now, withPolicy(platform, all)...)
}

// withPolicy makes conditions of changes that are only planned say why nobody makes them.
func withPolicy(platform *v1alpha1.CoachPlatform, all []metav1.Condition) []metav1.Condition {
	reason := v1alpha1.ReasonPending
	switch {
	case paused(platform):
		reason = v1alpha1.ReasonPaused
	case observing(platform):
		reason = v1alpha1.ReasonObserving
	}
	for i := range all {
		if all[i].Reason == v1alpha1.ReasonPending {
			all[i].Reason = reason
		}
	}
	return all
}

// observed copies what steps saw. What could not be looked at keeps its last value; a database that is
// known to be gone has no state.
func observed(status *v1alpha1.CoachPlatformStatus, run *scope.Platform, outcomes []converge.Outcome) {
	if run.Key.ARN != "" {
		status.KeyARN = run.Key.ARN
	}
	if db := run.Database; db.Identifier != "" {
		status.Database = v1alpha1.DatabaseStatus{
			Identifier: db.Identifier, Endpoint: db.Endpoint, Port: db.Port, EngineVersion: db.EngineVersion,
			State: db.State, ResourceID: db.Record.ResourceID,
		}
	}
	for _, o := range outcomes {
		if o.Err != nil && fault.As(o.Err).Reason == v1alpha1.ReasonDatabaseLost {
			status.Database.State = ""
		}
	}
}

// driftOf names the fields that differ although nobody changed what is wanted since a pass last found
// everything in place. What waits for an approval since somebody changed the spec is no drift.
func driftOf(before *v1alpha1.CoachPlatformStatus, outcomes []converge.Outcome) string {
	if before.Converged == "" || before.Converged != desired(outcomes) {
		return none
	}
	var paths []string
	for _, o := range outcomes {
		for _, c := range o.Changes {
			if !heldEdit(before, c) {
				paths = append(paths, c.Step+"."+c.Path)
			}
		}
	}
	if len(paths) == 0 {
		return none
	}
	return strings.Join(paths, separator)
}

// heldEdit says that a change was held before and was no drift then.
func heldEdit(before *v1alpha1.CoachPlatformStatus, c converge.Change) bool {
	known := slices.ContainsFunc(before.Plan, func(p v1alpha1.PlannedChange) bool {
		return p.Held && p.Step == c.Step && p.Path == c.Path && p.From == c.From
	})
	return known && !slices.Contains(strings.Split(before.Drift, separator), c.Step+"."+c.Path)
}

// desired fingerprints what all steps want; "" when one of them could not say.
func desired(outcomes []converge.Outcome) string {
	h := sha256.New()
	for _, o := range outcomes {
		if o.Desired == "" {
			return ""
		}
		fmt.Fprintf(h, "%s=%s\n", o.Step, o.Desired)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
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
	if drift == none {
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

func fresh(s *v1alpha1.SecuritySummary) metav1.Condition {
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
func (r *Reconciler) announce(before, platform *v1alpha1.CoachPlatform, outcomes []converge.Outcome) {
	for _, e := range report.Events(before.Status.Conditions, outcomes) {
		r.Events.Eventf(platform, nil, e.Type, e.Reason, e.Action, "%s", e.Note)
	}
	if found := news(before.Status.Drift, platform.Status.Drift); found != "" {
		r.Events.Eventf(platform, nil, corev1.EventTypeWarning, v1alpha1.ReasonDriftFound, report.ActionReconcile,
			"changed behind the operator's back: %s", found)
	}
}

// news are the fields of a drift that were not known to have drifted. That a known one stays, or
// is mended, is none.
func news(before, now string) string {
	known, found := strings.Split(before, separator), []string(nil)
	for path := range strings.SplitSeq(now, separator) {
		if path != none && !slices.Contains(known, path) {
			found = append(found, path)
		}
	}
	return strings.Join(found, separator)
}

// patchStatus writes the status, once, and only if it changed: idle means idle. The patch carries no
// optimistic lock, since nobody else writes status and a lost status is harmless.
func (r *Reconciler) patchStatus(ctx context.Context, before, platform *v1alpha1.CoachPlatform) error {
	if equality.Semantic.DeepEqual(before.Status, platform.Status) {
		return nil
	}
	base := platform.DeepCopy()
	base.Status = before.Status
	if err := r.Client.Status().Patch(ctx, platform, client.MergeFrom(base)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("writing the status: %w", err))
	}
	return nil
}
