package database_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/onsi/gomega"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	// password is the stored password of every master.
	password = "canary-0123456789-ABCDEFGHIJ"
	// patience bounds how long AWS may take to bring something about.
	patience = 2 * time.Minute
)

// shared names what the platforms of the class share.
var shared = naming.Class{Installation: "test", Name: env.ClassName}

// input creates what other steps and the class give: a key, a security group, subnets and parameters.
func input(t *testing.T, a *env.Account) func() *scope.Platform {
	t.Helper()
	spec := env.Platform(t).Spec
	key, group := makeKey(t, a), makeGroup(t, a, env.Tenant().Resource())
	makeSubnets(t, a, naming.SubnetGroup(shared))
	makeParameters(t, a)
	return func() *scope.Platform {
		in := &scope.Platform{
			Tenant: env.Tenant(), Shared: shared, Class: a.Class(), Spec: spec.DeepCopy(),
			MasterFingerprint: scope.Fingerprint(password),
			Passwords:         env.NewPasswords(map[string]string{scope.Master: password}),
			Key:               key, Firewall: scope.Firewall{GroupID: group},
		}
		in.Key.Recorded = scope.ParseRecord(tagOfKey(t, a, key.ID))
		return in
	}
}

// tagOfKey is the record on the key, as the step key would see it.
func tagOfKey(t *testing.T, a *env.Account, id string) string {
	t.Helper()
	text, err := json.Marshal(a.Inventory(t))
	if err != nil {
		t.Fatalf("writing the inventory: %v", err)
	}
	var inventory struct {
		Keys []struct {
			ID   string
			Tags map[string]string
		}
	}
	if err := json.Unmarshal(text, &inventory); err != nil {
		t.Fatalf("reading the inventory: %v", err)
	}
	for _, k := range inventory.Keys {
		if k.ID == id {
			return k.Tags[naming.TagDatabase]
		}
	}
	return ""
}

func makeKey(t *testing.T, a *env.Account) scope.Key {
	t.Helper()
	var tags []kmstypes.Tag
	for k, v := range env.Tenant().Tags() {
		tags = append(tags, kmstypes.Tag{TagKey: &k, TagValue: &v})
	}
	out, err := kms.NewFromConfig(a.Administrator(t)).CreateKey(t.Context(), &kms.CreateKeyInput{Tags: tags})
	if err != nil {
		t.Fatalf("creating a key: %v", err)
	}
	return scope.Key{ID: *out.KeyMetadata.KeyId, ARN: *out.KeyMetadata.Arn}
}

func makeGroup(t *testing.T, a *env.Account, name string) string {
	t.Helper()
	out, err := ec2.NewFromConfig(a.Administrator(t)).CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{
		GroupName: &name, Description: awssdk.String("for a test"), VpcId: &a.VPC,
	})
	if err != nil {
		t.Fatalf("creating a security group: %v", err)
	}
	return *out.GroupId
}

func makeSubnets(t *testing.T, a *env.Account, name string) {
	t.Helper()
	_, err := client(t, a).CreateDBSubnetGroup(t.Context(), &rds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: &name, DBSubnetGroupDescription: awssdk.String("for a test"), SubnetIds: a.PrivateSubnets,
	})
	if err != nil {
		t.Fatalf("creating a subnet group: %v", err)
	}
}

func makeParameters(t *testing.T, a *env.Account) {
	t.Helper()
	name := naming.ParameterGroup(shared, "16", "TLSv1.2")
	_, err := client(t, a).CreateDBParameterGroup(t.Context(), &rds.CreateDBParameterGroupInput{
		DBParameterGroupName: &name, DBParameterGroupFamily: awssdk.String("postgres16"), Description: awssdk.String("for a test"),
	})
	if err != nil {
		t.Fatalf("creating a parameter group: %v", err)
	}
	setParameter("rds.force_ssl", "1")(t, a, nil)
	setParameter("ssl_min_protocol_version", "TLSv1.2")(t, a, nil)
}

func client(t *testing.T, a *env.Account) *rds.Client {
	t.Helper()
	return rds.NewFromConfig(a.Administrator(t))
}

// live is the instance as RDS describes it; nil when there is none.
func live(t *testing.T, a *env.Account) *rdstypes.DBInstance {
	t.Helper()
	out, err := client(t, a).DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{
		DBInstanceIdentifier: awssdk.String(env.Tenant().Resource()),
	})
	if aws.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatalf("describing the instance: %v", err)
	}
	return &out.DBInstances[0]
}

// await waits until the instance is as it must be.
func await(t *testing.T, a *env.Account, done func(*rdstypes.DBInstance) bool) {
	t.Helper()
	gomega.NewWithT(t).Eventually(func() bool { return done(live(t, a)) }, patience, "20ms").Should(gomega.BeTrue())
}

func available(db *rdstypes.DBInstance) bool { return db != nil && *db.DBInstanceStatus == "available" }

// modify changes the instance at once.
func modify(change rds.ModifyDBInstanceInput) func(*testing.T, *env.Account, *scope.Platform) {
	return func(t *testing.T, a *env.Account, _ *scope.Platform) {
		t.Helper()
		change := change
		change.ApplyImmediately = awssdk.Bool(true)
		send(t, a, &change)
	}
}

