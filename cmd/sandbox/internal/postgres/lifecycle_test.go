package postgres_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/postgres"
)

func TestEveryMajorOnOfferWorks(t *testing.T) {
	t.Parallel()
	offered := world.plane.Majors()
	if len(offered) < len(majors) || !slices.IsSortedFunc(offered, func(a, b string) int { return len(a) - len(b) }) {
		t.Fatalf("on offer: %v", offered)
	}
	for _, major := range offered {
		t.Run("PostgreSQL "+major, func(t *testing.T) {
			t.Parallel()
			spec := newSpec(major)
			create(t, spec)
			query := "SELECT current_setting('server_version_num')::int / 10000"
			if got := value[int](
				t,
				login{spec: spec, database: "coach"}.session(t),
				query,
			); strconv.Itoa(
				got,
			) != major {
				t.Errorf("server is PostgreSQL %d", got)
			}
		})
	}
}

func TestAChangedMasterPasswordReplacesTheOldOne(t *testing.T) {
	t.Parallel()
	for _, major := range majors {
		t.Run("PostgreSQL "+major, func(t *testing.T) {
			t.Parallel()
			spec := newSpec(major)
			create(t, spec)
			before := login{spec: spec}
			session := before.session(t)
			const secret = `New'"\$; -- pässword`
			if err := world.plane.SetMasterPassword(t.Context(), spec.ID, secret); err != nil {
				t.Fatal(err)
			}
			login{spec: spec, user: spec.MasterUser, password: secret}.session(t)
			before.refused(t, "28P01", "")
			execute(t, session, "SELECT 1")
			log := filepath.Join(world.dir, "state", "logs", spec.ID+".log")
			noSecret(t, log, secret)
			noSecret(t, log, spec.MasterPassword)
		})
	}
}

func TestAFailedStatementIsNotLogged(t *testing.T) {
	t.Parallel()
	spec := newSpec("16")
	create(t, spec)
	session := login{spec: spec}.session(t)
	const secret = "Never-in-a-log"
	if _, err := session.Exec(t.Context(), "CREATE ROLE "+spec.MasterUser+" PASSWORD '"+secret+"'"); err == nil {
		t.Fatal("the statement succeeded")
	}
	log := filepath.Join(world.dir, "state", "logs", spec.ID+".log")
	eventually(t, "the failure is logged", func() bool { return contains(t, log, "already exists") })
	noSecret(t, log, secret)
}

