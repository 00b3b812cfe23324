package database

import (
	"context"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// writer writes for one tenant.
type writer struct {
	api     API
	keys    Keys
	account *aws.Account
	in      *scope.Platform
	want    State
	got     State
}

// Apply implements converge.Resource.
func (r *resource) Apply(
	ctx context.Context, in *scope.Platform, want State, got converge.Observation[State], changes []converge.Change,
) error {
	account := r.sessions.Account(in.Class)
	cfg := account.Write(in.Tenant)
	w := writer{
		api: rds.NewFromConfig(cfg), keys: kms.NewFromConfig(cfg), account: account, in: in, want: want, got: got.State,
	}
	defer account.InstanceWritten(want.Identifier)
	if !got.Exists {
		return w.create(ctx)
	}
	paths := make([]string, 0, len(changes))
	for _, c := range changes {
		if _, refused := want.refused[c.Path]; !refused {
			paths = append(paths, c.Path)
		}
	}
	if len(paths) == 0 {
		return complain(want, got.State)
	}
	return aws.Classify(w.update(ctx, paths))
}

// create makes the instance once everything it needs is there. The password is stored before the call,
// so that no crash leaves a database that nobody can log in to.
func (w writer) create(ctx context.Context) error {
	for _, path := range []string{pathClass, pathVersion, pathStorage, pathRetention} {
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
	password, err := w.in.MasterPassword(ctx)
	if err != nil {
		return err
	}
	_, err = w.api.CreateDBInstance(ctx, w.createInput(password))
	switch {
	case aws.IsDuplicate(err):
		return fault.Wait(v1alpha1.ReasonSettling, 0, "an instance of this name is there already; the next look tells whose it is").
			Because(err)
	case aws.IsNotFound(err):
		return fault.Wait(v1alpha1.ReasonClassNotReady, 0,
			"the class's subnet group or parameter groups are not there yet; see the conditions of class %s", w.in.Class.Name).
			Because(err)
	default:
		return aws.Classify(err)
	}
}

func (w writer) createInput(password string) *rds.CreateDBInstanceInput {
	want := w.want
	input := &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &want.Identifier, DBName: awssdk.String(databaseName),
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

// update makes the changes: the record first, then what protects, then the rest in one Modify.
func (w writer) update(ctx context.Context, paths []string) error {
	if slices.Contains(paths, pathRecorded) {
		if err := w.record(ctx); err != nil {
			return err
		}
	}
	if slices.Contains(paths, pathReleased) {
		if err := w.takeBack(ctx); err != nil {
			return err
		}
	}
	input, err := w.modification(ctx, paths)
	if err != nil {
		return err
	}
	if input != nil {
		if err := w.modify(ctx, paths, input); err != nil {
			return err
		}
	}
	if slices.Contains(paths, pathReboot) {
		_, err = w.api.RebootDBInstance(ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: &w.want.Identifier})
	}
	return err
}

// record writes which database this is on the tenant's key, where it outlives the object.
func (w writer) record(ctx context.Context) error {
	if w.in.Key.ID == "" {
		return fault.Wait(v1alpha1.ReasonWaitingForKey, 0, "the record of the database waits for the tenant's key")
	}
	_, err := w.keys.TagResource(ctx, &kms.TagResourceInput{KeyId: &w.in.Key.ID, Tags: []kmstypes.Tag{
		{TagKey: awssdk.String(naming.TagDatabase), TagValue: awssdk.String(w.got.Record.String())},
	}})
	w.account.KeyWritten(w.in.Key.ID)
	return err
}

func (w writer) takeBack(ctx context.Context) error {
	_, err := w.api.RemoveTagsFromResource(ctx, &rds.RemoveTagsFromResourceInput{
		ResourceName: &w.got.ARN, TagKeys: []string{naming.TagReleased},
	})
	return err
}

// modification returns the one Modify that makes all changes, nil when none needs one.
func (w writer) modification(ctx context.Context, paths []string) (*rds.ModifyDBInstanceInput, error) {
	input := &rds.ModifyDBInstanceInput{DBInstanceIdentifier: &w.want.Identifier}
	needed := false
	for _, path := range paths {
		write, ok := setters[path]
		if !ok {
			continue
		}
		needed = true
		write(input, &w)
		if !slices.Contains(soon, path) {
			input.ApplyImmediately = awssdk.Bool(true)
		}
	}
	if slices.Contains(paths, pathCredential) {
		password, err := w.in.MasterPassword(ctx)
		if err != nil {
			return nil, err
		}
		needed, input.MasterUserPassword = true, &password
	}
	if !needed {
		return nil, nil //nolint:nilnil // no modification is an answer, not a failure
	}
	return input, nil
}

// modify sends the Modify, and after a new password its fingerprint.
func (w writer) modify(ctx context.Context, paths []string, input *rds.ModifyDBInstanceInput) error {
	if m := meaningOf(w.got.Status); !m.writable {
		if err := complain(w.want, w.got); err != nil {
			return err
		}
		return fault.Wait(v1alpha1.ReasonSettling, 0, "changes wait until RDS accepts them: %s", m.message)
	}
	if _, err := w.api.ModifyDBInstance(ctx, input); err != nil {
		return err
	}
	if !slices.Contains(paths, pathCredential) {
		return nil
	}
	fingerprint := scope.Fingerprint(awssdk.ToString(input.MasterUserPassword))
	_, err := w.api.AddTagsToResource(ctx, &rds.AddTagsToResourceInput{
		ResourceName: &w.got.ARN, Tags: rdsTags(map[string]string{naming.TagCredential: fingerprint}),
	})
	return err
}

// setters put one change into a Modify. What has no setter is made by another call.
var setters = map[string]func(*rds.ModifyDBInstanceInput, *writer){
	pathPublic:     func(m *rds.ModifyDBInstanceInput, w *writer) { m.PubliclyAccessible = &w.want.Public },
	pathGroups:     func(m *rds.ModifyDBInstanceInput, w *writer) { m.VpcSecurityGroupIds = w.want.Groups },
	pathProtection: func(m *rds.ModifyDBInstanceInput, w *writer) { m.DeletionProtection = &w.want.DeletionProtection },
	pathParameters: func(m *rds.ModifyDBInstanceInput, w *writer) { m.DBParameterGroupName = &w.want.ParameterGroup },
	pathIAM: func(m *rds.ModifyDBInstanceInput, w *writer) {
		m.EnableIAMDatabaseAuthentication = &w.want.IAMAuthentication
	},
	pathRetention: func(m *rds.ModifyDBInstanceInput, w *writer) { m.BackupRetentionPeriod = &w.want.RetentionDays },
	pathBackup:    func(m *rds.ModifyDBInstanceInput, w *writer) { m.PreferredBackupWindow = &w.want.BackupWindow },
	pathMaintenance: func(m *rds.ModifyDBInstanceInput, w *writer) {
		m.PreferredMaintenanceWindow = &w.want.MaintenanceWindow
	},
	pathCopyTags:   func(m *rds.ModifyDBInstanceInput, w *writer) { m.CopyTagsToSnapshot = &w.want.CopyTags },
	pathLogs:       setLogs,
	pathAutoMinor:  func(m *rds.ModifyDBInstanceInput, w *writer) { m.AutoMinorVersionUpgrade = &w.want.AutoMinor },
	pathStorage:    func(m *rds.ModifyDBInstanceInput, w *writer) { m.AllocatedStorage = &w.want.Storage },
	pathMaxStorage: setMaxStorage,
	pathMultiAZ:    func(m *rds.ModifyDBInstanceInput, w *writer) { m.MultiAZ = &w.want.MultiAZ },
	pathClass:      func(m *rds.ModifyDBInstanceInput, w *writer) { m.DBInstanceClass = &w.want.InstanceClass },
	pathVersion:    func(m *rds.ModifyDBInstanceInput, w *writer) { m.EngineVersion = &w.want.Version },
	pathPort:       func(m *rds.ModifyDBInstanceInput, w *writer) { m.DBPortNumber = &w.want.Port },
}

// setMaxStorage: the allocated size as the limit is how RDS is told not to grow the storage.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
func setMaxStorage(m *rds.ModifyDBInstanceInput, w *writer) {
	m.MaxAllocatedStorage = &w.want.MaxStorage
	if w.want.MaxStorage == 0 {
		m.MaxAllocatedStorage = &w.got.Allocated
	}
}

func setLogs(m *rds.ModifyDBInstanceInput, w *writer) {
	export := &rdstypes.CloudwatchLogsExportConfiguration{}
	for _, name := range w.want.Logs {
		if !slices.Contains(w.got.Logs, name) {
			export.EnableLogTypes = append(export.EnableLogTypes, name)
		}
	}
	for _, name := range w.got.Logs {
		if !slices.Contains(w.want.Logs, name) {
			export.DisableLogTypes = append(export.DisableLogTypes, name)
		}
	}
	m.CloudwatchLogsExportConfiguration = export
}

func rdsTags(tags map[string]string) []rdstypes.Tag {
	all := make([]rdstypes.Tag, 0, len(tags))
	for k, v := range tags {
		all = append(all, rdstypes.Tag{Key: awssdk.String(k), Value: awssdk.String(v)})
	}
	return all
}

// Release implements converge.Resource: the database stays, marked as let go.
func (r *resource) Release(ctx context.Context, in *scope.Platform) (bool, error) {
	account := r.sessions.Account(in.Class)
	db, _, err := account.Instance(ctx, in.Tenant.Resource(), true)
	if err != nil {
		return false, err
	}
	if db == nil {
		return true, nil
	}
	tags := tagsOf(db)
	if !naming.Owns(in.Tenant, tags) || tags[naming.TagReleased] != "" {
		return true, nil
	}
	_, err = rds.NewFromConfig(account.Write(in.Tenant)).AddTagsToResource(ctx, &rds.AddTagsToResourceInput{
		ResourceName: db.DBInstanceArn,
		Tags:         rdsTags(map[string]string{naming.TagReleased: naming.ReleasedRetain}),
	})
	account.InstanceWritten(in.Tenant.Resource())
	return false, aws.Classify(err)
}
