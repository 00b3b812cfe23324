package rds

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// flags are the parameters of ModifyDBInstance that change nothing themselves.
var flags = names("AllowMajorVersionUpgrade", "ApplyImmediately", "DBInstanceIdentifier", "CertificateRotationRestart", "Engine")

var modifyParameters = names("AllocatedStorage", "AllowMajorVersionUpgrade", "ApplyImmediately", "AutoMinorVersionUpgrade",
	"BackupRetentionPeriod", "CACertificateIdentifier", "CertificateRotationRestart", "CloudwatchLogsExportConfiguration",
	"CopyTagsToSnapshot", "DBInstanceClass", "DBInstanceIdentifier", "DBParameterGroupName", "DBPortNumber",
	"DeletionProtection", "EnableIAMDatabaseAuthentication", "EnablePerformanceInsights", "Engine",
	"EngineVersion", "Iops", "MasterUserPassword", "MaxAllocatedStorage", "MonitoringInterval", "MonitoringRoleArn",
	"MultiAZ", "NewDBInstanceIdentifier", "PreferredBackupWindow", "PreferredMaintenanceWindow", "PubliclyAccessible",
	"StorageThroughput", "StorageType", "VpcSecurityGroupIds")

// modifiable are the states in which a modification is accepted.
var modifiable = []string{
	available, optimizing, storageFull, "incompatible-parameters", "incompatible-credentials",
	"incompatible-option-group", "storage-config-upgrade",
}

