package database

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/internal/converge"
)

func TestAVersionIsAFloorWithinItsMajor(t *testing.T) {
	for _, c := range []struct {
		version, floor string
		covered        bool
	}{
		{"16.9", "16", true},
		{"16", "16", true},
		{"16.9", "16.9", true},
		{"16.10", "16.9", true},
		{"16.9", "16.10", false},
		{"16.9-R2", "16.9", true},
		{"15.12", "16", false},
		{"17.1", "16", false},
		{"17.1", "16.4", false},
		{"", "16", false},
	} {
		t.Run(c.version+" for "+c.floor, func(t *testing.T) {
			if got := covers(c.version, c.floor); got != c.covered {
				t.Errorf("covered: %t, want %t", got, c.covered)
			}
		})
	}
}

// costs is how each path changes: by which kind of call, and what that costs a quiet instance and one
// for which AWS has queued a change that interrupts.
var costs = map[string]struct {
	now            bool
	quiet, pending converge.Effect
}{
	pathRecorded:    {false, converge.InPlace, converge.InPlace},
	pathReleased:    {false, converge.InPlace, converge.InPlace},
	pathPublic:      {false, converge.InPlace, converge.InPlace},
	pathGroups:      {false, converge.InPlace, converge.InPlace},
	pathProtection:  {false, converge.InPlace, converge.InPlace},
	pathParameters:  {false, converge.InPlace, converge.InPlace},
	pathBackup:      {false, converge.InPlace, converge.InPlace},
	pathCopyTags:    {false, converge.InPlace, converge.InPlace},
	pathLogs:        {false, converge.InPlace, converge.InPlace},
	pathAutoMinor:   {false, converge.InPlace, converge.InPlace},
	pathMaxStorage:  {false, converge.InPlace, converge.InPlace},
	pathCredential:  {false, converge.InPlace, converge.InPlace},
	pathRetention:   {false, converge.InPlace, converge.InPlace},
	pathMaintenance: {false, converge.InPlace, converge.Disruptive},
	pathIAM:         {true, converge.InPlace, converge.Disruptive},
	pathMultiAZ:     {true, converge.InPlace, converge.Disruptive},
	pathStorage:     {true, converge.InPlace, converge.Disruptive},
	pathClass:       {true, converge.Disruptive, converge.Disruptive},
	pathVersion:     {true, converge.Disruptive, converge.Disruptive},
	pathPort:        {false, converge.Disruptive, converge.Disruptive},
	pathReboot:      {false, converge.Disruptive, converge.Disruptive},
	pathEncrypted:   {false, converge.Replace, converge.Replace},
	pathKey:         {false, converge.Replace, converge.Replace},
	pathSubnets:     {false, converge.Replace, converge.Replace},
}

func TestEveryChangeCostsWhatItSetsOff(t *testing.T) {
	var paths []string
	for _, f := range Fields {
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(costs)), paths); diff != "" {
		t.Fatalf("this table and the fields differ (-table +fields):\n%s", diff)
	}
	got := State{RetentionDays: 14}
	for _, f := range Fields {
		t.Run(f.Path, func(t *testing.T) {
			c := costs[f.Path]
			if immediate(got, f.Path) != c.now {
				t.Errorf("needs an immediate Modify: %t, want %t", !c.now, c.now)
			}
			if effect := max(f.Effect, minEffect(got, f.Path)); effect != c.quiet {
				t.Errorf("with nothing pending it is %s, want %s", effect, c.quiet)
			}
			pending := got
			pending.PendingInterrupts = true
			if effect := max(f.Effect, minEffect(pending, f.Path)); effect != c.pending {
				t.Errorf("with an interruption pending it is %s, want %s", effect, c.pending)
			}
		})
	}
}

func TestSwitchingBackupsOnTakesAnImmediateModify(t *testing.T) {
	off := State{PendingInterrupts: true}
	if !immediate(off, pathRetention) {
		t.Error("AWS would wait for the maintenance window")
	}
	if effect := minEffect(off, pathRetention); effect != converge.Disruptive {
		t.Errorf("it would fire the interruption that is pending and is called %s", effect)
	}
}

func TestEveryFieldHasAWayToBeChangedOrIsAReplacement(t *testing.T) {
	byCall := []string{pathRecorded, pathReleased, pathCredential, pathReboot}
	for _, f := range Fields {
		t.Run(f.Path, func(t *testing.T) {
			changed := setters[f.Path] != nil || slices.Contains(byCall, f.Path)
			if changed == (f.Effect == converge.Replace) {
				t.Errorf("can be changed: %t, and its effect is %s", changed, f.Effect)
			}
		})
	}
}

func TestOnlyTheCredentialIsHiddenInPlans(t *testing.T) {
	for _, f := range Fields {
		if f.Sensitive != (f.Path == pathCredential) {
			t.Errorf("%s is sensitive: %t", f.Path, f.Sensitive)
		}
	}
}
