package coachplatform_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestAPlatformBecomesAnEncryptedFencedDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	platform, world := w.ready(), w.inventory()
	if len(world.Instances) != 1 || len(world.Keys) != 1 {
		t.Fatalf("the account holds %d instances and %d keys, want one of each", len(world.Instances), len(world.Keys))
	}
	db, key := world.Instances[0], world.Keys[0]
	if !db.Encrypted || db.KeyARN != key.ARN || db.Public || !db.DeletionProtection || db.BackupRetentionDays != 14 {
		t.Errorf("the database is %+v", db)
	}
	if key.RotationDays != 365 || key.State != "Enabled" || !naming.Owns(w.tenant(), key.Tags) || !naming.Owns(w.tenant(), db.Tags) {
		t.Errorf("the key is %+v", key)
	}
	record := scope.Record{AccountID: w.account.ID, Region: w.account.Region, ResourceID: db.ResourceID}.String()
	if key.Tags[naming.TagDatabase] != record || platform.Annotations[v1alpha1.AnnotationDatabase] != record {
		t.Errorf("the key records %q and the object %q, want %q", key.Tags[naming.TagDatabase],
			platform.Annotations[v1alpha1.AnnotationDatabase], record)
	}
	want := []string{
		fmt.Sprintf("ingress tcp 5433-5433 %s", w.account.OperatorSecurityGroup),
		fmt.Sprintf("ingress tcp 5433-5433 %s", w.account.WorkloadSecurityGroup),
	}
	slices.Sort(want)
	rules, tags := world.firewall(w.name())
	for i := range rules {
		rules[i], _, _ = strings.Cut(rules[i], " (")
	}
	if diff := cmp.Diff(want, rules); diff != "" || !naming.Owns(w.tenant(), tags) {
		t.Errorf("the firewall's rules (-want +got):\n%s\ntags %v", diff, tags)
	}
	status := platform.Status
	if status.Security.Summary != proven() || status.Drift != "None" || status.PlanSummary != "None" || status.KeyARN != key.ARN {
		t.Errorf("security %s, drift %s, plan %s, key %s: %v", status.Security.Summary, status.Drift, status.PlanSummary, status.KeyARN,
			status.Security.Open)
	}
	if d := status.Database; d.State != "available" || d.ResourceID != db.ResourceID || d.Port != 5433 || d.Endpoint == "" {
		t.Errorf("the database is shown as %+v", d)
	}
	secrets := w.secrets()
	if len(secrets) != 1 || db.Tags[naming.TagCredential] != scope.Fingerprint(string(secrets[0].Data["password"])) {
		t.Fatalf("%d passwords are stored, or the database has another", len(secrets))
	}
	w.checkNowhere(string(secrets[0].Data["password"]))
}

func TestAQuietPlatformCostsOnlyReads(t *testing.T) {
	t.Parallel()
	w := made(t)
	before, mark := w.platform().ResourceVersion, w.account.Mark(t)
	for range 3 {
		w.mustPass()
	}
	if after := w.platform().ResourceVersion; after != before {
		t.Error("the object was written")
	}
	if writes := w.wrote(mark); writes != nil {
		t.Errorf("AWS was written: %v", writes)
	}
}

// sabotages are things that happen behind the operator's back, and how they read.
var sabotages = map[string]struct {
	sabotage, field, control string
	// broken says of the world that it is.
	broken func(*world) bool
}{
	"a firewall opened to the world": {"open-firewall", "firewall.ingress", "CP-NET-02", func(w *world) bool {
		rules, _ := w.inventory().firewall(w.name())
		return strings.Contains(strings.Join(rules, "\n"), "0.0.0.0/0")
	}},
	"a public address": {"public-access", "database.publiclyAccessible", "CP-DB-03", func(w *world) bool {
		return w.inventory().Instances[0].Public
	}},
	"backups switched off": {"backup-off", "database.backup.retentionDays", "CP-DB-06", func(w *world) bool {
		return w.inventory().Instances[0].BackupRetentionDays == 0
	}},
	"protection switched off": {"unprotect", "database.deletionProtection", "CP-DB-07", func(w *world) bool {
		return !w.inventory().Instances[0].DeletionProtection
	}},
	"rotation switched off": {"rotation-off", "key.rotationDays", "CP-KEY-01", func(w *world) bool {
		return w.inventory().Keys[0].RotationDays == 0
	}},
}

