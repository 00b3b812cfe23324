package dbrole_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const lends = "CP-ROLE-05"

// runs is a function that runs a statement with the rights of its owner.
const runs = `(what text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$BEGIN EXECUTE what; END$$`

// A function of the master's makes everybody who may call it the master, and one of the owner's makes readers owners.
func TestAFunctionLendsNobodysRights(t *testing.T) {
	t.Parallel()
	for _, major := range []string{"14", "16", "18"} {
		t.Run(major, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, major)
			w.settle()
			app, reader := w.as("coach_app"), w.as("coach_reader")
			w.mustDo(app.Exec(t.Context(), "CREATE TABLE public.notes (text text)"))
			w.mustDo(app.Exec(t.Context(), "CREATE FUNCTION public.of_owner"+runs))
			w.db.Do(t, "CREATE FUNCTION public.of_master"+runs,
				"CREATE ROLE between", "GRANT rds_superuser TO between", "GRANT between TO coach_master",
				"CREATE FUNCTION public.of_between"+runs, "GRANT CREATE ON SCHEMA public TO between",
				"ALTER FUNCTION public.of_between OWNER TO between", "REVOKE between FROM coach_master")
			calls := []struct {
				does, call     string
				before, closed string
			}{
				{"the master's rights", "SELECT public.of_master('CREATE ROLE friend')", "", denied},
				{"the owner's rights", "SELECT public.of_owner('INSERT INTO notes VALUES (''x'')')", "", denied},
			}
			for _, c := range calls {
				if got := state(t, reader, c.call); got != c.before {
					t.Errorf("%s before: SQLSTATE %q, want %q", c.does, got, c.before)
				}
			}
			out := w.observe()
			w.mustHold(out, lends, rights)
			for _, name := range []string{"of_master of coach_master", "of_owner of coach_owner", "of_between of between"} {
				if seen := seenOf(out, lends); !strings.Contains(seen, "function public."+name) {
					t.Errorf("%s is not reported: %s", name, seen)
				}
			}
			w.mustHold(w.settle())
			for _, c := range calls {
				if got := state(t, reader, c.call); got != c.closed {
					t.Errorf("%s afterwards: SQLSTATE %q, want %q", c.does, got, c.closed)
				}
			}
			if got := state(t, app, "SELECT public.of_owner('DELETE FROM notes')"); got != "" {
				t.Errorf("the owner lost its own function: %s", got)
			}
			if got := state(t, app, "SELECT public.of_between('CREATE ROLE friend2')"); got != denied {
				t.Errorf("a function of a role between: SQLSTATE %q", got)
			}
		})
	}
}

func TestWhoMayDoAsTheOwnerDoesMayCallItsFunctions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "17", v1alpha1.DatabaseRole{Name: "importer", Access: v1alpha1.AccessReadWrite})
	w.settle()
	app := w.as("coach_app")
	for _, statement := range []string{
		"CREATE FUNCTION public.mine" + runs, "REVOKE EXECUTE ON FUNCTION public.mine FROM PUBLIC",
		"GRANT EXECUTE ON FUNCTION public.mine TO importer", "CREATE FUNCTION public.callers() RETURNS int LANGUAGE sql AS 'SELECT 1'",
	} {
		w.mustDo(app.Exec(t.Context(), statement))
	}
	if out := w.observe(); len(out.Changes) > 0 {
		t.Errorf("changes: %v", paths(out))
	}
	w.mustHold(w.observe())
	w.mustDo(app.Exec(t.Context(), "GRANT EXECUTE ON FUNCTION public.mine TO coach_readers"))
	w.mustHold(w.observe(), lends)
	w.mustHold(w.settle())
	importer := w.as("importer")
	if got := state(t, importer, "SELECT public.mine('SELECT')"); got != "" {
		t.Errorf("it was taken from who has the owner's rights: %s", got)
	}
}

