package database

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// line is an RDS that records the calls it gets, and refuses those it is set to refuse.
type line struct {
	API
	said []string
	// refuses is a parameter that no Modify may hold; busy says that it takes one Modify only.
	refuses string
	busy    bool
}

func (l *line) ModifyDBInstance(
	_ context.Context, in *rds.ModifyDBInstanceInput, _ ...func(*rds.Options),
) (*rds.ModifyDBInstanceOutput, error) {
	if l.busy && len(l.said) > 0 {
		return nil, &smithy.GenericAPIError{Code: "InvalidDBInstanceState"}
	}
	said := said(in)
	if l.refuses != "" && strings.Contains(said, l.refuses) {
		return nil, &smithy.GenericAPIError{Code: "InvalidParameterCombination", Message: "not like this"}
	}
	l.said = append(l.said, said)
	return &rds.ModifyDBInstanceOutput{}, nil
}

func (l *line) RebootDBInstance(
	context.Context, *rds.RebootDBInstanceInput, ...func(*rds.Options),
) (*rds.RebootDBInstanceOutput, error) {
	l.said = append(l.said, "reboot")
	return &rds.RebootDBInstanceOutput{}, nil
}

func (l *line) AddTagsToResource(
	_ context.Context, in *rds.AddTagsToResourceInput, _ ...func(*rds.Options),
) (*rds.AddTagsToResourceOutput, error) {
	l.said = append(l.said, "tag "+awssdk.ToString(in.Tags[0].Key))
	return &rds.AddTagsToResourceOutput{}, nil
}

func (l *line) RemoveTagsFromResource(
	_ context.Context, in *rds.RemoveTagsFromResourceInput, _ ...func(*rds.Options),
) (*rds.RemoveTagsFromResourceOutput, error) {
	l.said = append(l.said, "untag "+strings.Join(in.TagKeys, " "))
	return &rds.RemoveTagsFromResourceOutput{}, nil
}

// said writes a Modify as text, without the password's value.
func said(in *rds.ModifyDBInstanceInput) string {
	var parts []string
	add := func(name string, there bool, value any) {
		if there {
			parts = append(parts, fmt.Sprintf("%s=%v", name, value))
		}
	}
	add("class", in.DBInstanceClass != nil, awssdk.ToString(in.DBInstanceClass))
	add("version", in.EngineVersion != nil, awssdk.ToString(in.EngineVersion))
	add("storage", in.AllocatedStorage != nil, awssdk.ToInt32(in.AllocatedStorage))
	add("iops", in.Iops != nil, awssdk.ToInt32(in.Iops))
	add("max", in.MaxAllocatedStorage != nil, awssdk.ToInt32(in.MaxAllocatedStorage))
	add("standby", in.MultiAZ != nil, awssdk.ToBool(in.MultiAZ))
	add("port", in.DBPortNumber != nil, awssdk.ToInt32(in.DBPortNumber))
	add("minor", in.AutoMinorVersionUpgrade != nil, awssdk.ToBool(in.AutoMinorVersionUpgrade))
	add("public", in.PubliclyAccessible != nil, awssdk.ToBool(in.PubliclyAccessible))
	add("groups", in.VpcSecurityGroupIds != nil, in.VpcSecurityGroupIds)
	add("protected", in.DeletionProtection != nil, awssdk.ToBool(in.DeletionProtection))
	add("parameters", in.DBParameterGroupName != nil, "ours")
	add("iam", in.EnableIAMDatabaseAuthentication != nil, awssdk.ToBool(in.EnableIAMDatabaseAuthentication))
	add("days", in.BackupRetentionPeriod != nil, awssdk.ToInt32(in.BackupRetentionPeriod))
	add("backup", in.PreferredBackupWindow != nil, awssdk.ToString(in.PreferredBackupWindow))
	add("maintenance", in.PreferredMaintenanceWindow != nil, awssdk.ToString(in.PreferredMaintenanceWindow))
	add("tags", in.CopyTagsToSnapshot != nil, awssdk.ToBool(in.CopyTagsToSnapshot))
	if logs := in.CloudwatchLogsExportConfiguration; logs != nil {
		parts = append(parts, fmt.Sprintf("logs+%v-%v", logs.EnableLogTypes, logs.DisableLogTypes))
	}
	add("password", in.MasterUserPassword != nil, "set")
	add("major", in.AllowMajorVersionUpgrade != nil, true)
	add("NOW", in.ApplyImmediately != nil, awssdk.ToBool(in.ApplyImmediately))
	return strings.Join(parts, " ")
}

