// Command client is a tenant's application: all that it knows of its database is a Secret, mounted as a
// folder. It writes and reads over verified TLS until it gets a signal to stop, and tries once whether it would
// be let in without TLS. The last line of its output says what happened.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// binding is where the Secret is mounted.
const binding = "/binding"

// pause between two rounds.
const pause = 200 * time.Millisecond

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	config, err := configure()
	if err != nil {
		return err
	}
	if err := plaintext(ctx, config); err != nil {
		return err
	}
	fmt.Println("refused without TLS")
	rounds, failures := 0, 0
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		if err := round(ctx, config, rounds); err != nil && ctx.Err() == nil {
			failures++
			fmt.Println("round failed:", err)
		}
		rounds++
		fmt.Printf("rounds %d failures %d\n", rounds, failures)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// configure reads the Secret: its uri as it is, and the authorities that it gives.
func configure() (*pgx.ConnConfig, error) {
	uri, err := os.ReadFile(filepath.Join(binding, "uri"))
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(string(uri))
	if err != nil {
		return nil, errors.New("the uri cannot be parsed") // the error could quote it
	}
	authorities, err := os.ReadFile(filepath.Join(binding, "ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authorities) {
		return nil, errors.New("ca.crt holds no certificate")
	}
	desired := config.TLSConfig
	if desired == nil || desired.InsecureSkipVerify || desired.ServerName != config.Host || len(config.Fallbacks) > 0 {
		return nil, errors.New("the uri does not require verified TLS alone")
	}
	config.TLSConfig = &tls.Config{RootCAs: roots, ServerName: config.Host, MinVersion: tls.VersionTLS12}
	return config, nil
}

// plaintext fails unless a login without TLS is refused for want of TLS. The password is not risked.
func plaintext(ctx context.Context, config *pgx.ConnConfig) error {
	plain := config.Copy()
	plain.TLSConfig, plain.Password = nil, "none"
	conn, err := pgx.ConnectConfig(ctx, plain)
	if err == nil {
		return errors.Join(errors.New("a login without TLS was admitted"), conn.Close(ctx))
	}
	if answer, ok := errors.AsType[*pgconn.PgError](err); !ok || answer.Code != "28000" {
		return fmt.Errorf("a login without TLS was refused for another reason: %w", err)
	}
	return nil
}

// round writes a row in a session of its own and reads it back.
func round(ctx context.Context, config *pgx.ConnConfig, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var got int
	for _, step := range []func() error{
		func() error { _, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS rounds (n int)"); return err },
		func() error { _, err := conn.Exec(ctx, "INSERT INTO rounds VALUES ($1)", n); return err },
		func() error { return conn.QueryRow(ctx, "SELECT max(n) FROM rounds WHERE n = $1", n).Scan(&got) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if _, encrypted := conn.PgConn().Conn().(*tls.Conn); got != n || !encrypted {
		return fmt.Errorf("read %d of %d, encrypted %t", got, n, encrypted)
	}
	return nil
}
