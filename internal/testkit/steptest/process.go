package steptest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	// passes is how many passes a step may need to get anywhere.
	passes = 40
	// sweep and freshness are longer than the operator caches a list, or a single object.
	sweep     = 55 * time.Second
	freshness = 16 * time.Minute
	// verify is the time between two calls of Release.
	verify = 2 * time.Second
	// generation of the spec in every pass.
	generation = 1
)

// process is one operator that runs the step, in an account of its own.
type process[In any] struct {
	*fixture[In]
	t       *testing.T
	account *env.Account
	input   func() In
	clock   *env.Clock
	began   int64

	step converge.Step[In]
	// in is the input of the last pass.
	in In
	// said is all text of outcomes and errors.
	said strings.Builder
}

// start prepares a fresh account and starts an operator for it.
func (fx *fixture[In]) start(t *testing.T) *process[In] {
	t.Helper()
	p := &process[In]{fixture: fx, t: t, account: fx.sandbox.Account(t), clock: env.NewClock()}
	p.input = fx.Input(t, p.account)
	p.began = p.account.Mark(t)
	p.restart()
	t.Cleanup(func() {
		fx.audit(t, p.calls())
		p.checkSecrets()
	})
	return p
}

// within is the same operator, in a subtest.
func (p *process[In]) within(t *testing.T) *process[In] {
	t.Helper()
	inner := &process[In]{
		fixture: p.fixture, t: t, account: p.account, input: p.input, clock: p.clock, began: p.began, step: p.step, in: p.in,
	}
	t.Cleanup(func() {
		p.in = inner.in
		p.said.WriteString(inner.said.String())
	})
	return inner
}

// restart replaces the operator by a new process: all memory is lost, time went on.
func (p *process[In]) restart() {
	p.t.Helper()
	// A test has the account for itself, so it may use it faster than AWS would allow.
	p.step = p.New(p.account.Sessions(p.t, aws.Options{Clock: p.clock, Share: 1000}))
}

// calls are the calls made in the account since the operator started.
func (p *process[In]) calls() []env.Call {
	p.t.Helper()
	return p.account.Calls(p.t, p.began)
}

// run is one pass.
func (p *process[In]) run(mode converge.Mode) converge.Outcome {
	p.t.Helper()
	mode.Generation = generation
	p.in = p.input()
	out := p.step.Run(p.t.Context(), p.in, mode)
	fmt.Fprintf(&p.said, "%+v %v\n", out, out.Err)
	var controls []string
	for _, f := range out.Findings {
		controls = append(controls, f.Control)
	}
	if !slices.Equal(controls, p.description.Controls) {
		p.t.Errorf("a pass must have one finding for each control: got %v, want %v", controls, p.description.Controls)
	}
	if out.Applied && !mode.Write {
		p.t.Error("a read-only pass has written")
	}
	return out
}

// pass is one pass that may write.
func (p *process[In]) pass() converge.Outcome { return p.run(converge.Mode{Write: true}) }

// observe is one pass that only reads, past every cache.
func (p *process[In]) observe() converge.Outcome { return p.run(converge.Mode{Fresh: true}) }

// wait lets time pass.
func (p *process[In]) wait(d time.Duration) {
	p.t.Helper()
	p.clock.Wait(p.t.Context(), d)
}

// pause waits as long as the controller would after an outcome.
func (p *process[In]) pause(out converge.Outcome) {
	p.t.Helper()
	f := fault.As(out.Err)
	switch {
	case f.After > 0:
		p.wait(f.After)
	case fault.Handle(f.Class).After > 0:
		p.wait(fault.Handle(f.Class).After)
	default:
		p.wait(10 * time.Second)
	}
}

// converged says that a pass found nothing to do.
func converged(out converge.Outcome) bool {
	return out.Err == nil && !out.Applied && len(out.Changes) == 0
}

// until makes passes until one satisfies enough, and returns it; otherwise the test ends.
func (p *process[In]) until(what string, pass func() converge.Outcome, enough func(converge.Outcome) bool) converge.Outcome {
	p.t.Helper()
	var out converge.Outcome
	for range passes {
		if out = pass(); enough(out) {
			return out
		}
		p.pause(out)
	}
	p.t.Fatalf("%s did not come in %d passes; the last outcome is %s", what, passes, show(out))
	return out
}

// converge makes passes until nothing is left to do. An outcome that needs a person ends the test.
func (p *process[In]) converge() {
	p.t.Helper()
	p.until("convergence", p.pass, func(out converge.Outcome) bool {
		if class := fault.ClassOf(out.Err); out.Err != nil && class != fault.Waiting && class != fault.Transient {
			p.t.Fatalf("on the way to convergence: %s", show(out))
		}
		return converged(out)
	})
}

// release releases until the step says that it is done.
func (p *process[In]) release() {
	p.t.Helper()
	for range passes {
		done, err := p.tryRelease()
		if err != nil {
			p.t.Fatalf("releasing: %v", err)
		}
		if done {
			return
		}
		p.wait(verify)
	}
	p.t.Fatalf("the release did not end in %d passes", passes)
}

func (p *process[In]) tryRelease() (bool, error) {
	p.t.Helper()
	p.in = p.input()
	done, err := p.step.Release(p.t.Context(), p.in)
	fmt.Fprintln(&p.said, err)
	if class := fault.ClassOf(err); err != nil && (class == fault.Waiting || class == fault.Transient) {
		return false, nil
	}
	return done, err
}

// world is what the account holds.
func (p *process[In]) world() string {
	p.t.Helper()
	return p.account.World(p.t)
}

// mustBe fails the test when the account does not hold what it should.
func (p *process[In]) mustBe(want string) {
	p.t.Helper()
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(p.world(), "\n")); diff != "" {
		p.t.Errorf("the account does not hold what it should (-want +got):\n%s\nits calls: %s", diff, story(p.calls()))
	}
}

// checkSecrets searches for secrets in everything that the step said.
func (p *process[In]) checkSecrets() {
	p.t.Helper()
	if p.Secrets == nil {
		return
	}
	for i, secret := range p.Secrets(p.in) {
		if secret != "" && strings.Contains(p.said.String(), secret) {
			p.t.Errorf("secret %d was found in an outcome or an error", i)
		}
	}
}

// story writes calls for a failed test: writes in brackets, and what came of those that failed.
func story(calls []env.Call) string {
	var text strings.Builder
	for _, c := range calls {
		action := c.Action()
		if !c.ReadOnly {
			action = "[" + action + "]"
		}
		if c.Status != http.StatusOK {
			action += fmt.Sprintf(" (%d %s)", c.Status, c.Error)
		}
		text.WriteString("\n  " + action)
	}
	return text.String()
}

// show writes an outcome for a failed test.
func show(out converge.Outcome) string {
	var text strings.Builder
	fmt.Fprintf(&text, "exists %t, applied %t, error %v", out.Exists, out.Applied, out.Err)
	for _, c := range out.Changes {
		fmt.Fprintf(&text, "\n  %s %q -> %q (%s, held %t)", c.Path, c.From, c.To, c.Effect, c.Held)
	}
	for _, f := range out.Findings {
		fmt.Fprintf(&text, "\n  %s %d %s", f.Control, f.Verdict, f.Seen)
	}
	return text.String()
}

// caused says that err is a fault with a message for people and with a cause: an answer of AWS, not
// something that the step waits for.
func caused(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Message != "" && f.Err != nil
}
