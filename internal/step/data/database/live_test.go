package database_test

import (
	"context"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/data/database"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// operator runs the step in an account of its own. Its clock goes a minute with every pass, so no
// cache outlives one.
type operator struct {
	t       *testing.T
	account *env.Account
	clock   *testclock.FakePassiveClock
	step    converge.Step[*scope.Platform]
	input   func() *scope.Platform
	in      *scope.Platform
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	a := env.StartSandbox(t).Account(t)
	o := &operator{t: t, account: a, clock: testclock.NewFakePassiveClock(time.Now()), input: input(t, a)}
	o.step = database.New(a.Sessions(t, aws.Options{Clock: o.clock, Share: 1000}))
	return o
}

func (o *operator) run(mode converge.Mode) converge.Outcome {
	o.t.Helper()
	o.clock.SetTime(o.clock.Now().Add(time.Minute))
	o.in = o.input()
	mode.Generation = 1
	return o.step.Run(o.t.Context(), o.in, mode)
}

func (o *operator) pass() converge.Outcome { return o.run(converge.Mode{Write: true}) }

// until runs passes until one satisfies enough.
func (o *operator) until(what string, enough func(converge.Outcome) bool) converge.Outcome {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		out := o.pass()
		if enough(out) {
			return out
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			o.t.Fatalf("%s does not come; the last outcome is %+v", what, out)
		}
	}
}

func converged(out converge.Outcome) bool { return out.Err == nil && len(out.Changes) == 0 }

func held(out converge.Outcome) bool { return fault.ClassOf(out.Err) == fault.Held && out.Err != nil }

func verdict(out converge.Outcome, control string) converge.Verdict {
	for _, f := range out.Findings {
		if f.Control == control {
			return f.Verdict
		}
	}
	return converge.Unknown
}

func TestACertificateThatEndsIsSeen(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.until("convergence", converged)
	if got := verdict(o.pass(), "CP-DB-14"); got != converge.Verified {
		t.Fatalf("a new certificate: verdict %d", got)
	}
	o.clock.SetTime(live(t, o.account).CertificateDetails.ValidTill.AddDate(0, 0, -89))
	if got := verdict(o.pass(), "CP-DB-14"); got != converge.Violated {
		t.Errorf("89 days before its end: verdict %d", got)
	}
	o.account.InjectFault(t, env.InjectedFault{Service: "rds", Kind: env.Failure, Code: "InternalFailure", Status: 500})
	if got := verdict(o.pass(), "CP-DB-14"); got != converge.Unknown {
		t.Errorf("when RDS does not answer: verdict %d", got)
	}
}

func TestAnotherParameterGroupIsPutBackAndRebootedOnceApproved(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.until("convergence", converged)
	useParameters(t, o.account, "default.postgres16")
	o.until("the right group", func(converge.Outcome) bool {
		return *live(t, o.account).DBParameterGroups[0].DBParameterGroupName == naming.ParameterGroup(shared, "16", "TLSv1.2")
	})
	out := o.until("the reboot to be held", held)
	if len(out.Changes) != 1 || out.Changes[0].Path != "parametersInForce" || verdict(out, "CP-DB-02") != converge.Violated {
		t.Errorf("until the reboot TLS is not verified, and only the reboot is held: %+v", out)
	}
	for !converged(out) {
		out = o.run(converge.Mode{Write: true, Approved: out.Approval})
	}
	if verdict(out, "CP-DB-02") != converge.Verified {
		t.Errorf("after the reboot: %+v", out.Findings)
	}
}

func TestAModificationQueuedByHandIsNotFired(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.until("convergence", converged)
	queueClass(t, o.account, o.in)
	send(t, o.account, &rds.ModifyDBInstanceInput{
		PubliclyAccessible: awssdk.Bool(true), DeletionProtection: awssdk.Bool(false), // at once, and the queue stays
	})

	out := o.until("the hold", held)
	db := live(t, o.account)
	if *db.PubliclyAccessible || !*db.DeletionProtection {
		t.Error("what protects was not put back")
	}
	if *db.DBInstanceClass != "db.t4g.medium" || awssdk.ToString(db.PendingModifiedValues.DBInstanceClass) != "db.t4g.large" {
		t.Errorf("the queue was touched: class %s, pending %+v", *db.DBInstanceClass, db.PendingModifiedValues)
	}
	if len(out.Changes) != 1 || out.Changes[0].Path != "instanceClass" {
		t.Errorf("the plan is %+v, want the queued class", out.Changes)
	}
	// A change that takes an immediate Modify would fire the queue, so it is held as well.
	o.restrict(func(in *scope.Platform) { *in.Spec.Database.IAMAuthentication = false })
	out = o.until("the hold of both", func(out converge.Outcome) bool { return held(out) && len(out.Changes) == 2 })
	if *live(t, o.account).IAMDatabaseAuthenticationEnabled == false {
		t.Error("a change was made that fires the queue")
	}
	for !converged(out) {
		out = o.run(converge.Mode{Write: true, Approved: out.Approval})
	}
	if class := *live(t, o.account).DBInstanceClass; class != "db.t4g.medium" {
		t.Errorf("the approved plan ended in class %s: the queue was fired", class)
	}
}

