package database

import (
	"fmt"
	"slices"
	"time"

	"github.com/coachplatform/coach-operator/internal/converge"
)

// caMargin is how long before its end a server certificate counts as ending.
const caMargin = 90 * 24 * time.Hour

// fewestDays of backups that FSBP RDS.11 requires.
const fewestDays = 7

// Controls are what the step verifies. Each judges what RDS reports of the live instance.
var Controls = []converge.Control[State]{
	{ID: "CP-DB-01", Check: checkEncryption},
	{ID: "CP-DB-02", Check: checkTLS},
	{ID: "CP-DB-03", Check: func(_, got State) (converge.Verdict, string) {
		return yes(!got.Public, onOff("public access", got.Public))
	}},
	{ID: "CP-DB-04", Check: checkHome},
	{ID: "CP-DB-05", Check: func(_, got State) (converge.Verdict, string) {
		return yes(got.IAMAuthentication, onOff("IAM authentication", got.IAMAuthentication))
	}},
	{ID: "CP-DB-06", Check: func(want, got State) (converge.Verdict, string) {
		return yes(got.RetentionDays >= max(fewestDays, want.leastRetention),
			fmt.Sprintf("backups are kept for %d days", got.RetentionDays))
	}},
	{ID: "CP-DB-07", Check: func(_, got State) (converge.Verdict, string) {
		return yes(got.DeletionProtection, onOff("deletion protection", got.DeletionProtection))
	}},
	{ID: "CP-DB-08", Check: func(_, got State) (converge.Verdict, string) {
		return yes(got.MultiAZ, onOff("the standby in a second zone", got.MultiAZ))
	}},
	{ID: "CP-DB-09", Check: func(_, got State) (converge.Verdict, string) {
		missing := slices.ContainsFunc(logExports, func(name string) bool { return !slices.Contains(got.Logs, name) })
		return yes(!missing, fmt.Sprintf("exported logs: %q", list(got.Logs)))
	}},
	{ID: "CP-DB-10", Check: func(_, got State) (converge.Verdict, string) {
		return yes(got.AutoMinor, onOff("automatic minor upgrade", got.AutoMinor))
	}},
	{ID: "CP-DB-11", Check: func(_, got State) (converge.Verdict, string) {
		return yes(got.CopyTags, onOff("copying tags to snapshots", got.CopyTags))
	}},
	{ID: "CP-DB-12", Check: checkPort},
	{ID: "CP-DB-13", Check: func(_, got State) (converge.Verdict, string) {
		usual := slices.Contains([]string{"", "admin", "postgres"}, got.MasterUser)
		return yes(!usual, fmt.Sprintf("the master is %q", got.MasterUser))
	}},
	{ID: "CP-DB-14", Check: checkCertificate},
	{ID: "CP-DB-15", Check: checkGroups},
}

func checkEncryption(want, got State) (converge.Verdict, string) {
	switch {
	case !got.Encrypted:
		return converge.Violated, "the storage is not encrypted"
	case want.KeyARN == "":
		return converge.Unknown, "the tenant's key was not seen"
	default:
		return yes(got.KeyARN == want.KeyARN, "encrypted with "+got.KeyARN)
	}
}

// checkHome believes neither a name nor a tag: a subnet is private as long as no route of it leads to an
// internet gateway.
func checkHome(want, got State) (converge.Verdict, string) {
	switch {
	case got.VPCID == "" || got.SubnetGroup != want.SubnetGroup:
		return converge.Violated, fmt.Sprintf("VPC %q, subnet group %q", got.VPCID, got.SubnetGroup)
	case got.Home.Err != nil:
		return converge.Unknown, "the subnets could not be read"
	case got.VPCID != got.Home.VPCID:
		return converge.Violated, fmt.Sprintf("in %s, and the class's network is %s", got.VPCID, got.Home.VPCID)
	}
	return yes(len(got.Home.Exposed) == 0, fmt.Sprintf("in %s; subnets that are not private ones of the class: %d",
		got.VPCID, len(got.Home.Exposed)))
}

// checkTLS believes a parameter only when it is in force: a value that waits for a reboot protects
// nobody yet.
func checkTLS(want, got State) (converge.Verdict, string) {
	seen := fmt.Sprintf("rds.force_ssl=%s, ssl_min_protocol_version=%s, parameters %s",
		got.ForceSSL, got.MinTLS, got.ParameterStatus)
	switch {
	case got.ForceSSL == "" || got.MinTLS == "":
		return converge.Unknown, "the parameters could not be read"
	case got.ParameterStatus == applying:
		return converge.Unknown, seen
	case got.ParameterStatus != inSync:
		return converge.Violated, seen
	default:
		// TLSv1.2 < TLSv1.3 as texts, and no other version is offered.
		return yes(got.ForceSSL == "1" && got.MinTLS >= want.MinTLS, seen)
	}
}

func checkPort(_, got State) (converge.Verdict, string) {
	const usual = 5432
	if got.Port == 0 {
		return converge.Unknown, "AWS has not given a port yet"
	}
	return yes(got.Port != usual, fmt.Sprintf("port %d", got.Port))
}

func checkCertificate(_, got State) (converge.Verdict, string) {
	if got.CAValidTill.IsZero() {
		return converge.Unknown, "AWS has not given a certificate yet"
	}
	return yes(got.CAValidTill.Sub(got.SeenAt) > caMargin,
		fmt.Sprintf("certificate of %s valid until %s", got.CA, got.CAValidTill.UTC().Format(time.DateOnly)))
}

func checkGroups(want, got State) (converge.Verdict, string) {
	if len(want.Groups) == 0 {
		return converge.Unknown, "the tenant's security group was not seen"
	}
	return yes(list(got.Groups) == list(want.Groups), fmt.Sprintf("security groups in force: %s", list(got.Groups)))
}