func TestATenantsLocksOnItsFunctionsTakeNoTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	app := w.as("coach_app")
	statements := []string{"SET idle_in_transaction_session_timeout = 0"}
	const functions = 20
	for i := range functions {
		statements = append(statements, fmt.Sprintf("CREATE FUNCTION public.locked_%d%s", i, runs))
	}
	statements = append(statements, "BEGIN")
	for i := range functions {
		statements = append(statements, fmt.Sprintf("ALTER FUNCTION public.locked_%d COST 2", i))
	}
	for _, statement := range statements {
		w.mustDo(app.Exec(t.Context(), statement))
	}
	w.db.Do(t, "ALTER ROLE coach_reader CREATEDB")
	began := time.Now()
	w.write()
	if took := time.Since(began); took > functions*time.Second {
		t.Errorf("a pass took %v", took)
	}
	w.mustHold(w.observe(), lends) // what else was wrong is repaired
	w.mustDo(app.Exec(t.Context(), "ROLLBACK"))
	w.mustHold(w.settle())
}

func TestAFunctionWithAHostileNameIsTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	app := w.as("coach_app")
	for _, statement := range []string{
		`CREATE SCHEMA "x"";--"`, `CREATE TYPE "x"";--"."t'"";" AS (n int)`,
		`CREATE PROCEDURE "x"";--"."f""(;--"(a "x"";--"."t'"";", b int[], VARIADIC c text[]) LANGUAGE sql SECURITY DEFINER AS 'SELECT'`,
		`CREATE FUNCTION "x"";--"."4242424242424242"() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'`,
	} {
		w.mustDo(app.Exec(t.Context(), statement))
	}
	out := w.observe()
	w.mustHold(out, lends)
	if seen := seenOf(out, lends); strings.Contains(seen, "4242") {
		t.Errorf("a number is repeated: %s", seen)
	}
	w.mustHold(w.settle())
}

// What an administrator of RDS may create, and the sandbox's master only while it is a superuser. None of it is the
// operator's to drop, but a trigger would run in its own sessions.
func TestWhatElseLendsRightsOrCarriesDataOutIsSeen(t *testing.T) { //nolint:tparallel // the ways share a database
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	app := w.as("coach_app")
	w.mustDo(app.Exec(t.Context(), "CREATE TABLE public.notes (text text)"))
	w.mustDo(app.Exec(t.Context(), `CREATE FUNCTION public.sprung() RETURNS event_trigger LANGUAGE plpgsql AS
		$$BEGIN EXECUTE 'ALTER ROLE coach_app CREATEDB'; END$$`))
	for _, c := range []struct {
		name     string
		do, undo []string
		want     string
	}{
		{
			"an event trigger of the master's, with a function of the tenant's",
			[]string{"CREATE EVENT TRIGGER trap ON ddl_command_start EXECUTE FUNCTION public.sprung()"},
			nil,
			"event trigger trap of coach_master",
		},
		{
			"a foreign server",
			[]string{"CREATE FOREIGN DATA WRAPPER w", "CREATE SERVER away FOREIGN DATA WRAPPER w"},
			[]string{"DROP FOREIGN DATA WRAPPER w CASCADE"},
			"foreign server away of coach_master",
		},
		{
			"a login that is kept for one",
			[]string{"CREATE FOREIGN DATA WRAPPER w", "CREATE SERVER away FOREIGN DATA WRAPPER w", "CREATE USER MAPPING FOR coach_reader SERVER away"},
			[]string{"DROP FOREIGN DATA WRAPPER w CASCADE"},
			"user mapping away of coach_reader",
		},
		{
			"the means to create them",
			[]string{"CREATE FOREIGN DATA WRAPPER w", "GRANT USAGE ON FOREIGN DATA WRAPPER w TO coach_app"},
			[]string{"DROP FOREIGN DATA WRAPPER w"},
			"foreign-data wrapper w of coach_app",
		},
		{
			"a publication of everything",
			[]string{"CREATE PUBLICATION everything FOR ALL TABLES"},
			[]string{"DROP PUBLICATION everything"},
			"publication everything of coach_master",
		},
		{
			"a subscription",
			[]string{"CREATE SUBSCRIPTION copy CONNECTION 'host=x password=y' PUBLICATION p WITH (connect = false)"},
			[]string{"ALTER SUBSCRIPTION copy SET (slot_name = NONE)", "DROP SUBSCRIPTION copy"},
			"subscription copy of coach_master",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.TB = t
			w.superuser(c.do...)
			out := w.observe()
			w.mustHold(out, lends)
			if seen := seenOf(out, lends); !strings.Contains(seen, c.want) {
				t.Errorf("seen: %s, want %s", seen, c.want)
			}
			if c.undo == nil {
				// Its repair is a command that the trigger would run at.
				w.db.Do(t, "ALTER EVENT TRIGGER trap DISABLE", "REVOKE USAGE ON SCHEMA public FROM coach_readers", "ALTER EVENT TRIGGER trap ENABLE")
				w.write()
				w.mustHold(w.settleBut(lends))
				return
			}
			w.mustHold(w.settleBut(lends), lends)
			w.superuser(c.undo...)
			w.mustHold(w.settle())
		})
	}
}

