package database

import (
	"errors"
	"slices"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// judged is one row of a control's table.
type judged struct {
	control, name string
	live          func(*rdstypes.DBInstance)
	in            func(*scope.Platform)
	state         func(*State)
	want          converge.Verdict
}

var verdicts = []judged{
	{control: "CP-DB-01", name: "not encrypted", live: drifts["not encrypted"].live, want: converge.Violated},
	{control: "CP-DB-01", name: "another key", live: drifts["of another key"].live, want: converge.Violated},
	{control: "CP-DB-01", name: "no key seen", in: func(p *scope.Platform) { p.Key = scope.Key{} }, want: converge.Unknown},
	{
		control: "CP-DB-01", name: "not encrypted and no key seen", live: drifts["not encrypted"].live,
		in: func(p *scope.Platform) { p.Key = scope.Key{} }, want: converge.Violated,
	},

	{control: "CP-DB-02", name: "not forced", state: func(s *State) { s.ForceSSL = "0" }, want: converge.Violated},
	{control: "CP-DB-02", name: "an older version allowed", state: func(s *State) { s.MinTLS = "TLSv1.1" }, want: converge.Violated},
	{control: "CP-DB-02", name: "the oldest version allowed", state: func(s *State) { s.MinTLS = "TLSv1" }, want: converge.Violated},
	{control: "CP-DB-02", name: "a newer version only", state: func(s *State) { s.MinTLS = "TLSv1.3" }, want: converge.Verified},
	{
		control: "CP-DB-02", name: "less than the spec asks", want: converge.Violated,
		in: spec(func(d *v1alpha1.Database) { d.TLS.MinVersion = "TLSv1.3" }),
	},
	{control: "CP-DB-02", name: "waiting for a reboot", live: drifts["with parameters that wait for a reboot"].live, want: converge.Violated},
	{control: "CP-DB-02", name: "not applicable", live: applyStatus("failed-to-apply"), want: converge.Violated},
	{control: "CP-DB-02", name: "being applied", live: applyStatus(applying), want: converge.Unknown},
	{control: "CP-DB-02", name: "not readable", state: func(s *State) { s.ForceSSL = "" }, want: converge.Unknown},
	{control: "CP-DB-02", name: "half readable", state: func(s *State) { s.MinTLS = "" }, want: converge.Unknown},

	{control: "CP-DB-03", name: "public", live: drifts["made public"].live, want: converge.Violated},
	{control: "CP-DB-04", name: "in other subnets", live: drifts["in other subnets"].live, want: converge.Violated},
	{
		control: "CP-DB-04", name: "in a subnet that is not private", want: converge.Violated,
		state: func(s *State) { s.Home.Exposed = []string{"subnet-1"} },
	},
	{
		control: "CP-DB-04", name: "in another VPC than the class's", want: converge.Violated,
		state: func(s *State) { s.Home.VPCID = "vpc-2" },
	},
	{
		control: "CP-DB-04", name: "in subnets that cannot be read", want: converge.Unknown,
		state: func(s *State) { s.Home = Home{Err: errors.New("no")} },
	},
	{control: "CP-DB-04", name: "in no VPC", live: func(db *rdstypes.DBInstance) { db.DBSubnetGroup.VpcId = nil }, want: converge.Violated},
	{control: "CP-DB-05", name: "without IAM log-in", live: drifts["without IAM log-in"].live, want: converge.Violated},
	{control: "CP-DB-06", name: "without backups", live: drifts["without backups"].live, want: converge.Violated},
	{control: "CP-DB-06", name: "kept for six days", live: keeps(6), want: converge.Violated},
	{control: "CP-DB-06", name: "kept for a week", live: keeps(7), want: converge.Verified},
	{
		control: "CP-DB-06", name: "kept shorter than the class asks", live: keeps(14), want: converge.Violated,
		in: func(p *scope.Platform) { p.Class.Spec.Database.MinBackupRetentionDays = 15 },
	},
	{
		control: "CP-DB-06", name: "kept for less than a week where the class allows it", live: keeps(3), want: converge.Violated,
		in: func(p *scope.Platform) { p.Class.Spec.Database.MinBackupRetentionDays = 1 },
	},
	{control: "CP-DB-07", name: "unprotected", live: drifts["unprotected"].live, want: converge.Violated},
	{control: "CP-DB-08", name: "without a standby", live: drifts["without a standby"].live, want: converge.Violated},
	{control: "CP-DB-09", name: "without one of the logs", live: drifts["without one of the logs"].live, want: converge.Violated},
	{control: "CP-DB-09", name: "with another log", live: drifts["with another log"].live, want: converge.Verified},
	{control: "CP-DB-10", name: "without minor upgrades", live: drifts["without minor upgrades"].live, want: converge.Violated},
	{control: "CP-DB-11", name: "without tags on snapshots", live: drifts["without tags on snapshots"].live, want: converge.Violated},
	{control: "CP-DB-12", name: "on the usual port", live: drifts["on another port"].live, want: converge.Violated},
	{control: "CP-DB-12", name: "without a port", live: func(db *rdstypes.DBInstance) { db.Endpoint = nil }, want: converge.Unknown},
	{control: "CP-DB-13", name: "master admin", live: master("admin"), want: converge.Violated},
	{control: "CP-DB-13", name: "master postgres", live: master("postgres"), want: converge.Violated},
	{control: "CP-DB-13", name: "no master", live: master(""), want: converge.Violated},
	{control: "CP-DB-14", name: "90 days left", live: validFor(90), want: converge.Violated},
	{control: "CP-DB-14", name: "91 days left", live: validFor(91), want: converge.Verified},
	{control: "CP-DB-14", name: "expired", live: validFor(-1), want: converge.Violated},
	{control: "CP-DB-14", name: "no certificate", live: func(db *rdstypes.DBInstance) { db.CertificateDetails = nil }, want: converge.Unknown},
	{control: "CP-DB-15", name: "one more group", live: drifts["given one more group"].live, want: converge.Violated},
	{control: "CP-DB-15", name: "another group", live: drifts["given another group"].live, want: converge.Violated},
	{
		control: "CP-DB-15", name: "a group that AWS is still taking away", want: converge.Violated,
		live: func(db *rdstypes.DBInstance) {
			moreGroups(db)
			db.VpcSecurityGroups[1].Status = awssdk.String("removing")
		},
	},
	{
		control: "CP-DB-15", name: "no firewall seen", want: converge.Unknown,
		in: func(p *scope.Platform) { p.Firewall = scope.Firewall{} },
	},
}

func applyStatus(status string) func(*rdstypes.DBInstance) {
	return func(db *rdstypes.DBInstance) { *db.DBParameterGroups[0].ParameterApplyStatus = status }
}

func keeps(days int32) func(*rdstypes.DBInstance) {
	return func(db *rdstypes.DBInstance) { *db.BackupRetentionPeriod = days }
}

func master(name string) func(*rdstypes.DBInstance) {
	return func(db *rdstypes.DBInstance) { *db.MasterUsername = name }
}

func validFor(days int) func(*rdstypes.DBInstance) {
	return func(db *rdstypes.DBInstance) { *db.CertificateDetails.ValidTill = observedAt.AddDate(0, 0, days) }
}

func TestControlsJudgeWhatIsThere(t *testing.T) {
	for _, c := range verdicts {
		t.Run(c.control+" "+c.name, func(t *testing.T) {
			in, live := platform(), instance()
			if c.in != nil {
				c.in(in)
			}
			if c.live != nil {
				c.live(live)
			}
			got := seen(t, in, live)
			if c.state != nil {
				c.state(&got)
			}
			for _, k := range Controls {
				verdict, said := k.Check(desire(t, in), got)
				if k.ID == c.control && verdict != c.want {
					t.Errorf("verdict %d (%s), want %d", verdict, said, c.want)
				}
				if said == "" {
					t.Errorf("%s does not say what it saw", k.ID)
				}
			}
		})
	}
}

func TestEveryControlCanHoldAndCanBeBroken(t *testing.T) {
	in := platform()
	want, got := desire(t, in), seen(t, in, instance())
	for _, k := range Controls {
		if verdict, said := k.Check(want, got); verdict != converge.Verified {
			t.Errorf("%s does not hold of an instance as wanted: %s", k.ID, said)
		}
		broken := slices.ContainsFunc(verdicts, func(c judged) bool { return c.control == k.ID && c.want == converge.Violated })
		if !broken {
			t.Errorf("nothing breaks %s", k.ID)
		}
	}
}