func (r *region) modifyInstance(ctx context.Context, q query) (any, error) {
	if err := only(q, modifyParameters); err != nil {
		return nil, err
	}
	inst, err := r.get(q.Get("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	immediate := q.Bool("ApplyImmediately", false)
	// AWS refuses an empty modification only when it is not to be applied now.
	if !immediate && !slices.ContainsFunc(q.Names(), func(name string) bool { return !flags[firstPart(name)] }) {
		return nil, invalidCombination("No modifications were requested")
	}
	if err := inst.must(modifiable...); err != nil {
		return nil, err
	}
	before := inst
	wanted, err := r.readChange(ctx, q, &inst)
	if err != nil {
		return nil, err
	}
	if err := r.checkChange(q, before, inst, wanted); err != nil {
		return nil, err
	}
	inst.PendingModifiedValues = queue(inst, wanted)
	return r.apply(before, inst, immediate)
}

// apply puts what takes effect at once and starts what does not wait.
func (r *region) apply(before, inst Instance, immediate bool) (any, error) {
	due := inst.PendingModifiedValues
	if !immediate {
		due = atOnce(due)
	}
	inst = r.startSideChanges(before, inst)
	if due.empty() {
		r.instances.Put(inst.DBInstanceIdentifier, inst, versions.Write)
		return shown(inst), nil
	}
	return shown(r.start(inst, available, r.stages(inst, due)...)), nil
}

// startSideChanges lets security groups and the parameter group take effect a
// moment later, whatever else is under way.
func (r *region) startSideChanges(before, inst Instance) Instance {
	if !slices.Equal(before.VpcSecurityGroups, inst.VpcSecurityGroups) {
		r.later(inst, nil, func(now *Instance) bool {
			ids := make([]string, 0, len(now.VpcSecurityGroups))
			for _, g := range now.VpcSecurityGroups {
				ids = append(ids, g.VpcSecurityGroupID)
			}
			*now = now.withSecurityGroups(ids, "active")
			return true
		})
	}
	if group := inst.parameterGroup(); group != before.parameterGroup() {
		inst = inst.withGroup(group, applying)
		r.later(inst, nil, func(now *Instance) bool {
			if now.parameterGroup() != group || now.parameterStatus() != applying {
				return false
			}
			*now = now.withGroup(group, pendingReboot)
			return true
		})
	}
	return inst
}

// readChange puts into inst what AWS applies at once whatever was requested, and
// returns what waits or takes time.
func (r *region) readChange(ctx context.Context, q query, inst *Instance) (Pending, error) {
	inst.AutoMinorVersionUpgrade = q.Bool("AutoMinorVersionUpgrade", inst.AutoMinorVersionUpgrade)
	inst.CopyTagsToSnapshot = q.Bool("CopyTagsToSnapshot", inst.CopyTagsToSnapshot)
	inst.DeletionProtection = q.Bool("DeletionProtection", inst.DeletionProtection)
	inst.PubliclyAccessible = q.Bool("PubliclyAccessible", inst.PubliclyAccessible)
	inst.PerformanceInsightsEnabled = q.Bool("EnablePerformanceInsights", inst.PerformanceInsightsEnabled)
	inst.PreferredBackupWindow = orElse(q.Get("PreferredBackupWindow"), inst.PreferredBackupWindow)
	inst.PreferredMaintenanceWindow = orElse(q.Lower("PreferredMaintenanceWindow"), inst.PreferredMaintenanceWindow)
	inst.MonitoringRoleARN = orElse(q.Get("MonitoringRoleArn"), inst.MonitoringRoleARN)
	for name, field := range map[string]*int{
		"MaxAllocatedStorage": &inst.MaxAllocatedStorage, "MonitoringInterval": &inst.MonitoringInterval,
	} {
		n, err := q.Int(name, *field)
		if err != nil {
			return Pending{}, err
		}
		*field = n
	}
	if inst.MaxAllocatedStorage == inst.AllocatedStorage {
		inst.MaxAllocatedStorage = 0 // this is how AWS lets autoscaling be turned off
	}
	if q.HasAny("VpcSecurityGroupIds") {
		ids, err := r.securityGroups(ctx, q.Strings("VpcSecurityGroupIds"), inst.DBSubnetGroup.VpcID)
		if err != nil {
			return Pending{}, err
		}
		*inst = inst.withChangedGroups(ids)
	}
	return readPending(q, inst)
}

// withChangedGroups adds what is new as "adding" and keeps the rest as it is.
func (i Instance) withChangedGroups(ids []string) Instance {
	changed := i.withSecurityGroups(ids, "adding")
	for n, g := range changed.VpcSecurityGroups {
		if at := slices.IndexFunc(i.VpcSecurityGroups, func(old GroupMembership) bool {
			return old.VpcSecurityGroupID == g.VpcSecurityGroupID
		}); at >= 0 {
			changed.VpcSecurityGroups[n].Status = i.VpcSecurityGroups[at].Status
		}
	}
	return changed
}

// readPending reads what AWS can queue. Of the password only that there is one
// shows.
func readPending(q query, inst *Instance) (Pending, error) {
	var p Pending
	for name, field := range map[string]**int{
		"AllocatedStorage": &p.AllocatedStorage, "Iops": &p.Iops, "StorageThroughput": &p.StorageThroughput,
		"BackupRetentionPeriod": &p.BackupRetentionPeriod, "DBPortNumber": &p.Port,
	} {
		if !q.Has(name) {
			continue
		}
		n, err := q.Int(name, 0)
		if err != nil {
			return p, err
		}
		*field = &n
	}
	for name, field := range map[string]**string{
		"DBInstanceClass": &p.DBInstanceClass, "StorageType": &p.StorageType, "CACertificateIdentifier": &p.CACertificateIdentifier,
	} {
		if text := q.Get(name); text != "" {
			*field = &text
		}
	}
	for name, field := range map[string]**bool{
		"MultiAZ": &p.MultiAZ, "EnableIAMDatabaseAuthentication": &p.IAMDatabaseAuthenticationEnabled,
	} {
		if q.Has(name) {
			value := q.Bool(name, false)
			*field = &value
		}
	}
	// Between two retentions that both keep backups there is nothing to wait for.
	if days := p.BackupRetentionPeriod; days != nil && *days > 0 && inst.BackupRetentionPeriod > 0 {
		move(&inst.BackupRetentionPeriod, &p.BackupRetentionPeriod)
		inst.PendingModifiedValues.BackupRetentionPeriod = nil
	}
	if name := q.Lower("NewDBInstanceIdentifier"); name != "" {
		p.DBInstanceIdentifier = &name
	}
	if password := q.Get("MasterUserPassword"); password != "" {
		hidden := "****"
		p.MasterUserPassword, inst.password = &hidden, password
	}
	p.PendingCloudwatchLogsExports = readLogs(q)
	return p, readVersion(q, inst, &p)
}

func readLogs(q query) *logs {
	requested := logs{
		Enable:  q.Strings("CloudwatchLogsExportConfiguration.EnableLogTypes"),
		Disable: q.Strings("CloudwatchLogsExportConfiguration.DisableLogTypes"),
	}
	if requested.Enable == nil && requested.Disable == nil {
		return nil
	}
	return &requested
}

// readVersion reads the engine version and the parameter group, which belong
// together when the major version changes.
func readVersion(q query, inst *Instance, p *Pending) error {
	if requested := q.Get("EngineVersion"); requested != "" {
		version, err := engineVersion(requested)
		if err != nil {
			return err
		}
		if requested == major(inst.EngineVersion) {
			version = inst.EngineVersion // "16" is satisfied by any 16
		}
		p.EngineVersion = &version
	}
	name := q.Lower("DBParameterGroupName")
	if p.EngineVersion != nil && major(*p.EngineVersion) != major(inst.EngineVersion) {
		p.parameterGroup = orElse(name, defaultName+family(*p.EngineVersion))
	} else if name != "" {
		*inst = inst.withGroup(name, inst.parameterStatus())
	}
	return nil
}

// checkChange refuses what AWS refuses: now is the instance with what applies at
// once, wanted what does not.
func (r *region) checkChange(q query, before, now Instance, wanted Pending) error {
	after := settled(now, wanted)
	if wanted.MasterUserPassword != nil {
		if err := checkPassword(now.password); err != nil {
			return err
		}
	}
	if wanted.storage(before) {
		switch {
		case after.AllocatedStorage < before.AllocatedStorage:
			return invalidValue("Requested storage size (%d) cannot be less than the current storage size (%d).",
				after.AllocatedStorage, before.AllocatedStorage)
		case after.AllocatedStorage != before.AllocatedStorage && after.AllocatedStorage*10 < before.AllocatedStorage*11:
			return invalidCombination("Invalid storage size for engine name postgres and storage type %s: %d. "+
				"It must grow by at least 10 percent.", after.StorageType, after.AllocatedStorage)
		case r.Now().Before(before.optimized):
			return invalidCombination("You can't currently modify the storage of this DB instance because " +
				"the previous storage change is being optimized.")
		}
	}
	if name := wanted.DBInstanceIdentifier; name != nil {
		if err := r.checkRename(before.DBInstanceIdentifier, *name); err != nil {
			return err
		}
	}
	group := orElse(wanted.parameterGroup, now.parameterGroup())
	if _, err := r.fitting(group, after.EngineVersion); err != nil {
		return err
	}
	if err := checkUpgrade(q, before.EngineVersion, after); err != nil {
		return err
	}
	return r.check(after)
}

func (r *region) checkRename(from, to string) error {
	if !validIdentifier(to, 63) {
		return invalidValue("The parameter NewDBInstanceIdentifier is not a valid identifier.")
	}
	if _, taken := r.instances.Get(to, versions.View{}); taken && to != from {
		return wire.Errorf(http.StatusBadRequest, "DBInstanceAlreadyExists", "DB instance already exists")
	}
	return nil
}

func checkUpgrade(q query, from string, after Instance) error {
	to := after.EngineVersion
	switch {
	case compareVersions(to, from) < 0:
		return invalidCombination("Cannot upgrade postgres from %s to %s", from, to)
	case major(to) == major(from):
		return nil
	case !q.Bool("AllowMajorVersionUpgrade", false):
		return invalidCombination("The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.")
	case !slices.Contains(upgrades(from), to):
		return invalidCombination("Cannot upgrade postgres from %s to %s", from, to)
	case after.real:
		return invalidCombination("Cannot upgrade postgres from %s to %s: the sandbox cannot upgrade a real server", from, to)
	}
	return nil
}

// storage reports whether the change is one of the storage.
func (p Pending) storage(now Instance) bool {
	return differs(p.AllocatedStorage, now.AllocatedStorage) || differs(p.Iops, now.Iops) ||
		differs(p.StorageThroughput, now.StorageThroughput) || differs(p.StorageType, now.StorageType)
}

func differs[T comparable](wanted *T, now T) bool { return wanted != nil && *wanted != now }

// queue is what is pending after a request: what it requests over what was pending,
// without what the instance already is.
func queue(inst Instance, wanted Pending) Pending {
	p := inst.PendingModifiedValues
	merge(&p.DBInstanceClass, wanted.DBInstanceClass, inst.DBInstanceClass)
	merge(&p.AllocatedStorage, wanted.AllocatedStorage, inst.AllocatedStorage)
	merge(&p.Iops, wanted.Iops, inst.Iops)
	merge(&p.StorageThroughput, wanted.StorageThroughput, inst.StorageThroughput)
	merge(&p.StorageType, wanted.StorageType, inst.StorageType)
	merge(&p.BackupRetentionPeriod, wanted.BackupRetentionPeriod, inst.BackupRetentionPeriod)
	merge(&p.Port, wanted.Port, inst.port)
	merge(&p.MultiAZ, wanted.MultiAZ, inst.MultiAZ)
	merge(&p.EngineVersion, wanted.EngineVersion, inst.EngineVersion)
	merge(&p.DBInstanceIdentifier, wanted.DBInstanceIdentifier, inst.DBInstanceIdentifier)
	merge(&p.CACertificateIdentifier, wanted.CACertificateIdentifier, inst.CACertificateIdentifier)
	merge(&p.IAMDatabaseAuthenticationEnabled, wanted.IAMDatabaseAuthenticationEnabled, inst.IAMDatabaseAuthenticationEnabled)
	merge(&p.MasterUserPassword, wanted.MasterUserPassword, "")
	p.parameterGroup = orElse(wanted.parameterGroup, p.parameterGroup)
	if p.EngineVersion == nil {
		p.parameterGroup = ""
	}
	if l, now := wanted.PendingCloudwatchLogsExports, inst.EnabledCloudwatchLogsExports; l != nil && !slices.Equal(now, l.over(now)) {
		p.PendingCloudwatchLogsExports = l
	}
	return p
}

func merge[T comparable](pending **T, wanted *T, now T) {
	switch {
	case wanted == nil:
	case *wanted == now:
		*pending = nil
	default:
		*pending = wanted
	}
}

// over is the list of logs after the change.
func (l logs) over(enabled []string) []string {
	after := slices.DeleteFunc(slices.Clone(enabled), func(name string) bool { return slices.Contains(l.Disable, name) })
	for _, name := range l.Enable {
		if !slices.Contains(after, name) {
			after = append(after, name)
		}
	}
	slices.Sort(after)
	return after
}

// atOnce is the part of a change AWS applies right away even when it was not
// requested to: password, port, log exports, and a retention that neither starts nor
// ends backups.
func atOnce(p Pending) Pending {
	return Pending{MasterUserPassword: p.MasterUserPassword, Port: p.Port, PendingCloudwatchLogsExports: p.PendingCloudwatchLogsExports}
}

// settled is an instance after everything pending took effect.
func settled(i Instance, p Pending) Instance {
	set(&i.DBInstanceClass, p.DBInstanceClass)
	set(&i.AllocatedStorage, p.AllocatedStorage)
	set(&i.Iops, p.Iops)
	set(&i.StorageThroughput, p.StorageThroughput)
	set(&i.BackupRetentionPeriod, p.BackupRetentionPeriod)
	set(&i.port, p.Port)
	set(&i.MultiAZ, p.MultiAZ)
	set(&i.EngineVersion, p.EngineVersion)
	set(&i.IAMDatabaseAuthenticationEnabled, p.IAMDatabaseAuthenticationEnabled)
	if p.StorageType != nil && *p.StorageType != i.StorageType {
		i.StorageType = *p.StorageType
		if i.StorageType == "gp2" {
			i.Iops, i.StorageThroughput = 0, 0
		}
	}
	if p.CACertificateIdentifier != nil {
		i.CACertificateIdentifier = *p.CACertificateIdentifier
	}
	if p.PendingCloudwatchLogsExports != nil {
		i.EnabledCloudwatchLogsExports = p.PendingCloudwatchLogsExports.over(i.EnabledCloudwatchLogsExports)
	}
	return i.withBaseline()
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// optimizes is how many paces storage cannot be changed again; in AWS six hours.
const optimizes = 3

func (r *region) untilOptimized() time.Time { return r.Now().Add(optimizes * r.pace()) }
