package parameters

import "slices"

// The majors and least TLS versions that the operator offers.
const (
	tls12 = "TLSv1.2"
	tls13 = "TLSv1.3"
	// firstTLS13 is the first major with TLS 1.3 on RDS.
	// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
	firstTLS13 = "16"
	// firstListed is the first major in which log_connections is a list of what to log, not a switch:
	// there RDS refuses 1. https://www.postgresql.org/docs/18/runtime-config-logging.html
	firstListed = "18"
)

// The groups that classes can have: every PostgreSQL major that RDS offers, with every TLS version that
// is still safe and that the major has.
var (
	Majors      = []string{"14", "15", "16", "17", "18"}
	TLSVersions = []string{tls12, tls13}
)

// Supported says whether RDS has that least TLS version for that major.
func Supported(major, minTLS string) bool {
	return slices.Contains(Majors, major) && slices.Contains(TLSVersions, minTLS) && (minTLS != tls13 || major >= firstTLS13)
}

// parameter is one owned parameter. RDS applies each of them without a restart (its apply type is
// dynamic in every family), and PostgreSQL has each of them in every major from 14 on. No more than
// 20 can be changed in one call, and password_encryption must travel together with the methods that
// are accepted.
type parameter struct {
	name string
	// about says in a few words what it is for.
	about string
	value func(major, minTLS string) string
}

// owned are the parameters behind what the operator promises: nothing but TLS, nothing but SCRAM, and a
// log of who connected and never of what they wrote. Statements hold names, birthdays and
// addresses as literals, and CREATE ROLE holds a password, so no statement, no bound value and no
// detail of an error (which quotes the offending row) is ever logged.
//
// RDS: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html and
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL_Password_Encryption_configuration.html
// PostgreSQL: https://www.postgresql.org/docs/current/runtime-config-connection.html and
// https://www.postgresql.org/docs/current/runtime-config-logging.html
var owned = []parameter{
	{"rds.force_ssl", "a connection without TLS is refused", always("1")},
	{"ssl_min_protocol_version", "the least TLS version", func(_, minTLS string) string { return minTLS }},
	{"password_encryption", "passwords are stored as SCRAM verifiers", always("scram-sha-256")},
	{"rds.accepted_password_auth_method", "a login with an MD5 password is refused", always("scram")},
	{"log_connections", "who connects is logged", logConnections},
	{"log_disconnections", "who leaves is logged", always("1")},
	{"log_statement", "no statement is logged for its kind", always("none")},
	{"log_min_duration_statement", "no statement is logged for being slow", always("-1")},
	{"log_min_duration_sample", "no sample of slow statements is logged", always("-1")},
	{"log_transaction_sample_rate", "no sample of transactions is logged", always("0")},
	{"log_min_error_statement", "no statement is logged for failing", always("panic")},
	{"log_parameter_max_length", "no bound value is logged with a statement", always("0")},
	{"log_parameter_max_length_on_error", "no bound value is logged with an error", always("0")},
	{"log_error_verbosity", "no detail of an error is logged, since it quotes rows", always("terse")},
}

func always(value string) func(string, string) string {
	return func(string, string) string { return value }
}

func logConnections(major, _ string) string {
	if major >= firstListed {
		return "all"
	}
	return "1"
}
