package postgres_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/pki"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/postgres"
)

func TestAVerifiedLoginIsEncrypted(t *testing.T) {
	t.Parallel()
	for _, major := range majors {
		t.Run("PostgreSQL "+major, func(t *testing.T) {
			t.Parallel()
			spec := newSpec(major)
			create(t, spec)
			for _, database := range []string{"postgres", "coach"} {
				session := login{spec: spec, database: database}.session(t)
				if !value[bool](t, session, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") {
					t.Errorf("the server does not know the session with %s as encrypted", database)
				}
				if user := value[string](t, session, "SELECT current_user"); user != spec.MasterUser {
					t.Errorf("logged in as %s", user)
				}
			}
		})
	}
}

func TestAClientThatVerifiesRefusesTheWrongServer(t *testing.T) {
	t.Parallel()
	spec := newSpec("16")
	create(t, spec)
	foreign, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	options := "sslmode=verify-full sslrootcert="
	cases := map[string]struct {
		login login
		check func(error) bool
	}{
		"a certificate of another CA": {
			login: login{spec: spec, options: options + foreign.File()},
			check: func(err error) bool { return errors.As(err, new(x509.UnknownAuthorityError)) },
		},
		"a certificate for another name": {
			login: login{spec: renamed(spec, "other.example.test"), options: options + world.ca.File()},
			check: func(err error) bool { return errors.As(err, new(x509.HostnameError)) },
		},
		"a certificate when the client requests the address": {
			login: login{spec: renamed(spec, "127.77.0.1"), options: options + world.ca.File()},
			check: func(err error) bool { return errors.As(err, new(x509.HostnameError)) },
		},
	}
	for sentence, test := range cases {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			if _, err := test.login.connect(t); err == nil || !test.check(err) {
				t.Errorf("login: %v", err)
			}
		})
	}
}

func renamed(spec postgres.Spec, host string) postgres.Spec {
	spec.Host = host
	return spec
}

func TestPlaintextIsRefusedWhileForceSSLIsOn(t *testing.T) {
	t.Parallel()
	for _, major := range majors {
		t.Run("PostgreSQL "+major, func(t *testing.T) {
			t.Parallel()
			spec := newSpec(major)
			create(t, spec)
			plain := login{spec: spec, plaintext: true}
			session := login{spec: spec}.session(t)
			started := value[time.Time](t, session, "SELECT pg_postmaster_start_time()")

			plain.refused(t, "28000", "no encryption")
			plain.refused(t, "28000", "no pg_hba.conf entry")
			configure(t, spec, postgres.Settings{ForceSSL: false})
			if value[bool](t, plain.session(t), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") {
				t.Error("the plaintext session is encrypted")
			}
			configure(t, spec, postgres.Settings{ForceSSL: true})
			plain.refused(t, "28000", "no encryption")

			if again := value[time.Time](t, session, "SELECT pg_postmaster_start_time()"); !again.Equal(started) {
				t.Error("the server was restarted for a dynamic parameter")
			}
			if shown := value[string](t, login{spec: spec}.session(t), "SHOW rds.force_ssl"); shown != "1" {
				t.Errorf("rds.force_ssl is shown as %q", shown)
			}
		})
	}
}

func configure(t *testing.T, spec postgres.Spec, settings postgres.Settings) {
	t.Helper()
	if err := world.plane.Configure(t.Context(), spec.ID, settings); err != nil {
		t.Fatalf("configure: %v", err)
	}
}

func TestTheLeastTLSVersionBinds(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		least  string
		client uint16
		good   bool
	}{
		"by default a client of TLS 1.2 gets in":  {"", tls.VersionTLS12, true},
		"under 1.2 a client of TLS 1.2 gets in":   {"TLSv1.2", tls.VersionTLS12, true},
		"under 1.2 a client of TLS 1.1 does not":  {"TLSv1.2", tls.VersionTLS11, false},
		"by default a client of TLS 1.1 does not": {"", tls.VersionTLS11, false},
		"under 1.3 a client of TLS 1.2 does not":  {"TLSv1.3", tls.VersionTLS12, false},
		"under 1.3 a client of TLS 1.3 gets in":   {"TLSv1.3", tls.VersionTLS13, true},
	}
	for sentence, test := range cases {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			spec := newSpec("18")
			create(t, spec)
			configure(t, spec, postgres.Settings{ForceSSL: true, MinTLS: test.least})
			connection, err := login{spec: spec, tls: test.client}.connect(t)
			if (err == nil) != test.good {
				t.Fatalf("login: %v, want success=%t", err, test.good)
			}
			if err != nil {
				return
			}
			defer hangUp(t, connection)
			want := tls.VersionName(test.client)
			got := value[string](t, connection, "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
			if strings.Replace(got, "TLSv", "TLS ", 1) != want {
				t.Errorf("session speaks %s, want %s", got, want)
			}
		})
	}
}

func TestMoveGivesTheServerANewNameAndPort(t *testing.T) {
	t.Parallel()
	spec := newSpec("16")
	create(t, spec)
	execute(t, login{spec: spec}.session(t), "CREATE TABLE kept (n int)")

	moved := renamed(spec, "renamed.abc123.eu-west-1.rds.amazonaws.com")
	moved.Port = 6543
	if err := world.plane.Move(t.Context(), spec.ID, moved.Host, moved.Port); err != nil {
		t.Fatal(err)
	}
	execute(t, login{spec: moved}.session(t), "SELECT n FROM kept")
	if _, err := (login{spec: spec}).connect(t); err == nil {
		t.Error("the old port still answers")
	}
	spec.Port = moved.Port
	if _, err := (login{spec: spec}).connect(t); !errors.As(err, new(x509.HostnameError)) {
		t.Errorf("login by the old name: %v, want a refused certificate", err)
	}
}
