package flip_test

import (
	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// remade are breaches that take another database under the platform's name, with every tag and record that
// makes it the platform's: what is encrypted, where it lives and who its master is cannot be changed.
var remade = family{
	name: "recreated", major: "17",
	breaches: []breach{
		anew("recreated without encryption", func(_ *world, in *rds.CreateDBInstanceInput) {
			in.StorageEncrypted, in.KmsKeyId = awssdk.Bool(false), nil
		}, "CP-DB-01"),
		anew("recreated with AWS's own key, and in other subnets", func(w *world, in *rds.CreateDBInstanceInput) {
			in.KmsKeyId = nil
			in.DBSubnetGroupName = awssdk.String(w.otherSubnets("other", w.account.PrivateSubnets))
		}, "CP-DB-01", "CP-DB-04"),
		anew("recreated with somebody else's key, and with the usual master", func(w *world, in *rds.CreateDBInstanceInput) {
			out, err := w.kms().CreateKey(w.Context(), &kms.CreateKeyInput{})
			w.must("creating another key", err)
			in.KmsKeyId, in.MasterUsername = out.KeyMetadata.Arn, awssdk.String("postgres")
		}, "CP-DB-01", "CP-DB-13"),
		anew("recreated and wrong in everything", wrong, "CP-DB-01", "CP-DB-02", "CP-DB-03", "CP-DB-04", "CP-DB-05", "CP-DB-06", "CP-DB-07",
			"CP-DB-08", "CP-DB-09", "CP-DB-10", "CP-DB-11", "CP-DB-12", "CP-DB-13", "CP-DB-15"),
		{
			what: "restored from an unencrypted snapshot under the platform's name", by: byAWS, controls: []string{
				"CP-DB-01", "CP-DB-04", "CP-DB-07", "CP-DB-08", "CP-DB-09", "CP-DB-15",
			},
			do: restored, repair: right,
		},
	},
	blindnesses: []blindness{
		{
			what: "replaced by another database of its name", by: bySabotage, controls: ofInstance,
			do: func(w *world) { sabotage("replace-database")(w); w.awaitState("available") }, undo: right,
		},
		{
			what: "deleted past AWS's API", by: bySabotage, controls: ofInstance, do: vanish, undo: right,
		},
	},
}

// vanish deletes the database, and keeps what it was like.
func vanish(w *world) {
	w.Helper()
	sabotage("delete-database")(w)
}

// ofInstance are the controls that are judged by what RDS says of the instance.
var ofInstance = []string{
	"CP-DB-01", "CP-DB-02", "CP-DB-03", "CP-DB-04", "CP-DB-05", "CP-DB-06", "CP-DB-07", "CP-DB-08", "CP-DB-09", "CP-DB-10", "CP-DB-11",
	"CP-DB-12", "CP-DB-13", "CP-DB-14", "CP-DB-15",
}

func anew(what string, change func(*world, *rds.CreateDBInstanceInput), controls ...string) breach {
	return breach{what: what, by: byAWS, controls: controls, do: func(w *world) { w.remake(change) }, repair: right}
}

// right recreates the database as it should be.
func right(w *world) {
	w.Helper()
	w.remake(func(*world, *rds.CreateDBInstanceInput) {})
}

// remake deletes the database and creates another one that is the platform's in every respect but what change
// changes, down to the records of it.
func (w *world) remake(change func(*world, *rds.CreateDBInstanceInput)) {
	w.Helper()
	name, spec := w.tenant.Resource(), w.platform.Spec.Database
	gone, _ := w.rds().DescribeDBInstances(w.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &name})
	if gone != nil {
		w.awaitState("available")
		sabotage("delete-database")(w)
	}
	again := &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &name, DBName: awssdk.String(scope.DatabaseName), Engine: awssdk.String("postgres"),
		EngineVersion: &spec.EngineVersion, DBInstanceClass: &spec.InstanceClass, MultiAZ: awssdk.Bool(true), Port: &spec.Port,
		AllocatedStorage: &spec.Storage.SizeGiB, StorageType: awssdk.String("gp3"), AutoMinorVersionUpgrade: awssdk.Bool(true),
		StorageEncrypted: awssdk.Bool(true), KmsKeyId: &w.platform.Status.KeyARN, PubliclyAccessible: awssdk.Bool(false),
		DBSubnetGroupName: awssdk.String(w.subnets()), VpcSecurityGroupIds: []string{w.group()},
		DeletionProtection: awssdk.Bool(true), EnableIAMDatabaseAuthentication: awssdk.Bool(true),
		DBParameterGroupName: awssdk.String(w.parameters()), BackupRetentionPeriod: &spec.Backup.RetentionDays,
		CopyTagsToSnapshot: awssdk.Bool(true), EnableCloudwatchLogsExports: []string{"postgresql", "upgrade"},
		MasterUsername: awssdk.String(master), MasterUserPassword: awssdk.String(w.password(master)),
	}
	for k, v := range w.tags() {
		again.Tags = append(again.Tags, tag(k, v))
	}
	change(w, again)
	_, err := w.rds().CreateDBInstance(w.Context(), again)
	w.must("creating the database anew", err)
	w.awaitState("available")
	w.record()
}

