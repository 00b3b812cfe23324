package acceptance

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var ignoreUnexported = cmpopts.IgnoreUnexported(rdstypes.PendingModifiedValues{}, rdstypes.DBParameterGroupStatus{})

func (a *account) modify(in *rds.ModifyDBInstanceInput) rdstypes.DBInstance {
	a.t.Helper()
	out, err := a.rds.ModifyDBInstance(a.t.Context(), in)
	wantCode(a.t, err, "")
	return *out.DBInstance
}

func TestAChangeWaitsForTheWindowUnlessApplied(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.available("waiting")
	name := aws.String("waiting")

	got := a.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: name, DBInstanceClass: aws.String("db.t4g.small"), MultiAZ: aws.Bool(true)})
	want := rdstypes.PendingModifiedValues{DBInstanceClass: aws.String("db.t4g.small"), MultiAZ: aws.Bool(true)}
	if diff := cmp.Diff(want, *got.PendingModifiedValues, ignoreUnexported); diff != "" {
		t.Error("pending (-want +got):\n" + diff)
	}
	if aws.ToString(got.DBInstanceClass) != "db.t4g.micro" || aws.ToString(got.DBInstanceStatus) != "available" {
		t.Errorf("it changed at once: %s, %s", aws.ToString(got.DBInstanceClass), aws.ToString(got.DBInstanceStatus))
	}

	// Taking one change back leaves the other pending.
	got = a.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: name, MultiAZ: aws.Bool(false)})
	if got.PendingModifiedValues.MultiAZ != nil || got.PendingModifiedValues.DBInstanceClass == nil {
		t.Errorf("pending after taking Multi-AZ back: %+v", got.PendingModifiedValues)
	}

	// An immediate change of something else fires what was pending.
	a.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: name, EnableIAMDatabaseAuthentication: aws.Bool(true), ApplyImmediately: aws.Bool(true)})
	eventually(t, "the class is in effect", func() bool { return aws.ToString(a.database("waiting").DBInstanceClass) == "db.t4g.small" })
	got = a.await("waiting", "available")
	a.wantStatuses("waiting", "creating", "backing-up", "available", "configuring-iam-database-auth", "modifying", "available")
	if !aws.ToBool(got.IAMDatabaseAuthenticationEnabled) || got.PendingModifiedValues.DBInstanceClass != nil {
		t.Errorf("after all: %+v", got.PendingModifiedValues)
	}
}

func TestWhileAChangeIsUnderWayTheOldValuesShow(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.available("busy")
	a.post("/settings?account="+a.id, map[string]any{"pace": "10s"}, nil)
	got := a.modify(&rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: aws.String("busy"), AllocatedStorage: aws.Int32(40), ApplyImmediately: aws.Bool(true),
	})
	if aws.ToInt32(got.AllocatedStorage) != 20 || aws.ToInt32(got.PendingModifiedValues.AllocatedStorage) != 40 {
		t.Errorf("storage %d, pending %+v", aws.ToInt32(got.AllocatedStorage), got.PendingModifiedValues)
	}
	_, err := a.rds.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: aws.String("busy"), CopyTagsToSnapshot: aws.Bool(true),
	})
	wantCode(t, err, "InvalidDBInstanceState")
	_, err = a.rds.CreateDBSnapshot(t.Context(), &rds.CreateDBSnapshotInput{DBInstanceIdentifier: aws.String("busy"), DBSnapshotIdentifier: aws.String("s")})
	wantCode(t, err, "InvalidDBInstanceState")
}

func TestStorageIsOptimizedAfterItGrew(t *testing.T) {
	t.Parallel()
	a := newAccount(t, map[string]any{"pace": "150ms"}).seed()
	a.available("growing")
	a.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("growing"), AllocatedStorage: aws.Int32(40), ApplyImmediately: aws.Bool(true)})
	a.await("growing", "storage-optimization")
	if got := a.database("growing"); aws.ToInt32(got.AllocatedStorage) != 40 {
		t.Errorf("storage %d while it is optimized", aws.ToInt32(got.AllocatedStorage))
	}
	_, err := a.rds.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: aws.String("growing"), AllocatedStorage: aws.Int32(60), ApplyImmediately: aws.Bool(true),
	})
	wantCode(t, err, "InvalidParameterCombination")
	a.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("growing"), DeletionProtection: aws.Bool(true)})
	a.await("growing", "available")
}

