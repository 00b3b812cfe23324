package database

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// documented is every state on the page that the table of states names, and what it means.
var documented = map[string]life{
	"available": usable, "backing-up": usable, "storage-initialization": usable, "storage-optimization": usable,

	"backtracking": moving, "configuring-enhanced-monitoring": moving, "configuring-iam-database-auth": moving,
	"configuring-log-exports": moving, "converting-to-vpc": moving, "creating": moving, "delete-precheck": moving,
	"maintenance": moving, "modifying": moving, "moving-to-vpc": moving, "rebooting": moving, "renaming": moving,
	"resetting-master-credentials": moving, "starting": moving, "stopping": moving, "storage-config-upgrade": moving,
	"upgrading": moving,

	"deleting": stuck, "failed": stuck, "inaccessible-encryption-credentials": stuck,
	"inaccessible-encryption-credentials-recoverable": stuck, "incompatible-create": stuck, "incompatible-network": stuck,
	"incompatible-option-group": stuck, "incompatible-parameters": stuck, "incompatible-restore": stuck,
	"insufficient-capacity": stuck, "restore-error": stuck, "stopped": stuck, "storage-full": stuck,
}

// modifiable are the states in which RDS takes a Modify.
var modifiable = []string{
	"available", "incompatible-option-group", "incompatible-parameters", "storage-full", "storage-optimization",
}

func TestEveryDocumentedStateHasAMeaning(t *testing.T) {
	if diff := cmp.Diff(slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(states))); diff != "" {
		t.Errorf("documented and known states differ (-documented +known):\n%s", diff)
	}
	seen := map[string]string{}
	for state, want := range documented {
		t.Run(state, func(t *testing.T) {
			m := meaningOf(state)
			if m.life != want || m.writable != slices.Contains(modifiable, state) {
				t.Errorf("life %d, writable %t; want %d, %t", m.life, m.writable, want, slices.Contains(modifiable, state))
			}
			if twin := seen[m.message]; len(m.message) < 20 || twin != "" {
				t.Errorf("the message %q says too little, or is that of %q", m.message, twin)
			}
			seen[m.message] = state
			checkDegraded(t, state, m)
		})
	}
}

func TestClientsCanConnectWhereAWSDoesNotTakeTheServerAway(t *testing.T) {
	for state, want := range map[string]bool{
		"available": true, "backing-up": true, "storage-optimization": true, "modifying": true, "maintenance": true,
		"configuring-iam-database-auth": true, "resetting-master-credentials": true,
		"creating": false, "rebooting": false, "upgrading": false, "stopped": false, "failed": false, "deleting": false, "": false,
	} {
		if got := connectable(state); got != want {
			t.Errorf("%q: connectable %t, want %t", state, got, want)
		}
	}
	for _, state := range serving {
		if _, known := states[state]; !known {
			t.Errorf("%q is no state of RDS", state)
		}
	}
}

// checkDegraded: only what needs a person is degraded, and it says what to do.
func checkDegraded(t *testing.T, state string, m meaning) {
	t.Helper()
	err := degraded(State{}, State{Status: state})
	if m.life != stuck {
		if err != nil {
			t.Errorf("nothing has to be done, and it is degraded: %v", err)
		}
		return
	}
	f := fault.As(err)
	if f.Class != fault.Invalid || f.Reason != v1alpha1.ReasonDatabaseState || f.Message != m.message {
		t.Errorf("it is degraded: %v, want %q", err, m.message)
	}
	if !strings.Contains(m.message, ": ") {
		t.Errorf("the message does not say what to do: %q", m.message)
	}
}

func TestAnUnknownStateIsAReasonToWait(t *testing.T) {
	for _, state := range []string{"", "Available", "thinking"} {
		m := meaningOf(state)
		if m.life != moving || m.writable || !strings.Contains(m.message, `"`+state+`"`) {
			t.Errorf("state %q: %+v, want one that waits, takes no change and names it", state, m)
		}
	}
}

func TestAnInstanceIsObservedTheLessOftenTheLongerAWSWorksOnIt(t *testing.T) {
	r := &resource{moving: map[string]time.Time{}}
	var polls []time.Duration
	at := observedAt
	for range 4 {
		after := r.poll("a", moving, at)
		polls, at = append(polls, after/time.Second), at.Add(after)
	}
	if diff := cmp.Diff([]time.Duration{2, 4, 8, 10}, polls); diff != "" {
		t.Errorf("seconds (-want +got):\n%s", diff)
	}
	if r.poll("b", moving, at) != firstPoll {
		t.Error("another instance is observed as late as this one")
	}
	if r.poll("a", usable, at) != 0 || r.poll("a", moving, at) != firstPoll || len(r.moving) != 2 {
		t.Errorf("work that is done counts for the next: %v", r.moving)
	}
}
