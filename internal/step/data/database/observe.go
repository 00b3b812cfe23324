package database

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Observe implements converge.Resource.
func (r *resource) Observe(ctx context.Context, in *scope.Platform, want State, fresh bool) (
	converge.Observation[State], error,
) {
	none := converge.Observation[State]{Settled: true}
	account := r.sessions.Account(in.Class)
	recorded, err := recordOf(in, account)
	if err != nil {
		return none, err
	}
	if early, err := r.early(ctx, in, want, recorded); early || err != nil {
		return none, err
	}
	db, at, err := account.Instance(ctx, want.Identifier, fresh)
	if err != nil {
		return none, err
	}
	switch {
	case db == nil && !fresh:
		return none, nil // a list that does not show it is no proof
	case db == nil:
		return none, absent(ctx, account, recorded)
	}
	if err := identify(in, db, recorded); err != nil {
		return none, err
	}
	state := stateOf(in, account, db, want)
	state.SeenAt, state.Home = at, readHome(ctx, account, in, db)
	if err := readParameters(ctx, account, &state); err != nil {
		return none, err
	}
	m := meaningOf(state.Status)
	return converge.Observation[State]{
		Exists: true, Settled: m.life != moving, Busy: m.message, Poll: r.poll(want.Identifier, m.life, account.Now()),
		ID: state.Record.ResourceID, At: at, State: state, Next: overlay(state, db.PendingModifiedValues, want),
		Queued: queue(db.PendingModifiedValues),
	}, nil
}

// queue is the text of what waits for the maintenance window: an immediate Modify carries it out as well, whoever
// requested it. AWS masks the password in it.
func queue(p *rdstypes.PendingModifiedValues) string {
	text, err := json.Marshal(p)
	if err != nil {
		return err.Error() // not the text of any other queue
	}
	return string(text)
}

// early says that there is no need to read an instance that is not listed: nothing was ever recorded and no key has
// been there to encrypt it with. Should there be one all the same, RDS refuses to create a second of its name.
func (r *resource) early(ctx context.Context, in *scope.Platform, want State, recorded scope.Record) (bool, error) {
	if recorded != (scope.Record{}) || want.KeyARN != "" && !in.Key.New {
		return false, nil
	}
	listed, err := r.sessions.Account(in.Class).Instances(ctx)
	_, exists := listed[want.Identifier]
	return !exists, err
}

// recordOf returns the one database that was ever recorded for the platform. Records live in two
// places, the tenant's key and the object, so that losing either is harmless.
func recordOf(in *scope.Platform, account *aws.Account) (scope.Record, error) {
	recorded, none := in.Key.Recorded, scope.Record{}
	if recorded == none {
		recorded = in.Recorded
	}
	if in.Recorded != none && in.Recorded != recorded {
		return recorded, fault.New(fault.Conflict, v1alpha1.ReasonDatabaseReplaced,
			"the platform records the database %s and its key records %s; find out which one holds the data and remove the "+
				"other record (annotation %s, key tag %s)", in.Recorded, recorded, v1alpha1.AnnotationDatabase, naming.TagDatabase)
	}
	if recorded != none && (recorded.AccountID != account.ID() || recorded.Region != account.Region()) {
		return recorded, fault.New(fault.Conflict, v1alpha1.ReasonWrongAccount,
			"the recorded database is %s and the class leads to account %s in %s; use the class that the platform was created with",
			recorded, account.ID(), account.Region())
	}
	return recorded, nil
}

// absent says what it means that the instance is not there by its name.
func absent(ctx context.Context, account *aws.Account, recorded scope.Record) error {
	if recorded == (scope.Record{}) {
		return nil
	}
	others, err := account.Instances(ctx)
	if err != nil {
		return err
	}
	for name, db := range others {
		if awssdk.ToString(db.DbiResourceId) == recorded.ResourceID {
			return fault.New(fault.Conflict, v1alpha1.ReasonDatabaseLost,
				"the database %s was renamed to %s behind the operator's back; it is not touched and nothing is created in its "+
					"place: rename it back", recorded, name)
		}
	}
	return lost(recorded)
}

// lost says that the absence of a recorded database is never a reason to create one.
func lost(recorded scope.Record) error {
	if recorded == (scope.Record{}) {
		return nil
	}
	return fault.New(fault.Conflict, v1alpha1.ReasonDatabaseLost,
		"the database %s was deleted behind the operator's back and nothing is created in its place; restore its data from a "+
			"snapshot or an automated backup, or, to start empty on purpose, remove the annotation %s and the key tag %s and set "+
			"the annotation %s to a new value", recorded, v1alpha1.AnnotationDatabase, naming.TagDatabase, v1alpha1.AnnotationReconcile)
}

