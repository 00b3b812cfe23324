package converge_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
)

var (
	writing  = converge.Mode{Write: true, Generation: 1}
	planning = converge.Mode{Generation: 1}
)

func TestWhatARunDoes(t *testing.T) {
	open := but(func(s *state) { s.Size = "open" })
	busy := there(open)
	busy.Settled, busy.Busy = false, "modifying"
	queued := there(but(func(s *state) { s.Size = "1" }))
	queued.Next = &wanted
	queuedWrong := there(wanted)
	queuedWrong.Next = &open
	for name, c := range map[string]struct {
		thing  thing
		wanted *state
		mode   converge.Mode
		change func(*converge.Of[*input, state])

		calls  []string // of the thing
		held   []string // paths
		class  fault.Class
		reason string // "" is no error
	}{
		"what is as wanted is left alone": {
			thing: thing{live: there(wanted)}, mode: writing, calls: []string{"read"},
		},
		"a plan reads and writes nothing": {
			thing: thing{live: there(open)}, mode: planning, calls: []string{"read"},
		},
		"a fresh plan reads once, uncached": {
			thing: thing{live: there(open)}, mode: converge.Mode{Fresh: true}, calls: []string{"uncached read"},
		},
		"absence counts only after an uncached read, also in a plan": {
			thing: thing{live: there(open), shared: &converge.Observation[state]{Settled: true}},
			calls: []string{"read", "uncached read"},
		},
		"a write is based on an uncached read": {
			thing: thing{live: there(open)}, mode: writing,
			calls: []string{"read", "uncached read", "size"}, class: fault.Waiting, reason: "Applied",
		},
		"a fresh run does not read twice": {
			thing: thing{live: there(open)}, mode: converge.Mode{Write: true, Fresh: true},
			calls: []string{"uncached read", "size"}, class: fault.Waiting, reason: "Applied",
		},
		"a difference that only the cached read shows is not written": {
			thing: thing{live: there(wanted), shared: there(open)}, mode: writing, calls: []string{"read", "uncached read"},
		},
		"an absent thing is created with every field, whatever a change would cost": {
			thing: thing{live: &converge.Observation[state]{State: wanted}}, mode: writing,
			calls: []string{"read", "uncached read", "size", "class", "volume", "password"}, class: fault.Waiting, reason: "Applied",
		},
		"while the provider works, nothing is written": {
			thing: thing{live: busy}, mode: writing,
			calls: []string{"read", "uncached read"}, class: fault.Waiting, reason: "Settling",
		},
		"what the provider has queued is not requested again": {
			thing: thing{live: queued}, mode: writing, calls: []string{"read"}, class: fault.Waiting, reason: converge.ReasonSettling,
		},
		"a queued change for the worse is corrected before it happens": {
			thing: thing{live: queuedWrong}, mode: writing,
			calls: []string{"read", "uncached read", "size"}, class: fault.Waiting, reason: "Applied",
		},
		"a change that interrupts is held": {
			thing: thing{live: there(but(func(s *state) { s.Class = "a" }))}, mode: writing,
			calls: []string{"read", "uncached read"}, held: []string{"class"}, class: fault.Held, reason: "ApprovalNeeded",
		},
		"what does not interrupt flows beside what is held": {
			thing: thing{live: there(but(func(s *state) { s.Class, s.Size = "a", "1" }))}, mode: writing,
			calls: []string{"read", "uncached read", "size"}, held: []string{"class"}, class: fault.Waiting, reason: "Applied",
		},
		"a replacement is refused": {
			thing: thing{live: there(but(func(s *state) { s.Volume = "w" }))}, mode: writing,
			calls: []string{"read", "uncached read"}, held: []string{"volume"}, class: fault.Invalid, reason: "ReplacementRefused",
		},
		"a replacement is refused and the rest flows": {
			thing: thing{live: there(but(func(s *state) { s.Volume, s.Size = "w", "1" }))}, mode: writing,
			calls: []string{"read", "uncached read", "size"}, held: []string{"volume"}, class: fault.Waiting, reason: "Applied",
		},
		"a cheap change that would interrupt now is held": {
			thing: thing{live: there(open)}, mode: writing,
			change: func(s *converge.Of[*input, state]) {
				s.MinEffect = func(got state, path string) converge.Effect {
					if got.Size == "open" && path == "size" {
						return converge.Disruptive
					}
					return converge.InPlace
				}
			},
			calls: []string{"read", "uncached read"}, held: []string{"size"}, class: fault.Held, reason: "ApprovalNeeded",
		},
		"a least effect never makes a change cheaper": {
			thing: thing{live: there(but(func(s *state) { s.Volume = "w" }))}, mode: writing,
			change: func(s *converge.Of[*input, state]) {
				s.MinEffect = func(state, string) converge.Effect { return converge.InPlace }
			},
			calls: []string{"read", "uncached read"}, held: []string{"volume"}, class: fault.Invalid, reason: "ReplacementRefused",
		},
		"what cannot be had now is not written": {
			thing: thing{live: there(open)}, mode: writing,
			change: func(s *converge.Of[*input, state]) {
				s.Constrain = func(want, got state) state { want.Size = got.Size; return want }
			},
			calls: []string{"read"},
		},
		"degradation is reported when nothing is left to write": {
			thing: thing{live: there(wanted)}, mode: writing, change: degraded,
			calls: []string{"read"}, class: fault.Invalid, reason: "NotAccepted",
		},
		"degradation does not stop a write": {
			thing: thing{live: there(open)}, mode: writing, change: degraded,
			calls: []string{"read", "uncached read", "size"}, class: fault.Waiting, reason: "Applied",
		},
		"a failed read is an error and nothing is written": {
			thing: thing{observing: fault.New(fault.Denied, "AccessDenied", "no")}, mode: writing,
			calls: []string{"read"}, class: fault.Denied, reason: "AccessDenied",
		},
		"a failed write is an error": {
			thing: thing{live: there(open), applying: fault.New(fault.Invalid, "InvalidSpec", "no")}, mode: writing,
			calls: []string{"read", "uncached read", "size"}, class: fault.Invalid, reason: "InvalidSpec",
		},
		"what cannot be desired is not even read": {
			thing: thing{live: there(open)}, mode: writing, wanted: &state{Size: "impossible"},
			class: fault.Transient, reason: "TransientError",
		},
		"a step that does not apply does nothing": {
			thing: thing{live: there(open)}, mode: writing,
			change: func(s *converge.Of[*input, state]) { s.When = func(*input) bool { return false } },
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := step(&c.thing)
			if c.change != nil {
				c.change(&s)
			}
			in := &input{wanted: wanted}
			if c.wanted != nil {
				in.wanted = *c.wanted
			}
			out := s.Run(t.Context(), in, c.mode)
			if diff := cmp.Diff(c.calls, c.thing.calls, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			var held []string
			for _, change := range out.Changes {
				if change.Held {
					held = append(held, change.Path)
				}
			}
			if diff := cmp.Diff(c.held, held); diff != "" {
				t.Errorf("held paths (-want +got):\n%s", diff)
			}
			checkFault(t, out.Err, c.class, c.reason)
			if applied := len(c.thing.applied()) > 0 && c.thing.applying == nil; out.Applied != applied {
				t.Errorf("the outcome says applied %t, want %t", out.Applied, applied)
			}
			if out.Spent {
				t.Error("an approval was spent that was not given")
			}
		})
	}
}