func TestChangesAreSentInTheirOrderAndNeverSetOffMore(t *testing.T) {
	pending := func(db *rdstypes.DBInstance) {
		db.PendingModifiedValues = &rdstypes.PendingModifiedValues{DBInstanceClass: awssdk.String("db.t4g.large")}
	}
	for name, c := range map[string]struct {
		paths []string
		live  func(*rdstypes.DBInstance)
		in    func(*scope.Platform)
		rds   line
		want  []string
		// class of the error, if there is to be one.
		class fault.Class
		fails bool
	}{
		"what protects goes out at once, in one Modify that is not immediate": {
			paths: []string{pathPublic, pathGroups, pathProtection, pathParameters, pathCopyTags, pathAutoMinor, pathBackup, pathMaintenance},
			want: []string{"minor=true public=false groups=[" + groupID + "] protected=true parameters=ours backup=02:00-03:00 " +
				"maintenance=sun:04:00-sun:05:00 tags=true"},
		},
		"what AWS would queue goes out in an immediate Modify of its own": {
			paths: []string{pathPublic, pathIAM, pathMultiAZ},
			want:  []string{"public=false", "standby=true iam=true NOW=true"},
		},
		"more days of backups are no immediate Modify": {
			paths: []string{pathRetention}, want: []string{"days=14"},
		},
		"backups that were off are": {
			paths: []string{pathRetention}, live: keeps(0), want: []string{"days=14 NOW=true"},
		},
		"a port restarts the instance by itself and fires nothing else": {
			paths: []string{pathPort}, want: []string{"port=5433"},
		},
		"a version never takes a major with it": {
			paths: []string{pathClass, pathVersion}, want: []string{"class=db.t4g.medium version=16 NOW=true"},
		},
		"the marks come first and a reboot last": {
			paths: []string{pathReboot, pathPublic, pathReleased}, want: []string{"untag coach:released", "public=false", "reboot"},
		},
		"only the logs that differ are switched": {
			paths: []string{pathLogs}, want: []string{"logs+[upgrade]-[iam-db-auth-error]"},
			live: func(db *rdstypes.DBInstance) {
				db.EnabledCloudwatchLogsExports = []string{"postgresql", "iam-db-auth-error"}
			},
		},
		"growth is switched off by the size as its limit": {paths: []string{pathMaxStorage}, want: []string{"max=20"}},
		"growth is limited as the spec says": {
			paths: []string{pathMaxStorage}, want: []string{"max=100"},
			in: spec(func(d *v1alpha1.Database) { d.Storage.MaxSizeGiB = 100 }),
		},
		"storage grows to what the spec asks": {
			paths: []string{pathStorage}, want: []string{"storage=50 NOW=true"},
			in: spec(func(d *v1alpha1.Database) { d.Storage.SizeGiB = 50 }),
		},
		"storage grows by a tenth at least": {
			paths: []string{pathStorage}, want: []string{"storage=22 NOW=true"},
			in: spec(func(d *v1alpha1.Database) { d.Storage.SizeGiB = 21 }),
		},
		"large storage names its IOPS": {
			paths: []string{pathStorage}, want: []string{"storage=400 iops=12000 NOW=true"},
			in: spec(func(d *v1alpha1.Database) { d.Storage.SizeGiB = 400 }),
		},
		"large storage keeps the IOPS it has": {
			paths: []string{pathStorage}, want: []string{"storage=900 iops=20000 NOW=true"},
			in:   spec(func(d *v1alpha1.Database) { d.Storage.SizeGiB = 900 }),
			live: func(db *rdstypes.DBInstance) { *db.AllocatedStorage, *db.Iops = 500, 20000 },
		},
		"storage of the older kind names none": {
			paths: []string{pathStorage}, want: []string{"storage=500 NOW=true"},
			in:   spec(func(d *v1alpha1.Database) { d.Storage.SizeGiB = 500 }),
			live: func(db *rdstypes.DBInstance) { *db.StorageType, db.Iops = "gp2", nil },
		},
		"provisioned storage keeps the IOPS it has": {
			paths: []string{pathStorage}, want: []string{"storage=120 iops=1500 NOW=true"},
			in:   spec(func(d *v1alpha1.Database) { d.Storage.SizeGiB = 120 }),
			live: func(db *rdstypes.DBInstance) { *db.StorageType, *db.AllocatedStorage, *db.Iops = "io2", 100, 1500 },
		},
		"a password is set by itself and then fingerprinted": {
			paths: []string{pathCredential, pathPublic}, live: drifts["with another password"].live,
			want: []string{"public=false", "password=set", "tag coach:credential"},
		},
		"a password that is set already is not set again": {paths: []string{pathCredential}},
		"one that AWS refuses does not hold up the others": {
			paths: []string{pathPublic, pathBackup, pathGroups}, rds: line{refuses: "backup"},
			want:  []string{"public=false", "groups=[" + groupID + "]"},
			fails: true, class: fault.Invalid,
		},
		"after a refusal a busy instance is come back to": {
			paths: []string{pathBackup, pathPublic, pathGroups}, rds: line{refuses: "backup", busy: true},
			want:  []string{"public=false"},
			fails: true, class: fault.Waiting,
		},
		"one that AWS refuses does not hold up what is queued": {
			paths: []string{pathStorage, pathMultiAZ}, rds: line{refuses: "storage"},
			in:    spec(func(d *v1alpha1.Database) { d.Storage.SizeGiB = 50 }),
			want:  []string{"standby=true NOW=true"},
			fails: true, class: fault.Invalid,
		},
		"what waits and interrupts is never fired by parts of a plan": {
			paths: []string{pathIAM, pathClass}, rds: line{refuses: "class"}, live: pending,
			fails: true, class: fault.Invalid,
		},
		"a busy instance is come back to": {
			paths: []string{pathPublic, pathIAM}, rds: line{busy: true}, want: []string{"public=false"},
			fails: true, class: fault.Waiting,
		},
		"a single refusal is final for the pass": {
			paths: []string{pathBackup}, rds: line{refuses: "backup"}, fails: true, class: fault.Invalid,
		},
		"an instance that is being backed up is waited for": {
			paths: []string{pathPublic}, live: inState("backing-up"), fails: true, class: fault.Waiting,
		},
		"a stopped instance needs a person": {
			paths: []string{pathPublic}, live: inState("stopped"), fails: true, class: fault.Invalid,
		},
		"a reboot waits as well": {
			paths: []string{pathReboot}, live: inState("backing-up"), fails: true, class: fault.Waiting,
		},
		"a password waits as well": {
			paths: []string{pathCredential}, live: inState("stopped"), fails: true, class: fault.Invalid,
		},
		"the marks do not wait": {
			paths: []string{pathReleased}, live: inState("stopped"), want: []string{"untag coach:released"},
		},
		"full storage can grow": {
			paths: []string{pathStorage}, live: inState("storage-full"), want: []string{"storage=50 NOW=true"},
			in: spec(func(d *v1alpha1.Database) { d.Storage.SizeGiB = 50 }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			in, live := platform(), instance()
			if c.in != nil {
				c.in(in)
			}
			if c.live != nil {
				c.live(live)
			}
			w := writer{api: &c.rds, account: account(t, in.Class), in: in, want: desire(t, in), got: seen(t, in, live)}
			err := w.update(t.Context(), c.paths)
			if diff := cmp.Diff(c.want, c.rds.said); diff != "" {
				t.Errorf("calls to RDS (-want +got):\n%s", diff)
			}
			checkError(t, err, c.fails, c.class)
		})
	}
}