func TestWhatIsChangedInAWSIsSeenReportedAndRepaired(t *testing.T) {
	t.Parallel()
	for name, c := range sabotages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := made(t)
			w.sabotage(c.sabotage)
			platform := w.settled(v1alpha1.ConditionDrifted, metav1.ConditionTrue, v1alpha1.ReasonDriftFound)
			if platform.Status.Drift != c.field {
				t.Errorf("the drift is %q, want %q", platform.Status.Drift, c.field)
			}
			if !slices.ContainsFunc(platform.Status.Security.Open, func(o v1alpha1.OpenControl) bool {
				return o.Control == c.control && o.Status == "Violated"
			}) {
				t.Errorf("the control %s is not violated: %+v", c.control, platform.Status.Security.Open)
			}
			if !contains(w.emitted.take(), "Warning DriftFound Reconcile changed behind the operator's back: "+c.field) {
				t.Error("no event tells of it")
			}
			if platform = w.ready(); c.broken(w) || platform.Status.Security.Summary != proven() || platform.Status.Drift != "None" {
				t.Errorf("it is not repaired: security %s, drift %s", platform.Status.Security.Summary, platform.Status.Drift)
			}
		})
	}
}

func TestWhatIsOnlyObservedIsSeenAndNotRepaired(t *testing.T) {
	t.Parallel()
	w := made(t)
	w.edit(observe)
	w.mustPass()
	mark := w.account.Mark(t)
	for _, c := range sabotages {
		w.sabotage(c.sabotage)
	}
	w.until("five drifts", func() bool { return len(w.mustPass().Status.Plan) == len(sabotages) })
	w.mustPass()
	platform := w.platform()
	for name, c := range sabotages {
		if !strings.Contains(platform.Status.Drift, c.field) || !c.broken(w) {
			t.Errorf("%s: seen %q, and broken %t", name, platform.Status.Drift, c.broken(w))
		}
	}
	if writes := w.wrote(mark); writes != nil {
		t.Errorf("AWS was written: %v", writes)
	}
	w.expect(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonObserving)

	// What was there stays when the object goes.
	before := w.inventory()
	w.delete()
	w.gone()
	if diff := cmp.Diff(before, w.inventory()); diff != "" || w.wrote(mark) != nil {
		t.Errorf("the account was changed (-before +after):\n%s", diff)
	}
}

func TestAnInterruptingChangeWaitsForItsApproval(t *testing.T) {
	t.Parallel()
	w := made(t)
	w.edit(func(p *v1alpha1.CoachPlatform) {
		p.Spec.Database.InstanceClass, p.Spec.Database.Backup.RetentionDays = "db.t4g.large", 30
	})
	w.until("the change that flows", func() bool {
		w.mustPass()
		return w.inventory().Instances[0].BackupRetentionDays == 30
	})
	platform := w.settled(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonApprovalNeeded)
	if class := w.inventory().Instances[0].Class; class != "db.t4g.medium" {
		t.Fatalf("without an approval the class is %s", class)
	}
	if plan := platform.Status.Plan; len(plan) != 1 || !plan[0].Held || plan[0].To != "db.t4g.large" || platform.Status.Drift != "None" {
		t.Errorf("the plan is %+v, the drift %s", plan, platform.Status.Drift)
	}
	stale := platform.Status.Approval
	w.edit(func(p *v1alpha1.CoachPlatform) { p.Spec.Database.Backup.RetentionDays = 31 })
	w.annotate(v1alpha1.AnnotationApprove, stale)
	w.until("the change that flows", func() bool {
		w.mustPass()
		return w.inventory().Instances[0].BackupRetentionDays == 31
	})
	platform = w.settled(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonApprovalNeeded)
	if class := w.inventory().Instances[0].Class; class != "db.t4g.medium" || platform.Status.Approval == stale {
		t.Fatalf("a stale approval was taken: class %s", class)
	}
	w.annotate(v1alpha1.AnnotationApprove, platform.Status.Approval)
	platform = w.ready()
	if class := w.inventory().Instances[0].Class; class != "db.t4g.large" {
		t.Errorf("after the approval the class is %s", class)
	}
	if _, there := platform.Annotations[v1alpha1.AnnotationApprove]; there {
		t.Error("the used approval is still there")
	}
}

