package dbrole_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/onsi/gomega"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// SQLSTATEs. https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	denied     = "42501" // insufficient_privilege
	notAllowed = "28000" // invalid_authorization_specification
	wrong      = "28P01" // invalid_password
)

func TestEveryMajorGetsItsLogins(t *testing.T) {
	t.Parallel()
	for _, major := range []string{"14", "15", "16", "17", "18"} {
		t.Run(major, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, major, v1alpha1.DatabaseRole{Name: "reporting", Access: v1alpha1.AccessReadOnly, ConnectionLimit: 2})
			if out := w.observe(); out.Exists || len(out.Changes) == 0 || out.Applied {
				t.Errorf("observing a new database: exists %v, changes %v, applied %v", out.Exists, paths(out), out.Applied)
			}
			w.mustHold(w.settle())
			want := []scope.RoleLogin{
				{Name: "coach_app"},
				{Name: "coach_reader", Binding: "-reader"},
				{Name: "reporting", Binding: "-reporting"},
			}
			if diff := cmp.Diff(want, w.in.Roles.Logins); diff != "" {
				t.Errorf("published logins (-want +got):\n%s", diff)
			}
			app, reader, reporting, probe := w.as("coach_app"), w.as("coach_reader"), w.as("reporting"), w.as("coach_probe")
			for _, c := range []struct {
				does      string
				conn      *pgx.Conn
				statement string
				want      string
			}{
				{"the app creates a table", app, "CREATE TABLE athletes (name text)", ""},
				{"the app creates a schema", app, "CREATE SCHEMA billing", ""},
				{"the app writes", app, "INSERT INTO athletes VALUES ('Ada')", ""},
				{"the app creates no role", app, "CREATE ROLE friend", denied},
				{"the app creates no database", app, "CREATE DATABASE more", denied},
				{"the app cannot grant rds_superuser", app, "GRANT rds_superuser TO coach_app", denied},
				{"the app drops no database", app, "DROP DATABASE coach", denied},
				{"the reader reads what the app created", reader, "SELECT name FROM athletes", ""},
				{"the reader writes nothing", reader, "INSERT INTO athletes VALUES ('Eve')", denied},
				{"the reader creates nothing", reader, "CREATE TABLE notes (text text)", denied},
				{"a role of the spec reads", reporting, "SELECT name FROM athletes", ""},
				{"a role of the spec writes nothing", reporting, "DELETE FROM athletes", denied},
				{"the probe reads nothing", probe, "SELECT name FROM public.athletes", denied},
				{"the probe creates nothing", probe, "CREATE TABLE public.notes (text text)", denied},
			} {
				if got := state(t, c.conn, c.statement); got != c.want {
					t.Errorf("%s: SQLSTATE %q, want %q", c.does, got, c.want)
				}
			}
			w.mustOwn("athletes", "coach_owner")
			for _, database := range []string{"postgres", "template1"} {
				password, _ := w.passwords.Stored(t.Context(), "coach_app")
				if conn, err := w.db.Try(t, "coach_app", password, database); err == nil {
					t.Errorf("the app connects to the database %s", database)
					_ = conn.Close(t.Context())
				}
			}
			w.mustHold(w.write())
		})
	}
}

// mustOwn checks who owns a table.
func (w *world) mustOwn(table, want string) {
	w.Helper()
	var got string
	conn := w.db.Login(w, scope.Master, w.db.Password, scope.DatabaseName)
	err := conn.QueryRow(w.Context(), "SELECT tableowner FROM pg_tables WHERE tablename = $1", table).Scan(&got)
	if err != nil || got != want {
		w.Errorf("the table %s belongs to %q (%v), want %q", table, got, err, want)
	}
}

