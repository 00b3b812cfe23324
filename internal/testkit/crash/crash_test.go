package crash_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// What the suite covers at least; it fails below. When a step or a controller makes more calls on the
// way to Ready, raise these to what the table says. How many statuses and reports are written depends a
// little on how fast the sandbox is, so there is room for three of each.
const (
	// leastPlaces are the calls at which an operator died in at least one way.
	leastPlaces = 70 - 2*3
	// leastDeaths are all deaths: places times their ways, and those of the real program.
	leastDeaths = 153 - 2*2*3
	// leastWiped are the deaths after which both objects lost their status too.
	leastWiped = 76 - 6
	// leastKilled are the deaths of the real program by SIGKILL.
	leastKilled = 20
)

const (
	// lag is how far listings are behind writes where an operator dies: longer than it takes to start
	// another one, so that one which trusts its first read creates resources twice. On the straight way they
	// are hardly behind (env.Lag): some writes are sent again until they are listed, and only those that
	// are always made are places to die at.
	lag = 200 * time.Millisecond
	// patience is how long operators wait for listings, by their own clock, which is quick: 250 ms.
	patience = 50 * time.Second
)

func TestMain(m *testing.M) {
	logf.SetLogger(logr.Discard())
	os.Exit(env.Main(m))
}

func TestAnOperatorMayDieAtAnyCallOfTheWayToReady(t *testing.T) {
	calls, want := straight(t)
	deaths, killings, tally := everywhere(calls), atWrites(calls), newTally()
	t.Run("killed", func(t *testing.T) { killed(t, killings, want, tally) })
	t.Run("in process", func(t *testing.T) {
		for _, d := range deaths {
			t.Run(d.String(), func(t *testing.T) {
				t.Parallel()
				tally.plan()
				switch struck := die(t, d, want); {
				case struck:
					tally.died(groupOf(d.at), d)
				case d.way != unwritten && !d.at.kind.report():
					t.Error("the call was never made")
				}
			})
		}
	})
	tally.report(t, len(deaths)+len(killings))
}

// straight goes the way from two new objects to Ready undisturbed and returns the calls of it and how
// the world looks then.
func straight(t *testing.T) (calls []call, picture string) {
	t.Helper()
	p := newPlan(t, "")
	o := p.start(t, newWire(place{}, unsent))
	o.settle(t)
	calls, picture = o.wire.made(), p.picture(t)
	p.check(t, picture)
	o.idle(t, 2)
	p.discard(t)
	return calls, picture
}

// death is how and where an operator dies, and what is forgotten along with it.
type death struct {
	at  call
	way way
	// status says that both objects lose their status, annotation that the platform also loses the
	// record of its database.
	status, annotation bool
}

func (d death) String() string { return d.at.String() + " " + d.way.String() }

// everywhere returns every death that is worth it: at every write, and at the first read of each kind from
// AWS and from the database. A death loses all memory, so only the state of the world matters, and reads do
// not change it.
func everywhere(calls []call) (all []death) {
	reads := 0
	for _, c := range thinned(calls) {
		ways := ways
		switch {
		case c.kind == read && (c.nth > 1 || c.service == kubernetes):
			continue
		case c.kind == read:
			ways = ways[reads%len(ways):][:1] // all of them leave the same world
			reads++
		case c.service == kubernetes, c.service == database:
			ways = ways[:unwritten] // the death before the status that comes next is one of these already
		}
		for _, way := range ways {
			all = append(all, newDeath(len(all), c, way))
		}
	}
	return all
}

// mostStatements is at how many messages that create logins an operator dies at most: there are a lot of them.
const mostStatements = 9

// thinned returns the calls without most messages that create logins; those that stay are spread evenly.
func thinned(calls []call) (some []call) {
	creates := func(c call) bool { return groupOf(c) == statements }
	total := 0
	for _, c := range calls {
		if creates(c) {
			total++
		}
	}
	apart := (total + mostStatements - 1) / mostStatements
	for _, c := range calls {
		if !creates(c) || (c.nth-1)%apart == 0 {
			some = append(some, c)
		}
	}
	return some
}

// atWrites returns a death at every write to AWS, before it is sent and before its answer is read in
// turns, and both where a resource is created.
func atWrites(calls []call) (all []death) {
	for _, c := range calls {
		if c.kind == read || c.service == kubernetes || c.service == database {
			continue // the sandbox can hold calls to AWS only
		}
		first := way(len(all) % 2)
		all = append(all, newDeath(len(all), c, first))
		if strings.HasPrefix(c.operation, "Create") {
			all = append(all, newDeath(len(all), c, unheard-first))
		}
	}
	return all
}

// newDeath spreads losses evenly: with every other death the status is lost too, and with every other
// one of these the annotation.
func newDeath(n int, at call, way way) death {
	return death{at: at, way: way, status: n%2 == 0, annotation: n%4 == 0}
}

// die lets an operator go the way to Ready and die on it, lets another one go on, and compares what
// they leave behind. It says whether the first one died.
func die(t *testing.T, d death, want string) bool {
	t.Helper()
	p := newPlan(t, "")
	behind := lag.String()
	p.account.Sandbox().Set(t, p.account.ID, env.Settings{Lag: &behind})
	o := p.start(t, newWire(d.at.place, d.way))
	died := !o.settle(t)
	if died {
		p.forget(t, d)
		o = p.start(t, newWire(place{}, unsent))
		o.settle(t)
	}
	p.check(t, want)
	o.idle(t, 2)
	p.discard(t)
	return died
}
