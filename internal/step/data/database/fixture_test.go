package database

import (
	"context"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	keyARN   = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	groupID  = "sg-0123456789abcdef0"
	original = "db-AAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// observedAt is when the instance of these tests was read.
var observedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// thisDatabase is the record of the instance of these tests.
var thisDatabase = scope.Record{AccountID: "111122223333", Region: "eu-central-1", ResourceID: original}

// platform returns an input with the defaults of the CRD, whose key and firewall are there.
func platform(change ...func(*scope.Platform)) *scope.Platform {
	p := &scope.Platform{
		Tenant: naming.Tenant{Installation: "inst", Namespace: "studio", NamespaceUID: "uid-1", Name: "demo"},
		Shared: naming.Class{Installation: "inst", Name: "standard"},
		Class: &v1alpha1.PlatformClass{
			ObjectMeta: metav1.ObjectMeta{Name: "standard"},
			Spec: v1alpha1.PlatformClassSpec{
				Region: thisDatabase.Region, AccountID: thisDatabase.AccountID,
				Database: v1alpha1.ClassDatabase{
					InstanceClasses: []string{"db.t4g.medium", "db.t4g.large"}, EngineVersions: []string{"15", "16"},
					MaxStorageGiB: 1000, MinBackupRetentionDays: 7,
				},
			},
		},
		Spec: &v1alpha1.CoachPlatformSpec{Database: v1alpha1.Database{
			EngineVersion: "16", InstanceClass: "db.t4g.medium", Storage: v1alpha1.Storage{SizeGiB: 20},
			MultiAZ: new(true), DeletionProtection: new(true), IAMAuthentication: new(true), Port: 5433,
			TLS:    v1alpha1.DatabaseTLS{MinVersion: "TLSv1.2"},
			Backup: v1alpha1.Backup{RetentionDays: 14, Window: "02:00-03:00"}, MaintenanceWindow: "sun:04:00-sun:05:00",
		}},
		MasterFingerprint: scope.Fingerprint("stored"),
		Passwords:         env.NewPasswords(map[string]string{scope.Master: "stored"}),
		Key:               scope.Key{ID: "1234abcd-12ab-34cd-56ef-1234567890ab", ARN: keyARN, Recorded: thisDatabase},
		Firewall:          scope.Firewall{GroupID: groupID},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

// spec changes what the tenant asks of the database.
func spec(change func(*v1alpha1.Database)) func(*scope.Platform) {
	return func(p *scope.Platform) { change(&p.Spec.Database) }
}

func desire(t *testing.T, in *scope.Platform) State {
	t.Helper()
	want, err := Desire(in)
	if err != nil {
		t.Fatalf("desiring: %v", err)
	}
	return want
}

// instance is what RDS says of an instance that is just as platform() wants it.
func instance(change ...func(*rdstypes.DBInstance)) *rdstypes.DBInstance {
	in := platform()
	db := &rdstypes.DBInstance{
		DBInstanceIdentifier: awssdk.String(in.Tenant.Resource()), DbiResourceId: awssdk.String(original),
		DBInstanceArn:    awssdk.String("arn:aws:rds:eu-central-1:111122223333:db:" + in.Tenant.Resource()),
		DBInstanceStatus: awssdk.String("available"), Engine: awssdk.String("postgres"), EngineVersion: awssdk.String("16.9"),
		DBInstanceClass: awssdk.String("db.t4g.medium"), MultiAZ: awssdk.Bool(true), AutoMinorVersionUpgrade: awssdk.Bool(true),
		AllocatedStorage: awssdk.Int32(20), StorageType: awssdk.String("gp3"), Iops: awssdk.Int32(3000),
		Endpoint:         &rdstypes.Endpoint{Address: awssdk.String("demo.example"), Port: awssdk.Int32(5433)},
		StorageEncrypted: awssdk.Bool(true), KmsKeyId: awssdk.String(keyARN), PubliclyAccessible: awssdk.Bool(false),
		DBSubnetGroup: &rdstypes.DBSubnetGroup{
			DBSubnetGroupName: awssdk.String(naming.SubnetGroup(in.Shared)), VpcId: awssdk.String("vpc-1"),
		},
		VpcSecurityGroups: []rdstypes.VpcSecurityGroupMembership{
			{VpcSecurityGroupId: awssdk.String(groupID), Status: awssdk.String("active")},
		},
		DBParameterGroups: []rdstypes.DBParameterGroupStatus{{
			DBParameterGroupName: awssdk.String(naming.ParameterGroup(in.Shared, "16", "TLSv1.2")),
			ParameterApplyStatus: awssdk.String(inSync),
		}},
		DeletionProtection: awssdk.Bool(true), IAMDatabaseAuthenticationEnabled: awssdk.Bool(true),
		CACertificateIdentifier: awssdk.String("rds-ca-rsa2048-g1"),
		CertificateDetails:      &rdstypes.CertificateDetails{ValidTill: awssdk.Time(observedAt.AddDate(1, 0, 0))},
		BackupRetentionPeriod:   awssdk.Int32(14), PreferredBackupWindow: awssdk.String("02:00-03:00"),
		PreferredMaintenanceWindow: awssdk.String("sun:04:00-sun:05:00"), CopyTagsToSnapshot: awssdk.Bool(true),
		EnabledCloudwatchLogsExports: []string{"upgrade", "postgresql"}, MasterUsername: awssdk.String("coach_master"),
		TagList: rdsTags(naming.With(in.Tenant, map[string]string{naming.TagCredential: scope.Fingerprint("stored")})),
	}
	for _, c := range change {
		c(db)
	}
	return db
}

// account leads to the account of these tests; nothing is ever asked of it.
func account(t *testing.T, class *v1alpha1.PlatformClass) *aws.Account {
	t.Helper()
	sessions, err := aws.NewSessions(t.Context(), aws.Options{
		Load: func(context.Context) (awssdk.Config, error) { return awssdk.Config{}, nil },
	})
	if err != nil {
		t.Fatalf("opening sessions: %v", err)
	}
	return sessions.Account(class)
}

// seen is the state of an instance whose parameters are those of the class.
func seen(t *testing.T, in *scope.Platform, db *rdstypes.DBInstance) State {
	t.Helper()
	s := stateOf(in, account(t, in.Class), db, desire(t, in))
	s.SeenAt, s.ForceSSL, s.MinTLS, s.Home = observedAt, "1", "TLSv1.2", Home{VPCID: "vpc-1"}
	return s
}

// differences are the paths in which a state is not the wanted one.
func differences(want, got State) []string {
	var paths []string
	for _, f := range Fields {
		if f.Get(want) != f.Get(got) {
			paths = append(paths, f.Path)
		}
	}
	return paths
}