// damages are changes behind the operator's back, by SQL as the master.
var damages = []struct {
	name string
	do   []string
	// paths are the fields that differ then, and controls those that do not hold.
	paths, controls []string
}{
	{
		"a login that is not in the spec",
		[]string{"CREATE ROLE backdoor LOGIN PASSWORD 'x'"},
		[]string{"unmanagedLogins"},
		[]string{"CP-ROLE-01"},
	},
	{
		"a login whose name is a statement",
		[]string{`CREATE ROLE "o'brien"";--" LOGIN`},
		[]string{"unmanagedLogins"},
		[]string{"CP-ROLE-01"},
	},
	{
		"a login whose name resembles one of AWS's",
		[]string{"CREATE ROLE rds_backdoor LOGIN"},
		[]string{"unmanagedLogins"},
		[]string{"CP-ROLE-01"},
	},
	{
		"a login with the name of one of AWS's",
		[]string{"CREATE ROLE rdsproxyadmin LOGIN"},
		[]string{"unmanagedLogins"},
		[]string{"CP-ROLE-01"},
	},
	{"the owner can log in", []string{"ALTER ROLE coach_owner LOGIN"}, []string{"roles"}, []string{"CP-ROLE-01"}},
	{"the app may create roles", []string{"ALTER ROLE coach_app CREATEROLE"}, []string{"roles"}, []string{"CP-ROLE-02"}},
	{"the app may create databases", []string{"ALTER ROLE coach_app CREATEDB"}, []string{"roles"}, []string{"CP-ROLE-02"}},
	{"the app is a master", []string{"GRANT rds_superuser TO coach_app"}, []string{"memberships"}, []string{"CP-ROLE-02"}},
	{"the reader is an owner", []string{"GRANT coach_owner TO coach_reader"}, []string{"memberships"}, []string{"CP-ROLE-02"}},
	{
		"the reader may pass on what it has",
		[]string{"GRANT coach_readers TO coach_reader WITH ADMIN OPTION"},
		[]string{"memberships"},
		[]string{"CP-ROLE-02"},
	},
	{"the app owns nothing any more", []string{"REVOKE coach_owner FROM coach_app"}, []string{"memberships"}, nil},
	{"the app's limit of connections", []string{"ALTER ROLE coach_app CONNECTION LIMIT 1"}, []string{"roles"}, nil},
	{"a password that ends", []string{"ALTER ROLE coach_reader VALID UNTIL '2100-01-01'"}, []string{"roles"}, nil},
	{"the mark is gone", []string{"COMMENT ON ROLE coach_app IS NULL"}, []string{"roles"}, nil},
	{
		"the reader cannot log in",
		[]string{"ALTER ROLE coach_reader NOLOGIN"},
		[]string{"roles", "passwords"},
		[]string{"CP-ROLE-04"},
	},
	{"the probe cannot log in", []string{"ALTER ROLE coach_probe NOLOGIN"}, []string{"roles", "passwords"}, []string{"CP-ROLE-04"}},
	{
		"another search path",
		[]string{"ALTER ROLE coach_app SET search_path = evil, public"},
		[]string{"settings"},
		nil,
	},
	{
		"another search path in one database",
		[]string{"ALTER ROLE coach_app IN DATABASE coach SET search_path = evil"},
		[]string{"settings"},
		nil,
	},
	{"no timeouts", []string{"ALTER ROLE coach_app RESET ALL"}, []string{"settings"}, nil},
	{
		"PUBLIC may connect",
		[]string{"GRANT CONNECT ON DATABASE coach TO PUBLIC"},
		[]string{"databaseGrants"},
		[]string{"CP-ROLE-03"},
	},
	{
		"PUBLIC may create temporary tables elsewhere",
		[]string{"GRANT TEMPORARY ON DATABASE postgres TO PUBLIC"},
		[]string{"databaseGrants"},
		[]string{"CP-ROLE-03"},
	},
	{"a new database, open to PUBLIC", []string{"CREATE DATABASE more"}, []string{"databaseGrants"}, []string{"CP-ROLE-03"}},
	{
		"the reader may create schemas",
		[]string{"GRANT CREATE ON DATABASE coach TO coach_reader"},
		[]string{"databaseGrants"},
		[]string{"CP-ROLE-02"},
	},
	{
		"the app may not connect",
		[]string{"REVOKE CONNECT ON DATABASE coach FROM coach_app"},
		[]string{"databaseGrants", "passwords"},
		[]string{"CP-ROLE-04"},
	},
	{
		"the probe may not connect",
		[]string{"REVOKE CONNECT ON DATABASE coach FROM coach_probe"},
		[]string{"databaseGrants", "passwords"},
		[]string{"CP-ROLE-04"},
	},
	{"PUBLIC may fill the schema", []string{"GRANT CREATE ON SCHEMA public TO PUBLIC"}, []string{"schemaGrants"}, []string{"CP-ROLE-03"}},
	{
		"the reader may fill the schema",
		[]string{"GRANT CREATE ON SCHEMA public TO coach_reader"},
		[]string{"schemaGrants"},
		[]string{"CP-ROLE-02"},
	},
	{"readers may not use the schema", []string{"REVOKE USAGE ON SCHEMA public FROM coach_readers"}, []string{"schemaGrants"}, nil},
	{
		"what the app will create is closed to readers",
		[]string{
			"GRANT coach_owner TO coach_master",
			"ALTER DEFAULT PRIVILEGES FOR ROLE coach_owner IN SCHEMA public REVOKE SELECT ON TABLES FROM coach_readers",
			"REVOKE coach_owner FROM coach_master",
		},
		[]string{"defaultGrants"},
		nil,
	},
	{
		"what the owner has can be passed on",
		[]string{"GRANT CREATE ON SCHEMA public TO coach_owner WITH GRANT OPTION"},
		[]string{"schemaGrants"},
		[]string{"CP-ROLE-02"},
	},
	{
		"the schema belongs to the reader",
		[]string{
			"GRANT coach_reader TO coach_master", "GRANT CREATE ON DATABASE coach TO coach_reader",
			"ALTER SCHEMA public OWNER TO coach_reader", "REVOKE CREATE ON DATABASE coach FROM coach_reader",
			"REVOKE coach_reader FROM coach_master",
		},
		[]string{"schemaGrants"},
		[]string{"CP-ROLE-02"},
	},
	{
		"the database belongs to the app",
		[]string{"GRANT coach_app TO coach_master", "ALTER DATABASE coach OWNER TO coach_app", "REVOKE coach_app FROM coach_master"},
		[]string{"databaseGrants"},
		[]string{"CP-ROLE-02"},
	},
	{
		"what the app will create is open to PUBLIC",
		[]string{
			"GRANT coach_owner TO coach_master",
			"ALTER DEFAULT PRIVILEGES FOR ROLE coach_owner IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC",
			"REVOKE coach_owner FROM coach_master",
		},
		[]string{"defaultGrants"},
		[]string{"CP-ROLE-03"},
	},
	{
		"readers may write what the app will create",
		[]string{
			"GRANT coach_owner TO coach_master",
			"ALTER DEFAULT PRIVILEGES FOR ROLE coach_owner IN SCHEMA public GRANT INSERT ON TABLES TO coach_readers",
			"REVOKE coach_owner FROM coach_master",
		},
		[]string{"defaultGrants"},
		[]string{"CP-ROLE-02"},
	},
	{
		"what the master will create is open to PUBLIC in every schema",
		[]string{"ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC"},
		[]string{"defaultGrants"},
		[]string{"CP-ROLE-03"},
	},
	{
		"what the owner will create is open to PUBLIC in every schema",
		[]string{
			"GRANT coach_owner TO coach_master", "ALTER DEFAULT PRIVILEGES FOR ROLE coach_owner GRANT SELECT ON SEQUENCES TO PUBLIC",
			"REVOKE coach_owner FROM coach_master",
		},
		[]string{"defaultGrants"},
		[]string{"CP-ROLE-03"},
	},
	{
		"what the owner will create in a schema of its own can be written by the reader",
		[]string{
			"GRANT coach_owner TO coach_master", "GRANT CREATE ON DATABASE coach TO coach_master", "CREATE SCHEMA billing AUTHORIZATION coach_owner",
			"ALTER DEFAULT PRIVILEGES FOR ROLE coach_owner IN SCHEMA billing GRANT INSERT ON TABLES TO coach_reader",
			"REVOKE coach_owner FROM coach_master",
		},
		[]string{"defaultGrants"},
		[]string{"CP-ROLE-02"},
	},
	{
		"the functions that the master will create can be passed on by the reader",
		[]string{"ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO coach_reader WITH GRANT OPTION"},
		[]string{"defaultGrants"},
		[]string{"CP-ROLE-02"},
	},
	{
		"the schemas that the master will create are open to a role of PostgreSQL's own, which the probe is a member of",
		[]string{"ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO pg_monitor"},
		[]string{"defaultGrants"},
		[]string{"CP-ROLE-02"},
	},
	{
		"a role of PostgreSQL's own may fill the schema",
		[]string{"GRANT ALL ON SCHEMA public TO pg_monitor"},
		[]string{"schemaGrants"},
		[]string{"CP-ROLE-02"},
	},
	{
		"a role of PostgreSQL's own may create schemas",
		[]string{"GRANT CREATE ON DATABASE coach TO pg_monitor"},
		[]string{"databaseGrants"},
		[]string{"CP-ROLE-02"},
	},
	{"a role of PostgreSQL's own is an owner", []string{"GRANT coach_owner TO pg_monitor"}, []string{"memberships"}, []string{"CP-ROLE-02"}},
	{
		"a role of PostgreSQL's own, which the probe is a member of, is a member of another role",
		[]string{"CREATE ROLE above", "GRANT above TO pg_monitor"},
		[]string{"memberships"},
		[]string{"CP-ROLE-02"},
	},
	{"a role of AWS's own may fill the schema", []string{"GRANT CREATE ON SCHEMA public TO rdstopmgr"}, []string{"schemaGrants"}, []string{"CP-ROLE-02"}},
	{
		"a role of AWS's own may connect",
		[]string{"GRANT CONNECT ON DATABASE coach TO rdstopmgr"},
		[]string{"databaseGrants"},
		[]string{"CP-ROLE-02"},
	},
	{"a role of AWS's own is a master", []string{"GRANT rds_superuser TO rdstopmgr"}, []string{"memberships"}, []string{"CP-ROLE-02"}},
	{"a role of AWS's own is an owner", []string{"GRANT coach_owner TO rdstopmgr"}, []string{"memberships"}, []string{"CP-ROLE-02"}},
	{
		"the master is a member of another role",
		[]string{"CREATE ROLE between", "GRANT between TO coach_master"},
		[]string{"memberships"},
		[]string{"CP-ROLE-02"},
	},
	{"a setting of the master's", []string{"ALTER ROLE coach_master SET search_path = evil"}, []string{"settings"}, nil},
	{
		"a function of the master's with its rights",
		[]string{"CREATE FUNCTION public.lent() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"},
		[]string{"lentRights"},
		[]string{"CP-ROLE-05"},
	},
	{"another password", []string{"ALTER ROLE coach_app PASSWORD 'other'"}, []string{"passwords"}, []string{"CP-ROLE-04"}},
	{
		"a password that is kept as MD5",
		[]string{"SET password_encryption = 'md5'", "ALTER ROLE coach_reader PASSWORD 'other'"},
		[]string{"passwords"},
		[]string{"CP-ROLE-04"},
	},
	{"no password", []string{"ALTER ROLE coach_reader PASSWORD NULL"}, []string{"passwords"}, []string{"CP-ROLE-04"}},
}