// tags are those of the platform's database.
func (w *world) tags() map[string]string {
	w.Helper()
	all := w.tenant.Tags()
	all[naming.TagCredential] = scope.Fingerprint(w.password(master))
	return all
}

// record makes the key and the platform record the database that is there now.
func (w *world) record() {
	w.Helper()
	record := scope.Record{AccountID: w.account.ID, Region: w.account.Region, ResourceID: *w.live().DbiResourceId}.String()
	_, err := w.kms().TagResource(w.Context(), &kms.TagResourceInput{KeyId: awssdk.String(w.keyID()), Tags: []kmstypes.Tag{
		{TagKey: awssdk.String(naming.TagDatabase), TagValue: &record},
	}})
	w.must("recording the database on the key", err)
	w.edit(func(p *v1alpha1.CoachPlatform) {
		metav1.SetMetaDataAnnotation(&p.ObjectMeta, v1alpha1.AnnotationDatabase, record)
	})
}

func (w *world) otherSubnets(name string, ids []string) string {
	w.Helper()
	_, err := w.rds().CreateDBSubnetGroup(w.Context(), &rds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: &name, DBSubnetGroupDescription: &name, SubnetIds: ids,
	})
	w.must("creating a subnet group", err)
	return name
}

// wrong is a database without any of the promises.
func wrong(w *world, in *rds.CreateDBInstanceInput) {
	w.Helper()
	no := awssdk.Bool(false)
	in.StorageEncrypted, in.KmsKeyId, in.DBParameterGroupName = no, nil, awssdk.String(w.openParameters())
	in.PubliclyAccessible, in.EnableIAMDatabaseAuthentication, in.DeletionProtection = awssdk.Bool(true), no, no
	in.MultiAZ, in.AutoMinorVersionUpgrade, in.CopyTagsToSnapshot, in.EnableCloudwatchLogsExports = no, no, no, nil
	in.BackupRetentionPeriod, in.Port, in.MasterUsername = awssdk.Int32(1), awssdk.Int32(5432), awssdk.String("postgres")
	in.DBSubnetGroupName = awssdk.String(w.otherSubnets("public", append([]string{w.account.PublicSubnet}, w.account.PrivateSubnets...)))
	in.VpcSecurityGroupIds = []string{w.newGroup("open")}
}

// openParameters is a parameter group that admits logins without TLS.
func (w *world) openParameters() string {
	w.Helper()
	name := "open"
	_, err := w.rds().CreateDBParameterGroup(w.Context(), &rds.CreateDBParameterGroupInput{
		DBParameterGroupName: &name, Description: &name,
		DBParameterGroupFamily: awssdk.String("postgres" + w.platform.Spec.Database.EngineVersion),
	})
	w.must("creating a parameter group", err)
	w.must("setting a parameter", w.account.SetParameter(w.Context(), name, "rds.force_ssl", "0"))
	return name
}

// restored restores the platform's database from a snapshot of an unencrypted one, as somebody in a hurry would:
// with AWS's defaults, and with the platform's tags.
func restored(w *world) {
	w.Helper()
	w.remake(func(_ *world, in *rds.CreateDBInstanceInput) {
		in.StorageEncrypted, in.KmsKeyId = awssdk.Bool(false), nil
	})
	name, snapshot := w.tenant.Resource(), "plain"
	_, err := w.rds().CreateDBSnapshot(w.Context(), &rds.CreateDBSnapshotInput{DBInstanceIdentifier: &name, DBSnapshotIdentifier: &snapshot})
	w.must("taking a snapshot", err)
	w.until("the snapshot", func() bool {
		out, err := w.rds().DescribeDBSnapshots(w.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &snapshot})
		return err == nil && *out.DBSnapshots[0].Status == "available"
	})
	w.awaitState("available")
	sabotage("delete-database")(w)
	in := &rds.RestoreDBInstanceFromDBSnapshotInput{
		DBInstanceIdentifier: &name, DBSnapshotIdentifier: &snapshot,
		DBInstanceClass: &w.platform.Spec.Database.InstanceClass, MultiAZ: awssdk.Bool(false),
		DBSubnetGroupName: awssdk.String(w.otherSubnets("hurried", w.account.PrivateSubnets)),
	}
	for k, v := range w.tags() {
		in.Tags = append(in.Tags, tag(k, v))
	}
	_, err = w.rds().RestoreDBInstanceFromDBSnapshot(w.Context(), in)
	w.must("restoring", err)
	w.awaitState("available")
	w.record()
}