func inState(state string) func(*rdstypes.DBInstance) {
	return func(db *rdstypes.DBInstance) { *db.DBInstanceStatus = state }
}

func checkError(t *testing.T, err error, fails bool, class fault.Class) {
	t.Helper()
	if (err != nil) != fails {
		t.Fatalf("error %v, want one: %t", err, fails)
	}
	if fails && fault.ClassOf(aws.Classify(err)) != class {
		t.Errorf("the error is %s (%v), want %s", fault.ClassOf(aws.Classify(err)), err, class)
	}
}

func TestNoPathIsEverSentImmediatelyThatNeedNotBe(t *testing.T) {
	for path, c := range costs {
		if setters[path] == nil || c.now {
			continue
		}
		t.Run(path, func(t *testing.T) {
			in := platform()
			r := &line{}
			w := writer{api: r, account: account(t, in.Class), in: in, want: desire(t, in), got: seen(t, in, instance())}
			if err := w.update(t.Context(), []string{path}); err != nil {
				t.Fatalf("changing it: %v", err)
			}
			if slices.ContainsFunc(r.said, func(s string) bool { return strings.Contains(s, "NOW") }) {
				t.Errorf("RDS was sent %q", r.said)
			}
		})
	}
}

func TestWhatStandsInTheWayOfMakingADatabase(t *testing.T) {
	for name, c := range map[string]struct {
		in     func(*scope.Platform)
		class  fault.Class
		reason string
	}{
		"no key":                  {func(p *scope.Platform) { p.Key = scope.Key{} }, fault.Waiting, v1alpha1.ReasonWaitingForKey},
		"no firewall":             {func(p *scope.Platform) { p.Firewall = scope.Firewall{} }, fault.Waiting, v1alpha1.ReasonWaitingForFirewall},
		"a class that is refused": {spec(refusedSpecs["an instance class that is not offered"].spec), fault.Invalid, v1alpha1.ReasonInvalidSpec},
		"a major that is refused": {spec(refusedSpecs["a major that is not offered"].spec), fault.Invalid, v1alpha1.ReasonInvalidSpec},
		"too much storage":        {spec(refusedSpecs["more storage than the class allows"].spec), fault.Invalid, v1alpha1.ReasonInvalidSpec},
		"too few days of backups": {spec(refusedSpecs["backups kept shorter than the class requires"].spec), fault.Invalid, v1alpha1.ReasonInvalidSpec},
		"a TLS version too new":   {spec(refusedSpecs["a TLS version that the major does not have"].spec), fault.Invalid, v1alpha1.ReasonInvalidSpec},
		"a spec refused, no key":  {refusedWithoutKey, fault.Invalid, v1alpha1.ReasonInvalidSpec},
		"too high a growth limit": {spec(refusedSpecs["a limit of growth above what the class allows"].spec), fault.Invalid, v1alpha1.ReasonInvalidSpec},
	} {
		t.Run(name, func(t *testing.T) {
			in := platform(c.in)
			passwords := env.NewPasswords(nil)
			in.Passwords = passwords
			w := writer{api: &line{}, account: account(t, in.Class), in: in, want: desire(t, in)}
			if f := fault.As(w.create(t.Context())); f.Class != c.class || f.Reason != c.reason {
				t.Errorf("got %v, want %s %s", f, c.class, c.reason)
			}
			if made, _ := passwords.Stored(t.Context(), scope.Master); made != "" {
				t.Error("a password was created for a database that cannot be")
			}
		})
	}
}

func refusedWithoutKey(p *scope.Platform) {
	p.Key = scope.Key{}
	p.Spec.Database.InstanceClass = "db.m7g.large"
}
