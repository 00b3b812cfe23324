package report

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
)

const (
	// maxMessage bounds a condition's message, in characters: it should be read at a glance.
	maxMessage = 1024
	// maxStepMessage bounds a step's message, and that of a condition that is not of kstatus.
	maxStepMessage = 512
)

// Messages of conditions that have nothing to say.
const (
	asWanted  = "as desired"
	notMoving = "nothing is on its way"
	notStuck  = "no person has to act"
	notRunYet = "not run; Ready says why"
)

// Pass is what one pass has to say.
type Pass struct {
	// Outcomes of the steps, in their order.
	Outcomes []converge.Outcome
	// Cause is why the steps were not run, or may not write; nil is nothing.
	Cause error
	// Types is, by step, the condition in which the step counts. One without counts in Ready only.
	Types map[string]string
	// Earlier are the writes of earlier passes that no event has named yet.
	Earlier []string
	// Still is the reason of differences that are not repaired in this mode; "" is Pending.
	Still string
}

// Types reads from the steps in which condition each counts.
func Types[In any](steps []converge.Step[In]) map[string]string {
	types := make(map[string]string, len(steps))
	for _, s := range steps {
		types[s.Name()] = s.Describe().Condition
	}
	return types
}

// Failed returns an outcome for every named step of a pass in which none could run, because of err.
func Failed(steps []string, err error) []converge.Outcome {
	outcomes := make([]converge.Outcome, 0, len(steps))
	for _, step := range steps {
		outcomes = append(outcomes, converge.Outcome{Step: step, Err: err, ObserveFailed: true})
	}
	return outcomes
}

// NotRun returns an outcome for every named step of a pass that ran none.
func NotRun(steps []string) []converge.Outcome {
	return Failed(steps, fault.Wait(v1alpha1.ReasonNotRun, 0, notRunYet))
}

// verdicts are one verdict per step, and the one that matters most: it is the pass's own cause, if there is
// one.
func (p Pass) verdicts() (all []verdict, top verdict) {
	all = p.gather()
	if p.Cause != nil {
		return all, failure(converge.Outcome{Err: p.Cause}).stays(p.Still)
	}
	return all, worst(all)
}

// Summary returns the kstatus conditions. Ready is false when any step is known not to be ready,
// unknown when one could not be observed or none ran, and true when nothing is left to do but what
// waits for an approval. Stalled wins over Reconciling: while a person has to act, that others still move
// is no progress for the whole.
func (p Pass) Summary() (ready, reconciling, stalls metav1.Condition) {
	verdicts, top := p.verdicts()
	status, message := readiness(verdicts), top.message
	if top.step != "" && top.rank > converged {
		message = top.step + ": " + top.message + others(verdicts, top)
	}
	if p.Cause != nil {
		status = top.status
	}
	ready = condition(v1alpha1.ConditionReady, status, top.reason, message)
	reconciling = condition(v1alpha1.ConditionReconciling, metav1.ConditionFalse, top.reason, notMoving)
	stalls = condition(v1alpha1.ConditionStalled, metav1.ConditionFalse, top.reason, notStuck)
	switch top.rank {
	case stalled:
		stalls.Status, stalls.Message = metav1.ConditionTrue, message
	case waiting, retrying:
		reconciling.Status, reconciling.Message = metav1.ConditionTrue, message
	case converged, held, notRun, pending:
	}
	return ready, reconciling, stalls
}

// Conditions returns one condition for each of Types that the outcomes name, in their order. Of steps that
// share one, the one that matters most speaks.
func (p Pass) Conditions() []metav1.Condition {
	verdicts, top := p.verdicts()
	groups, kinds := map[string][]verdict{}, []string(nil)
	for _, v := range verdicts {
		kind := p.Types[v.step]
		if kind == "" {
			continue
		}
		if groups[kind] == nil {
			kinds = append(kinds, kind)
		}
		groups[kind] = append(groups[kind], v.beside(top))
	}
	conditions := make([]metav1.Condition, 0, len(kinds))
	for _, kind := range kinds {
		group := groups[kind]
		first, message := worst(group), worst(group).message
		if len(group) > 1 && first.rank > converged && first.rank != notRun {
			message = first.step + ": " + message
		}
		conditions = append(conditions, condition(kind, readiness(group), first.reason, Truncate(message, maxStepMessage)))
	}
	return conditions
}

// Steps returns what each step said. The time of one moves only with its state and reason.
func (p Pass) Steps(before []v1alpha1.StepStatus, now time.Time) []v1alpha1.StepStatus {
	verdicts, top := p.verdicts()
	steps := make([]v1alpha1.StepStatus, 0, len(verdicts))
	for _, v := range verdicts {
		v = v.beside(top)
		s := v1alpha1.StepStatus{Name: v.step, State: v.rank.state(), Reason: v.reason, Since: metav1.NewTime(now).Rfc3339Copy()}
		if v.rank != converged && v.rank != notRun {
			s.Message = Truncate(v.message, maxStepMessage)
		}
		if was := find(before, v.step); was != nil && was.State == s.State && was.Reason == s.Reason {
			s.Since = was.Since
		}
		steps = append(steps, s)
	}
	return steps
}

func find(steps []v1alpha1.StepStatus, name string) *v1alpha1.StepStatus {
	i := slices.IndexFunc(steps, func(s v1alpha1.StepStatus) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &steps[i]
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

// Keep drops conditions of types that are none of these, such as those of an earlier version.
func Keep(conditions *[]metav1.Condition, types ...string) {
	*conditions = slices.DeleteFunc(*conditions, func(c metav1.Condition) bool { return !slices.Contains(types, c.Type) })
}
