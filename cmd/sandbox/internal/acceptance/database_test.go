package acceptance

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"
)

// subnetGroup makes the subnet group databases of a test go to.
func (a *account) subnetGroup() string {
	a.t.Helper()
	_, err := a.rds.CreateDBSubnetGroup(a.t.Context(), &rds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: aws.String("private"), DBSubnetGroupDescription: aws.String("private subnets"),
		SubnetIds: a.seeded.PrivateSubnets,
	})
	if code(err) != "DBSubnetGroupAlreadyExists" {
		wantCode(a.t, err, "")
	}
	return "private"
}

// newDatabase is the input of an ordinary database.
func (a *account) newDatabase(name string) *rds.CreateDBInstanceInput {
	a.t.Helper()
	return &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String(name), DBInstanceClass: aws.String("db.t4g.micro"), Engine: aws.String("postgres"),
		EngineVersion: aws.String("16"), AllocatedStorage: aws.Int32(20), StorageType: aws.String("gp3"),
		MasterUsername: aws.String("master"), MasterUserPassword: aws.String(masterPassword), DBName: aws.String("app"),
		DBSubnetGroupName: aws.String(a.subnetGroup()), VpcSecurityGroupIds: []string{a.seeded.WorkloadSecurityGroup},
		StorageEncrypted: aws.Bool(true), BackupRetentionPeriod: aws.Int32(7),
		Tags: []rdstypes.Tag{{Key: aws.String("coach:name"), Value: aws.String(name)}},
	}
}

const masterPassword = "correct-horse-battery"

func (a *account) create(in *rds.CreateDBInstanceInput) rdstypes.DBInstance {
	a.t.Helper()
	out, err := a.rds.CreateDBInstance(a.t.Context(), in)
	wantCode(a.t, err, "")
	return *out.DBInstance
}

// available creates an ordinary database and waits for it.
func (a *account) available(name string, change ...func(*rds.CreateDBInstanceInput)) rdstypes.DBInstance {
	a.t.Helper()
	in := a.newDatabase(name)
	for _, c := range change {
		c(in)
	}
	a.create(in)
	return a.await(name, "available")
}

func (a *account) database(name string) rdstypes.DBInstance {
	a.t.Helper()
	out, err := a.rds.DescribeDBInstances(a.t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String(name)})
	wantCode(a.t, err, "")
	return out.DBInstances[0]
}

func (a *account) status(name string) string {
	a.t.Helper()
	return aws.ToString(a.database(name).DBInstanceStatus)
}

func (a *account) await(name, status string) rdstypes.DBInstance {
	a.t.Helper()
	eventually(a.t, name+" is "+status, func() bool { return a.status(name) == status })
	return a.database(name)
}

// gone waits until there is no such instance.
func (a *account) gone(name string) {
	a.t.Helper()
	eventually(a.t, name+" is gone", func() bool {
		_, err := a.rds.DescribeDBInstances(a.t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String(name)})
		return code(err) == "DBInstanceNotFound"
	})
}

// statuses is every status an instance has shown.
func (a *account) statuses(name string) []string {
	a.t.Helper()
	var seen []string
	a.get("/statuses?account="+a.id+"&region="+region+"&resource="+name, &seen)
	return seen
}

// wantStatuses fails the test unless the instance has shown just these.
func (a *account) wantStatuses(name string, want ...string) {
	a.t.Helper()
	if diff := cmp.Diff(want, a.statuses(name)); diff != "" {
		a.t.Errorf("statuses of %s (-want +got):\n%s", name, diff)
	}
}

