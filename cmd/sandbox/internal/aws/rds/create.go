package rds

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

const (
	usualPort        = 5432
	usualRetention   = 1
	usualClass       = "gp2"
	usualBackup      = "03:00-03:30"
	usualMaintenance = "sun:05:00-sun:05:30"
)

var createParameters = names("AllocatedStorage", "AutoMinorVersionUpgrade", "AvailabilityZone", "BackupRetentionPeriod",
	"CACertificateIdentifier", "CopyTagsToSnapshot", "DBInstanceClass", "DBInstanceIdentifier", "DBName",
	"DBParameterGroupName", "DBSubnetGroupName", "DeletionProtection", "EnableCloudwatchLogsExports",
	"EnableIAMDatabaseAuthentication", "EnablePerformanceInsights", "Engine", "EngineVersion", "Iops", "KmsKeyId",
	"LicenseModel", "ManageMasterUserPassword", "MasterUserPassword", "MasterUsername", "MaxAllocatedStorage",
	"MonitoringInterval", "MonitoringRoleArn", "MultiAZ", "NetworkType", "Port", "PreferredBackupWindow",
	"PreferredMaintenanceWindow", "PubliclyAccessible", "StorageEncrypted", "StorageThroughput", "StorageType", "Tags",
	"VpcSecurityGroupIds")

func (r *region) createInstance(ctx context.Context, q query) (any, error) {
	if err := only(q, createParameters); err != nil {
		return nil, err
	}
	inst, err := r.describeNew(q)
	if err != nil {
		return nil, err
	}
	inst.MasterUsername, inst.password, inst.DBName = q.Get("MasterUsername"), q.Get("MasterUserPassword"), q.Get("DBName")
	if err := checkMaster(inst); err != nil {
		return nil, err
	}
	if inst.BackupRetentionPeriod, err = q.Int("BackupRetentionPeriod", usualRetention); err != nil {
		return nil, err
	}
	if inst, err = r.takePlace(ctx, q, inst); err != nil {
		return nil, err
	}
	if inst, err = r.encrypt(q, inst); err != nil {
		return nil, err
	}
	if err := r.check(inst); err != nil {
		return nil, err
	}
	return r.launch(inst, r.planeCreate), nil
}

// describeNew reads what creating and restoring have in common.
func (r *region) describeNew(q query) (Instance, error) {
	name := q.Lower("DBInstanceIdentifier")
	if !validIdentifier(name, 63) {
		return Instance{}, invalidValue("The parameter DBInstanceIdentifier is not a valid identifier.")
	}
	if _, exists := r.instances.Get(name, versions.View{}); exists {
		return Instance{}, wire.Errorf(http.StatusBadRequest, "DBInstanceAlreadyExists", "DB instance already exists")
	}
	switch {
	case r.instances.Len() >= maxInstances:
		return Instance{}, wire.Errorf(http.StatusBadRequest, "InstanceQuotaExceeded", "Quota of %d DB instances exceeded", maxInstances)
	case q.Get("DBInstanceClass") == "":
		return Instance{}, missing("DBInstanceClass")
	case q.Get("Engine") != engine:
		return Instance{}, invalidValue("Invalid DB engine: %s (the sandbox has postgres only)", q.Get("Engine"))
	}
	version, err := engineVersion(q.Get("EngineVersion"))
	if err != nil {
		return Instance{}, err
	}
	inst := r.named(Instance{
		DBInstanceClass: q.Get("DBInstanceClass"), Engine: engine, EngineVersion: version, LicenseModel: license,
		DBInstanceStatus: creating, ResourceID: newResourceID(), StorageType: usualClass,
		PreferredBackupWindow:            orElse(q.Get("PreferredBackupWindow"), usualBackup),
		PreferredMaintenanceWindow:       strings.ToLower(orElse(q.Get("PreferredMaintenanceWindow"), usualMaintenance)),
		MultiAZ:                          q.Bool("MultiAZ", false),
		AutoMinorVersionUpgrade:          q.Bool("AutoMinorVersionUpgrade", true),
		PubliclyAccessible:               q.Bool("PubliclyAccessible", false),
		CopyTagsToSnapshot:               q.Bool("CopyTagsToSnapshot", false),
		DeletionProtection:               q.Bool("DeletionProtection", false),
		PerformanceInsightsEnabled:       q.Bool("EnablePerformanceInsights", false),
		IAMDatabaseAuthenticationEnabled: q.Bool("EnableIAMDatabaseAuthentication", false),
		EnabledCloudwatchLogsExports:     q.Strings("EnableCloudwatchLogsExports"),
		MonitoringRoleARN:                q.Get("MonitoringRoleArn"),
		OptionGroupMemberships:           []optionMembership{{"default:postgres-" + major(version), inSync}},
		BackupTarget:                     "region", NetworkType: "IPV4", ActivityStreamStatus: stopped, DatabaseInsightsMode: "standard",
		TagList: readTags(q), plane: new(sync.Mutex), real: r.Settings.Of(r.account).DataPlane && r.Plane != nil,
	}, name)
	inst = inst.withAuthority(orElse(q.Get("CACertificateIdentifier"), usualAuthority), r.Now())
	return r.readNumbers(q, inst)
}

