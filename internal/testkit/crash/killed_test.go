package crash_test

import (
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	// pollEvery is the time between two reads of whether a call is held.
	pollEvery = 25 * time.Millisecond
	// nudge is the time between two touches of objects that are not in place yet: the real program
	// waits for AWS at AWS's pace, and the sandbox is faster.
	nudge = 500 * time.Millisecond
	// enough is how long all plans of the real program may take.
	enough = 15 * time.Minute
	// touched is an annotation that triggers a reconcile and has no other meaning.
	touched = "crash-suite/touched"
)

// swift are flags that make the real program as fast as the sandbox.
var swift = []string{
	"--installation-id", installationID, "--leader-elect=false", "--resync", "2s", "--freshness", "10s",
	"--aws-lag", (5 * env.Lag).String(),
}

// victim is a plan in which the real program is killed at a call that the sandbox holds.
type victim struct {
	*plan
	death
	// hold is the ID of the fault; "" when the program was killed at it.
	hold string
}

func newVictim(t *testing.T, d death) *victim {
	t.Helper()
	v := &victim{plan: newPlan(t, env.OperatorNamespace), death: d}
	v.hold = v.account.InjectFault(t, env.InjectedFault{
		Service: d.at.service, Operation: d.at.operation, Nth: d.at.nth, Kind: env.Hold, After: d.way == unheard,
	})
	return v
}

// fleet is one real program that serves many plans at once, and is killed at the call of each.
type fleet struct {
	program *env.Operator
	victims []*victim
	kills   int
}

// killed lets the real program go the way to Ready for many platforms at once, ends it with SIGKILL
// whenever it makes a call to die at, and starts it again.
func killed(t *testing.T, deaths []death, want string, y *tally) {
	t.Helper()
	sandbox := env.StartSandbox(t, env.WithDataPlane())
	f := &fleet{program: env.APIServer(t).Operator(t, sandbox.Account(t), t.TempDir())}
	for _, d := range deaths {
		y.plan()
		f.victims = append(f.victims, newVictim(t, d))
	}
	f.program.Start(t, swift...)
	f.until(t, "deaths", func() bool { return f.strike(t, sandbox) })
	f.until(t, "platforms that are in place", func() bool { return f.inPlace(t) })
	// Not Stop: an operator that gets SIGTERM reports the calls that this cuts short.
	f.program.Kill(t)
	for _, v := range f.victims {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			o := v.start(t, newWire(place{}, unsent))
			o.settle(t)
			o.idle(t, 2)
			v.check(t, want)
			v.discard(t)
			y.died(killings, v.death)
		})
	}
}

// until polls until done, and touches what is not in place.
func (f *fleet) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline, tick, touch := time.After(enough), time.NewTicker(pollEvery), time.NewTicker(nudge)
	defer tick.Stop()
	defer touch.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-touch.C:
			f.touch(t)
		case <-deadline:
			t.Fatalf("after %s and %d kills these lack: %s", enough, f.kills, f.state(t))
		}
	}
	t.Logf("all %d %s, after %d kills", len(f.victims), what, f.kills)
}

func (f *fleet) state(t *testing.T) (text string) {
	for _, v := range f.victims {
		text += fmt.Sprintf("\n%s (killed there: %t): %s", v.death, v.hold == "", v.finished(t))
	}
	return text
}

// strike kills the program if a call is held, and says whether every plan had its death.
func (f *fleet) strike(t *testing.T, sandbox *env.Sandbox) bool {
	t.Helper()
	faults, left, held := sandbox.InjectedFaults(t), 0, false
	for _, v := range f.victims {
		if v.hold != "" {
			left++
			held = held || faults[v.hold].Holding
		}
	}
	if held {
		f.kill(t, sandbox)
	}
	return left == 0
}

// kill ends the program, and starts it again when everything is forgotten that goes with the deaths.
func (f *fleet) kill(t *testing.T, sandbox *env.Sandbox) {
	t.Helper()
	f.program.Kill(t)
	f.kills++
	for _, v := range f.victims {
		if v.hold == "" || !f.struck(t, sandbox, v.hold) {
			continue
		}
		sandbox.RemoveInjectedFault(t, v.hold)
		v.hold = ""
		v.forget(t, v.death)
	}
	f.program.Start(t, swift...)
}

// struck says whether a fault held a call. It returns when the sandbox has seen that no client waits for
// the answer any more: a call that was held before it took effect must not take effect now.
func (f *fleet) struck(t *testing.T, sandbox *env.Sandbox, hold string) bool {
	t.Helper()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for range passes {
		state := sandbox.InjectedFaultOf(t, hold)
		if !state.Holding {
			return state.Hits > 0
		}
		<-tick.C
	}
	t.Fatal("the sandbox still holds the call of a program that was killed")
	return false
}

// inPlace says whether every plan is in place.
func (f *fleet) inPlace(t *testing.T) bool {
	t.Helper()
	for _, v := range f.victims {
		if v.finished(t) != "" {
			return false
		}
	}
	return true
}

// touch triggers reconciles of what is not in place.
func (f *fleet) touch(t *testing.T) {
	t.Helper()
	for _, v := range f.victims {
		if v.finished(t) == "" {
			continue
		}
		for _, o := range []client.Object{v.class, v.platform} {
			before := o.DeepCopyObject().(client.Object)
			annotations := o.GetAnnotations()
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations[touched] = time.Now().String()
			o.SetAnnotations(annotations)
			if err := v.cluster.Client.Patch(t.Context(), o, client.MergeFrom(before)); err != nil {
				t.Fatalf("touching %s: %v", o.GetName(), err)
			}
		}
	}
}