func TestADatabaseComesUpInTheStatesOfRDS(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	made := a.create(a.newDatabase("Orders"))
	if aws.ToString(made.DBInstanceStatus) != "creating" || made.Endpoint != nil || made.InstanceCreateTime != nil {
		t.Errorf("a new instance shows %s, endpoint %v", aws.ToString(made.DBInstanceStatus), made.Endpoint)
	}
	got := a.await("orders", "available")
	a.wantStatuses("orders", "creating", "backing-up", "available")
	if name := aws.ToString(got.Endpoint.Address); !strings.HasPrefix(name, "orders.") || !strings.HasSuffix(name, "."+region+".rds.amazonaws.com") {
		t.Errorf("endpoint %q", name)
	}
	for what, ok := range map[string]bool{
		"newest minor of 16":  strings.HasPrefix(aws.ToString(got.EngineVersion), "16."),
		"key as ARN":          strings.HasPrefix(aws.ToString(got.KmsKeyId), "arn:aws:kms:"+region+":"+a.id+":key/"),
		"resource ID":         strings.HasPrefix(aws.ToString(got.DbiResourceId), "db-"),
		"default group":       aws.ToString(got.DBParameterGroups[0].DBParameterGroupName) == "default.postgres16",
		"in sync":             aws.ToString(got.DBParameterGroups[0].ParameterApplyStatus) == "in-sync",
		"zone":                aws.ToString(got.AvailabilityZone) != "",
		"certificate":         got.CertificateDetails != nil && got.CertificateDetails.ValidTill != nil,
		"three subnets":       len(got.DBSubnetGroup.Subnets) == 3,
		"tag":                 aws.ToString(got.TagList[0].Value) == "Orders",
		"restorable":          got.LatestRestorableTime != nil,
		"gp3 baseline":        aws.ToInt32(got.Iops) == 3000 && aws.ToInt32(got.StorageThroughput) == 125,
		"nothing is pending":  cmp.Equal(*got.PendingModifiedValues, rdstypes.PendingModifiedValues{}, ignoreUnexported),
		"group is in service": aws.ToString(got.VpcSecurityGroups[0].Status) == "active",
	} {
		if !ok {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestARefusedDatabaseSaysWhyAsRDSDoes(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.available("taken")
	for name, test := range map[string]struct {
		change func(*rds.CreateDBInstanceInput)
		want   string
	}{
		"the name is taken, whatever its case":   {func(in *rds.CreateDBInstanceInput) { in.DBInstanceIdentifier = aws.String("TAKEN") }, "DBInstanceAlreadyExists"},
		"the name begins with a digit":           {func(in *rds.CreateDBInstanceInput) { in.DBInstanceIdentifier = aws.String("1st") }, "InvalidParameterValue"},
		"the name has two hyphens in a row":      {func(in *rds.CreateDBInstanceInput) { in.DBInstanceIdentifier = aws.String("a--b") }, "InvalidParameterValue"},
		"the engine is another":                  {func(in *rds.CreateDBInstanceInput) { in.Engine = aws.String("mysql") }, "InvalidParameterValue"},
		"the version does not exist":             {func(in *rds.CreateDBInstanceInput) { in.EngineVersion = aws.String("16.99") }, "InvalidParameterCombination"},
		"the class does not exist":               {func(in *rds.CreateDBInstanceInput) { in.DBInstanceClass = aws.String("db.huge") }, "InvalidParameterCombination"},
		"the storage is too small":               {func(in *rds.CreateDBInstanceInput) { in.AllocatedStorage = aws.Int32(5) }, "InvalidParameterValue"},
		"the ceiling is below the storage":       {func(in *rds.CreateDBInstanceInput) { in.MaxAllocatedStorage = aws.Int32(20) }, "InvalidParameterCombination"},
		"gp3 is too small for its own iops":      {func(in *rds.CreateDBInstanceInput) { in.Iops = aws.Int32(9000) }, "InvalidParameterCombination"},
		"the master name is reserved":            {func(in *rds.CreateDBInstanceInput) { in.MasterUsername = aws.String("rdsadmin") }, "InvalidParameterValue"},
		"the password is short":                  {func(in *rds.CreateDBInstanceInput) { in.MasterUserPassword = aws.String("short") }, "InvalidParameterValue"},
		"the password has a forbidden character": {func(in *rds.CreateDBInstanceInput) { in.MasterUserPassword = aws.String("a/slash/in/it") }, "InvalidParameterValue"},
		"the subnet group does not exist":        {func(in *rds.CreateDBInstanceInput) { in.DBSubnetGroupName = aws.String("nowhere") }, "DBSubnetGroupNotFoundFault"},
		"the security group does not exist":      {func(in *rds.CreateDBInstanceInput) { in.VpcSecurityGroupIds = []string{"sg-0123456789abcdef0"} }, "InvalidParameterValue"},
		"the parameter group does not exist":     {func(in *rds.CreateDBInstanceInput) { in.DBParameterGroupName = aws.String("nothing") }, "DBParameterGroupNotFound"},
		"the parameter group is of another 15":   {func(in *rds.CreateDBInstanceInput) { in.DBParameterGroupName = aws.String("default.postgres15") }, "InvalidParameterCombination"},
		"the key does not exist":                 {func(in *rds.CreateDBInstanceInput) { in.KmsKeyId = aws.String("alias/nothing") }, "KMSKeyNotAccessibleFault"},
		"a key without encryption":               {func(in *rds.CreateDBInstanceInput) { in.StorageEncrypted, in.KmsKeyId = nil, aws.String("alias/x") }, "InvalidParameterCombination"},
		"the port is reserved":                   {func(in *rds.CreateDBInstanceInput) { in.Port = aws.Int32(80) }, "InvalidParameterValue"},
		"backups are kept too long":              {func(in *rds.CreateDBInstanceInput) { in.BackupRetentionPeriod = aws.Int32(36) }, "InvalidParameterValue"},
		"the windows overlap": {func(in *rds.CreateDBInstanceInput) {
			in.PreferredBackupWindow, in.PreferredMaintenanceWindow = aws.String("05:15-05:45"), aws.String("sun:05:00-sun:05:30")
		}, "InvalidParameterCombination"},
		"a window is malformed": {func(in *rds.CreateDBInstanceInput) { in.PreferredBackupWindow = aws.String("at night") }, "InvalidParameterValue"},
		"a zone with Multi-AZ": {func(in *rds.CreateDBInstanceInput) {
			in.MultiAZ, in.AvailabilityZone = aws.Bool(true), aws.String(region+"a")
		}, "InvalidParameterCombination"},
		"the certificate does not exist":  {func(in *rds.CreateDBInstanceInput) { in.CACertificateIdentifier = aws.String("rds-ca-1999") }, "CertificateNotFound"},
		"a reserved tag":                  {func(in *rds.CreateDBInstanceInput) { in.Tags[0].Key = aws.String("aws:mine") }, "InvalidParameterValue"},
		"monitoring without its role":     {func(in *rds.CreateDBInstanceInput) { in.MonitoringInterval = aws.Int32(60) }, "InvalidParameterCombination"},
		"a parameter the sandbox ignores": {func(in *rds.CreateDBInstanceInput) { in.Domain = aws.String("d-1") }, "NotImplemented"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := a.newDatabase("refused")
			test.change(in)
			_, err := a.rds.CreateDBInstance(t.Context(), in)
			wantCode(t, err, test.want)
		})
	}
}

func TestDeletionIsGuardedAsInRDS(t *testing.T) {
	t.Parallel()
	a := newAccount(t, map[string]any{"pace": "100ms"}).seed()
	a.available("kept", func(in *rds.CreateDBInstanceInput) { in.DeletionProtection = aws.Bool(true) })
	deletion := &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("kept"), SkipFinalSnapshot: aws.Bool(true)}
	_, err := a.rds.DeleteDBInstance(t.Context(), deletion)
	wantCode(t, err, "InvalidParameterCombination")
	_, err = a.rds.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: aws.String("kept"), DeletionProtection: aws.Bool(false),
	})
	wantCode(t, err, "")
	_, err = a.rds.DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("kept")})
	wantCode(t, err, "InvalidParameterCombination")
	_, err = a.rds.DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{
		DBInstanceIdentifier: aws.String("kept"), FinalDBSnapshotIdentifier: aws.String("last-words"),
	})
	wantCode(t, err, "")
	_, err = a.rds.DeleteDBInstance(t.Context(), deletion)
	wantCode(t, err, "InvalidDBInstanceState")
	a.gone("kept")
	a.wantStatuses("kept", "creating", "backing-up", "available", "deleting")
	out, err := a.rds.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: aws.String("last-words")})
	wantCode(t, err, "")
	if got := out.DBSnapshots[0]; aws.ToString(got.Status) != "available" || !aws.ToBool(got.Encrypted) || got.SnapshotCreateTime == nil {
		t.Errorf("final snapshot: %+v", got)
	}
}

