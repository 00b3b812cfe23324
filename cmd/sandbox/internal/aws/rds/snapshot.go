package rds

import (
	"context"
	"net/http"
	"slices"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

type snapshotResult struct{ DBSnapshot Snapshot }

func (r *region) createSnapshot(_ context.Context, q query) (any, error) {
	inst, err := r.get(q.Get("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	if err := inst.must(available, optimizing, stopped, storageFull); err != nil {
		return nil, err
	}
	tags := readTags(q)
	if inst.CopyTagsToSnapshot && tags == nil {
		tags = inst.TagList
	}
	snapshot, err := r.newSnapshot(inst, q.Lower("DBSnapshotIdentifier"), tags)
	if err != nil {
		return nil, err
	}
	before := inst.DBInstanceStatus
	inst.DBInstanceStatus = backingUp
	r.start(inst, before, r.snapshotStage(backingUp, snapshot))
	return snapshotResult{snapshot}, nil
}

// newSnapshot puts a snapshot that is still being created.
func (r *region) newSnapshot(inst Instance, name string, tags []Tag) (Snapshot, error) {
	if !validIdentifier(name, 255) {
		return Snapshot{}, invalidValue("The parameter DBSnapshotIdentifier is not a valid identifier.")
	}
	if _, exists := r.snapshots.Get(name, versions.View{}); exists {
		return Snapshot{}, wire.Errorf(http.StatusBadRequest, "DBSnapshotAlreadyExists",
			"Cannot create the snapshot because a snapshot with the identifier %s already exists.", name)
	}
	if tags == nil && inst.CopyTagsToSnapshot {
		tags = inst.TagList
	}
	if err := checkTags(tags); err != nil {
		return Snapshot{}, err
	}
	snapshot := Snapshot{
		DBSnapshotIdentifier: name, DBInstanceIdentifier: inst.DBInstanceIdentifier, Engine: engine, Status: creating,
		AllocatedStorage: inst.AllocatedStorage, Port: inst.port, AvailabilityZone: inst.AvailabilityZone,
		VpcID: inst.DBSubnetGroup.VpcID, InstanceCreateTime: inst.InstanceCreateTime, MasterUsername: inst.MasterUsername,
		EngineVersion: inst.EngineVersion, LicenseModel: license, SnapshotType: "manual", Iops: inst.Iops,
		OptionGroupName: "default:postgres-" + major(inst.EngineVersion), StorageType: inst.StorageType,
		StorageThroughput: inst.StorageThroughput, Encrypted: inst.StorageEncrypted, KMSKeyID: inst.KMSKeyID,
		DBSnapshotARN: r.arn("snapshot", name), IAMDatabaseAuthenticationEnabled: inst.IAMDatabaseAuthenticationEnabled,
		ResourceID: inst.ResourceID, TagList: tags, SnapshotTarget: "region", name: inst.DBName, real: inst.real,
		parameters: inst.parameters,
	}
	r.snapshots.Put(name, snapshot, versions.Write)
	return snapshot, nil
}

// snapshotStage takes the snapshot while the instance shows the given status.
func (r *region) snapshotStage(status string, snapshot Snapshot) stage {
	return stage{
		status: status,
		work: func(ctx context.Context, now Instance) error {
			return r.Plane.Snapshot(ctx, planeID(now), planeSnapshot(snapshot))
		},
		then: func(*Instance) {
			now, ok := r.snapshots.Get(snapshot.DBSnapshotIdentifier, versions.View{})
			if !ok {
				return
			}
			now.Status, now.PercentProgress = available, 100
			now.SnapshotCreateTime, now.OriginalSnapshotCreateTime = r.stamp(), r.stamp()
			r.snapshots.Put(now.DBSnapshotIdentifier, now, versions.Event)
		},
	}
}

func (r *region) getSnapshot(q query) (Snapshot, error) {
	name := q.Lower("DBSnapshotIdentifier")
	if kind, short, err := r.resource(name); err == nil && kind == "snapshot" {
		name = short
	}
	snapshot, ok := r.snapshots.Get(name, q.view())
	if !ok {
		return snapshot, snapshotNotFound(name)
	}
	return snapshot, nil
}

func (r *region) deleteSnapshot(ctx context.Context, q query) (any, error) {
	snapshot, err := r.getSnapshot(q)
	if err != nil {
		return nil, err
	}
	if snapshot.Status != available {
		return nil, wire.Errorf(http.StatusBadRequest, "InvalidDBSnapshotState",
			"Snapshot %s is not in available state.", snapshot.DBSnapshotIdentifier)
	}
	if snapshot.real {
		if err := r.Plane.DeleteSnapshot(ctx, planeSnapshot(snapshot)); err != nil {
			return nil, err
		}
	}
	snapshot.Status = "deleted"
	r.snapshots.Remove(snapshot.DBSnapshotIdentifier, versions.Write)
	return snapshotResult{snapshot}, nil
}

func (r *region) describeSnapshots(_ context.Context, q query) (any, error) {
	wanted, err := filters(q, "db-instance-id", "db-snapshot-id", "dbi-resource-id", "snapshot-type", "engine")
	if err != nil {
		return nil, err
	}
	list := r.snapshots.All(r.listing(q))
	if q.Has("DBSnapshotIdentifier") {
		snapshot, err := r.getSnapshot(q)
		if err != nil {
			return nil, err
		}
		list = []Snapshot{snapshot}
	}
	list = slices.DeleteFunc(list, func(s Snapshot) bool {
		return !s.fits(wanted) ||
			q.Has("DBInstanceIdentifier") && s.DBInstanceIdentifier != q.Lower("DBInstanceIdentifier") ||
			q.Has("DbiResourceId") && s.ResourceID != q.Get("DbiResourceId") ||
			q.Has("SnapshotType") && s.SnapshotType != q.Get("SnapshotType")
	})
	page, marker, err := paginate(q, list, 100)
	return struct {
		Marker      string     `xml:",omitempty"`
		DBSnapshots []Snapshot `xml:"DBSnapshots>DBSnapshot"`
	}{marker, page}, err
}

func (s Snapshot) fits(wanted map[string]map[string]bool) bool {
	actual := map[string]string{
		"db-instance-id": s.DBInstanceIdentifier, "db-snapshot-id": s.DBSnapshotIdentifier, "dbi-resource-id": s.ResourceID,
		"snapshot-type": s.SnapshotType, "engine": s.Engine,
	}
	for name, values := range wanted {
		if !values[actual[name]] {
			return false
		}
	}
	return true
}

type attribute struct {
	AttributeName   string
	AttributeValues []string `xml:"AttributeValues>AttributeValue"`
}

type attributes struct {
	DBSnapshotIdentifier string
	DBSnapshotAttributes []attribute `xml:"DBSnapshotAttributes>DBSnapshotAttribute"`
}

type attributesResult struct{ DBSnapshotAttributesResult attributes }

func (s Snapshot) attributes() attributesResult {
	return attributesResult{attributes{s.DBSnapshotIdentifier, []attribute{{"restore", s.shared}}}}
}

func (r *region) describeSnapshotAttributes(_ context.Context, q query) (any, error) {
	snapshot, err := r.getSnapshot(q)
	if err != nil {
		return nil, err
	}
	return snapshot.attributes(), nil
}

func (r *region) modifySnapshotAttribute(_ context.Context, q query) (any, error) {
	snapshot, err := r.getSnapshot(q)
	if err != nil {
		return nil, err
	}
	if q.Get("AttributeName") != "restore" {
		return nil, invalidValue("Invalid AttributeName: %s", q.Get("AttributeName"))
	}
	add, remove := q.Strings("ValuesToAdd"), q.Strings("ValuesToRemove")
	if snapshot.Encrypted && slices.Contains(add, "all") {
		return nil, invalidValue("Encrypted snapshots can't be made public.")
	}
	shared := slices.DeleteFunc(slices.Clone(snapshot.shared), func(v string) bool { return slices.Contains(remove, v) })
	for _, value := range add {
		if !slices.Contains(shared, value) {
			shared = append(shared, value)
		}
	}
	snapshot.shared = shared
	r.snapshots.Put(snapshot.DBSnapshotIdentifier, snapshot, versions.Write)
	return snapshot.attributes(), nil
}

var restoreParameters = names("AutoMinorVersionUpgrade", "AvailabilityZone", "CACertificateIdentifier", "CopyTagsToSnapshot",
	"DBInstanceClass", "DBInstanceIdentifier", "DBParameterGroupName", "DBSnapshotIdentifier", "DBSubnetGroupName",
	"DeletionProtection", "EnableCloudwatchLogsExports", "EnableIAMDatabaseAuthentication", "Engine", "Iops", "LicenseModel",
	"MultiAZ", "NetworkType", "Port", "PubliclyAccessible", "StorageThroughput", "StorageType", "Tags", "VpcSecurityGroupIds",
	"AllocatedStorage")

// restoreFromSnapshot creates an instance with the data, the master and the key of
// the snapshot; everything else is requested or default, never copied.
func (r *region) restoreFromSnapshot(ctx context.Context, q query) (any, error) {
	if err := only(q, restoreParameters); err != nil {
		return nil, err
	}
	snapshot, err := r.getSnapshot(q)
	if err != nil {
		return nil, err
	}
	if snapshot.Status != available {
		return nil, wire.Errorf(http.StatusBadRequest, "InvalidDBSnapshotState",
			"Snapshot %s is not in available state.", snapshot.DBSnapshotIdentifier)
	}
	inst, err := r.describeNew(q.with("Engine", engine).with("EngineVersion", snapshot.EngineVersion))
	if err != nil {
		return nil, err
	}
	inst.MasterUsername, inst.DBName, inst.real = snapshot.MasterUsername, snapshot.name, inst.real && snapshot.real
	inst.AllocatedStorage = max(inst.AllocatedStorage, snapshot.AllocatedStorage)
	if !q.Has("StorageType") {
		inst.StorageType, inst.Iops, inst.StorageThroughput = snapshot.StorageType, snapshot.Iops, snapshot.StorageThroughput
	}
	if !q.Has("Port") {
		inst.port = snapshot.Port
	}
	inst.StorageEncrypted, inst.KMSKeyID, inst.BackupRetentionPeriod = snapshot.Encrypted, snapshot.KMSKeyID, usualRetention
	if snapshot.Encrypted {
		if _, ok := r.Keys.Usable(r.account, r.place.region, snapshot.KMSKeyID); !ok {
			return nil, keyNotAccessible(snapshot.KMSKeyID)
		}
	}
	if inst, err = r.takePlace(ctx, q, inst); err != nil {
		return nil, err
	}
	if err := r.check(inst); err != nil {
		return nil, err
	}
	return r.launch(inst, func(ctx context.Context, now Instance) error {
		_, err := r.Plane.Restore(ctx, r.spec(now), planeSnapshot(snapshot))
		return err
	}), nil
}