// identify says whether the instance of our name is our instance.
func identify(in *scope.Platform, db *rdstypes.DBInstance, recorded scope.Record) error {
	if !naming.Owns(in.Tenant, aws.TagsOf(db)) {
		return fault.New(fault.Conflict, v1alpha1.ReasonConflict,
			"the RDS instance %s does not carry this platform's coach: tags; it is not touched: rename or remove it, or restore "+
				"its tags if it is this platform's", in.Tenant.Resource())
	}
	id := awssdk.ToString(db.DbiResourceId)
	if recorded != (scope.Record{}) && recorded.ResourceID != id {
		return fault.New(fault.Conflict, v1alpha1.ReasonDatabaseReplaced,
			"the RDS instance %s is now another database (%s) than the recorded one (%s); it is not touched: if it holds the right "+
				"data, remove the annotation %s and the key tag %s", in.Tenant.Resource(), id, recorded.ResourceID,
			v1alpha1.AnnotationDatabase, naming.TagDatabase)
	}
	return nil
}

// stateOf translates what RDS says. A value that only another step can judge is compared only when
// that step gave it.
func stateOf(in *scope.Platform, account *aws.Account, db *rdstypes.DBInstance, want State) State {
	tags := aws.TagsOf(db)
	s := State{
		Identifier: awssdk.ToString(db.DBInstanceIdentifier), ARN: awssdk.ToString(db.DBInstanceArn),
		Record: scope.Record{AccountID: account.ID(), Region: account.Region(), ResourceID: awssdk.ToString(db.DbiResourceId)},
		Status: awssdk.ToString(db.DBInstanceStatus),

		EngineVersion: awssdk.ToString(db.EngineVersion), InstanceClass: awssdk.ToString(db.DBInstanceClass),
		Allocated: awssdk.ToInt32(db.AllocatedStorage), MaxStorage: awssdk.ToInt32(db.MaxAllocatedStorage),
		StorageType: awssdk.ToString(db.StorageType), Iops: awssdk.ToInt32(db.Iops),
		MultiAZ: awssdk.ToBool(db.MultiAZ), Port: awssdk.ToInt32(db.DbInstancePort),
		AutoMinor: awssdk.ToBool(db.AutoMinorVersionUpgrade),

		Encrypted: awssdk.ToBool(db.StorageEncrypted), KeyARN: awssdk.ToString(db.KmsKeyId),
		Public: awssdk.ToBool(db.PubliclyAccessible), DeletionProtection: awssdk.ToBool(db.DeletionProtection),
		IAMAuthentication: awssdk.ToBool(db.IAMDatabaseAuthenticationEnabled), CA: awssdk.ToString(db.CACertificateIdentifier),

		RetentionDays: awssdk.ToInt32(db.BackupRetentionPeriod), BackupWindow: awssdk.ToString(db.PreferredBackupWindow),
		MaintenanceWindow: awssdk.ToString(db.PreferredMaintenanceWindow), CopyTags: awssdk.ToBool(db.CopyTagsToSnapshot),
		Logs: db.EnabledCloudwatchLogsExports, MasterUser: awssdk.ToString(db.MasterUsername),
		Credential: tags[naming.TagCredential], Released: tags[naming.TagReleased],
	}
	// Without the key's tags the record cannot be said to be missing, and no other key gets one.
	s.Recorded = in.Key.ID == "" || in.Key.ARN != s.KeyARN || in.Key.Recorded == s.Record
	readParts(db, &s)
	if want.Key != "" {
		s.Key = s.KeyARN
	}
	if want.Firewall != "" {
		s.Firewall = list(staying(db.VpcSecurityGroups))
	}
	cover(&s, want)
	return s
}

// readParts reads the nested parts, any of which may be absent while AWS is creating the instance.
func readParts(db *rdstypes.DBInstance, s *State) {
	if db.Endpoint != nil {
		s.Endpoint = awssdk.ToString(db.Endpoint.Address)
		s.Port = awssdk.ToInt32(db.Endpoint.Port)
	}
	if db.DBSubnetGroup != nil {
		s.SubnetGroup, s.VPCID = awssdk.ToString(db.DBSubnetGroup.DBSubnetGroupName), awssdk.ToString(db.DBSubnetGroup.VpcId)
	}
	if len(db.DBParameterGroups) > 0 {
		s.ParameterGroup = awssdk.ToString(db.DBParameterGroups[0].DBParameterGroupName)
		s.ParameterStatus = awssdk.ToString(db.DBParameterGroups[0].ParameterApplyStatus)
	}
	for _, g := range db.VpcSecurityGroups {
		s.Groups = append(s.Groups, awssdk.ToString(g.VpcSecurityGroupId))
	}
	if db.CertificateDetails != nil {
		s.CAValidTill = awssdk.ToTime(db.CertificateDetails.ValidTill)
	}
	s.PendingInterrupts = interrupts(db.PendingModifiedValues)
	s.CredentialPending = s.Status == resetting || db.PendingModifiedValues != nil && db.PendingModifiedValues.MasterUserPassword != nil
}