// From PostgreSQL 17 on a trigger may run at each login, with the rights of who logs in.
func TestNothingRunsInTheMastersSession(t *testing.T) { //nolint:tparallel // the databases are of one server
	t.Parallel()
	w := newWorld(t, "17")
	w.settle()
	const trap = `CREATE FUNCTION public.sprung() RETURNS event_trigger LANGUAGE plpgsql AS
		$$BEGIN IF session_user = 'coach_master' THEN EXECUTE 'ALTER ROLE coach_app CREATEDB'; END IF; END$$`
	for _, c := range []struct {
		database, seen string
		unproven       []string
	}{
		{"postgres", "login trigger in database postgres", []string{lends}},
		{"coach", "login trigger trap of coach_master", []string{lends, verifiers, rights}},
	} {
		t.Run(c.database, func(t *testing.T) {
			w.TB = t
			w.account.Sabotage(t, "superuser-master", map[string]any{"resource": w.db.Identifier})
			w.at(c.database, trap, "CREATE EVENT TRIGGER trap ON login EXECUTE FUNCTION public.sprung()",
				"ALTER ROLE coach_reader CREATEDB", "ALTER ROLE coach_master NOSUPERUSER")
			dials := w.counted() // a new process has no proof of the master's login
			w.observe()
			if n := dials.count(); n != 7 {
				t.Errorf("%d connections, want one less than without the trigger, which are 8", n)
			}
			w.write()
			out := w.write()
			w.mustHold(out, c.unproven...) // the database of the platform is not repaired
			if seen := seenOf(out, lends); !strings.Contains(seen, c.seen) {
				t.Errorf("seen: %s", seen)
			}
			if c.database == scope.DatabaseName && reasonOf(out) != v1alpha1.ReasonLoginRefused {
				t.Errorf("got %v", out.Err)
			}
			if w.createsDatabases("coach_app") {
				t.Error("the trigger ran in the operator's session")
			}
			w.at(c.database, "DROP EVENT TRIGGER trap")
			w.at(c.database, "SELECT 1") // PostgreSQL sees only at a login that there is none any more
			if !w.createsDatabases("coach_app") {
				t.Error("the trigger does not run at all")
			}
			w.mustHold(w.settle())
		})
	}
}

// createsDatabases says whether a role may, as the probe sees it.
func (w *world) createsDatabases(name string) (may bool) {
	w.Helper()
	conn := w.as("coach_probe")
	w.mustDo(nil, conn.QueryRow(w.Context(), "SELECT rolcreatedb FROM pg_roles WHERE rolname = $1", name).Scan(&may))
	w.mustClose(conn)
	return may
}

// superuser runs statements as the master while it is a superuser, in one session.
func (w *world) superuser(statements ...string) {
	w.Helper()
	w.account.Sabotage(w.TB, "superuser-master", map[string]any{"resource": w.db.Identifier})
	w.db.Do(w, append(slices.Clone(statements), "ALTER ROLE coach_master NOSUPERUSER")...)
}

// settleBut passes once, while a control does not hold that only a person can repair, and finds nothing else to do.
func (w *world) settleBut(control string) converge.Outcome {
	w.Helper()
	out := w.write()
	if out.Err != nil || len(out.Changes) > 0 {
		w.Errorf("with %s violated there is something to do: %v, %v", control, out.Err, paths(out))
	}
	return out
}