// readNumbers reads port, storage and the like.
func (*region) readNumbers(q query, inst Instance) (Instance, error) {
	for name, field := range map[string]*int{
		"Port": &inst.port, "AllocatedStorage": &inst.AllocatedStorage, "Iops": &inst.Iops,
		"StorageThroughput": &inst.StorageThroughput, "MaxAllocatedStorage": &inst.MaxAllocatedStorage,
		"MonitoringInterval": &inst.MonitoringInterval,
	} {
		n, err := q.Int(name, *field)
		if err != nil {
			return Instance{}, err
		}
		*field = n
	}
	if inst.port == 0 {
		inst.port = usualPort
	}
	inst.StorageType = orElse(q.Get("StorageType"), inst.StorageType)
	if inst.Iops > 0 && !q.Has("StorageType") {
		inst.StorageType = "io1"
	}
	return inst.withBaseline(), nil
}

// withBaseline shows the performance gp3 has without asking.
func (i Instance) withBaseline() Instance {
	if i.StorageType == "gp3" {
		if i.Iops == 0 {
			i.Iops = 3000
		}
		if i.StorageThroughput == 0 {
			i.StorageThroughput = 125
		}
	}
	return i
}

func orElse(text, absent string) string {
	if text == "" {
		return absent
	}
	return text
}

// reserved are names PostgreSQL or RDS keep for themselves.
var reserved = []string{"rdsadmin", "rds_superuser", "rdsrepladmin", "admin", "pg_monitor", "user", "public"}

var (
	userName     = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{0,62}$`)
	databaseName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,62}$`)
)

func checkMaster(inst Instance) error {
	switch {
	case inst.MasterUsername == "":
		return missing("MasterUsername")
	case !userName.MatchString(inst.MasterUsername) || slices.Contains(reserved, strings.ToLower(inst.MasterUsername)):
		return invalidValue("MasterUsername %s cannot be used as it is a reserved word used by the engine", inst.MasterUsername)
	case inst.DBName != "" && !databaseName.MatchString(inst.DBName):
		return invalidValue("DBName must begin with a letter and contain only alphanumeric characters.")
	}
	return checkPassword(inst.password)
}

// checkPassword never says what the password is.
func checkPassword(password string) error {
	if len(password) < 8 || len(password) > 128 {
		return invalidValue("The parameter MasterUserPassword is not a valid password because " +
			"it is shorter than 8 or longer than 128 characters.")
	}
	for _, c := range password {
		if c < '!' || c > '~' || strings.ContainsRune(`/"@`, c) {
			return invalidValue("The parameter MasterUserPassword is not a valid password. " +
				"Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.")
		}
	}
	return nil
}

