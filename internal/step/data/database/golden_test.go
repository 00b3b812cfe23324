package database

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// update rewrites the plans: make golden.
var update = flag.Bool("update", false, "rewrite the files that tests compare with")

// still is an instance that can only be observed.
type still struct{ observation converge.Observation[State] }

func (s still) Observe(context.Context, *scope.Platform, State, bool) (converge.Observation[State], error) {
	return s.observation, nil
}

func (still) Apply(context.Context, *scope.Platform, State, converge.Observation[State], []converge.Change) error {
	return nil
}

func (still) Release(context.Context, *scope.Platform) (bool, error) { return true, nil }

func TestGoldenPlans(t *testing.T) {
	for name, c := range map[string]struct {
		in   *scope.Platform
		live *rdstypes.DBInstance
	}{
		"nothing there": {platform(func(p *scope.Platform) { p.MasterFingerprint = "" }), nil},
		"as wanted":     {platform(), instance()},
		"everything broken in place": {platform(), instance(func(db *rdstypes.DBInstance) {
			for _, name := range []string{
				"made public", "given one more group", "unprotected", "with AWS's own parameters", "without IAM log-in",
				"without backups", "without one of the logs", "without tags on snapshots", "without minor upgrades",
				"without a standby", "with another password", "marked as released",
			} {
				drifts[name].live(db)
			}
		})},
		"a larger machine, and backups for longer": {platform(spec(func(d *v1alpha1.Database) {
			d.InstanceClass, d.Backup.RetentionDays = "db.t4g.large", 30
		})), instance()},
		"a standby less while a change that interrupts waits in AWS": {
			platform(spec(func(d *v1alpha1.Database) { *d.MultiAZ = false })),
			instance(func(db *rdstypes.DBInstance) {
				db.PendingModifiedValues = &rdstypes.PendingModifiedValues{EngineVersion: awssdk.String("16.10")}
			}),
		},
		"a machine that is queued in AWS by hand": {platform(), instance(func(db *rdstypes.DBInstance) {
			db.PendingModifiedValues = &rdstypes.PendingModifiedValues{DBInstanceClass: awssdk.String("db.t4g.large")}
		})},
		"a major that AWS could only replace": {
			platform(spec(func(d *v1alpha1.Database) { d.EngineVersion = "15" })), instance(),
		},
		"what the class refuses, and more": {platform(spec(func(d *v1alpha1.Database) {
			d.InstanceClass, d.Backup.Window = "db.m7g.large", "01:00-02:00"
		})), instance()},
	} {
		t.Run(name, func(t *testing.T) {
			step, ok := New(nil).(converge.Of[*scope.Platform, State])
			if !ok {
				t.Fatal("the step is of another type")
			}
			step.Resource = still{observed(t, c.in, c.live)}
			compare(t, name, plan(step.Run(t.Context(), c.in, converge.Mode{Generation: 1})))
		})
	}
}

func observed(t *testing.T, in *scope.Platform, db *rdstypes.DBInstance) converge.Observation[State] {
	t.Helper()
	if db == nil {
		return converge.Observation[State]{Settled: true}
	}
	state := seen(t, in, db)
	return converge.Observation[State]{
		Exists: true, Settled: true, ID: original, At: observedAt, State: state,
		Next: overlay(state, db.PendingModifiedValues, desire(t, in)),
	}
}

// plan is an outcome as a person reads it.
func plan(out converge.Outcome) string {
	var text strings.Builder
	for _, c := range out.Changes {
		held := ""
		if c.Held {
			held = ", held"
		}
		fmt.Fprintf(&text, "%-24s %q -> %q  %s%s\n", c.Path, c.From, c.To, c.Effect, held)
	}
	fmt.Fprintf(&text, "can be approved: %t\nerror: %v\n", out.Approval != "", out.Err)
	return text.String()
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", strings.NewReplacer(" ", "-", ",", "").Replace(name)+".plan.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("reading the plan (make golden writes it): %v", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the plan differs from %s (-want +got):\n%s", file, diff)
	}
}
