package database

import (
	"maps"
	"slices"
	"strings"
	"testing"

	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

func TestWhatIsWantedFollowsFromSpecAndClass(t *testing.T) {
	for name, c := range map[string]struct {
		in   *scope.Platform
		path string
		want string
	}{
		"the major names the parameter group": {
			platform(spec(func(d *v1alpha1.Database) { d.EngineVersion = "15.4" })), pathParameters, "-pg15-tls12",
		},
		"the least TLS version names it too": {
			platform(spec(func(d *v1alpha1.Database) { d.TLS.MinVersion = "TLSv1.3" })), pathParameters, "-pg16-tls13",
		},
		"a standby is wanted by default": {
			platform(spec(func(d *v1alpha1.Database) { d.MultiAZ = nil })), pathMultiAZ, "true",
		},
		"protection is wanted by default": {
			platform(spec(func(d *v1alpha1.Database) { d.DeletionProtection = nil })), pathProtection, "true",
		},
		"IAM authentication is wanted by default": {
			platform(spec(func(d *v1alpha1.Database) { d.IAMAuthentication = nil })), pathIAM, "true",
		},
		"public access is never wanted":            {platform(), pathPublic, "false"},
		"encryption is always wanted":              {platform(), pathEncrypted, "true"},
		"the key is the tenant's":                  {platform(), pathKey, keyARN},
		"without a key seen none is compared":      {platform(func(p *scope.Platform) { p.Key = scope.Key{} }), pathKey, ""},
		"the firewall is the tenant's":             {platform(), pathGroups, groupID},
		"without a firewall seen none is compared": {platform(func(p *scope.Platform) { p.Firewall.GroupID = "" }), pathGroups, ""},
		"the stored password is wanted":            {platform(), pathCredential, scope.Fingerprint("stored")},
		"a password that is not stored is to be created": {
			platform(func(p *scope.Platform) { p.MasterFingerprint = "" }), pathCredential, unset,
		},
		"growth is off by default":       {platform(), pathMaxStorage, "0"},
		"no mark of a release is wanted": {platform(), pathReleased, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := valueOf(t, c.path, desire(t, c.in))
			if c.path == pathParameters {
				if !strings.HasSuffix(got, c.want) {
					t.Errorf("%s is %q, want it to end in %q", c.path, got, c.want)
				}
				return
			}
			if got != c.want {
				t.Errorf("%s is %q, want %q", c.path, got, c.want)
			}
		})
	}
}

func valueOf(t *testing.T, path string, s State) string {
	t.Helper()
	i := slices.IndexFunc(Fields, func(f converge.Field[State]) bool { return f.Path == path })
	if i < 0 {
		t.Fatalf("there is no field %s", path)
	}
	return Fields[i].Get(s)
}

// refusals of this table name the value that the class does not allow, and the way out.
var refusedSpecs = map[string]struct {
	spec func(*v1alpha1.Database)
	says string
	// live is what the instance has; it stays.
	live func(*rdstypes.DBInstance)
}{
	"an instance class that is not offered": {
		func(d *v1alpha1.Database) { d.InstanceClass = "db.m7g.large" },
		"database.instanceClass db.m7g.large is not offered by class standard; choose one of db.t4g.medium, db.t4g.large", nil,
	},
	"a major that is not offered": {
		func(d *v1alpha1.Database) { d.EngineVersion = "14.2" },
		"database.engineVersion 14.2 is not offered by class standard; choose one of 15, 16",
		func(db *rdstypes.DBInstance) { *db.EngineVersion = "14.1" },
	},
	"more storage than the class allows": {
		func(d *v1alpha1.Database) { d.Storage.SizeGiB = 1001 }, "database.storage is above the 1000 GiB", nil,
	},
	"a limit of growth above what the class allows": {
		func(d *v1alpha1.Database) { d.Storage.MaxSizeGiB = 1001 }, "database.storage is above the 1000 GiB", nil,
	},
	"a TLS version that the major does not have": {
		func(d *v1alpha1.Database) { d.EngineVersion, d.TLS.MinVersion = "15", "TLSv1.3" },
		"database.tls.minVersion TLSv1.3 is not offered for PostgreSQL 15; leave it at TLSv1.2, or create a new platform of major 16",
		func(db *rdstypes.DBInstance) { *db.EngineVersion = "15.9" },
	},
	"backups kept shorter than the class requires": {
		func(d *v1alpha1.Database) { d.Backup.RetentionDays = 6 }, "database.backup.retentionDays is below the 7 days", nil,
	},
}

