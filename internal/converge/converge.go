// Package converge drives steps from the observed to the desired state. A step states its thing once; the
// diff, the plan, the drift, the evidence and the documentation are all read from that statement.
// It imports the standard library and fault only.
package converge

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/internal/fault"
)

// Mode is how far a run may go.
type Mode struct {
	// Write allows changes; without it a run only observes.
	Write bool
	// Approved is the hash of the held changes that a person has approved, or empty.
	Approved string
	// Used is the hash that was approved last: the same changes, held once more, get another hash.
	Used string
	// Object is the UID of the object that the run serves, and Generation that of its spec; both are part of an approval.
	Object     string
	Generation int64
	// Fresh makes every read an uncached one.
	Fresh bool
	// LastConverged is, by step, what its last Outcome said of the same name.
	LastConverged map[string]string
}

// Effect is what a change costs.
type Effect int

// Effects, cheapest first.
const (
	// InPlace interrupts nobody and flows at once.
	InPlace Effect = iota
	// Disruptive interrupts the users of the thing (reboot, failover) and is held until approved.
	Disruptive
	// Replace loses the thing and what it holds: it is never executed.
	Replace
)

// String returns the effect as plans show it.
func (e Effect) String() string { return [...]string{"in-place", "disruptive", "replace"}[e] }

// Verdict is the answer of a security control.
type Verdict int

// Verdicts. Unknown is the zero value: no answer is never a good answer.
const (
	Unknown Verdict = iota
	Verified
	Violated
)

// VerdictOf turns a yes or no into a verdict.
func VerdictOf(ok bool) Verdict {
	if ok {
		return Verified
	}
	return Violated
}

// Change is one difference between the observed and the desired state.
type Change struct {
	Step, Path string
	From, To   string
	Effect     Effect
	// Held says that the change was not applied since it needs an approval.
	Held bool
	// Drift says that the desired value was in place before: the world changed, and the spec did not.
	Drift bool
}

// Field is one owned field of S. What has no Field is not ours: it is never compared and never written.
type Field[S any] struct {
	// Path names the field as the spec of the kind does.
	Path string
	// Get returns the canonical text: equal values give equal texts.
	Get func(S) string
	// Effect is what changing the field costs.
	Effect Effect
	// Sensitive values are compared and never shown.
	Sensitive bool
	// Derived says that the desired value comes from another step and not from the spec.
	Derived bool
	// About says in a few words what the field is, for the generated documentation.
	About string
}

// Control is a security statement about the observed world.
type Control[S any] struct {
	// ID is the control's entry in the evidence catalogue.
	ID string
	// Check judges what was observed, perhaps against the desired state, and says what it saw.
	Check func(want, got S) (Verdict, string)
	// At is when that which the control judges was observed; nil is with the rest of the observation.
	At func(got S) time.Time
}

// Finding is one verdict about the observed world.
type Finding struct {
	Control string
	Verdict Verdict
	Seen    string
	// At is when the observation was made; zero when there was none.
	At time.Time
}

// Observation is what was found.
type Observation[S any] struct {
	Exists bool
	// Settled is false while the provider still works on an earlier request.
	Settled bool
	// Busy says in words what an unsettled thing is doing.
	Busy string
	// Poll is when an unsettled thing is worth another observation; zero is 10 s.
	Poll time.Duration
	// ID is the provider's own name of this very thing; a replacement has another.
	ID string
	// At is when it was read from the provider.
	At time.Time
	// State is the live state: evidence is judged on it.
	State S
	// Next, if not nil, is State with the provider's queued changes applied: the diff is made on it,
	// so that what is already on its way is not requested again.
	Next *S
	// Queued identifies what the provider would carry out with the next write, whoever requested it. It is part of an
	// approval.
	Queued string
}

// Resource reads and writes one external thing.
type Resource[In, S any] interface {
	// Observe reads and changes nothing. A fresh observation is read uncached; any other may be answered
	// from a shared cache. Absence, and what follows from it, counts only in a fresh observation.
	Observe(ctx context.Context, in In, want S, fresh bool) (Observation[S], error)
	// Apply applies the changes, or creates the thing when got does not exist.
	Apply(ctx context.Context, in In, want S, got Observation[S], changes []Change) error
	// Release releases the thing without losing what it holds. It observes first, and answers done
	// only when it had nothing left to do.
	Release(ctx context.Context, in In) (done bool, err error)
}

// Of binds a typed resource to its one description.
type Of[In, S any] struct {
	// ID names the step in conditions, metrics, logs and events.
	ID string
	// Condition is the condition type in which the step counts; several steps may share one.
	Condition string
	// About says in one sentence what the step owns.
	About string
	// When says whether the step applies to this input; nil is always.
	When func(In) bool
	// Desire returns the desired state. It reads nothing outside in.
	Desire func(In) (S, error)
	// Resource reads and writes the thing.
	Resource Resource[In, S]
	// Fields are what the step owns.
	Fields []Field[S]
	// Controls are what the step has evidence for.
	Controls []Control[S]
	// MinEffect is the least cost that changing a field has now, given what was observed; nil is InPlace.
	MinEffect func(got S, path string) Effect
	// Constrain removes from the desired state what cannot be had now, such as a reference that does not
	// resolve, so that the rest converges and Degraded reports it; nil is nothing.
	Constrain func(want, got S) S
	// Degraded reports what is wrong and no write can repair now; nil is nothing.
	Degraded func(want, got S) error
	// Proven returns what a failed observation proves all the same, such as by how it failed; nil is nothing.
	Proven func(err error) []Finding
	// Publish hands observed values to later steps; nil is nothing.
	Publish func(In, S)
	// Reads and Writes are the IAM actions that the step may call.
	Reads, Writes []string
}

