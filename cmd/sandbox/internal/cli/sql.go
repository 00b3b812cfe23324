package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"

	"github.com/jackc/pgx/v5"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/server"
)

// passwordVariable holds the password of sql, as of PostgreSQL's own programs: an argument could be read by
// every user of the machine.
const passwordVariable = "PGPASSWORD"

// sql runs statements in a database, found by the sandbox's own name server and over TLS that is verified by
// the sandbox's own authority, and prints what they return.
func sql(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	t := newTarget("sql", stderr)
	user := t.flags.String("user", "coach_master", "who logs in; the password is in "+passwordVariable)
	database := t.flags.String("database", "coach", "database")
	port := t.flags.Int("port", 5433, "port")
	ready, err := t.parse(args)
	if err != nil {
		return err
	}
	if *port < 1 || *port > math.MaxUint16 {
		return fmt.Errorf("-port %d: between 1 and %d", *port, math.MaxUint16)
	}
	if t.flags.NArg() < 2 {
		return errors.New("sql needs the name of an endpoint and statements")
	}
	config, err := verified(ready, t.flags.Arg(0), *port)
	if err != nil {
		return err
	}
	config.User, config.Database, config.Password = *user, *database, os.Getenv(passwordVariable)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("log in to %s as %s: %w", config.Host, *user, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range t.flags.Args()[1:] {
		if err := show(ctx, conn, statement, stdout); err != nil {
			return err
		}
	}
	return nil
}

// show runs one statement and prints its rows, a line each.
func show(ctx context.Context, conn *pgx.Conn, statement string, stdout io.Writer) error {
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return err
		}
		say(stdout, "%s\n", fmt.Sprint(values...))
	}
	return rows.Err()
}

// verified is the configuration of a session whose server proves to be the one of that name.
func verified(ready server.Ready, host string, port int) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig("host=none port=1 user=none password=none dbname=none sslmode=verify-full connect_timeout=10")
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(ready.CA)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	config.Host, config.Port = host, uint16(port) //nolint:gosec // the caller has checked it
	config.TLSConfig = &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12}
	config.LookupFunc = func(ctx context.Context, name string) ([]string, error) { return lookup(ctx, ready, name) }
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return config, nil
}

// lookup queries the sandbox's name server.
func lookup(ctx context.Context, ready server.Ready, name string) ([]string, error) {
	if ready.DNS == "" {
		return nil, errors.New("the sandbox runs without a name server (-dns)")
	}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, ready.DNS)
	}}
	addresses, err := resolver.LookupHost(ctx, name+".")
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", name, err)
	}
	return addresses, nil
}
