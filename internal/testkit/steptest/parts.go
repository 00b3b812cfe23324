package steptest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// planWritesNothing plans for an empty account, for a converged one and for a drifted one.
func (fx *fixture[In]) planWritesNothing(t *testing.T) {
	p := fx.start(t)
	plan := func() converge.Outcome { return p.run(converge.Mode{}) }
	out := plan()
	if out.Err != nil && fault.ClassOf(out.Err) != fault.Waiting {
		t.Errorf("planning failed: %s", show(out))
	}
	if len(fx.description.Fields) > 0 && len(out.Changes) == 0 {
		t.Errorf("the plan for an empty account is empty")
	}
	if !out.Exists {
		fx.allUnknown(t, out)
	}
	p.observe()
	p.nothingWritten("planning", p.began)
	p.converge()
	after := p.account.Mark(t)
	if out := plan(); len(out.Changes) > 0 {
		t.Errorf("the plan of a converged account is not empty: %s", show(out))
	}
	if len(fx.Drifts) > 0 {
		fx.Drifts[0].Do(t, p.account, p.in)
		p.until("the plan of a drift", p.observe, func(out converge.Outcome) bool { return len(out.Changes) > 0 })
	}
	p.nothingWritten("planning", after)
}

func (p *process[In]) nothingWritten(doing string, since int64) {
	p.t.Helper()
	if writes := writesIn(p.account.Calls(p.t, since)); len(writes) > 0 {
		p.t.Errorf("%s wrote: %v", doing, writes)
	}
}

// allUnknown checks that every verdict is Unknown where nothing was observed.
func (fx *fixture[In]) allUnknown(t *testing.T, out converge.Outcome) {
	t.Helper()
	for _, f := range out.Findings {
		if f.Verdict != converge.Unknown || !f.At.IsZero() {
			t.Errorf("control %s must be unknown and without a time when nothing was observed: %+v", f.Control, f)
		}
	}
}

// quietPass checks what passes over an unchanged resource cost: nothing at first, the shared listings
// after a sweep, and reads only when the freshness clock has run down.
func (fx *fixture[In]) quietPass(t *testing.T) {
	p := fx.start(t)
	p.converge()
	p.wait(sweep) // lists that were read before the last write are over
	p.pass()
	for _, quiet := range []struct {
		name    string
		after   func()
		allowed []string
	}{
		{"at once", func() {}, nil},
		{"after a sweep", func() { p.wait(sweep) }, fx.Quiet},
		{"after the freshness bound", func() { p.wait(freshness) }, slices.Concat(fx.description.Reads, always)},
	} {
		quiet.after()
		before := p.account.Mark(t)
		if out := p.pass(); !converged(out) {
			t.Errorf("a quiet pass %s found something to do: %s", quiet.name, show(out))
		}
		for _, c := range p.account.Calls(t, before) {
			if !slices.Contains(quiet.allowed, c.Action()) {
				t.Errorf("a quiet pass %s called %s, which is more than %v", quiet.name, c.Action(), quiet.allowed)
			}
		}
	}
}

// drifts changes every field behind the operator's back.
func (fx *fixture[In]) drifts(t *testing.T) {
	for _, d := range fx.Drifts {
		t.Run(d.Path+" "+d.Name, func(t *testing.T) {
			t.Parallel()
			p := fx.start(t)
			p.converge()
			d.Do(t, p.account, p.in)
			p.wait(sweep)
			out := p.until("the drift", p.observe, func(out converge.Outcome) bool {
				return len(out.Changes) > 0 && fault.As(out.Err).Reason != converge.ReasonSettling
			})
			var paths []string
			for _, c := range out.Changes {
				paths = append(paths, c.Path)
			}
			if diff := cmp.Diff(append([]string{d.Path}, d.Also...), paths); diff != "" {
				t.Errorf("paths that differ (-want +got):\n%s\n%s", diff, show(out))
			}
			fx.repair(p, out)
			fx.count(func(c *Coverage) { c.Drifts++ })
		})
	}
}

