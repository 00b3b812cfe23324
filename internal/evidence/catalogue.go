// Package evidence turns what steps observed into answers to "do the promises hold now?". It knows
// every claim and every control of the product; a control without an answer is unknown, never missing.
package evidence

import "time"

// Bounds on the age of an observation: three sweeps for what is swept, and a little more than the
// freshness clock for what has no batch form.
const (
	swept   = 3 * time.Minute
	clocked = 20 * time.Minute
	// stripeListed is a little more than the longest time between two listings of a Stripe account.
	stripeListed = 20 * time.Minute
)

// Claim is one promise of the product in plain words. Its controls prove it.
type Claim struct {
	// ID is stable for ever.
	ID string
	// Statement is what is promised.
	Statement string
}

// IDs of the claims.
const (
	encryptedAtRest       = "encrypted-at-rest"
	keysRotated           = "keys-rotated"
	tlsOnly               = "tls-only"
	allowedAddressesOnly  = "allowed-addresses-only"
	notPublic             = "not-public"
	ownLoginsOnly         = "own-logins-only"
	credentialsOneWay     = "credentials-one-way"
	backedUp              = "backed-up"
	protectedFromDeletion = "protected-from-deletion"
	currentAndLogged      = "current-and-logged"
	stripeCollects        = "stripe-collects"
	stripeKeysBounded     = "stripe-keys-bounded"
	paymentDataAtStripe   = "payment-data-at-stripe"
)

// Claims lists every promise, in the order of reports.
var Claims = []Claim{
	{encryptedAtRest, "Data is encrypted where it is stored, with a key that is this tenant's alone"},
	{keysRotated, "The key that encrypts the data is renewed regularly"},
	{tlsOnly, "Data travels encrypted only: a connection without TLS is refused, and that was tried"},
	{allowedAddressesOnly, "The database talks to the allowed addresses only, and to nobody else"},
	{notPublic, "The database cannot be reached from the internet"},
	{ownLoginsOnly, "Only the platform's own roles can log in, each with no more rights than it was given"},
	{credentialsOneWay, "Passwords cannot be read back from the database, and logging in is possible without one"},
	{
		paymentDataAtStripe,
		"Bank, card and identity data is at Stripe only: none of it is in the cluster or in the database",
	},
	{backedUp, "Data is backed up every day, and outlives the failure of a data centre"},
	{protectedFromDeletion, "Nobody deletes the database by mistake"},
	{currentAndLogged, "Security fixes are installed, and logs are kept"},
	{stripeCollects, "Stripe's own forms collect what Stripe must know about a coach, and nobody else can read it"},
	{stripeKeysBounded, "The Stripe API key has only the rights that it needs, and Stripe's events are signed"},
}

// Control is one statement of the catalogue that is judged on every pass.
type Control struct {
	// ID is stable for ever.
	ID string
	// Claim is the ID of the one claim that the control helps to prove.
	Claim string
	// Statement says in plain words what holds when the control is verified.
	Statement string
	// Sources are the published controls that ask for it.
	Sources []string
	// Where the answer comes from.
	Where string
	// Bound is how old an observation may be and still count.
	Bound time.Duration
}

// Where answers come from.
const (
	instance  = "RDS DescribeDBInstances"
	logGroups = "CloudWatch Logs DescribeLogGroups"
	groups    = "EC2 DescribeSecurityGroupRules"
	roles     = "the database's catalogue, by SQL"
	contents  = "the catalogues of all databases of the server, by SQL"
)