func degraded(s *converge.Of[*input, state]) {
	s.Degraded = func(state, state) error { return fault.New(fault.Invalid, "NotAccepted", "no") }
}

func checkFault(t *testing.T, err error, class fault.Class, reason string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Errorf("unexpected error: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("no error, want %s", reason)
	}
	if f := fault.As(err); f.Class != class || f.Reason != reason {
		t.Errorf("error is %s %s (%v), want %s %s", f.Class, f.Reason, err, class, reason)
	}
}

func TestEveryRunJudgesEveryControl(t *testing.T) {
	busy := there(wanted)
	busy.Settled = false
	queued := there(but(func(s *state) { s.Size = "open" }))
	queued.Next = &wanted
	unknown := func(why string) []converge.Finding {
		return []converge.Finding{{Control: "CP-X-01", Seen: why}, {Control: "CP-X-02", Seen: why}}
	}
	judged := func(first, second converge.Verdict, seen ...string) []converge.Finding {
		return []converge.Finding{
			{Control: "CP-X-01", Verdict: first, Seen: seen[0], At: noon},
			{Control: "CP-X-02", Verdict: second, Seen: seen[1], At: noon},
		}
	}
	for name, c := range map[string]struct {
		thing  thing
		wanted state
		want   []converge.Finding
	}{
		"what holds is verified": {
			thing{live: there(wanted)}, wanted, judged(converge.Verified, converge.Verified, "size 2", "class b"),
		},
		"what does not hold is violated, also in the pass that repairs it": {
			thing{live: there(but(func(s *state) { s.Size = "open" }))},
			wanted,
			judged(converge.Violated, converge.Verified, "size open", "class b"),
		},
		"a control may compare with the desired state": {
			thing{live: there(wanted)},
			but(func(s *state) { s.Class = "c" }),
			judged(converge.Verified, converge.Violated, "size 2", "class b"),
		},
		"evidence is what is, not what is queued": {
			thing{live: queued}, wanted, judged(converge.Violated, converge.Verified, "size open", "class b"),
		},
		"what is unsettled is judged as it is": {
			thing{live: busy}, wanted, judged(converge.Verified, converge.Verified, "size 2", "class b"),
		},
		"an absent thing is no evidence": {
			thing{live: &converge.Observation[state]{}}, wanted, unknown("not there"),
		},
		"a failed read is no evidence": {
			thing{observing: errors.New("no")}, wanted, unknown("could not be observed"),
		},
		"a spec that cannot be desired is no evidence": {
			thing{live: there(wanted)}, state{Size: "impossible"}, unknown("could not be observed"),
		},
		"a failed write leaves the evidence": {
			thing{live: there(but(func(s *state) { s.Size = "1" })), applying: errors.New("no")},
			wanted,
			judged(converge.Verified, converge.Verified, "size 1", "class b"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := step(&c.thing).Run(t.Context(), &input{wanted: c.wanted}, writing)
			if diff := cmp.Diff(c.want, out.Findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheWriteGetsTheFreshObservation(t *testing.T) {
	fresh := there(but(func(s *state) { s.Size = "1" }))
	fresh.ID = "thing-2"
	x := thing{live: fresh, shared: there(but(func(s *state) { s.Size = "0" }))}
	out := step(&x).Run(t.Context(), &input{wanted: wanted}, writing)
	if diff := cmp.Diff(*fresh, x.based); diff != "" {
		t.Errorf("the write was based on (-want +got):\n%s", diff)
	}
	want := []converge.Change{{Step: "thing", Path: "size", From: "1", To: "2"}}
	if diff := cmp.Diff(want, out.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestOnlyWhatWasObservedIsPublished(t *testing.T) {
	for name, c := range map[string]struct {
		thing thing
		want  state
	}{
		"a thing that is there":     {thing{live: there(wanted)}, wanted},
		"a thing that is not there": {thing{live: &converge.Observation[state]{State: wanted}}, state{}},
		"a failed read":             {thing{observing: errors.New("no")}, state{}},
	} {
		t.Run(name, func(t *testing.T) {
			in := &input{wanted: wanted}
			step(&c.thing).Run(t.Context(), in, writing)
			if diff := cmp.Diff(c.want, in.published); diff != "" {
				t.Errorf("published (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSensitiveValuesAreComparedAndNeverShown(t *testing.T) {
	x := thing{live: there(but(func(s *state) { s.Password = "lion" }))}
	out := step(&x).Run(t.Context(), &input{wanted: wanted}, writing)
	if diff := cmp.Diff([]string{"password"}, x.applied()); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	if text := fmt.Sprintf("%+v %v", out, out.Err); strings.Contains(text, "lion") || strings.Contains(text, "tiger") {
		t.Errorf("the outcome shows a secret: %s", text)
	}
}

func TestDriftIsSeparatedFromEditsFieldByField(t *testing.T) {
	run := func(w state, live *converge.Observation[state], known string) converge.Outcome {
		mode := converge.Mode{LastConverged: map[string]string{"thing": known}}
		return step(&thing{live: live}).Run(t.Context(), &input{wanted: w}, mode)
	}
	settled := run(wanted, there(wanted), "").LastConverged
	if settled == "" {
		t.Fatal("nothing is known to be in place")
	}
	for name, c := range map[string]struct {
		wanted state
		live   *converge.Observation[state]
		known  string
		drift  []string
	}{
		"the world changed":          {wanted, there(but(func(s *state) { s.Size = "9" })), settled, []string{"size"}},
		"the spec changed":           {but(func(s *state) { s.Size = "9" }), there(wanted), settled, nil},
		"both changed another field": {but(func(s *state) { s.Size = "9" }), there(but(func(s *state) { s.Class = "z" })), settled, []string{"class"}},
		"an edit that is held":       {but(func(s *state) { s.Class = "z" }), there(wanted), settled, nil},
		"its field changed meanwhile": {
			but(func(s *state) { s.Class = "z" }), there(but(func(s *state) { s.Class = "y" })), settled, []string{"class"},
		},
		"nothing was ever in place":        {wanted, there(but(func(s *state) { s.Size = "9" })), "", nil},
		"what is known is of other fields": {wanted, there(but(func(s *state) { s.Size = "9" })), "1234", nil},
		"a secret changed":                 {wanted, there(but(func(s *state) { s.Password = "lion" })), settled, []string{"password"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := run(c.wanted, c.live, c.known)
			var drift []string
			for _, change := range out.Changes {
				if change.Drift {
					drift = append(drift, change.Path)
				}
			}
			if diff := cmp.Diff(c.drift, drift); diff != "" {
				t.Errorf("drift (-want +got):\n%s", diff)
			}
			if again := run(c.wanted, c.live, out.LastConverged); len(drift) != countDrift(again) {
				t.Errorf("the next run finds other drift: %+v", again.Changes)
			}
		})
	}
	if after := run(wanted, &converge.Observation[state]{}, settled); after.LastConverged != settled {
		t.Error("a thing that is gone is forgotten")
	}
}

func TestWhatNeverWasHasNotDrifted(t *testing.T) {
	known, absent := "", &converge.Observation[state]{Settled: true}
	for _, w := range []state{{Class: "b"}, wanted, but(func(s *state) { s.Size = "3" })} { // the desired state becomes known bit by bit
		s := step(&thing{live: absent})
		s.Fields = append(s.Fields, converge.Field[state]{Path: "follows", Derived: true, Get: func(s state) string { return s.Size }})
		out := s.Run(t.Context(), &input{wanted: w}, converge.Mode{LastConverged: map[string]string{"thing": known}})
		if countDrift(out) > 0 {
			t.Errorf("drift of what never was: %+v", out.Changes)
		}
		known = out.LastConverged
	}
}

func countDrift(out converge.Outcome) (n int) {
	for _, c := range out.Changes {
		if c.Drift {
			n++
		}
	}
	return n
}

func TestAWaitSaysWhenToObserveAgain(t *testing.T) {
	busy := there(wanted)
	busy.Settled, busy.Busy = false, "rebooting for a minute"
	out := step(&thing{live: busy}).Run(t.Context(), &input{wanted: wanted}, writing)
	if f := fault.As(out.Err); f.After != 10*time.Second || f.Message != "rebooting for a minute" {
		t.Errorf("settling: observe again after %s, %q", f.After, f.Message)
	}
	out = step(&thing{live: there(state{Class: "b", Volume: "v"})}).Run(t.Context(), &input{wanted: wanted}, writing)
	if f := fault.As(out.Err); f.After != 2*time.Second {
		t.Errorf("applied: observe again after %s, want 2s", f.After)
	}
}

func TestReleaseIsTheResourcesAndOnlyWhereTheStepApplies(t *testing.T) {
	x := thing{released: true}
	s := step(&x)
	if done, err := s.Release(t.Context(), &input{}); !done || err != nil {
		t.Errorf("release: %t, %v", done, err)
	}
	x.released = false
	if done, err := s.Release(t.Context(), &input{}); done || err != nil {
		t.Errorf("release that is not done: %t, %v", done, err)
	}
	s.When = func(*input) bool { return false }
	if done, err := s.Release(t.Context(), &input{}); !done || err != nil {
		t.Errorf("a step that does not apply has nothing to release: %t, %v", done, err)
	}
	if diff := cmp.Diff([]string{"release", "release"}, x.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestDescribeIsTheStatement(t *testing.T) {
	want := converge.Description{
		Step: "thing", About: "A thing.",
		Fields: []converge.FieldDescription{
			{Path: "size", About: "how big"},
			{Path: "class", Effect: converge.Disruptive},
			{Path: "volume", Effect: converge.Replace},
			{Path: "password"},
		},
		Controls: []string{"CP-X-01", "CP-X-02"},
		Reads:    []string{"x:Get"}, Writes: []string{"x:Put"},
	}
	if diff := cmp.Diff(want, step(&thing{}).Describe()); diff != "" {
		t.Errorf("description (-want +got):\n%s", diff)
	}
	if name := step(&thing{}).Name(); name != "thing" {
		t.Errorf("name %q", name)
	}
}

func TestEffectsReadAsPlansShowThem(t *testing.T) {
	got := []string{converge.InPlace.String(), converge.Disruptive.String(), converge.Replace.String()}
	if diff := cmp.Diff([]string{"in-place", "disruptive", "replace"}, got); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	if converge.Unknown != converge.Verdict(0) {
		t.Error("no answer must never be a good answer")
	}
}

func TestAFailedObservationMayItselfProveSomething(t *testing.T) {
	refused := errors.New("refused")
	s := step(&thing{observing: refused})
	s.Proven = func(err error) []converge.Finding {
		if !errors.Is(err, refused) {
			return nil
		}
		return []converge.Finding{
			{Control: "CP-X-02", Verdict: converge.Violated, Seen: "refused", At: noon}, {Control: "CP-Y-01", Verdict: converge.Verified},
		}
	}
	out := s.Run(t.Context(), &input{wanted: wanted}, planning)
	want := []converge.Finding{
		{Control: "CP-X-01", Seen: "could not be observed"}, {Control: "CP-X-02", Verdict: converge.Violated, Seen: "refused", At: noon},
	}
	if diff := cmp.Diff(want, out.Findings); diff != "" || !out.ObserveFailed {
		t.Errorf("observe failed %t, findings (-want +got):\n%s", out.ObserveFailed, diff)
	}
	out = s.Run(t.Context(), &input{wanted: state{Size: "impossible"}}, planning)
	if out.Findings[1].Verdict != converge.Unknown {
		t.Errorf("another failure proves it, too: %v", out.Findings)
	}
}