// restrict changes the input of all passes from now on.
func (o *operator) restrict(change func(*scope.Platform)) {
	before := o.input
	o.input = func() *scope.Platform {
		in := before()
		change(in)
		return in
	}
}

func TestADatabaseWaitsForTheSharedPartsOfItsClass(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	name := naming.SubnetGroup(shared)
	if _, err := client(t, o.account).DeleteDBSubnetGroup(t.Context(), &rds.DeleteDBSubnetGroupInput{DBSubnetGroupName: &name}); err != nil {
		t.Fatalf("deleting the subnet group: %v", err)
	}
	out := o.pass()
	if f := fault.As(out.Err); f.Class != fault.Waiting || f.Reason != v1alpha1.ReasonClassNotReady {
		t.Errorf("got %v, want to wait for the class", out.Err)
	}
	makeSubnets(t, o.account, name)
	o.until("convergence", converged)
}

func TestARecordThatTheOperatorHasNotSeenYetStopsACreate(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.until("convergence", converged)
	o.account.Sabotage(t, "delete-database", map[string]any{"resource": o.in.Tenant.Resource()})
	o.restrict(func(in *scope.Platform) { in.Key.Recorded = scope.Record{} }) // as a cached read has it
	mark := o.account.Mark(t)
	if f := fault.As(o.pass().Err); f.Reason != v1alpha1.ReasonDatabaseLost || f.Class != fault.Conflict {
		t.Errorf("got %v, want a lost database", f)
	}
	for _, c := range o.account.Calls(t, mark) {
		if c.Operation == "CreateDBInstance" {
			t.Error("a lost database was created again")
		}
	}
}

// withoutLag lets the next pass observe what was changed just before it, not a listing from before the change.
func (o *operator) withoutLag() {
	o.t.Helper()
	o.account.Sandbox().Set(o.t, o.account.ID, env.Settings{Lag: awssdk.String("0s")})
}

func TestEveryStateOfTheTableIsReadFromRDS(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.until("convergence", converged)
	o.withoutLag()
	for state, c := range map[string]struct {
		class  fault.Class
		reason string
	}{
		"stopped":              {fault.Invalid, v1alpha1.ReasonDatabaseState},
		"storage-full":         {fault.Invalid, v1alpha1.ReasonDatabaseState},
		"upgrading":            {fault.Waiting, converge.ReasonSettling},
		"storage-optimization": {},
		"available":            {},
	} {
		o.account.Sabotage(t, "state", map[string]any{"resource": o.in.Tenant.Resource(), "state": state})
		out := o.pass()
		if c.reason == "" {
			if !converged(out) {
				t.Errorf("in state %s: %v", state, out.Err)
			}
			continue
		}
		if f := fault.As(out.Err); out.Err == nil || f.Class != c.class || f.Reason != c.reason {
			t.Errorf("in state %s: %v, want %s %s", state, out.Err, c.class, c.reason)
		}
		if verdict(out, "CP-DB-01") != converge.Verified {
			t.Errorf("in state %s the evidence is gone", state)
		}
	}
}

func TestWhatTheClassRefusesIsSaidAndTheRestConverges(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.until("convergence", converged)
	o.withoutLag()
	o.restrict(func(in *scope.Platform) { in.Spec.Database.InstanceClass = "db.r7g.16xlarge" })
	modify(rds.ModifyDBInstanceInput{PubliclyAccessible: awssdk.Bool(true)})(t, o.account, o.in)
	o.until("the refusal", func(out converge.Outcome) bool {
		return fault.As(out.Err).Reason == v1alpha1.ReasonInvalidSpec && len(out.Changes) == 0
	})
	await(t, o.account, func(db *rdstypes.DBInstance) bool { return !*db.PubliclyAccessible })
	if got := *live(t, o.account).DBInstanceClass; got != "db.t4g.medium" {
		t.Errorf("the machine is %s", got)
	}
}
