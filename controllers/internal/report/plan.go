package report

import (
	"fmt"
	"slices"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
)

// The bounds of v1alpha1.PlannedChange and of the list that holds it.
const (
	maxPlan  = 64
	maxStep  = 32
	maxPath  = 128
	maxValue = 1024
)

// nothing is the summary of an empty plan.
const nothing = "None"

// Plan returns the differences between what is wanted and what is. What is held comes first, since
// that is what a person reads the plan for; if there are more than the API holds, the last line
// says how many are left out.
func Plan(outcomes []converge.Outcome) []v1alpha1.PlannedChange {
	changes := changesOf(outcomes)
	slices.SortStableFunc(changes, func(x, y converge.Change) int { return order(x) - order(y) })
	var plan []v1alpha1.PlannedChange
	for i, c := range changes {
		if i == maxPlan-1 && len(changes) > maxPlan {
			return append(plan, v1alpha1.PlannedChange{
				Step: Truncate(c.Step, maxStep), Path: fmt.Sprintf("and %d more", len(changes)-i), Effect: c.Effect.String(),
			})
		}
		plan = append(plan, v1alpha1.PlannedChange{
			Step: Truncate(c.Step, maxStep), Path: Truncate(c.Path, maxPath),
			From: Truncate(c.From, maxValue), To: Truncate(c.To, maxValue),
			Effect: c.Effect.String(), Held: c.Held,
		})
	}
	return plan
}

// order puts held changes first.
func order(c converge.Change) int {
	if c.Held {
		return 0
	}
	return 1
}

// PlanSummary returns the plan in a few characters: None, or how many changes there are and how many
// of them are held.
func PlanSummary(outcomes []converge.Outcome) string {
	changes, waits := changesOf(outcomes), 0
	for _, c := range changes {
		if c.Held {
			waits++
		}
	}
	switch {
	case len(changes) == 0:
		return nothing
	case waits == 0:
		return count(len(changes), "change", "changes")
	default:
		return fmt.Sprintf("%s, %d held", count(len(changes), "change", "changes"), waits)
	}
}

func changesOf(outcomes []converge.Outcome) []converge.Change {
	var all []converge.Change
	for _, o := range outcomes {
		all = append(all, o.Changes...)
	}
	return all
}