// repair checks that a drift is repaired, or held when repairing it costs something.
func (fx *fixture[In]) repair(p *process[In], seen converge.Outcome) {
	p.t.Helper()
	held := slices.ContainsFunc(seen.Changes, func(c converge.Change) bool { return c.Held })
	if !held {
		p.converge()
		return
	}
	before := p.account.Mark(p.t)
	out := p.pass()
	p.nothingWritten("a pass without approval", before)
	if out.Applied || out.Err == nil {
		p.t.Fatalf("what must be held was not: %s", show(out))
	}
	if out.Approval == "" {
		return // a replacement, which cannot be approved
	}
	p.until("convergence after the approval", func() converge.Outcome {
		return p.run(converge.Mode{Write: true, Approved: out.Approval})
	}, converged)
}

// controls breaks every control in live state, and then makes the observation fail.
func (fx *fixture[In]) controls(t *testing.T) {
	for _, k := range fx.Breaks {
		t.Run(k.Control+" "+k.Name, func(t *testing.T) {
			t.Parallel()
			p := fx.start(t)
			p.converge()
			if out := p.observe(); verdictOf(out, k.Control) != converge.Verified {
				t.Fatalf("%s is not verified to begin with: %s", k.Control, show(out))
			}
			k.Do(t, p.account, p.in)
			p.wait(sweep)
			p.until("a violated "+k.Control, p.observe, func(out converge.Outcome) bool {
				return verdictOf(out, k.Control) == converge.Violated
			})
			p.account.InjectFault(t, env.InjectedFault{Kind: env.Failure, Code: "InternalFailure", Status: 500})
			out := p.observe()
			fx.allUnknown(t, out)
			p.account.ClearInjectedFaults(t)
			if !k.Stays {
				p.converge()
				p.until("a verified "+k.Control, p.observe, func(out converge.Outcome) bool {
					return verdictOf(out, k.Control) == converge.Verified
				})
			}
			fx.count(func(c *Coverage) { c.Breaks++ })
		})
	}
}

func verdictOf(out converge.Outcome, control string) converge.Verdict {
	for _, f := range out.Findings {
		if f.Control == control {
			return f.Verdict
		}
	}
	return converge.Unknown
}

// unmanaged checks that an unmanaged resource of the same name is a conflict and stays as it is.
func (fx *fixture[In]) unmanaged(t *testing.T) {
	if !fx.writes() {
		return
	}
	p := fx.start(t)
	fx.Unmanaged(t, p.account, p.input())
	p.wait(sweep)
	before, began := p.world(), p.account.Mark(t)
	out := p.until("a conflict", p.pass, func(out converge.Outcome) bool { return fault.ClassOf(out.Err) == fault.Conflict })
	if f := fault.As(out.Err); f.Reason == "" || f.Message == "" {
		t.Errorf("an unmanaged resource must be a conflict with a message: %s", show(out))
	}
	fx.allUnknown(t, out)
	if _, err := p.tryRelease(); err != nil && fault.ClassOf(err) != fault.Conflict {
		t.Errorf("releasing beside an unmanaged resource: %v", err)
	}
	p.nothingWritten("a pass beside an unmanaged resource", began)
	p.mustBe(before)
}

// release checks the ways out and back.
func (fx *fixture[In]) release(t *testing.T) {
	if !fx.writes() {
		return
	}
	t.Run("of what never was", func(t *testing.T) {
		t.Parallel()
		p := fx.start(t)
		before := p.world()
		p.release()
		p.nothingWritten("a release of nothing", p.began)
		p.mustBe(before)
	})
	t.Run("twice and back", func(t *testing.T) {
		t.Parallel()
		p := fx.start(t)
		p.converge()
		p.release()
		p.mustBe(fx.released)
		before := p.account.Mark(t)
		p.release()
		p.nothingWritten("a second release", before)
		p.restart()
		p.release()
		p.nothingWritten("a second release in a new process", before)
		p.converge()
		p.mustBe(fx.created)
	})
}