func TestWhatAClassRefusesIsSaidAndLeftAsItIs(t *testing.T) {
	for name, c := range refusedSpecs {
		t.Run(name, func(t *testing.T) {
			in := platform(spec(c.spec))
			if said := slices.Compact(slices.Sorted(maps.Values(desire(t, in).refused))); len(said) != 1 || !strings.HasPrefix(said[0], c.says) {
				t.Errorf("the class refuses %q, want one that begins with %q", said, c.says)
			}
			live := instance()
			if c.live != nil {
				c.live(live)
				*live.DBParameterGroups[0].DBParameterGroupName = strings.Replace(desire(t, in).ParameterGroup, "tls13", "tls12", 1)
			}
			got := seen(t, in, live)
			want := constrain(desire(t, in), got)
			if left := differences(want, got); left != nil {
				t.Errorf("these would be changed though the class refuses them: %v", left)
			}
			err := degraded(want, got)
			if f := fault.As(err); f.Class != fault.Invalid || f.Reason != v1alpha1.ReasonInvalidSpec || !strings.HasPrefix(f.Message, c.says) {
				t.Errorf("it is degraded: %v, want an invalid spec that begins with %q", err, c.says)
			}
		})
	}
}

func TestWhatAClassAllowsIsNotRefused(t *testing.T) {
	in := platform(spec(func(d *v1alpha1.Database) {
		d.InstanceClass, d.EngineVersion, d.Storage = "db.t4g.large", "16.2", v1alpha1.Storage{SizeGiB: 1000, MaxSizeGiB: 1000}
		d.Backup.RetentionDays, d.TLS.MinVersion = 7, "TLSv1.3"
	}))
	if said := desire(t, in).refused; len(said) > 0 {
		t.Errorf("refused: %q", said)
	}
}

func TestARefusedValueDoesNotHoldUpTheRest(t *testing.T) {
	in := platform(spec(func(d *v1alpha1.Database) { d.InstanceClass, d.Backup.RetentionDays = "db.m7g.large", 1 }))
	for name, c := range map[string]struct {
		live *rdstypes.DBInstance
		want []string
	}{
		"public access is still closed": {
			instance(func(db *rdstypes.DBInstance) { *db.PubliclyAccessible = true }), []string{pathPublic},
		},
		"backups that were switched off come back for as long as the class asks": {
			instance(func(db *rdstypes.DBInstance) { *db.BackupRetentionPeriod = 0 }), []string{pathRetention},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := seen(t, in, c.live)
			want := constrain(desire(t, in), got)
			if diff := cmp.Diff(c.want, differences(want, got)); diff != "" {
				t.Errorf("paths that would change (-want +got):\n%s", diff)
			}
			if want.RetentionDays < 7 {
				t.Errorf("backups would be kept for %d days, less than the class requires", want.RetentionDays)
			}
		})
	}
}

func TestAnotherMajorIsOnlyAReplacement(t *testing.T) {
	in := platform(spec(func(d *v1alpha1.Database) { d.EngineVersion = "15" }))
	got := seen(t, in, instance())
	want := constrain(desire(t, in), got)
	if diff := cmp.Diff([]string{pathVersion}, differences(want, got)); diff != "" {
		t.Errorf("paths that differ (-want +got):\n%s", diff)
	}
	if effect := minEffect(got, pathVersion); effect != converge.Replace {
		t.Errorf("changing the major is %s, want a replacement", effect)
	}
}

func TestNothingIsTakenOutOfWhatIsWantedBeforeThereIsAnything(t *testing.T) {
	for name, c := range refusedSpecs {
		t.Run(name, func(t *testing.T) {
			want := desire(t, platform(spec(c.spec)))
			if left := differences(constrain(want, State{}), want); left != nil {
				t.Errorf("of what is wanted these were changed: %v", left)
			}
		})
	}
}
