package converge_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
)

func TestAnApprovalServesWhatWasObservedAndNothingElse(t *testing.T) {
	seen := there(but(func(s *state) { s.Class = "a" }))
	first := step(&thing{live: seen}).Run(t.Context(), &input{wanted: wanted}, converge.Mode{Write: true, Generation: 7})
	if first.Approval == "" || first.Spent {
		t.Fatalf("nothing to approve: %+v", first)
	}
	for name, c := range map[string]struct {
		live   *converge.Observation[state]
		wanted state
		mode   converge.Mode
		id     string
		serves bool
	}{
		"the same change at the same generation": {
			live: seen, wanted: wanted, mode: converge.Mode{Write: true, Generation: 7, Approved: first.Approval}, serves: true,
		},
		"another hash": {
			live: seen, wanted: wanted, mode: converge.Mode{Write: true, Generation: 7, Approved: "0123456789abcdef"},
		},
		"no hash": {
			live: seen, wanted: wanted, mode: converge.Mode{Write: true, Generation: 7},
		},
		"another generation of the spec": {
			live: seen, wanted: wanted, mode: converge.Mode{Write: true, Generation: 8, Approved: first.Approval},
		},
		"another observed value": {
			live: there(but(func(s *state) { s.Class = "x" })), wanted: wanted,
			mode: converge.Mode{Write: true, Generation: 7, Approved: first.Approval},
		},
		"another desired value": {
			live: seen, wanted: but(func(s *state) { s.Class = "c" }),
			mode: converge.Mode{Write: true, Generation: 7, Approved: first.Approval},
		},
		"another thing of the same name": {
			live: another(seen), wanted: wanted, mode: converge.Mode{Write: true, Generation: 7, Approved: first.Approval},
		},
		"another object of the same name": {
			live: seen, wanted: wanted,
			mode: converge.Mode{Write: true, Object: "another", Generation: 7, Approved: first.Approval},
		},
		"the same change beside one that was queued since": {
			live: queued(seen), wanted: wanted, mode: converge.Mode{Write: true, Generation: 7, Approved: first.Approval},
		},
		"another step": {
			live: seen, wanted: wanted, id: "other", mode: converge.Mode{Write: true, Generation: 7, Approved: first.Approval},
		},
		"a pass that only observes": {
			live: seen, wanted: wanted, mode: converge.Mode{Generation: 7, Approved: first.Approval},
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := thing{live: c.live}
			s := step(&x)
			if c.id != "" {
				s.ID = c.id
			}
			out := s.Run(t.Context(), &input{wanted: c.wanted}, c.mode)
			if got := len(x.applied()) > 0; got != c.serves {
				t.Errorf("written: %t, want %t", got, c.serves)
			}
			if out.Spent != c.serves {
				t.Errorf("spent: %t, want %t", out.Spent, c.serves)
			}
			if !c.serves && (fault.ClassOf(out.Err) != fault.Held || out.Approval == "") {
				t.Errorf("what was not approved must be held: %v", out.Err)
			}
		})
	}
}

// queued is the same thing, for which the provider has queued something meanwhile.
func queued(o *converge.Observation[state]) *converge.Observation[state] {
	other := *o
	other.Queued = "a reboot"
	return &other
}

// another is the same state of another thing.
func another(o *converge.Observation[state]) *converge.Observation[state] {
	other := *o
	other.ID = "thing-2"
	return &other
}

func TestAnApprovedChangeGoesWithTheRest(t *testing.T) {
	live := there(but(func(s *state) { s.Class, s.Size = "a", "1" }))
	first := step(&thing{live: live}).Run(t.Context(), &input{wanted: wanted}, planning)
	x := thing{live: live}
	step(&x).Run(t.Context(), &input{wanted: wanted}, converge.Mode{Write: true, Generation: 1, Approved: first.Approval})
	if diff := cmp.Diff([]string{"size", "class"}, x.applied()); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
}

func TestChangesThatFlowDoNotChangeTheApproval(t *testing.T) {
	approval := func(size string) string {
		live := there(but(func(s *state) { s.Class, s.Size = "a", size }))
		return step(&thing{live: live}).Run(t.Context(), &input{wanted: wanted}, planning).Approval
	}
	if approval("1") != approval("2") {
		t.Error("a change that flows by itself made a given approval worthless")
	}
}

func TestNoApprovalExecutesAReplacement(t *testing.T) {
	live := there(but(func(s *state) { s.Volume, s.Class = "w", "a" }))
	first := step(&thing{live: live}).Run(t.Context(), &input{wanted: wanted}, writing)
	x := thing{live: live}
	out := step(&x).Run(t.Context(), &input{wanted: wanted},
		converge.Mode{Write: true, Generation: 1, Approved: first.Approval})
	if diff := cmp.Diff([]string{"class"}, x.applied()); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	for _, c := range out.Changes {
		if c.Path == "volume" && !c.Held {
			t.Error("the replacement is not held")
		}
	}
}

func TestAFailedWriteDoesNotSpendTheApproval(t *testing.T) {
	live := there(but(func(s *state) { s.Class = "a" }))
	first := step(&thing{live: live}).Run(t.Context(), &input{wanted: wanted}, planning)
	x := thing{live: live, applying: fault.Wait("Settling", 0, "not now")}
	out := step(&x).Run(t.Context(), &input{wanted: wanted},
		converge.Mode{Write: true, Generation: 1, Approved: first.Approval})
	if out.Spent || out.Applied {
		t.Errorf("spent %t, applied %t after a failed write", out.Spent, out.Applied)
	}
}

func TestWhileSettlingNothingCanBeApproved(t *testing.T) {
	live := there(but(func(s *state) { s.Class = "a" }))
	live.Settled = false
	x := thing{live: live}
	out := step(&x).Run(t.Context(), &input{wanted: wanted}, writing)
	if out.Approval != "" || len(x.applied()) > 0 {
		t.Errorf("approval %q, applied %v", out.Approval, x.applied())
	}
}