func TestWhatRDSAppliesAtOnceDoesNotWait(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.available("direct")
	got := a.modify(&rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: aws.String("direct"), DeletionProtection: aws.Bool(true), PubliclyAccessible: aws.Bool(true),
		BackupRetentionPeriod: aws.Int32(14), CopyTagsToSnapshot: aws.Bool(true), AutoMinorVersionUpgrade: aws.Bool(false),
		MaxAllocatedStorage: aws.Int32(100), PreferredBackupWindow: aws.String("01:00-01:30"),
		VpcSecurityGroupIds: []string{a.seeded.OperatorSecurityGroup},
	})
	if !aws.ToBool(got.DeletionProtection) || !aws.ToBool(got.PubliclyAccessible) || aws.ToInt32(got.BackupRetentionPeriod) != 14 ||
		!aws.ToBool(got.CopyTagsToSnapshot) || aws.ToBool(got.AutoMinorVersionUpgrade) || aws.ToInt32(got.MaxAllocatedStorage) != 100 ||
		aws.ToString(got.PreferredBackupWindow) != "01:00-01:30" || aws.ToString(got.VpcSecurityGroups[0].VpcSecurityGroupId) != a.seeded.OperatorSecurityGroup {
		t.Errorf("not applied: %+v", got)
	}
	if diff := cmp.Diff(rdstypes.PendingModifiedValues{}, *got.PendingModifiedValues, ignoreUnexported); diff != "" {
		t.Error("pending (-want +got):\n" + diff)
	}
	// Ending backups is not like changing how long they are kept.
	got = a.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("direct"), BackupRetentionPeriod: aws.Int32(0)})
	if aws.ToInt32(got.BackupRetentionPeriod) != 14 || got.PendingModifiedValues.BackupRetentionPeriod == nil {
		t.Errorf("ending backups: %d, pending %+v", aws.ToInt32(got.BackupRetentionPeriod), got.PendingModifiedValues)
	}
	eventually(t, "the group is active", func() bool { return aws.ToString(a.database("direct").VpcSecurityGroups[0].Status) == "active" })
}

func TestAnEmptyModification(t *testing.T) {
	t.Parallel()
	a := newAccount(t, map[string]any{"pace": "50ms"}).seed()
	a.available("same")
	for name, test := range map[string]struct {
		in   rds.ModifyDBInstanceInput
		want string
	}{
		"is refused when it is for the window": {rds.ModifyDBInstanceInput{AllowMajorVersionUpgrade: aws.Bool(true)}, "InvalidParameterCombination"},
		"is accepted when it is immediate":     {rds.ModifyDBInstanceInput{ApplyImmediately: aws.Bool(true)}, ""},
		"is accepted with an equal value":      {rds.ModifyDBInstanceInput{DBInstanceClass: aws.String("db.t4g.micro")}, ""},
		"is accepted with the same major":      {rds.ModifyDBInstanceInput{EngineVersion: aws.String("16")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.in.DBInstanceIdentifier = aws.String("same")
			out, err := a.rds.ModifyDBInstance(t.Context(), &test.in)
			wantCode(t, err, test.want)
			if err == nil && aws.ToString(out.DBInstance.DBInstanceStatus) != "available" {
				t.Errorf("it became %s", aws.ToString(out.DBInstance.DBInstanceStatus))
			}
		})
	}
}

