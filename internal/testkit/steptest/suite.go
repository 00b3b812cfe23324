// Package steptest is the conformance suite of steps. It runs one step against the sandbox, as the
// operator would run it, and checks what every step promises: a plan writes nothing, a quiet pass
// writes nothing, each drift of an owned field is seen and repaired, a crash at any call leaves no
// duplicate, an unmanaged resource is not touched, every failure gets its class, only declared
// actions are called, no secret is disclosed, and every control flips when live state is broken.
package steptest

import (
	"testing"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// Suite describes a step to the conformance suite.
type Suite[In any] struct {
	// New returns the step as in a newly started process, with empty caches.
	New func(*aws.Sessions) converge.Step[In]
	// Input prepares an account for the step, once, and returns what gives each reconcile its input.
	// What it returns must not call AWS.
	Input func(t *testing.T, a *env.Account) func() In
	// Unmanaged creates a resource with the name of the step's own and without its tags. Required of a step
	// that writes.
	Unmanaged Mutation[In]
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
	// Secrets returns values that must never be disclosed; nil is none.
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
	// Stays says that the step does not repair what was broken.
	Stays bool
}

// Run runs the suite.
func Run[In any](t *testing.T, s Suite[In]) {
	t.Helper()
	sandbox := env.StartSandbox(t)
	fx := &fixture[In]{Suite: s, sandbox: sandbox, called: map[string]bool{}}
	fx.description = s.New(nil).Describe()
	fx.checkStatement(t)
	fx.checkServices(t)
	if !t.Run("the straight way", fx.learn) {
		return // nothing that follows could say more
	}
	parts := fx.parts()
	t.Run("parts", func(t *testing.T) {
		for _, part := range parts {
			t.Run(part.name, func(t *testing.T) {
				t.Parallel()
				fx.count(func(c *Coverage) { c.parts++ })
				part.run(t)
			})
		}
	})
	fx.checkCoverage(t, fx.covered.parts == len(parts))
}

// part is one promise of every step.
type part struct {
	name string
	run  func(*testing.T)
}

func (fx *fixture[In]) parts() []part {
	return []part{
		{"a plan writes nothing", fx.planWritesNothing},
		{"a quiet pass writes nothing and makes no calls of its own", fx.quietPass},
		{"drift is seen and repaired", fx.drifts},
		{"controls flip", fx.controls},
		{"an unmanaged resource is not touched", fx.unmanaged},
		{"a release ends, can be repeated and taken back", fx.release},
		{"a crash at any call of the creation leaves no duplicate", fx.crashCreating},
		{"a crash at any call of the release is repaired", fx.crashReleasing},
		{"every failure has its class", fx.failures},
	}
}