// Outcome is all that a step has to say about one run.
type Outcome struct {
	Step     string
	Changes  []Change
	Findings []Finding
	// Exists is whether the thing was there.
	Exists bool
	// ObserveFailed says that nothing could be observed.
	ObserveFailed bool
	// LastConverged fingerprints, field by field, what was desired and was last observed in place.
	LastConverged string
	// Applied says that a write was sent in this run.
	Applied bool
	// Approval is the hash that would approve what is held; empty when nothing is.
	Approval string
	// Spent says that the given approval was used.
	Spent bool
	Err   error
}

// Step is what a controller sees.
type Step[In any] interface {
	Name() string
	Run(ctx context.Context, in In, mode Mode) Outcome
	Release(ctx context.Context, in In) (done bool, err error)
	Describe() Description
}

// Reasons that the engine itself gives.
const (
	ReasonSettling    = "Settling"
	ReasonApplied     = "Applied"
	ReasonReplacement = "ReplacementRefused"
	ReasonHeld        = "ApprovalNeeded"
)

const (
	settlePoll = 10 * time.Second
	verifyPoll = 2 * time.Second
)

// Name returns the name used in status, events, metrics and logs.
func (s Of[In, S]) Name() string { return s.ID }

// Release releases the thing.
func (s Of[In, S]) Release(ctx context.Context, in In) (bool, error) {
	if s.When != nil && !s.When(in) {
		return true, nil
	}
	return s.Resource.Release(ctx, in)
}

// Run observes, compares and, when the mode allows it, acts. A write is only ever based on an
// uncached read, and so is absence. It never observes after acting: only a later run that finds no
// change is converged.
func (s Of[In, S]) Run(ctx context.Context, in In, mode Mode) Outcome {
	out := Outcome{Step: s.ID, LastConverged: mode.LastConverged[s.ID]}
	if s.When != nil && !s.When(in) {
		return out
	}
	desired, err := s.Desire(in)
	if err != nil {
		return s.observeFailed(out, err)
	}
	want, got, err := s.observe(ctx, in, desired, mode.Fresh)
	if err == nil && !mode.Fresh && (!got.Exists || mode.Write && s.differs(want, got)) {
		want, got, err = s.observe(ctx, in, desired, true)
	}
	if err != nil {
		return s.observeFailed(out, err)
	}
	out.Exists = got.Exists
	out.Findings = s.assess(want, got)
	if got.Exists && s.Publish != nil {
		s.Publish(in, got.State)
	}
	s.compare(want, got, &out)
	return s.act(ctx, in, mode, want, got, out)
}

// act applies the changes that may flow now and holds the others.
func (s Of[In, S]) act(ctx context.Context, in In, mode Mode, want S, got Observation[S], out Outcome) Outcome {
	if got.Exists && !got.Settled {
		out.Err = fault.Wait(ReasonSettling, cmp.Or(got.Poll, settlePoll), "%s", got.Busy)
		return out
	}
	flowing, refused := s.sort(got, mode, &out)
	if mode.Write && len(flowing) > 0 {
		if out.Err = s.Resource.Apply(ctx, in, want, got, flowing); out.Err != nil {
			return out
		}
		out.Applied = true
		out.Spent = mode.Approved != "" && mode.Approved == out.Approval
		out.Err = fault.Wait(ReasonApplied, verifyPoll, "changes were sent; the next observation verifies them")
		return out
	}
	if s.Degraded != nil && got.Exists {
		if out.Err = s.Degraded(want, got.State); out.Err != nil {
			return out
		}
	}
	switch {
	case refused:
		out.Err = fault.New(fault.Invalid, ReasonReplacement,
			"the spec asks for a change that would replace %s and lose what it holds; set the fields listed in "+
				"status.plan back, or create a new platform and move the data", s.ID)
	case out.Approval != "":
		out.Err = fault.New(fault.Held, ReasonHeld,
			"changes that interrupt %s wait for an approval; status.plan lists them and status.approval is the hash to approve",
			s.ID)
	default:
		if paths := s.coming(want, got); len(paths) > 0 {
			out.Err = fault.Wait(ReasonSettling, cmp.Or(got.Poll, settlePoll), "on its way at the provider: %s", strings.Join(paths, ", "))
		}
	}
	return out
}

// coming returns the paths of what is as desired only once the provider has carried out what it has queued.
func (s Of[In, S]) coming(want S, got Observation[S]) (paths []string) {
	if got.Next == nil {
		return nil
	}
	for _, f := range s.Fields {
		if to := f.Get(want); f.Get(got.State) != to && f.Get(*got.Next) == to {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

// sort returns the changes that may be applied now. The rest is marked as held; refused is whether any
// of it would lose data.
func (s Of[In, S]) sort(got Observation[S], mode Mode, out *Outcome) (flowing []Change, refused bool) {
	if !got.Exists {
		return out.Changes, false
	}
	var disruptive []Change
	for i := range out.Changes {
		c := &out.Changes[i]
		if s.MinEffect != nil {
			c.Effect = max(c.Effect, s.MinEffect(got.State, c.Path))
		}
		c.Held = c.Effect != InPlace
		switch c.Effect {
		case InPlace:
			flowing = append(flowing, *c)
		case Disruptive:
			disruptive = append(disruptive, *c)
		case Replace:
			refused = true
		}
	}
	if len(disruptive) == 0 {
		return flowing, refused
	}
	out.Approval = s.hash(got, mode, disruptive)
	if mode.Approved == out.Approval {
		return append(flowing, disruptive...), refused
	}
	return flowing, refused
}
