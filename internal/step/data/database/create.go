package database

import (
	"context"
	"errors"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// create creates the instance once everything it needs is there. The password is stored before the call,
// so that no crash leaves a database without a usable login.
func (w writer) create(ctx context.Context) error {
	for _, path := range []string{pathClass, pathVersion, pathParameters, pathStorage, pathRetention} {
		if text, ok := w.want.refused[path]; ok {
			return fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec, "%s", text)
		}
	}
	if w.want.KeyARN == "" {
		return fault.Wait(v1alpha1.ReasonWaitingForKey, 0, "the database waits for the tenant's key")
	}
	if len(w.want.Groups) == 0 {
		return fault.Wait(v1alpha1.ReasonWaitingForFirewall, 0, "the database waits for the tenant's security group")
	}
	if !w.in.Key.New {
		if err := w.neverRecorded(ctx); err != nil {
			return err
		}
	}
	password, err := w.in.Passwords.Ensure(ctx, scope.Master)
	if err != nil {
		return err
	}
	out, err := w.api.CreateDBInstance(ctx, w.createInput(password))
	w.written()
	switch {
	case err == nil:
		return w.created(ctx, out.DBInstance)
	case aws.IsDuplicate(err):
		return fault.Wait(v1alpha1.ReasonSettling, 0, "an instance of this name exists already; the next observation says whose it is").
			Because(err)
	case w.in.Key.New && keyUnknown(err):
		return fault.Wait(v1alpha1.ReasonSettling, 0, "the database waits until RDS sees the tenant's new key").Because(err)
	case aws.IsNotFound(err):
		return fault.Wait(v1alpha1.ReasonClassNotReady, 0,
			"the class's subnet group or parameter groups are not there yet; see the conditions of class %s", w.in.Class.Name).
			Because(err)
	default:
		return aws.Classify(err)
	}
}

// keyUnknown says that RDS does not see the key.
func keyUnknown(err error) bool {
	_, unknown := errors.AsType[*rdstypes.KMSKeyNotAccessibleFault](err)
	return unknown
}

// created records on the tenant's key which database this is, as RDS has answered, before anything else can go wrong.
func (w writer) created(ctx context.Context, db *rdstypes.DBInstance) error {
	w.got = stateOf(w.in, w.account, db, w.want)
	publish(w.in, w.got)
	return aws.Classify(w.record(ctx, nil))
}

func (w writer) createInput(password string) *rds.CreateDBInstanceInput {
	want := w.want
	input := &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &want.Identifier, DBName: awssdk.String(scope.DatabaseName),
		Engine: awssdk.String("postgres"), EngineVersion: &want.Version,
		DBInstanceClass: &want.InstanceClass, MultiAZ: &want.MultiAZ, Port: &want.Port,
		AllocatedStorage: &want.Storage, StorageType: awssdk.String("gp3"),
		AutoMinorVersionUpgrade: &want.AutoMinor,

		StorageEncrypted: &want.Encrypted, KmsKeyId: &want.KeyARN, PubliclyAccessible: &want.Public,
		DBSubnetGroupName: &want.SubnetGroup, VpcSecurityGroupIds: want.Groups,
		DeletionProtection: &want.DeletionProtection, EnableIAMDatabaseAuthentication: &want.IAMAuthentication,
		DBParameterGroupName: &want.ParameterGroup,

		BackupRetentionPeriod: &want.RetentionDays, PreferredBackupWindow: &want.BackupWindow,
		PreferredMaintenanceWindow: &want.MaintenanceWindow, CopyTagsToSnapshot: &want.CopyTags,
		EnableCloudwatchLogsExports: want.Logs,

		MasterUsername: &want.MasterUser, MasterUserPassword: &password,
		Tags: rdsTags(naming.With(w.in.Tenant, map[string]string{naming.TagCredential: scope.Fingerprint(password)})),
	}
	if want.MaxStorage > 0 {
		input.MaxAllocatedStorage = &want.MaxStorage
	}
	return input
}

// neverRecorded reads the record on the key once more: what was seen of the key may be old, and a database
// that was ever recorded is never created again.
func (w writer) neverRecorded(ctx context.Context) error {
	out, err := w.account.KMS.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: &w.in.Key.ID})
	if err != nil {
		return aws.Classify(err)
	}
	for _, t := range out.Tags {
		if awssdk.ToString(t.TagKey) == naming.TagDatabase {
			w.account.KeyTagsWritten(w.in.Key.ID)
			return lost(scope.ParseRecord(awssdk.ToString(t.TagValue)))
		}
	}
	return nil
}

func rdsTags(tags map[string]string) []rdstypes.Tag {
	all := make([]rdstypes.Tag, 0, len(tags))
	for k, v := range tags {
		all = append(all, rdstypes.Tag{Key: awssdk.String(k), Value: awssdk.String(v)})
	}
	return all
}