// takePlace finds subnet group, zones, security groups and parameter group.
func (r *region) takePlace(ctx context.Context, q query, inst Instance) (Instance, error) {
	name := q.Lower("DBSubnetGroupName")
	group, ok := r.subnetGroups.Get(name, versions.View{})
	if !ok {
		return inst, subnetGroupNotFound(orElse(name, "default"))
	}
	inst.DBSubnetGroup = group
	wanted := q.Get("AvailabilityZone")
	switch {
	case wanted != "" && inst.MultiAZ:
		return inst, invalidCombination("Requesting a specific availability zone is not valid for Multi-AZ instances.")
	case wanted != "" && !slices.Contains(group.zones(), wanted):
		return inst, wire.Errorf(http.StatusBadRequest, "InvalidVPCNetworkStateFault", "The subnet group does not cover zone %s.", wanted)
	}
	inst = inst.placeIn(group.zones(), wanted)
	ids, err := r.securityGroups(ctx, q.Strings("VpcSecurityGroupIds"), group.VpcID)
	if err != nil {
		return inst, err
	}
	inst = inst.withSecurityGroups(ids, "active")
	parameters := orElse(q.Lower("DBParameterGroupName"), defaultName+family(inst.EngineVersion))
	pg, err := r.fitting(parameters, inst.EngineVersion)
	if err != nil {
		return inst, err
	}
	inst.parameters = pg.effective()
	return inst.withGroup(parameters, inSync), nil
}

// fitting is a parameter group that fits an engine version.
func (r *region) fitting(name, version string) (ParameterGroup, error) {
	group, ok := r.group(name, versions.View{})
	if !ok {
		return group, groupNotFound(name)
	}
	if group.DBParameterGroupFamily != family(version) {
		return group, invalidCombination("The Parameter Group %s with DBParameterGroupFamily %s can't be used for this instance. "+
			"Please use a Parameter Group with DBParameterGroupFamily %s",
			name, group.DBParameterGroupFamily, family(version))
	}
	return group, nil
}

// securityGroups checks that groups are in the VPC; none given means its default.
func (r *region) securityGroups(ctx context.Context, ids []string, vpc string) ([]string, error) {
	pairs := append(numbered("GroupId", ids), "Filter.1.Name", "vpc-id", "Filter.1.Value.1", vpc)
	if len(ids) == 0 {
		pairs = append(pairs, "Filter.2.Name", "group-name", "Filter.2.Value.1", "default")
	}
	found, err := r.Networks(ctx, r.account, r.place.region, "DescribeSecurityGroups", pairs...)
	if err != nil && wire.AsError(err).Status >= http.StatusInternalServerError {
		return nil, err
	}
	var known []string
	if err == nil {
		known = moto.Texts(found, "./securityGroupInfo/item/groupId")
	}
	for _, id := range ids {
		if !slices.Contains(known, id) {
			return nil, invalidValue("Invalid security group , groupId= %s, groupName=.", id)
		}
	}
	return known, nil
}

// encrypt resolves the key, checked as AWS does: it must exist and be enabled.
func (r *region) encrypt(q query, inst Instance) (Instance, error) {
	inst.StorageEncrypted = q.Bool("StorageEncrypted", false)
	if !inst.StorageEncrypted {
		if q.Has("KmsKeyId") {
			return inst, invalidCombination("KmsKeyId is only valid with StorageEncrypted")
		}
		return inst, nil
	}
	arn, ok := r.Keys.Usable(r.account, r.place.region, q.Get("KmsKeyId"))
	if !ok {
		return inst, keyNotAccessible(q.Get("KmsKeyId"))
	}
	inst.KMSKeyID = arn
	return inst, nil
}

// launch creates a checked instance in the background; create brings its server up.
func (r *region) launch(inst Instance, create func(context.Context, Instance) error) any {
	stages := []stage{{status: creating, work: create, then: func(now *Instance) {
		now.InstanceCreateTime = r.stamp()
		now.password = ""
		endpoint := now.endpoint()
		now.Endpoint = &endpoint
	}}}
	if inst.BackupRetentionPeriod > 0 {
		stages = append(stages, stage{status: backingUp, then: func(now *Instance) { now.LatestRestorableTime = r.stamp() }})
	}
	return shown(r.start(inst, available, stages...))
}

type instanceResult struct{ DBInstance Instance }

// shown is the answer of every operation about one instance.
func shown(inst Instance) instanceResult { return instanceResult{inst} }