func TestANewDatabaseCanBeDeletedButNotSnapshotted(t *testing.T) {
	t.Parallel()
	a := newAccount(t, map[string]any{"pace": "10s"}).seed()
	a.create(a.newDatabase("young"))
	_, err := a.rds.DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{
		DBInstanceIdentifier: aws.String("young"), FinalDBSnapshotIdentifier: aws.String("too-early"),
	})
	wantCode(t, err, "InvalidDBInstanceState")
	a.post("/settings?account="+a.id, instant, nil)
	_, err = a.rds.DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("young"), SkipFinalSnapshot: aws.Bool(true)})
	wantCode(t, err, "")
	a.gone("young")
}

func TestListingsHavePagesAndFilters(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	const count = 45
	ids := map[string]string{}
	for i := range count {
		name := "db-" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		made := a.create(a.newDatabase(name))
		ids[name] = aws.ToString(made.DbiResourceId)
	}
	pages, found := 0, map[string]bool{}
	paginator := rds.NewDescribeDBInstancesPaginator(a.rds, &rds.DescribeDBInstancesInput{MaxRecords: aws.Int32(20)})
	for paginator.HasMorePages() {
		page, err := paginator.NextPage(t.Context())
		wantCode(t, err, "")
		pages++
		for _, inst := range page.DBInstances {
			found[aws.ToString(inst.DBInstanceIdentifier)] = true
		}
	}
	if pages != 3 || len(found) != count {
		t.Errorf("%d pages with %d instances, want 3 with %d", pages, len(found), count)
	}
	for _, size := range []int32{19, 101} {
		_, err := a.rds.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{MaxRecords: aws.Int32(size)})
		wantCode(t, err, "InvalidParameterValue")
	}
	out, err := a.rds.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{Filters: []rdstypes.Filter{
		{Name: aws.String("dbi-resource-id"), Values: []string{ids["db-ac"], ids["db-bb"]}},
	}})
	wantCode(t, err, "")
	if len(out.DBInstances) != 2 {
		t.Errorf("filter by resource ID found %d", len(out.DBInstances))
	}
	_, err = a.rds.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{Filters: []rdstypes.Filter{
		{Name: aws.String("colour"), Values: []string{"red"}},
	}})
	wantCode(t, err, "InvalidParameterValue")
}

