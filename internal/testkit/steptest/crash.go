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
	faults func(nth int) []env.InjectedFault
}

var interruptions = []interruption{
	{"before it was sent", true, func(nth int) []env.InjectedFault {
		return []env.InjectedFault{{Kind: env.Drop, Nth: nth, Count: env.Forever}}
	}},
	{"after it took effect", true, func(nth int) []env.InjectedFault {
		return []env.InjectedFault{
			{Kind: env.Lost, Nth: nth, Count: 1},
			{Kind: env.Drop, Nth: nth + 1, Count: env.Forever},
		}
	}},
	{"whose answer is lost", false, func(nth int) []env.InjectedFault {
		return []env.InjectedFault{{Kind: env.Lost, Nth: nth, Count: 1}}
	}},
}

// boundary is a call at which something can be interrupted.
type boundary struct {
	// nth is the place of the call, from 1.
	nth    int
	action string
	// ways are those in which it is interrupted.
	ways []interruption
}

// boundaries are the calls that are worth a crash. A crash loses all memory, so what matters is the
// state of the world, and that changes with writes only: of the same reads between two writes one is
// enough, and of the interruptions of a read too. Reads take them by turns.
func boundaries(calls []env.Call) []boundary {
	type place struct {
		writes int
		action string
	}
	var found []boundary
	seen, reads, writes := map[place]bool{}, 0, 0
	for i, c := range calls {
		at := place{writes, c.Action()}
		ways := interruptions
		if c.ReadOnly {
			ways = ways[reads%len(ways):][:1]
		} else {
			writes++
		}
		if seen[at] {
			continue
		}
		seen[at] = true
		if c.ReadOnly {
			reads++
		}
		found = append(found, boundary{nth: i + 1, action: c.Action(), ways: ways})
	}
	return found
}

// crashCreating interrupts the way from nothing to existing.
func (fx *fixture[In]) crashCreating(t *testing.T) {
	fx.interrupt(t, fx.creating, func(t *testing.T, way interruption, at boundary) bool {
		p := fx.start(t)
		hit := p.struck(way.faults(at.nth), func() bool {
			out := p.pass()
			p.pause(out)
			return converged(out)
		})
		if way.dies {
			p.restart()
		}
		p.converge()
		p.mustBe(fx.created)
		return hit
	})
}

// crashReleasing interrupts the release.
func (fx *fixture[In]) crashReleasing(t *testing.T) {
	if !fx.writes() {
		return
	}
	fx.interrupt(t, fx.releasing, func(t *testing.T, way interruption, at boundary) bool {
		p := fx.start(t)
		p.converge()
		p.restart() // so that its first calls are those of a new process, with empty caches
		hit := p.struck(way.faults(at.nth), func() bool {
			done, err := p.tryRelease()
			if err != nil {
				t.Fatalf("releasing: %v", err)
			}
			p.wait(verify)
			return done
		})
		if way.dies {
			p.restart()
		}
		p.release()
		p.mustBe(fx.released)
		return hit
	})
}

// interrupt tries every boundary in its ways.
func (fx *fixture[In]) interrupt(t *testing.T, calls []env.Call, try func(*testing.T, interruption, boundary) bool) {
	for _, at := range boundaries(calls) {
		for i, way := range at.ways {
			t.Run(at.action+" "+way.name, func(t *testing.T) {
				t.Parallel()
				if try(t, way, at) {
					fx.count(func(c *Coverage) {
						c.interruptions++
						if i == 0 {
							c.Boundaries++
						}
					})
				}
			})
		}
	}
}

// struck makes passes under faults until one strikes or the passes are done, ends the faults and says
// whether any struck.
func (p *process[In]) struck(faults []env.InjectedFault, pass func() (done bool)) bool {
	p.t.Helper()
	var ids []string
	for _, f := range faults {
		ids = append(ids, p.account.InjectFault(p.t, f))
	}
	defer p.account.ClearInjectedFaults(p.t)
	for range passes {
		done := pass()
		if p.account.Sandbox().InjectedFaultOf(p.t, ids[0]).Hits > 0 {
			return true
		}
		if done {
			return false
		}
	}
	return false
}
