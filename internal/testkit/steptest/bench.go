package steptest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// Coverage is what a suite covered.
type Coverage struct {
	// Boundaries are calls at which a crash was tried, each in several ways.
	Boundaries int
	// Drifts are changes behind the operator's back that were seen and mended.
	Drifts int
	// Breaks are violations of controls that were seen.
	Breaks int
	// Failures are kinds of failure that were tried, each at one operation.
	Failures int

	parts int
}

// bench is one run of a suite.
type bench[In any] struct {
	Suite[In]
	sandbox     *env.Sandbox
	description converge.Description

	// made and released are how the world looks with the step's thing, and after letting it go.
	made, released string
	// making and releasing are the calls that lead there.
	making, releasing []env.Call

	mu      sync.Mutex
	covered Coverage
	called  map[string]bool
}

// writes says whether the step writes at all.
func (b *bench[In]) writes() bool { return len(b.description.Writes) > 0 }

func (b *bench[In]) count(add func(*Coverage)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	add(&b.covered)
}

// checkStatement compares what the step states of itself with what the suite can try.
func (b *bench[In]) checkStatement(t *testing.T) {
	t.Helper()
	for _, f := range b.description.Fields {
		tried := slices.ContainsFunc(b.Drifts, func(d Drift[In]) bool { return d.Path == f.Path })
		if !tried && b.Fixed[f.Path] == "" {
			t.Errorf("the field %s has neither a drift nor a reason why it cannot drift", f.Path)
		}
	}
	for _, id := range b.description.Controls {
		if !slices.ContainsFunc(b.Breaks, func(k Break[In]) bool { return k.Control == id }) {
			t.Errorf("nothing breaks the control %s", id)
		}
	}
	if b.writes() && b.Stranger == nil {
		t.Error("the step writes, and the suite knows no stranger's thing of the same name")
	}
}

// learn goes the straight way once, from nothing to being and to having been let go, and remembers
// the calls and what they lead to.
func (b *bench[In]) learn(t *testing.T) {
	t.Helper()
	p := b.start(t)
	p.converge()
	b.making, b.made = p.calls(), p.world()
	p.restart()
	before := p.account.Mark(t)
	p.release()
	b.releasing, b.released = p.account.Calls(t, before), p.world()
}

// checkCoverage ends the suite with what it covered. A whole suite that called less than the step
// declares found permissions that nobody needs, and one that covered less than it should has lost a
// part of itself.
func (b *bench[In]) checkCoverage(t *testing.T, whole bool) {
	t.Helper()
	c, least := b.covered, b.Least
	t.Logf("step %s: a crash at %d calls in %d ways each, %d drifts of %d fields, %d breaks of %d controls, %d failures, %d IAM actions",
		b.description.Step, c.Boundaries, len(interruptions), c.Drifts, len(b.description.Fields), c.Breaks,
		len(b.description.Controls), c.Failures, len(b.called))
	if !whole || t.Failed() {
		return
	}
	var unused []string
	for _, action := range slices.Concat(b.description.Reads, b.description.Writes) {
		if !b.called[action] && !slices.Contains(b.Implied, action) {
			unused = append(unused, action)
		}
	}
	if len(unused) > 0 {
		t.Errorf("actions that the step declares and nothing called: %s; drop them, name them as implied or try what needs them",
			strings.Join(unused, " "))
	}
	if c.Boundaries < least.Boundaries || c.Drifts < least.Drifts || c.Breaks < least.Breaks || c.Failures < least.Failures {
		t.Errorf("the suite covered %+v, which is less than %+v", c, least)
	}
}

// audit checks every call that the operator made in an account.
func (b *bench[In]) audit(t testing.TB, calls []env.Call) {
	t.Helper()
	allowed := slices.Concat(b.description.Reads, b.description.Writes, always)
	for _, c := range calls {
		if !strings.Contains(c.Principal, ":assumed-role/") {
			continue // the operator's own identity, which only assumes roles, or the test
		}
		b.mu.Lock()
		b.called[c.Action()] = true
		b.mu.Unlock()
		if !slices.Contains(allowed, c.Action()) {
			t.Errorf("the step called %s, which it does not declare", c.Action())
		}
		if !c.ReadOnly && len(c.SessionTags) == 0 {
			t.Errorf("the step wrote (%s) in a session that is not bound to the owner: %s", c.Action(), c.SessionName)
		}
	}
}

// always are actions that every step may call: they need no permission, or all sessions have them.
var always = []string{"sts:GetCallerIdentity", "sts:AssumeRole"}

// writesIn returns the calls of the operator that write.
func writesIn(calls []env.Call) []string {
	var writes []string
	for _, c := range calls {
		if !c.ReadOnly && strings.Contains(c.Principal, ":assumed-role/") {
			writes = append(writes, fmt.Sprintf("%s (%s)", c.Action(), c.SessionName))
		}
	}
	return writes
}