func TestDriftIsObservedAndRepaired(t *testing.T) { //nolint:tparallel // one database, one change at a time
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			w.TB = t
			w.db.Do(t, d.do...)
			w.clock.SetTime(w.clock.Now().Add(freshness))
			out := w.observe()
			if diff := cmp.Diff(d.paths, paths(out)); diff != "" {
				t.Errorf("fields that differ (-want +got):\n%s", diff)
			}
			for _, c := range out.Changes {
				if !c.Drift {
					t.Errorf("%s differs and is not reported as drift", c.Path)
				}
			}
			w.mustHold(out, d.controls...)
			w.mustHold(w.settle())
		})
	}
}

func TestALoginIsTriedAgainOnceItsProofIsOld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	w.db.Do(t, "ALTER ROLE coach_app PASSWORD 'other'")
	proven := w.clock.Now()
	w.clock.SetTime(proven.Add(freshness / 2))
	out := w.observe()
	if len(out.Changes) > 0 {
		t.Errorf("a login was tried again while its proof was fresh: %v", paths(out))
	}
	for _, f := range out.Findings {
		clocked := slices.Contains([]string{verifiers, lends, data}, f.Control) // what other databases hold, too
		if want := map[bool]time.Time{true: proven, false: w.clock.Now()}[clocked]; !f.At.Equal(want) {
			t.Errorf("%s was seen at %v, want %v", f.Control, f.At, want)
		}
	}
	w.clock.SetTime(w.clock.Now().Add(freshness))
	if out := w.observe(); len(out.Changes) != 1 || verdicts(out)["CP-ROLE-04"] != converge.Violated {
		t.Errorf("a login was not tried again though its proof was old: %v", out.Findings)
	}
	if out := w.pass(converge.Mode{Fresh: true}); len(out.Changes) != 1 {
		t.Errorf("a requested observation trusts an old proof: %v", paths(out))
	}
}

