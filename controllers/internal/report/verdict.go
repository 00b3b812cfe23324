package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// rank orders verdicts by how much they matter to a reader, the least first.
type rank int

const (
	// converged: nothing to do.
	converged rank = iota
	// held: what is left to do waits for an approval.
	held
	// notRun: the step was not run.
	notRun
	// pending: what is left to do is not done in this mode.
	pending
	// waiting: on its way.
	waiting
	// retrying: a call failed and is tried again.
	retrying
	// stalled: a person has to act.
	stalled
)

var states = [...]v1alpha1.StepState{
	converged: v1alpha1.StepConverged, held: v1alpha1.StepHeld, notRun: v1alpha1.StepNotRun, pending: v1alpha1.StepPending,
	waiting: v1alpha1.StepWaiting, retrying: v1alpha1.StepRetrying, stalled: v1alpha1.StepStalled,
}

func (r rank) state() v1alpha1.StepState { return states[r] }

// verdict is one outcome as a user reads it.
type verdict struct {
	step            string
	rank            rank
	status          metav1.ConditionStatus
	reason, message string
	handling        fault.Handling
}

// beside is the verdict as it reads beside the one that matters most: a failure that both have is told
// there only.
func (v verdict) beside(top verdict) verdict {
	if v.step != top.step && v.rank >= retrying && v.message == top.message {
		v.message = "waits for step " + top.step
	}
	return v
}

// judge reads one outcome. The reason of differences that are not repaired is still.
func judge(o converge.Outcome, still string) verdict {
	v := verdict{
		step: o.Step, status: metav1.ConditionTrue,
		reason: v1alpha1.ReasonConverged, message: asWanted,
	}
	if o.Err != nil {
		v = failure(o)
	}
	v = v.stays(still)
	if left := unmade(o); left > 0 && v.rank <= held {
		v.rank, v.status, v.reason = pending, metav1.ConditionFalse, cmp.Or(still, v1alpha1.ReasonPending)
		v.message = fmt.Sprintf("%s not made in this mode; status.plan lists them", count(left, "change is", "changes are"))
	}
	return v
}

// stays is a verdict in a mode in which nothing is written, whose reason is still: what waits, for anything but AWS's own
// work, waits for what nobody creates, so it is not on its way.
func (v verdict) stays(still string) verdict {
	if still != "" && v.rank == waiting && v.reason != converge.ReasonSettling {
		v.rank, v.reason = pending, still
	}
	return v
}

func failure(o converge.Outcome) verdict {
	f := fault.As(o.Err)
	h := fault.Handle(f.Class)
	v := verdict{
		step: o.Step, rank: waiting, status: metav1.ConditionStatus(h.Status),
		reason: f.Reason, message: f.Message, handling: h,
	}
	switch {
	case f.Reason == v1alpha1.ReasonNotRun:
		v.rank, v.status = notRun, metav1.ConditionUnknown
	case h.Stalled:
		v.rank = stalled
	case h.Backoff:
		v.rank = retrying
	case h.Ready:
		v.rank = held
	}
	return v
}

// unmade counts the changes that nothing holds. A pass that made them is a wait, which outranks this.
func unmade(o converge.Outcome) int {
	n := 0
	for _, c := range o.Changes {
		if !c.Held {
			n++
		}
	}
	return n
}

// gather returns one verdict per step, in the order of the steps. Of outcomes that share a step the
// one that matters most speaks.
func (p Pass) gather() []verdict {
	var all []verdict
	at := map[string]int{}
	for _, o := range p.Outcomes {
		v := judge(o, p.Still)
		i, known := at[o.Step]
		if !known {
			at[o.Step] = len(all)
			all = append(all, v)
			continue
		}
		if v.rank > all[i].rank {
			all[i] = v
		}
	}
	return all
}

// worst returns the verdict that matters most, the first of equals.
func worst(all []verdict) verdict {
	if len(all) == 0 {
		return verdict{status: metav1.ConditionUnknown, reason: v1alpha1.ReasonPending, message: "nothing was observed yet"}
	}
	return slices.MaxFunc(all, func(x, y verdict) int { return cmp.Compare(x.rank, y.rank) })
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Truncate bounds a text to a number of characters, with an ellipsis in place of what is cut.
func Truncate(text string, limit int) string {
	text = strings.ToValidUTF8(text, "�")
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}