// Catalogue lists every control of a platform, in the order of reports. The sources are AWS
// Foundational Security Best Practices (FSBP,
// https://docs.aws.amazon.com/securityhub/latest/userguide/fsbp-standard.html) and the CIS AWS
// Foundations Benchmark 5.0 (CIS).
var Catalogue = []Control{
	{
		"CP-KEY-01", keysRotated, "The key material of the tenant's key is rotated",
		[]string{"FSBP KMS.4", "CIS 3.6"},
		"KMS GetKeyRotationStatus", clocked,
	},
	{
		"CP-KEY-02", encryptedAtRest, "The tenant's key is in use and not awaiting deletion",
		[]string{"FSBP KMS.3"},
		"KMS DescribeKey", clocked,
	},
	{
		"CP-KEY-03", encryptedAtRest, "The tenant's key can be used only through the AWS services that hold the tenant's data",
		[]string{"FSBP KMS.5"},
		"KMS GetKeyPolicy", clocked,
	},

	{"CP-NET-01", allowedAddressesOnly, "The database is reachable from the allowed addresses only", []string{"FSBP EC2.18"}, groups, swept},
	{"CP-NET-02", notPublic, "Nothing is open to the whole internet", []string{"FSBP EC2.19"}, groups, swept},
	{"CP-NET-03", allowedAddressesOnly, "The database cannot open connections to the outside", []string{"least privilege"}, groups, swept},

	{
		"CP-DB-01", encryptedAtRest, "Storage and snapshots are encrypted with the tenant's own key",
		[]string{"FSBP RDS.3", "CIS 2.2.1"},
		instance, swept,
	},
	{
		"CP-DB-02", tlsOnly, "The database refuses connections without TLS",
		[]string{"FSBP RDS.38"},
		"RDS DescribeDBInstances and DescribeDBParameters", swept,
	},
	{"CP-DB-03", notPublic, "The database has no public address", []string{"FSBP RDS.2", "CIS 2.2.3"}, instance, swept},
	{
		"CP-DB-04", notPublic, "The database lives in the class's private network",
		[]string{"FSBP RDS.18"},
		"RDS DescribeDBInstances, EC2 DescribeSubnets and DescribeRouteTables", swept,
	},
	{"CP-DB-05", credentialsOneWay, "IAM principals can log in without a password", []string{"FSBP RDS.10"}, instance, swept},
	{"CP-DB-06", backedUp, "The database is backed up every day, for at least a week", []string{"FSBP RDS.11"}, instance, swept},
	{"CP-DB-07", protectedFromDeletion, "AWS refuses to delete the database", []string{"FSBP RDS.8"}, instance, swept},
	{
		"CP-DB-08", backedUp, "A standby in a second zone takes over when the first fails",
		[]string{"FSBP RDS.5", "CIS 2.2.4"},
		instance, swept,
	},
	{"CP-DB-09", currentAndLogged, "The database's logs are kept outside it", []string{"FSBP RDS.9"}, instance, swept},
	{"CP-DB-10", currentAndLogged, "Security fixes of the engine are installed", []string{"FSBP RDS.13", "CIS 2.2.2"}, instance, swept},
	{"CP-DB-11", backedUp, "Snapshots say whose they are", []string{"FSBP RDS.17"}, instance, swept},
	{
		"CP-DB-12", allowedAddressesOnly, "The database does not listen on the port that scanners try",
		[]string{"FSBP RDS.23"},
		instance, swept,
	},
	{"CP-DB-13", ownLoginsOnly, "The master has no name that attackers try", []string{"FSBP RDS.25"}, instance, swept},
	{"CP-DB-14", tlsOnly, "The server's certificate is valid for three months or more", []string{"certificate expiry"}, instance, swept},
	{
		"CP-DB-15", allowedAddressesOnly, "No other firewall than the tenant's own guards the database",
		[]string{"FSBP EC2.18"},
		instance, swept,
	},

	{
		"CP-LOG-01", encryptedAtRest, "The database's logs are encrypted with the tenant's own key",
		[]string{"AWS Config cloudwatch-log-group-encrypted"},
		logGroups, clocked,
	},
	{
		"CP-LOG-02", currentAndLogged, "The database's logs are kept for a year, or for as long as the class says",
		[]string{"FSBP CloudWatch.16"},
		logGroups, clocked,
	},

	{
		"CP-TLS-01", tlsOnly, "A login without TLS is refused, and one over verified TLS is not",
		[]string{"FSBP RDS.38"},
		"two login attempts, one of them without TLS", swept,
	},
	{"CP-TLS-02", tlsOnly, "No session with the database is without TLS", []string{"FSBP RDS.38"}, roles, swept},

	{
		"CP-ROLE-01", ownLoginsOnly, "Nobody but the platform's own roles can log in, and nobody but the operator as the master",
		[]string{"least privilege"},
		"the database's catalogue, by SQL, and a login of the master every 15 minutes", swept,
	},
	{
		"CP-ROLE-02", ownLoginsOnly,
		"Each role, and the master, has the powers, memberships, rights and default privileges it was given, and no more",
		[]string{"least privilege"},
		roles, swept,
	},
	{
		"CP-ROLE-03", ownLoginsOnly,
		"PUBLIC, which is every role, may use no database, not the shared schema, and nothing that is created later",
		[]string{"least privilege"},
		roles, swept,
	},
	{
		"CP-ROLE-04", credentialsOneWay, "Passwords are kept as SCRAM-SHA-256 verifiers, which nobody can turn back",
		[]string{"one-way credentials"},
		"login attempts by SCRAM-SHA-256, and the database's settings, by SQL", clocked,
	},
	{
		"CP-ROLE-05", ownLoginsOnly, "Nothing in a database lends the rights of its owner to others, or carries data out",
		[]string{"least privilege"},
		contents, clocked,
	},

	{
		"CP-DATA-01", paymentDataAtStripe,
		"No bank, card or identity number, and no secret of Stripe's, is in the tenant's objects",
		[]string{"PCI DSS 3.2.1", "PCI DSS 3.3", "data minimisation"},
		"the tenant's objects in the API server", swept,
	},
	{
		"CP-DATA-02", paymentDataAtStripe, "No column of any database of the server is made for bank, card or identity numbers",
		[]string{"PCI DSS 3.2.1", "data minimisation"},
		contents, clocked,
	},

	{
		"CP-PAY-01", stripeKeysBounded, "The key of the business's Stripe account is a restricted one",
		[]string{"least privilege"},
		"the key in the tenant's Secret, with which Stripe is asked GET /v1/account", stripeListed,
	},
	{
		"CP-PAY-02", stripeKeysBounded, "The key is of the mode that the class and the platform name",
		[]string{"separation of test and production"},
		"the key in the tenant's Secret", stripeListed,
	},
	{
		"CP-PAY-03", stripeCollects, "Of every coach, Stripe itself collects what it must know",
		[]string{"PCI DSS SAQ A"},
		"Stripe GET /v1/accounts", stripeListed,
	},
	{
		"CP-PAY-04", stripeKeysBounded, "Stripe's events come over TLS to one endpoint, and what they are signed with is kept",
		[]string{"signed webhooks"},
		"Stripe GET /v1/webhook_endpoints", stripeListed,
	},
}