func TestRebootEndsSessionsAndAppliesStaticParameters(t *testing.T) {
	t.Parallel()
	for _, major := range majors {
		t.Run("PostgreSQL "+major, func(t *testing.T) {
			t.Parallel()
			spec := newSpec(major)
			create(t, spec)
			session := login{spec: spec}.session(t)
			configure(t, spec, postgres.Settings{ForceSSL: true, Parameters: map[string]string{
				"max_connections":          "50",
				"work_mem":                 "8192",
				"rds.logical_replication":  "1",
				"shared_preload_libraries": "not_there",
				"listen_addresses":         "*",
				"log_statement":            "all",
				"maintenance_work_mem":     "GREATEST({DBInstanceClassMemory/63963136*1024},65536)",
			}})
			shown := func(name string) string { return value[string](t, login{spec: spec}.session(t), "SHOW "+name) }
			if got := shown("work_mem"); got != "8MB" {
				t.Errorf("a dynamic parameter is %s, want the new value at once", got)
			}
			if got := shown("max_connections"); got != "100" {
				t.Errorf("a static parameter is %s before the reboot", got)
			}
			if err := world.plane.Reboot(t.Context(), spec.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := session.Exec(t.Context(), "SELECT 1"); err == nil {
				t.Error("a session outlived the reboot")
			}
			address, _ := world.plane.Address(spec.ID)
			want := map[string]string{
				"max_connections":          "50",
				"work_mem":                 "8MB",
				"rds.logical_replication":  "1",
				"shared_preload_libraries": "",
				"listen_addresses":         address.String(),
				"log_statement":            "none",
				"maintenance_work_mem":     "64MB",
			}
			for name, value := range want {
				if got := shown(name); name != "listen_addresses" && got != value {
					t.Errorf("%s is %q, want %q", name, got, value)
				}
			}
		})
	}
}

func TestAStoppedServerKeepsItsDataAndAddress(t *testing.T) {
	t.Parallel()
	for _, major := range majors {
		t.Run("PostgreSQL "+major, func(t *testing.T) {
			t.Parallel()
			spec := newSpec(major)
			create(t, spec)
			execute(t, login{spec: spec}.session(t), "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
			address, _ := world.plane.Address(spec.ID)

			for range 2 { // the second finds it stopped
				if err := world.plane.Stop(t.Context(), spec.ID); err != nil {
					t.Fatal(err)
				}
			}
			unreachable(t, address, spec.Port)
			if again, ok := world.plane.Address(spec.ID); !ok || again != address {
				t.Errorf("address of the stopped server: %s, %t", again, ok)
			}
			for verb, err := range map[string]error{
				"reboot":       world.plane.Reboot(t.Context(), spec.ID),
				"set password": world.plane.SetMasterPassword(t.Context(), spec.ID, "Another-1"),
			} {
				if !errors.Is(err, postgres.ErrStopped) {
					t.Errorf("%s: %v, want %v", verb, err, postgres.ErrStopped)
				}
			}
			configure(t, spec, postgres.Settings{ForceSSL: false})
			for range 2 { // the second finds it running
				if err := world.plane.Start(t.Context(), spec.ID); err != nil {
					t.Fatal(err)
				}
			}
			session := login{spec: spec, plaintext: true}.session(t)
			if got := value[int](t, session, "SELECT n FROM kept"); got != 7 {
				t.Errorf("row holds %d", got)
			}
		})
	}
}

func unreachable(t *testing.T, address netip.Addr, port int) {
	t.Helper()
	dialer := net.Dialer{Timeout: 5 * time.Second}
	connection, err := dialer.DialContext(t.Context(), "tcp", net.JoinHostPort(address.String(), strconv.Itoa(port)))
	if err == nil {
		shut(t, connection)
		t.Errorf("%s still answers", address)
	}
}

func TestDeleteLeavesNothing(t *testing.T) {
	t.Parallel()
	spec := newSpec("16")
	create(t, spec)
	login{spec: spec}.session(t)
	address, _ := world.plane.Address(spec.ID)
	if err := world.plane.Delete(t.Context(), spec.ID); err != nil {
		t.Fatal(err)
	}
	unreachable(t, address, spec.Port)
	if _, ok := world.plane.Address(spec.ID); ok {
		t.Error("the instance still has an address")
	}
	if _, err := os.Stat(
		filepath.Join(world.dir, "state", "servers", "instances", spec.ID),
	); !errors.Is(
		err,
		os.ErrNotExist,
	) {
		t.Errorf("its data: %v, want it gone", err)
	}
	create(t, spec)
	if again, _ := world.plane.Address(spec.ID); again != address {
		t.Errorf("created again it has address %s, had %s", again, address)
	}
	if exists := value[bool](
		t,
		login{spec: spec}.session(t),
		"SELECT count(*) = 0 FROM pg_tables WHERE tablename = 'kept'",
	); !exists {
		t.Error("created again it has old data")
	}
}

func TestWhatCannotBeDoneIsAnError(t *testing.T) {
	t.Parallel()
	spec := newSpec("16")
	create(t, spec)
	ctx, plane := t.Context(), world.plane
	with := func(change func(*postgres.Spec)) error {
		changed := newSpec("16")
		change(&changed)
		_, err := plane.Create(ctx, changed)
		if _, ok := plane.Address(changed.ID); ok && changed.ID != spec.ID {
			t.Errorf("a failed create left %s behind", changed.ID)
		}
		return err
	}
	cases := map[string]struct{ err, want error }{
		"a taken ID":            {with(func(s *postgres.Spec) { s.ID = spec.ID }), postgres.ErrExists},
		"a major not installed": {with(func(s *postgres.Spec) { s.Major = "9" }), postgres.ErrMajor},
		"an ID that is a path":  {with(func(s *postgres.Spec) { s.ID = "../x" }), nil},
		"no ID":                 {with(func(s *postgres.Spec) { s.ID = "" }), nil},
		"no host":               {with(func(s *postgres.Spec) { s.Host = "" }), nil},
		"no password":           {with(func(s *postgres.Spec) { s.MasterPassword = "" }), nil},
		"a port out of range":   {with(func(s *postgres.Spec) { s.Port = 70000 }), nil},
		"TLS too old":           {with(func(s *postgres.Spec) { s.Settings.MinTLS = "TLSv1.1" }), nil},
		"RDS's user as master":  {with(func(s *postgres.Spec) { s.MasterUser = "rdsadmin" }), nil},
		"a parameter's nonsense": {
			with(func(s *postgres.Spec) { s.Settings.Parameters = map[string]string{"work_mem": "lots"} }),
			nil,
		},
		"to configure nothing": {plane.Configure(ctx, "none", postgres.Settings{}), postgres.ErrNotFound},
		"to configure TLS 1.0": {plane.Configure(ctx, spec.ID, postgres.Settings{MinTLS: "TLSv1"}), nil},
		"to move nothing":      {plane.Move(ctx, "none", "h", 1), postgres.ErrNotFound},
		"to move to no port":   {plane.Move(ctx, spec.ID, "h", 0), nil},
		"to reboot nothing":    {plane.Reboot(ctx, "none"), postgres.ErrNotFound},
		"to stop nothing":      {plane.Stop(ctx, "none"), postgres.ErrNotFound},
		"to start nothing":     {plane.Start(ctx, "none"), postgres.ErrNotFound},
		"to delete nothing":    {plane.Delete(ctx, "none"), postgres.ErrNotFound},
		"an empty password":    {plane.SetMasterPassword(ctx, spec.ID, ""), nil},
		"nothing's password":   {plane.SetMasterPassword(ctx, "none", "x"), postgres.ErrNotFound},
		"nothing's snapshot":   {plane.Snapshot(ctx, "none", "s"), postgres.ErrNotFound},
		"an unknown snapshot":  {plane.DeleteSnapshot(ctx, "none"), postgres.ErrNotFound},
	}
	for sentence, test := range cases {
		if test.err == nil {
			t.Errorf("%s: no error", sentence)
		}
		if test.want != nil && !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %v", sentence, test.err, test.want)
		}
	}
	login{spec: spec}.session(t)
}

func TestAServerThatEndedByItselfIsStoppedAndCanBeStarted(t *testing.T) {
	t.Parallel()
	spec := newSpec("16")
	create(t, spec)
	login{spec: spec}.session(t)
	if err := syscall.Kill(postmaster(t, spec), syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server has ended", func() bool {
		err := world.plane.SetMasterPassword(t.Context(), spec.ID, spec.MasterPassword)
		return errors.Is(err, postgres.ErrStopped)
	})
	if err := world.plane.Start(t.Context(), spec.ID); err != nil {
		t.Fatal(err)
	}
	login{spec: spec}.session(t)
}

// postmaster is the process ID of an instance's server.
func postmaster(t *testing.T, spec postgres.Spec) int {
	t.Helper()
	record := filepath.Join(world.dir, "state", "servers", "instances", spec.ID, "data", "postmaster.pid")
	content, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(content), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
