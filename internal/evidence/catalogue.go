// Package evidence turns what steps observed into answers to "do the promises hold now?". It knows
// every control of the product; a control without an answer is unknown, never missing.
package evidence

import "time"

// Bounds on the age of an observation: three sweeps for what is swept, and a little more than the
// freshness clock for what has no batch form.
const (
	swept   = 3 * time.Minute
	clocked = 20 * time.Minute
)

// Control is one statement of the catalogue.
type Control struct {
	// ID is stable for ever.
	ID string
	// Claim says in plain words what holds when the control is verified.
	Claim string
	// Sources are the published controls that ask for it.
	Sources []string
	// Bound is how old an observation may be and still count.
	Bound time.Duration
}

// Catalogue lists every control of a platform, in the order of reports. The sources are AWS
// Foundational Security Best Practices (FSBP,
// https://docs.aws.amazon.com/securityhub/latest/userguide/fsbp-standard.html) and the CIS AWS
// Foundations Benchmark 5.0 (CIS).
var Catalogue = []Control{
	{"CP-KEY-01", "The key material of the tenant's key is rotated", []string{"FSBP KMS.4", "CIS 3.6"}, clocked},
	{"CP-KEY-02", "The tenant's key is in use and not awaiting deletion", []string{"FSBP KMS.3"}, clocked},
	{"CP-KEY-03", "The key's policy lets nobody use it but, through RDS, the class's role", []string{"FSBP KMS.5"}, clocked},

	{"CP-NET-01", "The database is reachable from the allowed addresses only", []string{"FSBP EC2.18"}, swept},
	{"CP-NET-02", "Nothing is open to the whole internet", []string{"FSBP EC2.19"}, swept},
	{"CP-NET-03", "The database cannot open connections to the outside", []string{"least privilege"}, swept},

	{"CP-DB-01", "Storage and snapshots are encrypted with the tenant's own key", []string{"FSBP RDS.3", "CIS 2.2.1"}, swept},
	{"CP-DB-02", "The database refuses connections without TLS", []string{"FSBP RDS.38"}, swept},
	{"CP-DB-03", "The database has no public address", []string{"FSBP RDS.2", "CIS 2.2.3"}, swept},
	{"CP-DB-04", "The database lives in the class's private network", []string{"FSBP RDS.18"}, swept},
	{"CP-DB-05", "IAM principals can log in without a password", []string{"FSBP RDS.10"}, swept},
	{"CP-DB-06", "The database is backed up every day, for at least a week", []string{"FSBP RDS.11"}, swept},
	{"CP-DB-07", "AWS refuses to delete the database", []string{"FSBP RDS.8"}, swept},
	{"CP-DB-08", "A standby in a second zone takes over when the first fails", []string{"FSBP RDS.5", "CIS 2.2.4"}, swept},
	{"CP-DB-09", "The database's logs are kept outside it", []string{"FSBP RDS.9"}, swept},
	{"CP-DB-10", "Security fixes of the engine are installed", []string{"FSBP RDS.13", "CIS 2.2.2"}, swept},
	{"CP-DB-11", "Snapshots say whose they are", []string{"FSBP RDS.17"}, swept},
	{"CP-DB-12", "The database does not listen on the port that scanners try", []string{"FSBP RDS.23"}, swept},
	{"CP-DB-13", "The master has no name that attackers try", []string{"FSBP RDS.25"}, swept},
	{"CP-DB-14", "The server's certificate is valid for three months or more", []string{"certificate expiry"}, swept},
	{"CP-DB-15", "No other firewall than the tenant's own guards the database", []string{"FSBP EC2.18"}, swept},
}