func send(t *testing.T, a *env.Account, change *rds.ModifyDBInstanceInput) {
	t.Helper()
	await(t, a, available)
	change.DBInstanceIdentifier = awssdk.String(env.Tenant().Resource())
	if _, err := client(t, a).ModifyDBInstance(t.Context(), change); err != nil {
		t.Fatalf("modifying the instance: %v", err)
	}
}

func exportLogs(logs rdstypes.CloudwatchLogsExportConfiguration) func(*testing.T, *env.Account, *scope.Platform) {
	return func(t *testing.T, a *env.Account, in *scope.Platform) {
		t.Helper()
		modify(rds.ModifyDBInstanceInput{CloudwatchLogsExportConfiguration: &logs})(t, a, in)
	}
}

// queueClass requests another machine in the next maintenance window.
func queueClass(t *testing.T, a *env.Account, _ *scope.Platform) {
	t.Helper()
	send(t, a, &rds.ModifyDBInstanceInput{DBInstanceClass: awssdk.String("db.t4g.large")})
}

// upgradeMajor brings the instance to another major, with AWS's own parameters.
func upgradeMajor(t *testing.T, a *env.Account, _ *scope.Platform) {
	t.Helper()
	send(t, a, &rds.ModifyDBInstanceInput{
		EngineVersion: awssdk.String("17"), AllowMajorVersionUpgrade: awssdk.Bool(true), ApplyImmediately: awssdk.Bool(true),
	})
	await(t, a, func(db *rdstypes.DBInstance) bool { return available(db) && (*db.EngineVersion)[:2] == "17" })
}

// waitForReboot puts other parameters in place and the right ones back: they wait for a reboot.
func waitForReboot(t *testing.T, a *env.Account, _ *scope.Platform) {
	t.Helper()
	useParameters(t, a, "default.postgres16")
	useParameters(t, a, naming.ParameterGroup(shared, "16", "TLSv1.2"))
}

func useParameters(t *testing.T, a *env.Account, name string) {
	t.Helper()
	send(t, a, &rds.ModifyDBInstanceInput{DBParameterGroupName: &name})
	await(t, a, func(db *rdstypes.DBInstance) bool {
		g := db.DBParameterGroups[0]
		return *g.DBParameterGroupName == name && *g.ParameterApplyStatus == "pending-reboot"
	})
}

func setParameter(name, value string) func(*testing.T, *env.Account, *scope.Platform) {
	return func(t *testing.T, a *env.Account, _ *scope.Platform) {
		t.Helper()
		_, err := client(t, a).ModifyDBParameterGroup(t.Context(), &rds.ModifyDBParameterGroupInput{
			DBParameterGroupName: awssdk.String(naming.ParameterGroup(shared, "16", "TLSv1.2")),
			Parameters: []rdstypes.Parameter{{
				ParameterName: &name, ParameterValue: &value, ApplyMethod: rdstypes.ApplyMethodImmediate,
			}},
		})
		if err != nil {
			t.Fatalf("setting %s: %v", name, err)
		}
	}
}

func moreGroups(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	other := makeGroup(t, a, "other")
	send(t, a, &rds.ModifyDBInstanceInput{VpcSecurityGroupIds: []string{in.Firewall.GroupID, other}})
}

func tag(key, value string) func(*testing.T, *env.Account, *scope.Platform) {
	return func(t *testing.T, a *env.Account, _ *scope.Platform) {
		t.Helper()
		_, err := client(t, a).AddTagsToResource(t.Context(), &rds.AddTagsToResourceInput{
			ResourceName: live(t, a).DBInstanceArn, Tags: []rdstypes.Tag{{Key: &key, Value: &value}},
		})
		if err != nil {
			t.Fatalf("tagging the instance: %v", err)
		}
	}
}

func forgetRecord(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	_, err := kms.NewFromConfig(a.Administrator(t)).UntagResource(t.Context(), &kms.UntagResourceInput{
		KeyId: &in.Key.ID, TagKeys: []string{naming.TagDatabase},
	})
	if err != nil {
		t.Fatalf("removing the record from the key: %v", err)
	}
}

// unmanaged creates an instance of the platform's name without its tags.
func unmanaged(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	_, err := client(t, a).CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: awssdk.String(in.Tenant.Resource()), DBInstanceClass: awssdk.String("db.t4g.medium"),
		Engine: awssdk.String("postgres"), MasterUsername: awssdk.String("other_master"), MasterUserPassword: awssdk.String("a-password-of-theirs"),
		AllocatedStorage: awssdk.Int32(20), DBSubnetGroupName: awssdk.String(naming.SubnetGroup(shared)),
	})
	if err != nil {
		t.Fatalf("creating an unmanaged instance: %v", err)
	}
	await(t, a, available)
}

