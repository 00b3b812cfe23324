package postgres

import (
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Settings are what a DB parameter group decides.
type Settings struct {
	// ForceSSL refuses connections without TLS, as rds.force_ssl does.
	ForceSSL bool
	// MinTLS is the least TLS version accepted: "TLSv1.2" (also when empty) or
	// "TLSv1.3".
	MinTLS string
	// Parameters are further values by their PostgreSQL names. Applied are those
	// in knownParameters and those that begin with "rds."; others are ignored,
	// and so are RDS's formulas in braces, which size a server for its host.
	Parameters map[string]string
}

// knownParameters may be set by a parameter group. What the plane itself decides
// is not among them, nor what writes statements, and with them passwords, to the
// log.
var knownParameters = []string{
	"autovacuum", "autovacuum_naptime", "client_min_messages", "datestyle", "deadlock_timeout",
	"default_transaction_isolation", "default_transaction_read_only", "idle_in_transaction_session_timeout",
	"idle_session_timeout", "lock_timeout", "log_connections", "log_disconnections", "log_lock_waits",
	"maintenance_work_mem", "max_connections", "max_locks_per_transaction", "password_encryption",
	"random_page_cost", "search_path", "ssl_max_protocol_version", "statement_timeout", "tcp_keepalives_count",
	"tcp_keepalives_idle", "tcp_keepalives_interval", "temp_file_limit", "timezone", "track_activity_query_size",
	"track_io_timing", "work_mem",
}

var rdsParameter = regexp.MustCompile(`^rds\.[a-z][a-z0-9_]*$`)

const (
	tls12 = "TLSv1.2"
	tls13 = "TLSv1.3"
)

func (s Settings) check() error {
	if s.MinTLS != "" && s.MinTLS != tls12 && s.MinTLS != tls13 {
		return fmt.Errorf("least TLS version %q is neither %s nor %s", s.MinTLS, tls12, tls13)
	}
	return nil
}

// base is what every server has: small, quick to start, quiet when idle, and
// with nothing to lose: its data lives no longer than the plane.
var base = map[string]string{ //nolint:gosec // names of settings, no credentials
	"autovacuum_naptime":              "10min",
	"bgwriter_lru_maxpages":           "0",
	"checkpoint_timeout":              "1h",
	"fsync":                           "off",
	"full_page_writes":                "off",
	"huge_pages":                      "off",
	"jit":                             "off",
	"log_line_prefix":                 "%m [%p] %q%u@%d %h ",
	"log_min_error_statement":         "panic", // a failed statement may hold a password
	"log_statement":                   "none",
	"max_connections":                 "100",
	"max_logical_replication_workers": "0",
	"max_wal_size":                    "64MB",
	"min_wal_size":                    "4MB",
	"password_encryption":             "scram-sha-256",
	"shared_buffers":                  "16MB",
	"ssl":                             "on",
	"unix_socket_permissions":         "0700",
	"wal_level":                       "replica",
}

// config is postgresql.conf, whole: the values of the plane win over those of
// the parameter group, and those over base.
func (i *instance) config() string {
	values := maps.Clone(base)
	if number(i.spec.Major) >= 18 {
		values["io_method"] = "sync" // no I/O workers
	}
	for name, value := range i.spec.Settings.Parameters {
		known := slices.Contains(knownParameters, name) || rdsParameter.MatchString(name)
		if known && !strings.ContainsRune(value, '{') {
			values[name] = value
		}
	}
	minTLS := i.spec.Settings.MinTLS
	if minTLS == "" {
		minTLS = tls12
	}
	maps.Copy(values, map[string]string{
		"listen_addresses":         i.address.String(),
		"port":                     strconv.Itoa(i.spec.Port),
		"unix_socket_directories":  i.socketDir(),
		"ssl_cert_file":            filepath.Join(i.tls(), "server.crt"),
		"ssl_key_file":             filepath.Join(i.tls(), "server.key"),
		"ssl_min_protocol_version": minTLS,
		"rds.force_ssl":            map[bool]string{true: "1", false: "0"}[i.spec.Settings.ForceSSL],
	})
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&text, "%s = %s\n", name, quote(values[name]))
	}
	return text.String()
}

// lockedOut names, in pg_hba and as a file, the logins that must use IAM though
// they are members of rds_superuser; see watch.
const lockedOut = "iam_members"

// hba is pg_hba.conf. The first line that fits decides. Where nothing fits, as
// for plaintext under rds.force_ssl, PostgreSQL itself answers with SQLSTATE
// 28000 "no pg_hba.conf entry ... no encryption".
//
// RDS checks IAM tokens by PAM. No IAM stands behind the sandbox's databases, so
// members of rds_iam are rejected instead, with the same SQLSTATE 28000: like
// there, no password lets them in.
func (i *instance) hba() string {
	tcp := "host"
	if i.spec.Settings.ForceSSL {
		tcp = "hostssl"
	}
	var text strings.Builder
	line := func(connection, databases, users, verdict string) {
		from := "all"
		if connection == "local" {
			from = ""
		}
		fmt.Fprintf(&text, "%s %s %s %s %s\n", connection, databases, users, from, verdict)
	}
	line("local", "all", "rdsadmin", "peer map=sandbox")
	line("local", "all", "all", "reject")
	line("host", "all", "rdsadmin", "reject")
	line("host", "rdsadmin", "all", "reject")
	if i.watchesIAM() {
		line(tcp, "all", "@"+lockedOut, "reject")
		line(tcp, "all", "+rds_superuser", "scram-sha-256")
	}
	line(tcp, "all", "+rds_iam", "reject")
	line(tcp, "all", "all", "scram-sha-256")
	return text.String()
}

// writeConfig writes what the server reads at its start and at a reload.
func (p *Plane) writeConfig(i *instance) error {
	files := map[string]string{
		"postgresql.conf":      i.config(),
		"postgresql.auto.conf": "",
		"pg_hba.conf":          i.hba(),
		"pg_ident.conf":        fmt.Sprintf("sandbox %q rdsadmin\n", p.account.self),
	}
	for name, content := range files {
		if err := p.account.write(filepath.Join(i.data(), name), content); err != nil {
			return err
		}
	}
	return p.keepMembers(i)
}

// issue gives the server a fresh certificate for its present name.
func (p *Plane) issue(i *instance) error {
	if err := makeDirs(i.tls(), 0o711); err != nil {
		return err
	}
	certFile, keyFile, err := p.config.CA.IssueFiles(i.tls(), "server", []string{i.spec.Host}, []net.IP(nil))
	if err != nil {
		return err
	}
	for _, path := range []string{certFile, keyFile} {
		if err := p.account.own(path); err != nil {
			return err
		}
	}
	return nil
}

// quote returns a postgresql.conf string.
func quote(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", " ").Replace(value) + "'"
}
