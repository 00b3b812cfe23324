package converge_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/coachplatform/coach-operator/internal/converge"
)

// state is the state of a thing with one field of each kind.
type state struct {
	Size, Class, Volume, Password string
}

// input is one reconcile's input.
type input struct {
	wanted state
	// published is what the step handed on.
	published state
}

// thing is an external thing that records its calls.
type thing struct {
	// live is what an uncached read sees; shared is what any other read sees, live if nil.
	live, shared *converge.Observation[state]
	observing    error
	applying     error
	released     bool

	// calls in order: "read", "uncached read", "release", and the paths of an apply.
	calls []string
	// based is the observation that the last apply was based on.
	based converge.Observation[state]
}

func (x *thing) Observe(_ context.Context, _ *input, _ state, fresh bool) (converge.Observation[state], error) {
	if fresh {
		x.calls = append(x.calls, "uncached read")
	} else {
		x.calls = append(x.calls, "read")
	}
	switch {
	case x.observing != nil:
		return converge.Observation[state]{}, x.observing
	case !fresh && x.shared != nil:
		return *x.shared, nil
	}
	return *x.live, nil
}

func (x *thing) Apply(
	_ context.Context, _ *input, _ state, got converge.Observation[state], changes []converge.Change,
) error {
	x.based = got
	for _, c := range changes {
		x.calls = append(x.calls, c.Path)
	}
	return x.applying
}

func (x *thing) Release(context.Context, *input) (bool, error) {
	x.calls = append(x.calls, "release")
	return x.released, nil
}

// applied are the paths of the applies.
func (x *thing) applied() []string {
	return slices.DeleteFunc(slices.Clone(x.calls), func(call string) bool {
		return slices.Contains([]string{"read", "uncached read", "release"}, call)
	})
}

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// there is a settled thing of the given state.
func there(s state) *converge.Observation[state] {
	return &converge.Observation[state]{Exists: true, Settled: true, ID: "thing-1", At: noon, State: s}
}

// step is a step that owns the thing.
func step(x *thing) converge.Of[*input, state] {
	return converge.Of[*input, state]{
		ID: "thing", About: "A thing.",
		Desire: func(in *input) (state, error) {
			if in.wanted.Size == "impossible" {
				return state{}, errors.New("no such size")
			}
			return in.wanted, nil
		},
		Resource: x,
		Fields: []converge.Field[state]{
			{Path: "size", About: "how big", Get: func(s state) string { return s.Size }},
			{Path: "class", Get: func(s state) string { return s.Class }, Effect: converge.Disruptive},
			{Path: "volume", Get: func(s state) string { return s.Volume }, Effect: converge.Replace},
			{Path: "password", Get: func(s state) string { return s.Password }, Sensitive: true},
		},
		Controls: []converge.Control[state]{
			{ID: "CP-X-01", Check: func(_, got state) (converge.Verdict, string) {
				return converge.VerdictOf(got.Size != "open"), "size " + got.Size
			}},
			{ID: "CP-X-02", Check: func(want, got state) (converge.Verdict, string) {
				return converge.VerdictOf(got.Class == want.Class), "class " + got.Class
			}},
		},
		Publish: func(in *input, s state) { in.published = s },
		Reads:   []string{"x:Get"}, Writes: []string{"x:Put"},
	}
}

var wanted = state{Size: "2", Class: "b", Volume: "v", Password: "tiger"}

// but returns the wanted state with a change.
func but(change func(*state)) state {
	s := wanted
	change(&s)
	return s
}
