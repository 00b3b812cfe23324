// Package postgres opens connections to tenants' databases: over verified TLS, with SCRAM, or not at all.
// What a database holds is its tenant's, so every statement names the catalogue it reads, and no session
// ever runs with a search path that a tenant can write to.
package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// connectTimeout bounds one attempt to connect, TLS and login included.
	connectTimeout = 10 * time.Second
	// statementTimeout and lockTimeout bound every statement: a tenant's lock blocks no other work.
	statementTimeout = 10 * time.Second
	lockTimeout      = 3 * time.Second
	// application is how our sessions name themselves.
	application = "coach-operator"
)

// Server is one database server.
type Server struct {
	// Host is the endpoint's name. Its certificate must be for this very name.
	Host string
	Port uint16
	// Roots are the only authorities that are trusted.
	Roots *x509.CertPool
	// Dial opens the connection to the address; nil is an ordinary one.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Login is who logs in to which database.
type Login struct {
	User, Password, Database string
	// ReadOnly makes every transaction of the session a read-only one.
	ReadOnly bool
}

// Connect logs in over verified TLS: the server's certificate is for its name, from one of the roots,
// and the password is proven by SCRAM and never sent. Errors are classified and hold no password.
func (s Server) Connect(ctx context.Context, login Login) (*pgx.Conn, error) {
	config, err := s.config(login)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, Classify(err)
	}
	return conn, nil
}

// errFallback is a mistake of ours: pgx would try again with less.
var errFallback = errors.New("a connection must have no fallback")

// config is the strongest that pgx has. Channel binding is preferred and not required: a server that does
// not offer it is still verified by its certificate.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-SSLMODE
func (s Server) config(login Login) (*pgx.ConnConfig, error) {
	if s.Roots == nil {
		return nil, errors.New("no authorities to trust")
	}
	base, err := parse()
	if err != nil {
		return nil, fmt.Errorf("preparing a connection: %w", err)
	}
	if len(base.Fallbacks) > 0 {
		return nil, errFallback
	}
	config := base.Copy()
	// What an environment variable or a service file set is replaced.
	config.Host, config.Port = s.Host, s.Port
	config.User, config.Password, config.Database = login.User, login.Password, login.Database
	config.TLSConfig = &tls.Config{RootCAs: s.Roots, ServerName: s.Host, MinVersion: tls.VersionTLS12}
	config.RuntimeParams = parameters(login.ReadOnly)
	config.ConnectTimeout = connectTimeout
	// Statements are not prepared: a session runs few, and each once.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	if s.Dial != nil {
		config.DialFunc, config.LookupFunc = s.Dial, itself
	}
	return config, nil
}

// strongest is the connection string of every connection; what it does not name is set by config.
const strongest = "host=none port=1 user=none password=none dbname=none sslmode=verify-full " +
	"require_auth=scram-sha-256 channel_binding=prefer target_session_attrs=any sslnegotiation=postgres"

// parse reads it once: that takes as long as a tenth of a login, and looks into files of whom the process runs as.
var parse = sync.OnceValues(parseStrongest)

func parseStrongest() (*pgx.ConnConfig, error) { return pgx.ParseConfig(strongest) }

// itself resolves nothing: a custom dialer resolves by itself.
func itself(_ context.Context, host string) ([]string, error) { return []string{host}, nil }

// parameters are those of every session; they win over what a tenant sets for a role or a database.
func parameters(readOnly bool) map[string]string {
	writes := "off"
	if readOnly {
		writes = "on"
	}
	return map[string]string{
		"application_name":                    application,
		"client_min_messages":                 "error",
		"default_transaction_read_only":       writes,
		"idle_in_transaction_session_timeout": milliseconds(statementTimeout),
		"jit":                                 "off", // it takes longer than any of our statements
		"local_preload_libraries":             "",    // a role may set it for itself, and so keep itself from logging in
		"lock_timeout":                        milliseconds(lockTimeout),
		"search_path":                         "pg_catalog, pg_temp",
		"standard_conforming_strings":         "on", // literals of ours are quoted so
		"statement_timeout":                   milliseconds(statementTimeout),
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