func TestPlaintextIsSeenWhetherConfiguredOrUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	if err := w.account.SetParameter(t.Context(), "group-16", "rds.force_ssl", "0"); err != nil {
		t.Fatal(err)
	}
	w.until("CP-TLS-01", converge.Violated)
	if out := w.observe(); reasonOf(out) != v1alpha1.ReasonPlaintextAdmitted {
		t.Errorf("a database that admits plaintext is not Ready: %v", out.Err)
	}
	plain := w.db.Plain(t)
	w.mustHold(w.observe(), "CP-TLS-01", "CP-TLS-02")
	if err := w.account.SetParameter(t.Context(), "group-16", "rds.force_ssl", "1"); err != nil {
		t.Fatal(err)
	}
	w.until("CP-TLS-01", converge.Verified)
	w.mustHold(w.observe(), "CP-TLS-02")
	plain()
	w.db.AwaitNoPlain(t)
	w.mustHold(w.observe())
}

// until observes until a control has a verdict: a setting of the server counts a moment after it was set.
func (w *world) until(control string, want converge.Verdict) {
	w.Helper()
	gomega.NewWithT(w.TB).Eventually(func() converge.Verdict { return verdicts(w.observe())[control] }, "20s", "50ms").
		Should(gomega.Equal(want), control)
}
