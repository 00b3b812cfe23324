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
	// Boundaries are calls at which a crash was tried: a write in every way, a read in one.
	Boundaries int
	// Drifts are changes behind the operator's back that were seen and repaired.
	Drifts int
	// Breaks are violations of controls that were seen.
	Breaks int
	// Failures are kinds of failure that were tried, each at one operation.
	Failures int

	// parts is how many parts of the suite ran, and interruptions how many crashes were tried in all.
	parts, interruptions int
}

// fixture is one run of a suite.
type fixture[In any] struct {
	Suite[In]
	sandbox     *env.Sandbox
	description converge.Description
	// services are those that are registered in the sandbox, by the name in calls.
	services map[string]env.AWSService

	// created and released are the inventories with the step's resource, and after its release.
	created, released string
	// creating and releasing are the calls that lead there.
	creating, releasing []env.Call

	mu      sync.Mutex
	covered Coverage
	called  map[string]bool
}

// writes says whether the step writes at all.
func (fx *fixture[In]) writes() bool { return len(fx.description.Writes) > 0 }

func (fx *fixture[In]) count(add func(*Coverage)) {
	fx.mu.Lock()
	defer fx.mu.Unlock()
	add(&fx.covered)
}

// checkStatement compares what the step states of itself with what the suite can try.
func (fx *fixture[In]) checkStatement(t *testing.T) {
	t.Helper()
	for _, f := range fx.description.Fields {
		tried := slices.ContainsFunc(fx.Drifts, func(d Drift[In]) bool { return d.Path == f.Path })
		if !tried && fx.Fixed[f.Path] == "" {
			t.Errorf("the field %s has neither a drift nor a reason why it cannot drift", f.Path)
		}
	}
	for _, id := range fx.description.Controls {
		if !slices.ContainsFunc(fx.Breaks, func(k Break[In]) bool { return k.Control == id }) {
			t.Errorf("nothing breaks the control %s", id)
		}
	}
	if fx.writes() && fx.Unmanaged == nil {
		t.Error("the step writes, and the suite has no unmanaged resource of the same name")
	}
}

// learn goes the straight way once, from nothing to existing and to released. It remembers the calls
// and what they lead to.
func (fx *fixture[In]) learn(t *testing.T) {
	t.Helper()
	p := fx.start(t)
	p.converge()
	fx.creating, fx.created = p.calls(), p.world()
	p.restart()
	before := p.account.Mark(t)
	p.release()
	fx.releasing, fx.released = p.account.Calls(t, before), p.world()
}

// checkCoverage ends the suite with what it covered. A whole suite that called less than the step
// declares found unused permissions. One that covered less than it should has lost a part of itself.
func (fx *fixture[In]) checkCoverage(t *testing.T, whole bool) {
	t.Helper()
	c, least := fx.covered, fx.Least
	t.Logf("step %s: %d crashes at %d calls, %d drifts of %d fields, %d breaks of %d controls, %d failures, %d IAM actions",
		fx.description.Step, c.interruptions, c.Boundaries, c.Drifts, len(fx.description.Fields), c.Breaks,
		len(fx.description.Controls), c.Failures, len(fx.called))
	if !whole || t.Failed() {
		return
	}
	var unused []string
	for _, action := range slices.Concat(fx.description.Reads, fx.description.Writes) {
		if !fx.called[action] && !slices.Contains(fx.Implied, action) {
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
func (fx *fixture[In]) audit(t testing.TB, calls []env.Call) {
	t.Helper()
	allowed := slices.Concat(fx.description.Reads, fx.description.Writes, always)
	for _, c := range calls {
		if !strings.Contains(c.Principal, ":assumed-role/") {
			continue // the operator's own identity, which only assumes roles, or the test
		}
		fx.mu.Lock()
		fx.called[c.Action()] = true
		fx.mu.Unlock()
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
