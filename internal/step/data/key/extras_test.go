package key_test

import (
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/onsi/gomega"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/data/database"
	"github.com/coachplatform/coach-operator/internal/step/data/key"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// operator runs the step, a sweep at a time.
type operator struct {
	account *env.Account
	clock   *testclock.FakePassiveClock
	step    converge.Step[*scope.Platform]
	in      *scope.Platform
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	o := &operator{account: env.StartSandbox(t).Account(t), clock: testclock.NewFakePassiveClock(time.Now())}
	now := "0s" // what is created is listed at once
	o.account.Sandbox().Set(t, o.account.ID, env.Settings{Lag: &now})
	o.step = newStep(o.account.Sessions(t, o.options()))
	spec := env.Platform(t).Spec
	o.in = &scope.Platform{Tenant: env.Tenant(), Class: o.account.Class(), Spec: &spec}
	return o
}

func (o *operator) options() aws.Options { return aws.Options{Clock: o.clock, Share: 1000} }

// settle passes, a freshness bound apart, until there is nothing to do.
func (o *operator) settle(t *testing.T) {
	t.Helper()
	for range 20 {
		o.clock.SetTime(o.clock.Now().Add(20 * time.Minute))
		if out := o.step.Run(t.Context(), o.in, converge.Mode{Write: true}); out.Err == nil {
			return
		}
	}
	t.Fatal("the step does not settle")
}

// database creates one with the given key and the tenant's tags.
func (o *operator) database(t *testing.T, name, keyID string, tags map[string]string) {
	t.Helper()
	api := rds.NewFromConfig(o.account.Administrator(t))
	group := "group-" + name + "-" + keyID[:8]
	_, err := api.CreateDBSubnetGroup(t.Context(), &rds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: &group, DBSubnetGroupDescription: &group, SubnetIds: o.account.PrivateSubnets,
	})
	if err != nil {
		t.Fatalf("creating a subnet group: %v", err)
	}
	var list []rdstypes.Tag
	for k, v := range tags {
		list = append(list, rdstypes.Tag{Key: &k, Value: &v})
	}
	_, err = api.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &name, DBInstanceClass: awssdk.String("db.t4g.medium"), Engine: awssdk.String("postgres"),
		EngineVersion: awssdk.String("16"), AllocatedStorage: awssdk.Int32(20), MasterUsername: awssdk.String("someone"),
		MasterUserPassword: awssdk.String("only-for-this-test"), DBSubnetGroupName: &group, Tags: list,
		StorageEncrypted: awssdk.Bool(true), KmsKeyId: &keyID,
	})
	if err != nil {
		t.Fatalf("creating a database: %v", err)
	}
}

// planted creates a key with tags and, unless it is nil, a policy.
func (o *operator) planted(t *testing.T, tags map[string]string, policy *string) string {
	t.Helper()
	id := makeKey(t, o.account, tags)
	if policy != nil {
		do(t, "writing a policy", func(k *kms.Client) error {
			_, err := k.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &id, Policy: policy})
			return err
		}, o.account)
	}
	return id
}

func (o *operator) mustBe(t *testing.T, id string, want kmstypes.KeyState) {
	t.Helper()
	do(t, "reading a key", func(k *kms.Client) error {
		out, err := k.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
		if err == nil && out.KeyMetadata.KeyState != want {
			t.Errorf("the key is %s, want %s", out.KeyMetadata.KeyState, want)
		}
		return err
	}, o.account)
}

func TestOnlyWhatALostAnswerLeftIsDropped(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.settle(t)
	own, tags := o.in.Key.ID, o.in.Tenant.Tags()
	desired, err := key.Desire(database.KeyUser(nil))(o.in)
	if err != nil {
		t.Fatal(err)
	}
	left := o.planted(t, tags, &desired.Policy)
	payroll := o.planted(t, tags, nil)
	elsewhere := o.planted(t, tags, &desired.Policy)
	o.database(t, "not-owned", elsewhere, nil)
	o.settle(t)
	o.mustBe(t, left, kmstypes.KeyStateEnabled) // nothing is dropped before there is a database

	o.database(t, o.in.Tenant.Resource(), own, tags)
	o.settle(t)
	o.mustBe(t, left, kmstypes.KeyStatePendingDeletion)
	o.mustBe(t, payroll, kmstypes.KeyStateEnabled)
	o.mustBe(t, elsewhere, kmstypes.KeyStateEnabled)
	o.mustBe(t, own, kmstypes.KeyStateEnabled)
}

func TestAKeyOfASnapshotIsNotDropped(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.settle(t)
	own, tags, name := o.in.Key.ID, o.in.Tenant.Tags(), o.in.Tenant.Resource()
	desired, err := key.Desire(database.KeyUser(nil))(o.in)
	if err != nil {
		t.Fatal(err)
	}
	ofSnapshot, unused := o.planted(t, tags, &desired.Policy), o.planted(t, tags, &desired.Policy)
	o.database(t, name, ofSnapshot, tags)
	o.snapshot(t, name)
	o.account.Sabotage(t, "delete-database", map[string]any{"resource": name})
	o.database(t, name, own, tags)

	unreadable := o.account.InjectFault(t, env.InjectedFault{Service: "rds", Operation: "DescribeDBSnapshots", Kind: env.Failure, Code: "AccessDenied", Status: 403})
	o.settle(t)
	o.mustBe(t, unused, kmstypes.KeyStateEnabled) // what snapshots use cannot be read
	o.account.Sandbox().RemoveInjectedFault(t, unreadable)
	o.settle(t)
	o.mustBe(t, unused, kmstypes.KeyStatePendingDeletion)
	o.mustBe(t, ofSnapshot, kmstypes.KeyStateEnabled)
	o.mustBe(t, own, kmstypes.KeyStateEnabled)
}

// snapshot takes one of an instance once it is available.
func (o *operator) snapshot(t *testing.T, name string) {
	t.Helper()
	api := rds.NewFromConfig(o.account.Administrator(t))
	gomega.NewWithT(t).Eventually(func() error {
		_, err := api.CreateDBSnapshot(t.Context(), &rds.CreateDBSnapshotInput{
			DBInstanceIdentifier: &name, DBSnapshotIdentifier: awssdk.String("kept"),
		})
		return err
	}, time.Minute, "50ms").Should(gomega.Succeed())
}

func TestMovedTagsAndAliasesMoveNoKey(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	older := o.planted(t, map[string]string{"later": "tagged"}, nil)
	o.settle(t)
	own, tags := o.in.Key.ID, o.in.Tenant.Tags()
	o.database(t, o.in.Tenant.Resource(), own, tags)
	tags[naming.TagDatabase] = "111122223333/eu-central-1/db-SOMEOTHER"
	do(t, "tagging an older key", func(k *kms.Client) error {
		var list []kmstypes.Tag
		for key, value := range tags {
			list = append(list, kmstypes.Tag{TagKey: &key, TagValue: &value})
		}
		_, err := k.TagResource(t.Context(), &kms.TagResourceInput{KeyId: &older, Tags: list})
		return err
	}, o.account)
	do(t, "moving the alias", func(k *kms.Client) error {
		_, err := k.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: alias(o.in), TargetKeyId: &older})
		return err
	}, o.account)
	o.settle(t)
	if o.in.Key.ID != own || strings.Contains(o.in.Key.ARN, older) {
		t.Error("the step took the older key")
	}
	o.mustBe(t, own, kmstypes.KeyStateEnabled)
	o.mustBe(t, older, kmstypes.KeyStateEnabled)
}

func alias(in *scope.Platform) *string { return awssdk.String(in.Tenant.Alias()) }