// shadows are what the other databases of the server may hold.
var shadows = []struct {
	name     string
	do, undo []string
	// in is the database, and seen what is said of the control.
	in, control, seen string
}{
	{
		"a column in the database postgres",
		[]string{"CREATE TABLE public.coaches (iban text)"},
		[]string{"DROP TABLE public.coaches"},
		"postgres", data, "public.coaches.iban (bank account) in database postgres",
	},
	{
		"a column that belongs to a role that leaves no trace",
		[]string{
			"CREATE TABLE public.coaches (ssn text)", "GRANT CREATE ON SCHEMA public TO pg_database_owner",
			"ALTER TABLE public.coaches OWNER TO pg_database_owner",
		},
		[]string{"DROP TABLE public.coaches"},
		"template1", data, "public.coaches.ssn (identity) in database template1",
	},
	{
		"a function in the template of new databases",
		[]string{"CREATE FUNCTION public.lent" + runs},
		[]string{"DROP FUNCTION public.lent"},
		"template1", lends, "function public.lent of coach_master in database template1",
	},
}

func TestEveryDatabaseOfTheServerIsRead(t *testing.T) { //nolint:tparallel // one server, one change at a time
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	for _, s := range shadows {
		t.Run(s.name, func(t *testing.T) {
			w.TB = t
			w.at(s.in, s.do...)
			w.until(s.control, converge.Violated)
			out := w.observe()
			w.mustHold(out, s.control)
			if seen := seenOf(out, s.control); !strings.Contains(seen, s.seen) {
				t.Errorf("seen: %s, want %s", seen, s.seen)
			}
			if s.control == lends {
				w.mustHold(w.settle())
			}
			w.at(s.in, s.undo...)
			w.until(s.control, converge.Verified)
		})
	}
	t.Run("a database that the master cannot connect to", func(t *testing.T) {
		w.TB = t
		w.db.Do(t, "CREATE DATABASE hidden", "CREATE ROLE holder", "GRANT holder TO coach_master")
		w.at("hidden", "CREATE TABLE public.coaches (passport text)")
		w.db.Do(t, "ALTER DATABASE hidden OWNER TO holder", "REVOKE ALL ON DATABASE hidden FROM PUBLIC", "REVOKE holder FROM coach_master")
		out := w.observe()
		w.mustHold(out, data, lends, rights)
		if verdicts(out)[data] != converge.Unknown || !strings.Contains(seenOf(out, data), "hidden") {
			t.Errorf("%v: %s", verdicts(out)[data], seenOf(out, data))
		}
		w.write()
		w.until(data, converge.Violated)
		w.db.Do(t, "DROP DATABASE hidden")
		w.mustHold(w.settle())
	})
	t.Run("more databases than are read", func(t *testing.T) {
		w.TB = t
		for i := range 20 {
			w.db.Do(t, "CREATE DATABASE more_"+string(rune('a'+i)))
		}
		w.write()
		out := w.observe()
		w.mustHold(out, data, lends)
		if seen := seenOf(out, data); verdicts(out)[data] != converge.Unknown || !strings.Contains(seen, "beyond the first 20") {
			t.Errorf("%v: %s", verdicts(out)[data], seen)
		}
	})
}

// at runs statements as the master in another database.
func (w *world) at(database string, statements ...string) {
	w.Helper()
	conn := w.db.Login(w, scope.Master, w.db.Password, database)
	for _, statement := range statements {
		w.mustDo(conn.Exec(w.Context(), statement))
	}
	w.mustClose(conn)
}

func (w *world) mustClose(conn *pgx.Conn) {
	w.Helper()
	if err := conn.Close(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// A quiet observation costs two connections: the one that reads the platform's own database, and the one without TLS.
func TestAQuietObservationReadsNoOtherDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	dials := w.counted()
	w.observe()
	first := dials.count()
	w.observe()
	if again := dials.count() - first; again != 2 || first < 4 {
		t.Errorf("%d connections at first, and %d again, want 2", first, again)
	}
	w.at("postgres", "CREATE TABLE public.quiet ()")
	w.until(data, converge.Verified)
	w.at("postgres", "DROP TABLE public.quiet")
	w.clock.SetTime(w.clock.Now().Add(freshness))
	before := dials.count()
	w.observe()
	if after := dials.count() - before; after < 4 {
		t.Errorf("%d connections once everything is old", after)
	}
}
