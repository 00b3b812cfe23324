package database

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

func TestWhatIsAsWantedDiffersInNothing(t *testing.T) {
	for name, c := range map[string]struct {
		in   *scope.Platform
		live *rdstypes.DBInstance
	}{
		"an instance just as it was created": {platform(), instance()},
		"one that AWS upgraded within its major": {
			platform(spec(func(d *v1alpha1.Database) { d.EngineVersion = "16.4" })), instance(),
		},
		"one whose storage AWS has grown": {
			platform(spec(func(d *v1alpha1.Database) { d.Storage.MaxSizeGiB = 100 })),
			instance(func(db *rdstypes.DBInstance) {
				db.AllocatedStorage, db.MaxAllocatedStorage = awssdk.Int32(44), awssdk.Int32(100)
			}),
		},
		"one whose storage has grown to its limit": {
			platform(spec(func(d *v1alpha1.Database) { d.Storage.MaxSizeGiB = 100 })),
			instance(func(db *rdstypes.DBInstance) { *db.AllocatedStorage = 100 }),
		},
		"one whose limit is what it has, which is how RDS says that it does not grow": {
			platform(), instance(func(db *rdstypes.DBInstance) { db.MaxAllocatedStorage = awssdk.Int32(20) }),
		},
		"one that has no port yet": {
			platform(), instance(func(db *rdstypes.DBInstance) { db.Endpoint = nil }),
		},
		"one whose logs are listed in another order": {
			platform(), instance(func(db *rdstypes.DBInstance) { slices.Reverse(db.EnabledCloudwatchLogsExports) }),
		},
		"one that AWS is taking a security group away from": {
			platform(), instance(func(db *rdstypes.DBInstance) {
				db.VpcSecurityGroups = append(db.VpcSecurityGroups, rdstypes.VpcSecurityGroupMembership{
					VpcSecurityGroupId: awssdk.String("sg-0bad"), Status: awssdk.String("removing"),
				})
			}),
		},
		"one whose key was not observed in this pass": {
			platform(func(p *scope.Platform) { p.Key = scope.Key{} }), instance(),
		},
		"one whose firewall was not observed in this pass": {
			platform(func(p *scope.Platform) { p.Firewall = scope.Firewall{} }), instance(),
		},
		"one whose parameters are being applied": {
			platform(), instance(func(db *rdstypes.DBInstance) { *db.DBParameterGroups[0].ParameterApplyStatus = "applying" }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if left := differences(desire(t, c.in), seen(t, c.in, c.live)); left != nil {
				t.Errorf("paths that differ: %v", left)
			}
		})
	}
}