// staying are the security groups that AWS is not taking away already.
func staying(groups []rdstypes.VpcSecurityGroupMembership) []string {
	var ids []string
	for _, g := range groups {
		if awssdk.ToString(g.Status) != "removing" {
			ids = append(ids, awssdk.ToString(g.VpcSecurityGroupId))
		}
	}
	return ids
}

// cover lets what meets a floor read as that floor, so that a minor upgrade by AWS or storage that
// grew is no difference. A port that AWS has not given yet is none either.
func cover(s *State, want State) {
	s.Version, s.Storage, s.Listen = s.EngineVersion, min(s.Allocated, want.Storage), s.Port
	if covers(s.EngineVersion, want.Version) {
		s.Version = want.Version
	}
	if s.Port == 0 {
		s.Listen = want.Listen
	}
	wanted, _ := split(want.Version)
	running, _ := split(s.EngineVersion)
	s.OtherMajor = wanted != running
	coverGrowth(s, want)
}

// coverGrowth reads the limit of growth: one that is no more than what is allocated is none, and one
// that was reached is as good as any.
func coverGrowth(s *State, want State) {
	if s.MaxStorage <= s.Allocated {
		s.MaxStorage = 0
	}
	if want.MaxStorage > 0 && s.Allocated >= want.MaxStorage {
		s.MaxStorage = want.MaxStorage
	}
}

// interrupts says whether AWS would restart the instance or fail it over to apply what is pending.
// What is not known to be calm interrupts.
func interrupts(p *rdstypes.PendingModifiedValues) bool {
	if p == nil {
		return false
	}
	rest := *p
	rest.AllocatedStorage, rest.Iops, rest.StorageThroughput, rest.MultiAZ = nil, nil, nil, nil
	rest.BackupRetentionPeriod, rest.IAMDatabaseAuthenticationEnabled = nil, nil
	rest.MasterUserPassword, rest.PendingCloudwatchLogsExports = nil, nil
	if len(rest.ProcessorFeatures) == 0 {
		rest.ProcessorFeatures = nil
	}
	return !reflect.DeepEqual(rest, rdstypes.PendingModifiedValues{})
}

// overlay applies what AWS has queued: it is on its way and is not requested again.
func overlay(s State, p *rdstypes.PendingModifiedValues, want State) *State {
	if p == nil {
		return nil
	}
	set(&s.InstanceClass, p.DBInstanceClass)
	set(&s.EngineVersion, p.EngineVersion)
	set(&s.Allocated, p.AllocatedStorage)
	set(&s.MultiAZ, p.MultiAZ)
	set(&s.Port, p.Port)
	set(&s.RetentionDays, p.BackupRetentionPeriod)
	set(&s.IAMAuthentication, p.IAMDatabaseAuthenticationEnabled)
	set(&s.SubnetGroup, p.DBSubnetGroupName)
	s.Logs = exports(s.Logs, want.Logs, p.PendingCloudwatchLogsExports)
	cover(&s, want)
	return &s
}

// exports are the exported logs once what is pending is done. AWS documents its two lists the wrong
// way round, so what is on its way reads as it is wanted, in whichever it is.
func exports(now, wanted []string, p *rdstypes.PendingCloudwatchLogsExports) []string {
	if p == nil {
		return now
	}
	moving := slices.Concat(p.LogTypesToEnable, p.LogTypesToDisable)
	var after []string
	for _, name := range now {
		if !slices.Contains(moving, name) {
			after = append(after, name)
		}
	}
	for _, name := range wanted {
		if slices.Contains(moving, name) {
			after = append(after, name)
		}
	}
	return after
}

func set[T any](field, pending *T) {
	if pending != nil {
		*field = *pending
	}
}

// readHome reads the subnets of an instance, as the class's network has them at present.
func readHome(ctx context.Context, account *aws.Account, in *scope.Platform, db *rdstypes.DBInstance) Home {
	network, err := account.Network(ctx, in.Class, false)
	if err != nil {
		return Home{Err: err}
	}
	home := Home{VPCID: network.VPCID}
	if db.DBSubnetGroup == nil {
		return home
	}
	for _, s := range db.DBSubnetGroup.Subnets {
		id := awssdk.ToString(s.SubnetIdentifier)
		if !slices.ContainsFunc(network.Subnets, func(n aws.Subnet) bool { return n.ID == id && n.Private }) {
			home.Exposed = append(home.Exposed, id)
		}
	}
	return home
}

// readParameters reads the values of the parameter group. They are evidence and no write depends on
// them, so the read that all platforms of a class share once a sweep is fresh enough.
func readParameters(ctx context.Context, account *aws.Account, s *State) error {
	if s.ParameterGroup == "" {
		return nil
	}
	values, _, err := account.Parameters(ctx, s.ParameterGroup, false)
	if err != nil {
		return err
	}
	s.ForceSSL, s.MinTLS = values["rds.force_ssl"], values["ssl_min_protocol_version"]
	return nil
}