// recreate deletes the instance and creates another one that is the platform's in every respect but one,
// down to the record on the key.
func recreate(change func(*testing.T, *env.Account, *rds.CreateDBInstanceInput)) func(*testing.T, *env.Account, *scope.Platform) {
	return func(t *testing.T, a *env.Account, in *scope.Platform) {
		t.Helper()
		await(t, a, available)
		was := live(t, a)
		a.Sabotage(t, "delete-database", map[string]any{"resource": in.Tenant.Resource()})
		again := &rds.CreateDBInstanceInput{
			DBInstanceIdentifier: was.DBInstanceIdentifier, DBName: was.DBName, Engine: was.Engine, EngineVersion: was.EngineVersion,
			DBInstanceClass: was.DBInstanceClass, MultiAZ: was.MultiAZ, Port: was.Endpoint.Port,
			AllocatedStorage: was.AllocatedStorage, StorageType: was.StorageType, AutoMinorVersionUpgrade: was.AutoMinorVersionUpgrade,
			StorageEncrypted: was.StorageEncrypted, KmsKeyId: was.KmsKeyId, PubliclyAccessible: was.PubliclyAccessible,
			DBSubnetGroupName: was.DBSubnetGroup.DBSubnetGroupName, VpcSecurityGroupIds: []string{in.Firewall.GroupID},
			DeletionProtection: was.DeletionProtection, EnableIAMDatabaseAuthentication: was.IAMDatabaseAuthenticationEnabled,
			DBParameterGroupName: was.DBParameterGroups[0].DBParameterGroupName, BackupRetentionPeriod: was.BackupRetentionPeriod,
			PreferredBackupWindow: was.PreferredBackupWindow, PreferredMaintenanceWindow: was.PreferredMaintenanceWindow,
			CopyTagsToSnapshot: was.CopyTagsToSnapshot, EnableCloudwatchLogsExports: was.EnabledCloudwatchLogsExports,
			MasterUsername: was.MasterUsername, MasterUserPassword: awssdk.String(password), Tags: was.TagList,
		}
		change(t, a, again)
		if _, err := client(t, a).CreateDBInstance(t.Context(), again); err != nil {
			t.Fatalf("creating the instance again: %v", err)
		}
		await(t, a, available)
		recordOn(t, a, in)
	}
}

// recordOn lets the key record the instance that is there now.
func recordOn(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	record := scope.Record{AccountID: a.ID, Region: a.Region, ResourceID: *live(t, a).DbiResourceId}
	_, err := kms.NewFromConfig(a.Administrator(t)).TagResource(t.Context(), &kms.TagResourceInput{
		KeyId: &in.Key.ID,
		Tags:  []kmstypes.Tag{{TagKey: awssdk.String(naming.TagDatabase), TagValue: awssdk.String(record.String())}},
	})
	if err != nil {
		t.Fatalf("recording the instance on the key: %v", err)
	}
}

var (
	unencrypted = recreate(func(_ *testing.T, _ *env.Account, in *rds.CreateDBInstanceInput) {
		in.StorageEncrypted, in.KmsKeyId = awssdk.Bool(false), nil
	})
	otherKey = recreate(func(t *testing.T, a *env.Account, in *rds.CreateDBInstanceInput) {
		t.Helper()
		out, err := kms.NewFromConfig(a.Administrator(t)).CreateKey(t.Context(), &kms.CreateKeyInput{})
		if err != nil {
			t.Fatalf("creating another key: %v", err)
		}
		in.KmsKeyId = out.KeyMetadata.Arn
	})
	otherSubnets = recreate(func(t *testing.T, a *env.Account, in *rds.CreateDBInstanceInput) {
		t.Helper()
		makeSubnets(t, a, "other")
		in.DBSubnetGroupName = awssdk.String("other")
	})
	usualMaster = recreate(func(_ *testing.T, _ *env.Account, in *rds.CreateDBInstanceInput) {
		in.MasterUsername = awssdk.String("postgres")
	})
)

// openRoute gives the private subnets a route to the VPC's internet gateway.
func openRoute(t *testing.T, a *env.Account, _ *scope.Platform) {
	t.Helper()
	api := ec2.NewFromConfig(a.Administrator(t))
	gateways, err := api.DescribeInternetGateways(t.Context(), &ec2.DescribeInternetGatewaysInput{
		Filters: []ec2types.Filter{{Name: awssdk.String("attachment.vpc-id"), Values: []string{a.VPC}}},
	})
	if err != nil || len(gateways.InternetGateways) == 0 {
		t.Fatalf("finding the internet gateway: %v", err)
	}
	tables, err := api.DescribeRouteTables(t.Context(), &ec2.DescribeRouteTablesInput{
		Filters: []ec2types.Filter{{Name: awssdk.String("vpc-id"), Values: []string{a.VPC}}},
	})
	if err != nil {
		t.Fatalf("finding the route tables: %v", err)
	}
	for _, table := range tables.RouteTables {
		_, err := api.CreateRoute(t.Context(), &ec2.CreateRouteInput{
			RouteTableId: table.RouteTableId, DestinationCidrBlock: awssdk.String("0.0.0.0/0"),
			GatewayId: gateways.InternetGateways[0].InternetGatewayId,
		})
		if err != nil && !strings.Contains(err.Error(), "RouteAlreadyExists") {
			t.Fatalf("opening a route: %v", err)
		}
	}
}
