package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/pki"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/postgres"
)

// majors are the versions tested: the oldest, the first with its own rules for
// roles, the newest.
var majors = []string{"14", "16", "18"}

var (
	world    setup
	sequence atomic.Int64
)

// setup is what all tests of this package share.
type setup struct {
	binaries string
	dir      string
	ca       *pki.CA
	plane    *postgres.Plane
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		os.Exit(helper(dir))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	err := prepare()
	if err != nil {
		fmt.Fprintln(os.Stderr, "prepare:", err)
		return 1
	}
	code := m.Run()
	if err := errors.Join(world.plane.Close(), os.RemoveAll(world.dir)); err != nil {
		fmt.Fprintln(os.Stderr, "clean up:", err)
		return 1
	}
	return code
}

func prepare() (err error) {
	if world.binaries, err = binaries(); err != nil {
		return err
	}
	if world.dir, err = os.MkdirTemp("", "plane"); err != nil {
		return err
	}
	if world.ca, err = pki.Open(filepath.Join(world.dir, "pki")); err != nil {
		return err
	}
	world.plane, err = postgres.New(config(filepath.Join(world.dir, "state"), slog.New(slog.DiscardHandler)))
	return err
}

// binaries is $SANDBOX_POSTGRES, or what the install script installs.
func binaries() (string, error) {
	if dir := os.Getenv("SANDBOX_POSTGRES"); dir != "" {
		return dir, nil
	}
	install := exec.CommandContext(context.Background(), filepath.Join("..", "..", "postgres", "install"))
	install.Stderr = os.Stderr
	output, err := install.Output()
	if err != nil {
		return "", fmt.Errorf("install PostgreSQL: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return lines[len(lines)-1], nil
}

func config(dir string, log *slog.Logger) postgres.Config {
	return postgres.Config{
		Binaries:  world.binaries,
		Dir:       dir,
		CA:        world.ca,
		Addresses: netip.MustParsePrefix("127.77.0.0/16"),
		Log:       log,
	}
}

// newSpec is an instance of its own: name, password and all. Another run has
// other names, which spreads their files (see spread in files.go).
func newSpec(major string) postgres.Spec {
	id := fmt.Sprintf("db-%d-%d", os.Getpid(), sequence.Add(1))
	return postgres.Spec{
		ID:             id,
		Host:           id + ".abc123.eu-west-1.rds.amazonaws.com",
		Major:          major,
		Port:           6432,
		MasterUser:     "coach_master",
		MasterPassword: `S3cr't"\` + id,
		Database:       "coach",
		Settings:       postgres.Settings{ForceSSL: true},
	}
}

// create creates an instance for the length of a test.
func create(t *testing.T, spec postgres.Spec) {
	t.Helper()
	if _, err := world.plane.Create(t.Context(), spec); err != nil {
		t.Fatalf("create: %v", err)
	}
	t.Cleanup(func() {
		err := world.plane.Delete(context.Background(), spec.ID)
		if err != nil && !errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("delete: %v", err)
		}
	})
}

// login is how a client meets a server, by default as the operator does: full
// verification, SCRAM, nothing to fall back to.
type login struct {
	spec     postgres.Spec
	user     string
	password string
	database string
	options  string          // of the connection string
	plane    *postgres.Plane // the shared one by default

	plaintext bool
	tls       uint16 // the only version that the client speaks; 0 for its default
}

func (l login) config(t *testing.T) *pgx.ConnConfig {
	t.Helper()
	if l.options == "" {
		l.options = "sslmode=verify-full require_auth=scram-sha-256 sslrootcert=" + world.ca.File()
	}
	parsed, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d %s", l.spec.Host, l.spec.Port, l.options))
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	parsed.User, parsed.Password, parsed.Database = l.spec.MasterUser, l.spec.MasterPassword, "postgres"
	if l.user != "" {
		parsed.User, parsed.Password = l.user, l.password
	}
	if l.database != "" {
		parsed.Database = l.database
	}
	switch {
	case l.plaintext:
		parsed.TLSConfig = nil
	case l.tls != 0:
		parsed.TLSConfig.MinVersion, parsed.TLSConfig.MaxVersion = l.tls, l.tls
	}
	plane := l.plane
	if plane == nil {
		plane = world.plane
	}
	parsed.LookupFunc = func(context.Context, string) ([]string, error) {
		address, ok := plane.Address(l.spec.ID)
		if !ok {
			return nil, &net.DNSError{Err: "no such host", Name: l.spec.Host, IsNotFound: true}
		}
		return []string{address.String()}, nil
	}
	return parsed
}

func (l login) connect(t *testing.T) (*pgx.Conn, error) {
	t.Helper()
	return pgx.ConnectConfig(t.Context(), l.config(t))
}

// session is a login that must succeed, closed with the test.
func (l login) session(t *testing.T) *pgx.Conn {
	t.Helper()
	connection, err := l.connect(t)
	if err != nil {
		t.Fatalf("log in as %s: %v", l.config(t).User, err)
	}
	t.Cleanup(func() { hangUp(t, connection) })
	return connection
}

// hangUp ends a session, which the server may have ended before.
func hangUp(t *testing.T, connection *pgx.Conn) {
	t.Helper()
	if err := connection.Close(context.Background()); err != nil {
		t.Logf("close session: %v", err)
	}
}

// refused asserts that a login fails with a SQLSTATE and a part of a message.
func (l login) refused(t *testing.T, code, message string) {
	t.Helper()
	connection, err := l.connect(t)
	if err == nil {
		hangUp(t, connection)
		t.Fatalf("login succeeded, want SQLSTATE %s", code)
	}
	var server *pgconn.PgError
	if !errors.As(err, &server) || server.Code != code || !strings.Contains(server.Message, message) {
		t.Fatalf("login: %v, want SQLSTATE %s %q", err, code, message)
	}
}

func execute(t *testing.T, connection *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := connection.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func value[T any](t *testing.T, connection *pgx.Conn, query string) (result T) {
	t.Helper()
	if err := connection.QueryRow(t.Context(), query).Scan(&result); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return result
}

// eventually polls until condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not seen in time: %s", what)
		}
	}
}

// noSecret asserts that a password is nowhere in what was written to disk below
// a directory outside PostgreSQL's own data.
func noSecret(t *testing.T, path, secret string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(content, []byte(secret)) {
		t.Errorf("%s holds a password", filepath.Base(path))
	}
}
