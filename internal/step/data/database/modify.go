package database

import (
	"context"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// Provisioned IOPS of gp3: from this size on, in GiB, AWS wants them named when the storage grows, and
// gives no fewer than these.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#gp3-storage
const (
	gp3Striped   = 400
	gp3LeastIops = 12000
	gp3          = "gp3"
	gp2          = "gp2"
)

func (w writer) modifySoon(ctx context.Context, paths []string) error {
	return w.modify(ctx, paths, false)
}

func (w writer) modifyNow(ctx context.Context, paths []string) error {
	return w.modify(ctx, paths, true)
}

// modify makes changes in one Modify, and one by one when AWS refuses what is in it, so that a change
// that cannot be had does not hold up one that protects. What waits and interrupts is fired by the
// first immediate Modify, so then it stays one.
func (w writer) modify(ctx context.Context, paths []string, immediately bool) error {
	if err := w.writable(); err != nil {
		return err
	}
	err := w.send(ctx, paths, immediately)
	if len(paths) == 1 || !refused(err) || immediately && w.got.PendingInterrupts {
		return err
	}
	var first error
	for _, path := range paths {
		err := w.send(ctx, []string{path}, immediately)
		if err != nil && !refused(err) {
			return err // such as busy with the one before: the next pass goes on
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// refused says that AWS refused what was in the call, as opposed to the call.
func refused(err error) bool { return err != nil && fault.ClassOf(aws.Classify(err)) == fault.Invalid }

func (w writer) send(ctx context.Context, paths []string, immediately bool) error {
	input := &rds.ModifyDBInstanceInput{DBInstanceIdentifier: &w.want.Identifier}
	if immediately {
		input.ApplyImmediately = awssdk.Bool(true)
	}
	for _, path := range paths {
		setters[path](input, &w)
	}
	defer w.written()
	_, err := w.api.ModifyDBInstance(ctx, input)
	return err
}

// setters put one change into a Modify. What has no setter is changed by another call.
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
	pathStorage:    setStorage,
	pathMaxStorage: setMaxStorage,
	pathMultiAZ:    func(m *rds.ModifyDBInstanceInput, w *writer) { m.MultiAZ = &w.want.MultiAZ },
	pathClass:      func(m *rds.ModifyDBInstanceInput, w *writer) { m.DBInstanceClass = &w.want.InstanceClass },
	pathVersion:    func(m *rds.ModifyDBInstanceInput, w *writer) { m.EngineVersion = &w.want.Version },
	pathPort:       func(m *rds.ModifyDBInstanceInput, w *writer) { m.DBPortNumber = &w.want.Port },
}

// setMaxStorage: the allocated size as the limit is how RDS is set not to grow the storage.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
func setMaxStorage(m *rds.ModifyDBInstanceInput, w *writer) {
	m.MaxAllocatedStorage = &w.want.MaxStorage
	if w.want.MaxStorage == 0 {
		m.MaxAllocatedStorage = awssdk.Int32(max(w.got.Allocated, w.want.Storage))
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

// setStorage requests a tenth more at least, the smallest step that RDS takes.
func setStorage(m *rds.ModifyDBInstanceInput, w *writer) {
	size := max(w.want.Storage, w.got.Allocated+(w.got.Allocated+9)/10)
	m.AllocatedStorage = &size
	switch {
	case w.got.StorageType == gp2, w.got.StorageType == gp3 && size < gp3Striped:
	case w.got.StorageType == gp3:
		m.Iops = awssdk.Int32(max(w.got.Iops, gp3LeastIops))
	default:
		m.Iops = &w.got.Iops
	}
}
