package database_test

import (
	"os"
	"slices"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/data/database"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
	"github.com/coachplatform/coach-operator/internal/testkit/steptest"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

type (
	drift = steptest.Drift[*scope.Platform]
	broke = steptest.Break[*scope.Platform]
)

func TestConformance(t *testing.T) {
	steptest.Run(t, steptest.Suite[*scope.Platform]{
		New:       judged,
		Input:     input,
		Unmanaged: unmanaged,
		Drifts:    slices.Concat(drifts, recreated),
		Fixed: map[string]string{
			"storage.sizeGiB": "RDS cannot shrink storage, and more than the floor is no drift",
			"parameterGroup":  "to put it back takes a reboot, which is held: see TestAnotherParameterGroupIsPutBackAndRebootedOnceApproved",
		},
		Breaks: breaks,
		Quiet: []string{
			"ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
			"rds:DescribeDBInstances", "rds:DescribeDBParameters",
		},
		// Snapshots are read where the step key has a key too many; see its TestAKeyOfASnapshotIsNotDropped.
		Implied: []string{
			"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*",
			"rds:DescribeDBSnapshots",
		},
		Secrets: func(*scope.Platform) []string { return []string{password, scope.Fingerprint(password)} },
		Least:   steptest.Coverage{Boundaries: 12, Drifts: 25, Breaks: 17, Failures: 40},
	})
}

// judged is the step without the control of the server's certificate: no call to AWS lets a
// certificate expire, only time does. See TestACertificateThatEndsIsSeen.
func judged(s *aws.Sessions) converge.Step[*scope.Platform] {
	of, ok := database.New(s).(converge.Of[*scope.Platform, database.State])
	if !ok {
		return database.New(s)
	}
	of.Controls = slices.DeleteFunc(slices.Clone(of.Controls), func(c converge.Control[database.State]) bool {
		return c.ID == "CP-DB-14"
	})
	return of
}

// drifts are changes that an administrator can make to an existing instance.
var drifts = []drift{
	{Path: "recorded", Name: "removed from the key", Do: forgetRecord},
	{Path: "publiclyAccessible", Name: "made public", Do: modify(rds.ModifyDBInstanceInput{PubliclyAccessible: awssdk.Bool(true)})},
	{Path: "securityGroups", Name: "one more", Do: moreGroups},
	{Path: "deletionProtection", Name: "switched off", Do: modify(rds.ModifyDBInstanceInput{DeletionProtection: awssdk.Bool(false)})},
	{Path: "iamAuthentication", Name: "switched off", Do: modify(rds.ModifyDBInstanceInput{
		EnableIAMDatabaseAuthentication: awssdk.Bool(false),
	})},
	{Path: "backup.retentionDays", Name: "switched off", Do: modify(rds.ModifyDBInstanceInput{BackupRetentionPeriod: awssdk.Int32(0)})},
	{Path: "backup.retentionDays", Name: "made shorter", Do: modify(rds.ModifyDBInstanceInput{BackupRetentionPeriod: awssdk.Int32(1)})},
	{Path: "backup.window", Name: "moved", Do: modify(rds.ModifyDBInstanceInput{PreferredBackupWindow: awssdk.String("12:00-13:00")})},
	{Path: "maintenanceWindow", Name: "moved", Do: modify(rds.ModifyDBInstanceInput{
		PreferredMaintenanceWindow: awssdk.String("mon:12:00-mon:13:00"),
	})},
	{Path: "copyTagsToSnapshot", Name: "switched off", Do: modify(rds.ModifyDBInstanceInput{CopyTagsToSnapshot: awssdk.Bool(false)})},
	{Path: "logExports", Name: "one less", Do: exportLogs(rdstypes.CloudwatchLogsExportConfiguration{DisableLogTypes: []string{"upgrade"}})},
	{Path: "logExports", Name: "one more", Do: exportLogs(rdstypes.CloudwatchLogsExportConfiguration{
		EnableLogTypes: []string{"iam-db-auth-error"},
	})},
	{Path: "autoMinorVersionUpgrade", Name: "switched off", Do: modify(rds.ModifyDBInstanceInput{AutoMinorVersionUpgrade: awssdk.Bool(false)})},
	{Path: "storage.maxSizeGiB", Name: "switched on", Do: modify(rds.ModifyDBInstanceInput{MaxAllocatedStorage: awssdk.Int32(100)})},
	{Path: "multiAZ", Name: "switched off", Do: modify(rds.ModifyDBInstanceInput{MultiAZ: awssdk.Bool(false)})},
	{Path: "instanceClass", Name: "made larger", Do: modify(rds.ModifyDBInstanceInput{DBInstanceClass: awssdk.String("db.t4g.large")})},
	{Path: "instanceClass", Name: "queued", Do: queueClass},
	{Path: "port", Name: "made the usual one", Do: modify(rds.ModifyDBInstanceInput{DBPortNumber: awssdk.Int32(5432)})},
	{Path: "engineVersion", Name: "upgraded to another major", Do: upgradeMajor},
	{Path: "parametersInForce", Name: "waiting for a reboot", Do: waitForReboot},
	{Path: "masterCredential", Name: "fingerprint of another password", Do: tag(naming.TagCredential, "other")},
	{Path: "released", Name: "marked", Do: tag(naming.TagReleased, naming.ReleasedRetain)},
}

// recreated are drifts that take another instance of the same name, with its record.
var recreated = []drift{
	{Path: "encrypted", Name: "recreated without encryption", Do: unencrypted, Also: []string{"encryption.key"}},
	{Path: "encryption.key", Name: "recreated with another key", Do: otherKey},
	{Path: "subnetGroup", Name: "recreated in other subnets", Do: otherSubnets},
}

// breaks are how each promise is broken.
var breaks = []broke{
	{Control: "CP-DB-01", Name: "recreated without encryption", Do: unencrypted, Stays: true},
	{Control: "CP-DB-01", Name: "recreated with another key", Do: otherKey, Stays: true},
	{Control: "CP-DB-02", Name: "plain connections allowed", Do: setParameter("rds.force_ssl", "0"), Stays: true},
	{Control: "CP-DB-02", Name: "waiting for a reboot", Do: waitForReboot, Stays: true},
	{Control: "CP-DB-03", Name: "made public", Do: modify(rds.ModifyDBInstanceInput{PubliclyAccessible: awssdk.Bool(true)})},
	{Control: "CP-DB-04", Name: "recreated in other subnets", Do: otherSubnets, Stays: true},
	{Control: "CP-DB-04", Name: "a route to the internet", Do: openRoute, Stays: true},
	{Control: "CP-DB-05", Name: "switched off", Do: modify(rds.ModifyDBInstanceInput{EnableIAMDatabaseAuthentication: awssdk.Bool(false)})},
	{Control: "CP-DB-06", Name: "switched off", Do: modify(rds.ModifyDBInstanceInput{BackupRetentionPeriod: awssdk.Int32(0)})},
	{Control: "CP-DB-06", Name: "kept for too short", Do: modify(rds.ModifyDBInstanceInput{BackupRetentionPeriod: awssdk.Int32(6)})},
	{Control: "CP-DB-07", Name: "switched off", Do: modify(rds.ModifyDBInstanceInput{DeletionProtection: awssdk.Bool(false)})},
	{Control: "CP-DB-08", Name: "switched off", Do: modify(rds.ModifyDBInstanceInput{MultiAZ: awssdk.Bool(false)})},
	{Control: "CP-DB-09", Name: "one log less", Do: exportLogs(rdstypes.CloudwatchLogsExportConfiguration{DisableLogTypes: []string{"upgrade"}})},
	{Control: "CP-DB-10", Name: "switched off", Do: modify(rds.ModifyDBInstanceInput{AutoMinorVersionUpgrade: awssdk.Bool(false)})},
	{Control: "CP-DB-11", Name: "switched off", Do: modify(rds.ModifyDBInstanceInput{CopyTagsToSnapshot: awssdk.Bool(false)})},
	{Control: "CP-DB-12", Name: "made the usual port", Do: modify(rds.ModifyDBInstanceInput{DBPortNumber: awssdk.Int32(5432)}), Stays: true},
	{Control: "CP-DB-13", Name: "recreated with the usual master", Do: usualMaster, Stays: true},
	{Control: "CP-DB-15", Name: "one more group", Do: moreGroups},
}