func TestWhatSomebodyQueuedInAWSIsNotFiredByARepair(t *testing.T) {
	t.Parallel()
	w := made(t)
	w.queueClass("db.t4g.large")
	w.sabotage("public-access")
	w.until("the repair", func() bool {
		w.mustPass()
		return !w.inventory().Instances[0].Public
	})
	platform := w.settled(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonApprovalNeeded)
	if db := w.inventory().Instances[0]; db.Class != "db.t4g.medium" || !db.Pending {
		t.Errorf("the queue was touched: class %s, pending %t", db.Class, db.Pending)
	}
	if !strings.Contains(platform.Status.Drift, "database.instanceClass") {
		t.Errorf("the queued class is no drift: %q", platform.Status.Drift)
	}
	w.annotate(v1alpha1.AnnotationApprove, platform.Status.Approval)
	w.ready()
	if db := w.inventory().Instances[0]; db.Class != "db.t4g.medium" || db.Pending {
		t.Errorf("approved was to take the queued class back: class %s, pending %t", db.Class, db.Pending)
	}
}

func TestAnUnmanagedDatabaseIsNotTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	_, err := w.rds().CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: awssdk.String(w.name()), DBInstanceClass: awssdk.String("db.t4g.medium"),
		Engine: awssdk.String("postgres"), AllocatedStorage: awssdk.Int32(20), MasterUsername: awssdk.String("stranger"),
		MasterUserPassword: awssdk.String("of-a-stranger"), DBSubnetGroupName: awssdk.String(naming.SubnetGroup(naming.Class{Installation: installation, Name: w.class.Name})),
	})
	if err != nil {
		t.Fatalf("creating an unmanaged instance: %v", err)
	}
	w.settled("DatabaseReady", metav1.ConditionFalse, v1alpha1.ReasonConflict)
	before := w.inventory().Instances
	w.mustPass()
	w.delete()
	w.gone()
	if diff := cmp.Diff(before, w.inventory().Instances); diff != "" {
		t.Errorf("the unmanaged instance was changed (-before +after):\n%s", diff)
	}
}

// proven is the summary of a platform on which all holds that the steps of these tests can prove.
func proven() string {
	n := 0
	for _, s := range step.Cloud(nil) {
		n += len(s.Describe().Controls)
	}
	return fmt.Sprintf("%d/%d", n, len(applicable()))
}

// fails makes every call to AWS fail for a moment.
func (w *world) blackout() (end func()) {
	w.t.Helper()
	w.account.InjectFault(w.t, env.InjectedFault{Kind: env.Failure, Code: "InternalFailure", Status: 500})
	return func() { w.account.ClearInjectedFaults(w.t) }
}

func TestAnOutageOfAWSIsUnknownAndPasses(t *testing.T) {
	t.Parallel()
	w := made(t)
	end := w.blackout()
	platform := w.settled(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonTransientError)
	if s := platform.Status.Security; int(s.Unknown) != len(applicable()) || platform.Status.Database.State != "available" || platform.Status.Drift != "Unknown" {
		t.Errorf("in an outage: %d unknown, state %q, drift %q", s.Unknown, platform.Status.Database.State, platform.Status.Drift)
	}
	w.expect(v1alpha1.ConditionEvidenceFresh, metav1.ConditionFalse, v1alpha1.ReasonStale)
	end()
	if s := w.ready().Status.Security; s.Summary != proven() {
		t.Errorf("after it: %s", s.Summary)
	}
}
