package report

import (
	"slices"
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

// Events returns what changed since the earlier conditions and steps: what came to need a person or an
// approval, the writes, and readiness that came back. What merely stays is reported by status.
func (p Pass) Events(before []metav1.Condition, steps []v1alpha1.StepStatus) []Event {
	var events []Event
	ready, _, _ := p.Summary()
	became := ready.Status == metav1.ConditionTrue && !meta.IsStatusConditionTrue(before, v1alpha1.ConditionReady)
	writes := joined(append(slices.Clone(p.Earlier), p.Writes()))
	if writes != "" && !became {
		events = append(events, event(corev1.EventTypeNormal, v1alpha1.ReasonApplied, ActionApply, writes))
	}
	verdicts, top := p.verdicts()
	if p.Cause != nil && top.handling.Event && !was(before, v1alpha1.ConditionReady, top.status, top.reason) {
		events = append(events, event(top.kind(), top.reason, ActionReconcile, top.message))
	}
	for _, v := range verdicts {
		known := find(steps, v.step)
		if !v.handling.Event || known != nil && known.State == v.rank.state() && known.Reason == v.reason {
			continue
		}
		if v.step == top.step || v.message != top.message { // one cause is one event, which names the step that Ready names
			events = append(events, event(v.kind(), v.reason, ActionReconcile, v.step+": "+v.message))
		}
	}
	if became { // what was written on the last way there is told in the same event
		note := joined([]string{"ready: " + ready.Message, writes})
		events = append(events, event(corev1.EventTypeNormal, ready.Reason, ActionReconcile, note))
	}
	return events
}

// kind is the type of the event about a verdict.
func (v verdict) kind() string {
	if v.handling.Warning {
		return corev1.EventTypeWarning
	}
	return corev1.EventTypeNormal
}

// Writes says what the pass wrote, in one text for all steps; "" is nothing.
func (p Pass) Writes() string {
	var all []string
	for _, o := range p.Outcomes {
		if o.Applied {
			all = append(all, o.Step+": "+done(o))
		}
	}
	return joined(all)
}

// joined is one text of those that say something.
func joined(texts []string) string {
	return strings.Join(slices.DeleteFunc(texts, func(text string) bool { return text == "" }), "; ")
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