// drifts change one thing of an instance, and name the one path that differs then.
var drifts = map[string]struct {
	live func(*rdstypes.DBInstance)
	path string
}{
	"made public":          {func(db *rdstypes.DBInstance) { *db.PubliclyAccessible = true }, pathPublic},
	"given another group":  {func(db *rdstypes.DBInstance) { db.VpcSecurityGroups[0].VpcSecurityGroupId = awssdk.String("sg-0bad") }, pathGroups},
	"given one more group": {moreGroups, pathGroups},
	"unprotected":          {func(db *rdstypes.DBInstance) { *db.DeletionProtection = false }, pathProtection},
	"not encrypted":        {func(db *rdstypes.DBInstance) { db.StorageEncrypted = nil }, pathEncrypted},
	"of another key":       {func(db *rdstypes.DBInstance) { *db.KmsKeyId = keyARN + "0" }, pathKey},
	"in other subnets":     {func(db *rdstypes.DBInstance) { *db.DBSubnetGroup.DBSubnetGroupName = "default" }, pathSubnets},
	"with AWS's own parameters": {
		func(db *rdstypes.DBInstance) { *db.DBParameterGroups[0].DBParameterGroupName = "default.postgres16" }, pathParameters,
	},
	"with parameters that wait for a reboot": {
		func(db *rdstypes.DBInstance) { *db.DBParameterGroups[0].ParameterApplyStatus = pendingReboot }, pathReboot,
	},
	"without IAM log-in":         {func(db *rdstypes.DBInstance) { *db.IAMDatabaseAuthenticationEnabled = false }, pathIAM},
	"without backups":            {func(db *rdstypes.DBInstance) { *db.BackupRetentionPeriod = 0 }, pathRetention},
	"backed up at another time":  {func(db *rdstypes.DBInstance) { *db.PreferredBackupWindow = "03:00-04:00" }, pathBackup},
	"maintained at another time": {func(db *rdstypes.DBInstance) { *db.PreferredMaintenanceWindow = "mon:04:00-mon:05:00" }, pathMaintenance},
	"without tags on snapshots":  {func(db *rdstypes.DBInstance) { *db.CopyTagsToSnapshot = false }, pathCopyTags},
	"without one of the logs":    {func(db *rdstypes.DBInstance) { db.EnabledCloudwatchLogsExports = []string{"postgresql"} }, pathLogs},
	"with another log": {
		func(db *rdstypes.DBInstance) {
			db.EnabledCloudwatchLogsExports = append(db.EnabledCloudwatchLogsExports, "iam-db-auth-error")
		}, pathLogs,
	},
	"without minor upgrades": {func(db *rdstypes.DBInstance) { *db.AutoMinorVersionUpgrade = false }, pathAutoMinor},
	"smaller than the floor": {func(db *rdstypes.DBInstance) { *db.AllocatedStorage = 10 }, pathStorage},
	"growing without limit":  {func(db *rdstypes.DBInstance) { db.MaxAllocatedStorage = awssdk.Int32(500) }, pathMaxStorage},
	"without a standby":      {func(db *rdstypes.DBInstance) { *db.MultiAZ = false }, pathMultiAZ},
	"of another class":       {func(db *rdstypes.DBInstance) { *db.DBInstanceClass = "db.t4g.large" }, pathClass},
	"of another major":       {func(db *rdstypes.DBInstance) { *db.EngineVersion = "15.9" }, pathVersion},
	"on another port":        {func(db *rdstypes.DBInstance) { *db.Endpoint.Port = 5432 }, pathPort},
	"with another password":  {func(db *rdstypes.DBInstance) { setTag(db, naming.TagCredential, "other") }, pathCredential},
	"marked as released":     {func(db *rdstypes.DBInstance) { setTag(db, naming.TagReleased, "retain") }, pathReleased},
}

func moreGroups(db *rdstypes.DBInstance) {
	db.VpcSecurityGroups = append(db.VpcSecurityGroups, rdstypes.VpcSecurityGroupMembership{VpcSecurityGroupId: awssdk.String("sg-0bad")})
}

func setTag(db *rdstypes.DBInstance, key, value string) {
	db.TagList = slices.DeleteFunc(db.TagList, func(t rdstypes.Tag) bool { return awssdk.ToString(t.Key) == key })
	db.TagList = append(db.TagList, rdstypes.Tag{Key: &key, Value: &value})
}

func TestEachDriftDiffersInItsPathOnly(t *testing.T) {
	in := platform()
	tried := map[string]bool{pathRecorded: true} // it lives on the key; see below
	for name, c := range drifts {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff([]string{c.path}, differences(desire(t, in), seen(t, in, instance(c.live)))); diff != "" {
				t.Errorf("paths that differ (-want +got):\n%s", diff)
			}
		})
		tried[c.path] = true
	}
	for _, f := range Fields {
		if !tried[f.Path] {
			t.Errorf("no case changes %s", f.Path)
		}
	}
}

