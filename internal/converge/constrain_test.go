package converge_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/coachplatform/coach-operator/internal/converge"
)

// guests is a thing that admits only names that resolve.
type guests struct {
	wanted, there, unknown []string
}

// club is a world of guests.
type club struct {
	there   []string
	reads   int
	applied [][]string
}

func (c *club) Observe(_ context.Context, _ struct{}, want guests, _ bool) (converge.Observation[guests], error) {
	c.reads++
	got := guests{there: slices.Clone(c.there)}
	for _, name := range want.wanted {
		if strings.HasPrefix(name, "unresolved") {
			got.unknown = append(got.unknown, name)
		}
	}
	return converge.Observation[guests]{Exists: true, Settled: true, State: got}, nil
}

func (c *club) Apply(
	_ context.Context, _ struct{}, want guests, _ converge.Observation[guests], _ []converge.Change,
) error {
	c.applied = append(c.applied, want.wanted)
	c.there = want.wanted
	return nil
}

func (c *club) Release(context.Context, struct{}) (bool, error) { return true, nil }

func (c *club) step(wanted ...string) converge.Of[struct{}, guests] {
	return converge.Of[struct{}, guests]{
		ID:       "club",
		Desire:   func(struct{}) (guests, error) { return guests{wanted: wanted}, nil },
		Resource: c,
		Fields: []converge.Field[guests]{{Path: "guests", Get: func(g guests) string {
			return strings.Join(slices.Concat(g.wanted, g.there), " ")
		}}},
		Controls: []converge.Control[guests]{{ID: "C", Check: func(want, got guests) (converge.Verdict, string) {
			return converge.VerdictOf(slices.Equal(want.wanted, got.there)), strings.Join(got.there, " ")
		}}},
		Constrain: func(want, got guests) guests {
			want.wanted = slices.DeleteFunc(slices.Clone(want.wanted), func(n string) bool { return slices.Contains(got.unknown, n) })
			return want
		},
		Degraded: func(_, got guests) error {
			if len(got.unknown) == 0 {
				return nil
			}
			return errors.New("not resolved: " + strings.Join(got.unknown, " "))
		},
	}
}

func TestWhatCannotBeHadIsNoDifferenceAndTheRestIsApplied(t *testing.T) {
	world := &club{there: []string{"intruder"}}
	step := world.step("ann", "unresolved", "bob")

	out := step.Run(t.Context(), struct{}{}, converge.Mode{Write: true})
	if !out.Applied || len(out.Changes) != 1 || out.Changes[0].From != "intruder" || out.Changes[0].To != "ann bob" {
		t.Fatalf("the rest must be applied: %+v", out)
	}
	if !slices.Equal(world.applied[0], []string{"ann", "bob"}) {
		t.Errorf("what cannot be had was tried: %v", world.applied)
	}

	reads := world.reads
	out = step.Run(t.Context(), struct{}{}, converge.Mode{Write: true})
	if out.Applied || len(out.Changes) != 0 || out.Findings[0].Verdict != converge.Verified {
		t.Errorf("what cannot be had must be no difference: %+v", out)
	}
	if out.Err == nil || !strings.Contains(out.Err.Error(), "unresolved") {
		t.Errorf("it must be reported: %v", out.Err)
	}
	if world.reads != reads+1 {
		t.Errorf("a pass with nothing to do read %d times, want once", world.reads-reads)
	}
}
