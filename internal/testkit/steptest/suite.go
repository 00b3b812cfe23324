// Package steptest is the conformance suite of steps. It runs one step against the sandbox, as the
// operator would run it, and proves what every step promises: a plan writes nothing, a quiet pass
// writes nothing, each owned field is seen when it drifts and mended, a crash at any call leaves no
// duplicate, what belongs to a stranger is not touched, every failure gets its class, only declared
// actions are called, no secret is told, and every control flips when the world is broken.
package steptest

import (
	"testing"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// Suite is what the conformance suite has to know of a step.
type Suite[In any] struct {
	// New makes the step as a newly started process does: it remembers nothing.
	New func(*aws.Sessions) converge.Step[In]
	// Input prepares an account for the step, once, and returns what gives each reconcile its input.
	// What it returns must not call AWS.
	Input func(t *testing.T, a *env.Account) func() In
	// Stranger makes a thing with the name of the step's own and without its tags. Required of a step
	// that writes.
	Stranger Mutation[In]
	// Drifts change each owned field behind the operator's back. Every field needs one, or a reason in
	// Fixed.
	Drifts []Drift[In]
	// Fixed says, by path, why a field cannot change behind the operator's back.
	Fixed map[string]string
	// Breaks violate each control. Every control needs one.
	Breaks []Break[In]
	// Quiet are the IAM actions that a sweep over unchanged things may call: shared listings.
	Quiet []string
	// Implied are declared IAM actions that AWS checks as part of another call, and that the step
	// never calls itself.
	Implied []string
	// Secrets returns values that must never be told; nil is none.
	Secrets func(In) []string
	// Least fails the suite when it covers less.
	Least Coverage
}

// Mutation changes an account as its administrator would. in is the input of the last pass, with what
// the step published.
type Mutation[In any] func(t *testing.T, a *env.Account, in In)

// Drift changes one owned field.
type Drift[In any] struct {
	// Path of the field.
	Path string
	// Name says what is done, in a few words.
	Name string
	Do   Mutation[In]
	// Also are further fields that AWS itself changes along with this one.
	Also []string
}

// Break violates one control.
type Break[In any] struct {
	// Control is its ID.
	Control string
	// Name says what is done, in a few words.
	Name string
	Do   Mutation[In]
	// Stays says that the step does not mend what was broken.
	Stays bool
}

// Run runs the suite.
func Run[In any](t *testing.T, s Suite[In]) {
	t.Helper()
	sandbox := env.StartSandbox(t)
	b := &bench[In]{Suite: s, sandbox: sandbox, called: map[string]bool{}}
	b.description = s.New(nil).Describe()
	b.checkStatement(t)
	if !t.Run("the straight way", b.learn) {
		return // nothing that follows could tell more
	}
	parts := b.parts()
	t.Run("parts", func(t *testing.T) {
		for _, part := range parts {
			t.Run(part.name, func(t *testing.T) {
				t.Parallel()
				b.count(func(c *Coverage) { c.parts++ })
				part.run(t)
			})
		}
	})
	b.checkCoverage(t, b.covered.parts == len(parts))
}

// part is one promise of every step.
type part struct {
	name string
	run  func(*testing.T)
}

func (b *bench[In]) parts() []part {
	return []part{
		{"a plan writes nothing", b.planWritesNothing},
		{"a quiet pass writes nothing and asks for nothing of its own", b.quietPass},
		{"what drifts is seen and mended", b.drifts},
		{"controls flip", b.controls},
		{"what belongs to a stranger is not touched", b.stranger},
		{"letting go ends, can be repeated and taken back", b.release},
		{"a crash at any call on the way to being leaves no duplicate", b.crashMaking},
		{"a crash at any call while letting go is made up for", b.crashReleasing},
		{"every failure has its class", b.failures},
	}
}