func TestARefusedModificationChangesNothing(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.available("firm")
	a.available("other")
	before := a.database("firm")
	for name, test := range map[string]struct {
		in   rds.ModifyDBInstanceInput
		want string
	}{
		"a major upgrade by accident":        {rds.ModifyDBInstanceInput{EngineVersion: aws.String("17")}, "InvalidParameterCombination"},
		"a downgrade":                        {rds.ModifyDBInstanceInput{EngineVersion: aws.String("16.6")}, "InvalidParameterCombination"},
		"storage that shrinks":               {rds.ModifyDBInstanceInput{AllocatedStorage: aws.Int32(10)}, "InvalidParameterValue"},
		"storage that grows by too little":   {rds.ModifyDBInstanceInput{AllocatedStorage: aws.Int32(21)}, "InvalidParameterCombination"},
		"a name that is taken":               {rds.ModifyDBInstanceInput{NewDBInstanceIdentifier: aws.String("other")}, "DBInstanceAlreadyExists"},
		"a parameter group of another major": {rds.ModifyDBInstanceInput{DBParameterGroupName: aws.String("default.postgres15")}, "InvalidParameterCombination"},
		"a bad password":                     {rds.ModifyDBInstanceInput{MasterUserPassword: aws.String("x")}, "InvalidParameterValue"},
		"a subnet group":                     {rds.ModifyDBInstanceInput{DBSubnetGroupName: aws.String("private")}, "NotImplemented"},
	} {
		test.in.DBInstanceIdentifier, test.in.DeletionProtection = aws.String("firm"), aws.Bool(true)
		if _, err := a.rds.ModifyDBInstance(t.Context(), &test.in); code(err) != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	after := a.database("firm")
	before.LatestRestorableTime, after.LatestRestorableTime = nil, nil
	if diff := cmp.Diff(before, after, cmpopts.IgnoreUnexported(
		rdstypes.DBInstance{}, rdstypes.PendingModifiedValues{}, rdstypes.DBParameterGroupStatus{}, rdstypes.Endpoint{},
		rdstypes.DBSubnetGroup{}, rdstypes.Subnet{}, rdstypes.AvailabilityZone{}, rdstypes.Outpost{}, rdstypes.Tag{},
		rdstypes.VpcSecurityGroupMembership{}, rdstypes.CertificateDetails{}, rdstypes.OptionGroupMembership{})); diff != "" {
		t.Error("changed (-before +after):\n" + diff)
	}
}

func TestAMajorUpgradeTakesANewParameterGroup(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.available("old")
	a.modify(&rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: aws.String("old"), EngineVersion: aws.String("17"), AllowMajorVersionUpgrade: aws.Bool(true), ApplyImmediately: aws.Bool(true),
	})
	eventually(t, "it runs 17", func() bool { return aws.ToString(a.database("old").EngineVersion)[:2] == "17" })
	if got := a.await("old", "available"); aws.ToString(got.DBParameterGroups[0].DBParameterGroupName) != "default.postgres17" {
		t.Errorf("parameter group %s", aws.ToString(got.DBParameterGroups[0].DBParameterGroupName))
	}
}

func TestRenamingMovesTheEndpointAndKeepsTheResourceID(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	before := a.available("first-name")
	a.modify(&rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: aws.String("first-name"), NewDBInstanceIdentifier: aws.String("last-name"),
		DBPortNumber: aws.Int32(6543), ApplyImmediately: aws.Bool(true),
	})
	a.gone("first-name")
	eventually(t, "the port moved", func() bool { return aws.ToInt32(a.database("last-name").Endpoint.Port) == 6543 })
	after := a.await("last-name", "available")
	if aws.ToString(after.DbiResourceId) != aws.ToString(before.DbiResourceId) || aws.ToString(after.Endpoint.Address) == aws.ToString(before.Endpoint.Address) {
		t.Errorf("before %s at %s, after %s at %s", aws.ToString(before.DbiResourceId), aws.ToString(before.Endpoint.Address),
			aws.ToString(after.DbiResourceId), aws.ToString(after.Endpoint.Address))
	}
}

func TestTheMaintenanceWindowAppliesWhatWaits(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.available("patient")
	a.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("patient"), DBInstanceClass: aws.String("db.t4g.small")})
	var answer struct{ Begun bool }
	a.post("/accounts/"+a.id+"/maintenance", map[string]string{"resource": "patient"}, &answer)
	if !answer.Begun {
		t.Fatal("nothing began")
	}
	eventually(t, "the class is in effect", func() bool { return aws.ToString(a.database("patient").DBInstanceClass) == "db.t4g.small" })
	a.await("patient", "available")
	a.post("/accounts/"+a.id+"/maintenance", map[string]string{"resource": "patient"}, &answer)
	if answer.Begun {
		t.Error("something began although nothing waits")
	}
}

func TestLogExportsAreConfigured(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.available("talking")
	a.modify(&rds.ModifyDBInstanceInput{
		DBInstanceIdentifier:              aws.String("talking"),
		CloudwatchLogsExportConfiguration: &rdstypes.CloudwatchLogsExportConfiguration{EnableLogTypes: []string{"upgrade", "postgresql"}},
	})
	eventually(t, "logs are exported", func() bool {
		return slices.Equal(a.database("talking").EnabledCloudwatchLogsExports, []string{"postgresql", "upgrade"})
	})
	a.await("talking", "available")
	_, err := a.rds.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier:              aws.String("talking"),
		CloudwatchLogsExportConfiguration: &rdstypes.CloudwatchLogsExportConfiguration{EnableLogTypes: []string{"slowquery"}},
	})
	wantCode(t, err, "InvalidParameterCombination")
}
