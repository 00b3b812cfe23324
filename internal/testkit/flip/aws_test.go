package flip_test

import (
	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/internal/naming"
)

// These act as the account's administrator, behind the operator's back.

func (w *world) ec2() *ec2.Client {
	w.Helper()
	return ec2.NewFromConfig(w.account.Administrator(w.T))
}

func (w *world) kms() *kms.Client {
	w.Helper()
	return kms.NewFromConfig(w.account.Administrator(w.T))
}

func (w *world) rds() *rds.Client {
	w.Helper()
	return rds.NewFromConfig(w.account.Administrator(w.T))
}

// must ends the test when a call failed.
func (w *world) must(what string, err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("%s: %v", what, err)
	}
}

// sabotage breaks something of the platform by its name in the sandbox.
func sabotage(name string) func(*world) {
	return func(w *world) {
		w.Helper()
		w.account.Sabotage(w.T, name, map[string]any{"resource": w.tenant.Resource()})
	}
}

// group is the ID of the platform's own security group.
func (w *world) group() string {
	w.Helper()
	out, err := w.ec2().DescribeSecurityGroups(w.Context(), &ec2.DescribeSecurityGroupsInput{
		Filters: []ec2types.Filter{{Name: awssdk.String("group-name"), Values: []string{w.tenant.Resource()}}},
	})
	if err != nil || len(out.SecurityGroups) != 1 {
		w.Fatalf("finding the security group: %v", err)
	}
	return *out.SecurityGroups[0].GroupId
}

// newGroup creates a security group of somebody else's; AWS gives it egress to everywhere.
func (w *world) newGroup(name string) string {
	w.Helper()
	out, err := w.ec2().CreateSecurityGroup(w.Context(), &ec2.CreateSecurityGroupInput{
		GroupName: &name, Description: awssdk.String("of a test"), VpcId: &w.account.VPC,
	})
	w.must("creating a security group", err)
	return *out.GroupId
}

// live is the instance as RDS describes it.
func (w *world) live() *rdstypes.DBInstance {
	w.Helper()
	out, err := w.rds().DescribeDBInstances(w.Context(), &rds.DescribeDBInstancesInput{
		DBInstanceIdentifier: awssdk.String(w.tenant.Resource()),
	})
	w.must("describing the instance", err)
	return &out.DBInstances[0]
}

// await waits until the instance is as it must be; no pass is made meanwhile.
func (w *world) await(what string, done func(*rdstypes.DBInstance) bool) {
	w.Helper()
	w.until(what, func() bool { return done(w.live()) })
}

func (w *world) awaitState(state string) {
	w.Helper()
	w.await("the instance "+state, func(db *rdstypes.DBInstance) bool { return awssdk.ToString(db.DBInstanceStatus) == state })
}

func (w *world) tryModify(change rds.ModifyDBInstanceInput) error {
	w.Helper()
	w.awaitState("available")
	change.DBInstanceIdentifier = awssdk.String(w.tenant.Resource())
	_, err := w.rds().ModifyDBInstance(w.Context(), &change)
	return err
}

// modify changes the instance at once and waits until it is changed.
func modify(change rds.ModifyDBInstanceInput) func(*world) {
	return func(w *world) {
		w.Helper()
		change := change
		change.ApplyImmediately = awssdk.Bool(true)
		w.must("modifying the instance", w.tryModify(change))
		w.awaitState("available")
	}
}

// refusedModify tries to change the instance.
func refusedModify(change rds.ModifyDBInstanceInput) func(*world) error {
	return func(w *world) error {
		w.Helper()
		change := change
		change.ApplyImmediately = awssdk.Bool(true)
		return w.tryModify(change)
	}
}

// parameters is the class's group that the instance uses.
func (w *world) parameters() string {
	w.Helper()
	return naming.ParameterGroup(naming.Class{Installation: installation, Name: w.class.Name},
		w.platform.Spec.Database.EngineVersion, w.platform.Spec.Database.TLS.MinVersion)
}

// setParameter sets a parameter of the class's group, in effect at once.
func setParameter(name, value string) func(*world) {
	return func(w *world) {
		w.Helper()
		w.must("setting "+name, w.account.SetParameter(w.Context(), w.parameters(), name, value))
	}
}

func tag(key, value string) rdstypes.Tag { return rdstypes.Tag{Key: &key, Value: &value} }

func ec2Tags(tags map[string]string) (all []ec2types.Tag) {
	for k, v := range tags {
		all = append(all, ec2types.Tag{Key: &k, Value: &v})
	}
	return all
}

func (w *world) untagEC2(id string, tags []ec2types.Tag) error {
	w.Helper()
	_, err := w.ec2().DeleteTags(w.Context(), &ec2.DeleteTagsInput{Resources: []string{id}, Tags: tags})
	return err
}

func (w *world) tagEC2(id string, tags []ec2types.Tag) error {
	w.Helper()
	_, err := w.ec2().CreateTags(w.Context(), &ec2.CreateTagsInput{Resources: []string{id}, Tags: tags})
	return err
}
