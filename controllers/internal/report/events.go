package report

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
)

// Actions of events: what the operator was doing.
const (
	// ActionReconcile is observing and repairing.
	ActionReconcile = "Reconcile"
	// ActionApply is writing.
	ActionApply = "Apply"
)

// maxNote bounds the note of an event, in characters; the API takes 1024 bytes.
const maxNote = 250

// Event is something worth an event.
type Event struct {
	// Type is Normal or Warning.
	Type string
	// Reason is the reason of the condition that changed.
	Reason string
	// Action is what the operator was doing.
	Action string
	// Note says what happened, without values of fields.
	Note string
}

// Events returns what changed since the earlier conditions: a step that came to need a person or an
// approval, a write, and readiness that came back. What merely stays is reported by conditions.
func Events(before []metav1.Condition, outcomes []converge.Outcome) []Event {
	var events []Event
	for _, o := range outcomes {
		if o.Applied {
			events = append(events, event(corev1.EventTypeNormal, v1alpha1.ReasonApplied, ActionApply, o.Step+": "+done(o)))
		}
	}
	for _, v := range gather(outcomes) {
		if !v.handling.Event || was(before, Type(v.step), v.status, v.reason) {
			continue
		}
		kind := corev1.EventTypeNormal
		if v.handling.Warning {
			kind = corev1.EventTypeWarning
		}
		events = append(events, event(kind, v.reason, ActionReconcile, v.step+": "+v.message))
	}
	ready, _, _ := Summary(outcomes)
	if ready.Status == metav1.ConditionTrue && !meta.IsStatusConditionTrue(before, v1alpha1.ConditionReady) {
		events = append(events, event(corev1.EventTypeNormal, ready.Reason, ActionReconcile, "ready: "+ready.Message))
	}
	return events
}

// done says what was written.
func done(o converge.Outcome) string {
	if !o.Exists {
		return "created"
	}
	return "changed " + strings.Join(made(o), ", ")
}

// made returns the paths of the changes that were written.
func made(o converge.Outcome) []string {
	var paths []string
	for _, c := range o.Changes {
		if !c.Held || o.Spent && c.Effect == converge.Disruptive {
			paths = append(paths, c.Path)
		}
	}
	return paths
}

func was(before []metav1.Condition, kind string, status metav1.ConditionStatus, reason string) bool {
	c := meta.FindStatusCondition(before, kind)
	return c != nil && c.Status == status && c.Reason == reason
}

func event(kind, reason, action, note string) Event {
	return Event{Type: kind, Reason: reason, Action: action, Note: Note(note)}
}

// Note bounds the note of an event.
func Note(text string) string { return Truncate(text, maxNote) }