func TestTheRecordIsMissingOnlyFromAKeyThatWasSeen(t *testing.T) {
	for name, c := range map[string]struct {
		key  scope.Key
		want []string
	}{
		"a key that records this database": {scope.Key{ID: "k", ARN: keyARN, Recorded: thisDatabase}, nil},
		"a key that records nothing":       {scope.Key{ID: "k", ARN: keyARN}, []string{pathRecorded}},
		"a key that was not observed":      {scope.Key{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			in := platform(func(p *scope.Platform) { p.Key = c.key })
			if diff := cmp.Diff(c.want, differences(desire(t, in), seen(t, in, instance()))); diff != "" {
				t.Errorf("paths that differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsOnItsWayIsNotAskedForAgain(t *testing.T) {
	for name, c := range map[string]struct {
		live    func(*rdstypes.DBInstance)
		pending *rdstypes.PendingModifiedValues
	}{
		"a class":   {drifts["of another class"].live, &rdstypes.PendingModifiedValues{DBInstanceClass: awssdk.String("db.t4g.medium")}},
		"a version": {drifts["of another major"].live, &rdstypes.PendingModifiedValues{EngineVersion: awssdk.String("16.9")}},
		"storage":   {drifts["smaller than the floor"].live, &rdstypes.PendingModifiedValues{AllocatedStorage: awssdk.Int32(22)}},
		"a standby": {drifts["without a standby"].live, &rdstypes.PendingModifiedValues{MultiAZ: awssdk.Bool(true)}},
		"a port":    {drifts["on another port"].live, &rdstypes.PendingModifiedValues{Port: awssdk.Int32(5433)}},
		"backups":   {drifts["without backups"].live, &rdstypes.PendingModifiedValues{BackupRetentionPeriod: awssdk.Int32(14)}},
		"IAM log-in": {
			drifts["without IAM log-in"].live, &rdstypes.PendingModifiedValues{IAMDatabaseAuthenticationEnabled: awssdk.Bool(true)},
		},
		"subnets": {
			drifts["in other subnets"].live,
			&rdstypes.PendingModifiedValues{DBSubnetGroupName: awssdk.String(naming.SubnetGroup(platform().Shared))},
		},
		"logs, as documented": {drifts["without one of the logs"].live, &rdstypes.PendingModifiedValues{
			PendingCloudwatchLogsExports: &rdstypes.PendingCloudwatchLogsExports{LogTypesToDisable: []string{"upgrade"}},
		}},
		"logs, as named": {drifts["without one of the logs"].live, &rdstypes.PendingModifiedValues{
			PendingCloudwatchLogsExports: &rdstypes.PendingCloudwatchLogsExports{LogTypesToEnable: []string{"upgrade"}},
		}},
		"a log less": {drifts["with another log"].live, &rdstypes.PendingModifiedValues{
			PendingCloudwatchLogsExports: &rdstypes.PendingCloudwatchLogsExports{LogTypesToDisable: []string{"iam-db-auth-error"}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			in := platform()
			want, live := desire(t, in), instance(c.live)
			if left := differences(want, seen(t, in, live)); len(left) != 1 {
				t.Fatalf("before the overlay these paths differ: %v, want one", left)
			}
			if left := differences(want, *overlay(seen(t, in, live), c.pending, want)); left != nil {
				t.Errorf("these are on their way and would be requested again: %v", left)
			}
		})
	}
}

func TestNothingPendingIsNoOverlay(t *testing.T) {
	in := platform()
	if next := overlay(seen(t, in, instance()), nil, desire(t, in)); next != nil {
		t.Errorf("an overlay of nothing: %+v", next)
	}
}

// calm are the queued changes that no user of the database notices.
var calm = []string{
	"AllocatedStorage", "BackupRetentionPeriod", "IAMDatabaseAuthenticationEnabled", "Iops", "MasterUserPassword", "MultiAZ",
	"PendingCloudwatchLogsExports", "StorageThroughput",
}

func TestEveryQueuedChangeInterruptsOrIsKnownNotTo(t *testing.T) {
	if interrupts(nil) || interrupts(&rdstypes.PendingModifiedValues{}) {
		t.Error("nothing is pending and it interrupts")
	}
	for field := range reflect.TypeFor[rdstypes.PendingModifiedValues]().Fields() {
		if !field.IsExported() {
			continue
		}
		t.Run(field.Name, func(t *testing.T) {
			var p rdstypes.PendingModifiedValues
			value := reflect.ValueOf(&p).Elem().FieldByIndex(field.Index)
			switch value.Kind() {
			case reflect.Pointer:
				value.Set(reflect.New(value.Type().Elem()))
			case reflect.Slice:
				value.Set(reflect.MakeSlice(value.Type(), 1, 1))
			default:
				value.SetString("full")
			}
			if got, want := interrupts(&p), !slices.Contains(calm, field.Name); got != want {
				t.Errorf("interrupts: %t, want %t", got, want)
			}
		})
	}
}

func TestTheGuardOfALostDatabase(t *testing.T) {
	var none scope.Record
	elsewhere, replaced := thisDatabase, thisDatabase
	elsewhere.AccountID, replaced.ResourceID = "999999999999", "db-BBBBBBBBBBBBBBBBBBBBBBBBBB"
	otherRegion := thisDatabase
	otherRegion.Region = "us-east-1"
	damaged := scope.ParseRecord("not a record")
	stranger := func(db *rdstypes.DBInstance) { setTag(db, naming.TagNamespaceUID, "uid-2") }
	for name, c := range map[string]struct {
		annotation, key scope.Record
		live            *rdstypes.DBInstance
		// reason is the expected conflict; "" is none.
		reason string
	}{
		"nothing recorded and nothing there":          {none, none, nil, ""},
		"nothing recorded and ours is there":          {none, none, instance(), ""},
		"nothing recorded and an unmanaged one there": {none, none, instance(stranger), v1alpha1.ReasonConflict},

		"recorded on the key and there":        {none, thisDatabase, instance(), ""},
		"recorded in the annotation and there": {thisDatabase, none, instance(), ""},
		"recorded in both and there":           {thisDatabase, thisDatabase, instance(), ""},

		"recorded on the key and gone":        {none, thisDatabase, nil, v1alpha1.ReasonDatabaseLost},
		"recorded in the annotation and gone": {thisDatabase, none, nil, v1alpha1.ReasonDatabaseLost},
		"recorded in both and gone":           {thisDatabase, thisDatabase, nil, v1alpha1.ReasonDatabaseLost},

		"recorded on the key and replaced":          {none, replaced, instance(), v1alpha1.ReasonDatabaseReplaced},
		"recorded in the annotation and replaced":   {replaced, none, instance(), v1alpha1.ReasonDatabaseReplaced},
		"recorded, and now an unmanaged one":        {thisDatabase, thisDatabase, instance(stranger), v1alpha1.ReasonConflict},
		"two records that disagree":                 {thisDatabase, replaced, instance(), v1alpha1.ReasonDatabaseReplaced},
		"two records that disagree, and gone":       {thisDatabase, replaced, nil, v1alpha1.ReasonDatabaseReplaced},
		"recorded in another account and there":     {none, elsewhere, instance(), v1alpha1.ReasonWrongAccount},
		"recorded in another account and gone":      {elsewhere, elsewhere, nil, v1alpha1.ReasonWrongAccount},
		"recorded in another region and gone":       {otherRegion, none, nil, v1alpha1.ReasonWrongAccount},
		"a damaged record, which is no lack of one": {damaged, none, nil, v1alpha1.ReasonWrongAccount},
	} {
		t.Run(name, func(t *testing.T) {
			in := platform(func(p *scope.Platform) { p.Recorded, p.Key.Recorded = c.annotation, c.key })
			recorded, err := recordOf(in, account(t, in.Class))
			switch {
			case err != nil:
			case c.live == nil:
				err = lost(recorded)
			default:
				err = identify(in, c.live, recorded)
			}
			if c.reason == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if f := fault.As(err); f.Class != fault.Conflict || f.Reason != c.reason || !strings.ContainsAny(f.Message, ":;") {
				t.Errorf("got %v, want the conflict %s with a way out", err, c.reason)
			}
		})
	}
}

func TestAPasswordOfTheMasterThatIsBeingSetIsPublished(t *testing.T) {
	for name, c := range map[string]struct {
		in   func(*scope.Platform)
		db   func(*rdstypes.DBInstance)
		want bool
	}{
		"the stored one is in force": {want: false},
		"another one is stored":      {in: func(p *scope.Platform) { p.MasterFingerprint = scope.Fingerprint("other") }, want: true},
		"none is stored":             {in: func(p *scope.Platform) { p.MasterFingerprint = "" }, want: true},
		"AWS has one queued": {db: func(db *rdstypes.DBInstance) {
			db.PendingModifiedValues = &rdstypes.PendingModifiedValues{MasterUserPassword: awssdk.String("****")}
		}, want: true},
		"AWS is setting one": {db: func(db *rdstypes.DBInstance) { db.DBInstanceStatus = awssdk.String(resetting) }, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			in := platform()
			db := instance()
			if c.in != nil {
				c.in(in)
			}
			if c.db != nil {
				c.db(db)
			}
			publish(in, seen(t, in, db))
			if got := in.Database.CredentialPending; got != c.want {
				t.Errorf("pending: %t, want %t", got, c.want)
			}
		})
	}
}
