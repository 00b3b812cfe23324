package steptest

import (
	"testing"

	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// interruption is one way in which the nth call goes wrong.
type interruption struct {
	name string
	// dies says that the process ends there and another one goes on.
	dies   bool
	faults func(nth int) []env.Fault
}

var interruptions = []interruption{
	{"before it was sent", true, func(nth int) []env.Fault {
		return []env.Fault{{Kind: env.Drop, Nth: nth, Count: env.Forever}}
	}},
	{"after it took effect", true, func(nth int) []env.Fault {
		return []env.Fault{
			{Kind: env.Lost, Nth: nth, Count: 1},
			{Kind: env.Drop, Nth: nth + 1, Count: env.Forever},
		}
	}},
	{"whose answer is lost", false, func(nth int) []env.Fault {
		return []env.Fault{{Kind: env.Lost, Nth: nth, Count: 1}}
	}},
}

// boundary is a call at which something can be interrupted.
type boundary struct {
	// nth is the place of the call, from 1.
	nth    int
	action string
}

// boundaries are the calls that are worth a crash. A crash loses all memory, so what matters is the
// state of the world, and that changes with writes only: of the same reads between two writes one is
// enough.
func boundaries(calls []env.Call) []boundary {
	type place struct {
		writes int
		action string
	}
	var found []boundary
	seen, writes := map[place]bool{}, 0
	for i, c := range calls {
		at := place{writes, c.Action()}
		if !seen[at] {
			seen[at] = true
			found = append(found, boundary{nth: i + 1, action: c.Action()})
		}
		if !c.ReadOnly {
			writes++
		}
	}
	return found
}

// crashMaking interrupts the way from nothing to being.
func (b *bench[In]) crashMaking(t *testing.T) {
	b.interrupt(t, b.making, func(t *testing.T, way interruption, at boundary) bool {
		p := b.start(t)
		hit := p.struck(way.faults(at.nth), func() bool {
			out := p.pass()
			p.pause(out)
			return converged(out)
		})
		if way.dies {
			p.restart()
		}
		p.converge()
		p.mustBe(b.made)
		return hit
	})
}

// crashReleasing interrupts letting go.
func (b *bench[In]) crashReleasing(t *testing.T) {
	if !b.writes() {
		return
	}
	b.interrupt(t, b.releasing, func(t *testing.T, way interruption, at boundary) bool {
		p := b.start(t)
		p.converge()
		p.restart() // so that its first calls are those of a new process, whatever the caches hold
		hit := p.struck(way.faults(at.nth), func() bool {
			done, err := p.letGo()
			if err != nil {
				t.Fatalf("letting go: %v", err)
			}
			p.wait(verify)
			return done
		})
		if way.dies {
			p.restart()
		}
		p.release()
		p.mustBe(b.released)
		return hit
	})
}

// interrupt tries every way at every boundary.
func (b *bench[In]) interrupt(t *testing.T, calls []env.Call, try func(*testing.T, interruption, boundary) bool) {
	for _, at := range boundaries(calls) {
		for _, way := range interruptions {
			t.Run(at.action+" "+way.name, func(t *testing.T) {
				t.Parallel()
				if try(t, way, at) && way.name == interruptions[0].name {
					b.count(func(c *Coverage) { c.Boundaries++ })
				}
			})
		}
	}
}

// struck makes passes under faults until one strikes or the passes are done, ends the faults and says
// whether any struck.
func (p *process[In]) struck(faults []env.Fault, pass func() (done bool)) bool {
	p.t.Helper()
	var ids []string
	for _, f := range faults {
		ids = append(ids, p.account.Fault(p.t, f))
	}
	defer p.account.ClearFaults(p.t)
	for range passes {
		done := pass()
		if p.account.Sandbox().FaultOf(p.t, ids[0]).Hits > 0 {
			return true
		}
		if done {
			return false
		}
	}
	return false
}