func TestStopStartAndReboot(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.available("cycled", func(in *rds.CreateDBInstanceInput) { in.MultiAZ = aws.Bool(true) })
	before := a.database("cycled")
	if aws.ToString(before.SecondaryAvailabilityZone) == "" {
		t.Fatal("no zone for the standby")
	}
	name := aws.String("cycled")
	_, err := a.rds.StartDBInstance(t.Context(), &rds.StartDBInstanceInput{DBInstanceIdentifier: name})
	wantCode(t, err, "InvalidDBInstanceState")
	_, err = a.rds.StopDBInstance(t.Context(), &rds.StopDBInstanceInput{DBInstanceIdentifier: name})
	wantCode(t, err, "")
	a.await("cycled", "stopped")
	_, err = a.rds.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{DBInstanceIdentifier: name, CopyTagsToSnapshot: aws.Bool(true)})
	wantCode(t, err, "InvalidDBInstanceState")
	_, err = a.rds.StartDBInstance(t.Context(), &rds.StartDBInstanceInput{DBInstanceIdentifier: name})
	wantCode(t, err, "")
	a.await("cycled", "available")
	_, err = a.rds.RebootDBInstance(t.Context(), &rds.RebootDBInstanceInput{DBInstanceIdentifier: name, ForceFailover: aws.Bool(true)})
	wantCode(t, err, "")
	after := a.await("cycled", "available")
	a.wantStatuses("cycled", "creating", "backing-up", "available", "stopping", "stopped", "starting", "available", "rebooting", "available")
	if aws.ToString(after.AvailabilityZone) != aws.ToString(before.SecondaryAvailabilityZone) {
		t.Errorf("after the failover it is in %s, was in %s with standby in %s", aws.ToString(after.AvailabilityZone),
			aws.ToString(before.AvailabilityZone), aws.ToString(before.SecondaryAvailabilityZone))
	}
}

func TestSnapshotAndRestore(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	origin := a.available("origin")
	_, err := a.rds.CreateDBSnapshot(t.Context(), &rds.CreateDBSnapshotInput{
		DBInstanceIdentifier: aws.String("origin"), DBSnapshotIdentifier: aws.String("before"),
	})
	wantCode(t, err, "")
	a.await("origin", "available")
	_, err = a.rds.ModifyDBSnapshotAttribute(t.Context(), &rds.ModifyDBSnapshotAttributeInput{
		DBSnapshotIdentifier: aws.String("before"), AttributeName: aws.String("restore"), ValuesToAdd: []string{"all"},
	})
	wantCode(t, err, "InvalidParameterValue") // it is encrypted
	_, err = a.rds.RestoreDBInstanceFromDBSnapshot(t.Context(), &rds.RestoreDBInstanceFromDBSnapshotInput{
		DBInstanceIdentifier: aws.String("restored"), DBSnapshotIdentifier: aws.String("before"),
		DBInstanceClass: aws.String("db.t4g.small"), DBSubnetGroupName: aws.String("private"),
	})
	wantCode(t, err, "")
	got := a.await("restored", "available")
	if aws.ToString(got.KmsKeyId) != aws.ToString(origin.KmsKeyId) || aws.ToString(got.MasterUsername) != "master" ||
		aws.ToString(got.DbiResourceId) == aws.ToString(origin.DbiResourceId) {
		t.Errorf("restored: %+v", got)
	}
	_, err = a.rds.DeleteDBSnapshot(t.Context(), &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: aws.String("before")})
	wantCode(t, err, "")
	_, err = a.rds.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: aws.String("before")})
	wantCode(t, err, "DBSnapshotNotFound")
}
