package dbrole_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// rolesNow are the roles that are there, but for PostgreSQL's and AWS's own, each with whether it can log in.
func (w *world) rolesNow() []string {
	w.Helper()
	conn := w.db.Login(w, scope.Master, w.db.Password, scope.DatabaseName)
	rows, err := conn.Query(w.Context(), `SELECT rolname || CASE WHEN rolcanlogin THEN '' ELSE ' (no login)' END FROM pg_roles
		WHERE rolname !~ '^(pg_|rds)' ORDER BY 1`)
	if err != nil {
		w.Fatal(err)
	}
	var all []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			w.Fatal(err)
		}
		all = append(all, name)
	}
	_ = conn.Close(w.Context())
	return all
}

var usual = []string{"coach_app", "coach_master", "coach_owner (no login)", "coach_probe", "coach_reader", "coach_readers (no login)"}

func TestARoleThatIsNoLongerDesiredIsDroppedAndWhatItOwnsStays(t *testing.T) {
	t.Parallel()
	for _, major := range []string{"15", "17"} {
		t.Run(major, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, major, v1alpha1.DatabaseRole{Name: "importer", Access: v1alpha1.AccessReadWrite})
			w.settle()
			importer := w.as("importer")
			if got := state(t, importer, "CREATE TABLE imported (line text)"); got != "" {
				t.Fatalf("creating a table: SQLSTATE %s", got)
			}
			w.db.Do(t, "GRANT CREATE ON SCHEMA public TO importer", "GRANT importer TO coach_master",
				"CREATE TABLE own (line text)", "ALTER TABLE own OWNER TO importer", "REVOKE importer FROM coach_master",
				"CREATE SCHEMA theirs", "GRANT USAGE ON SCHEMA theirs TO importer")
			w.spec.Database.Roles = nil
			w.mustHold(w.settle())
			if diff := cmp.Diff(usual, w.rolesNow()); diff != "" {
				t.Errorf("roles (-want +got):\n%s", diff)
			}
			w.mustOwn("imported", "coach_owner")
			w.mustOwn("own", "coach_owner")
			if password, _ := w.passwords.Stored(t.Context(), "importer"); password != "" {
				t.Error("the password of a dropped login is kept")
			}
			if got := state(t, importer, "SELECT 1"); got == "" {
				t.Error("a session of a dropped login goes on")
			}
		})
	}
}

func TestARoleThatIsNotOwnedIsNotTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16", v1alpha1.DatabaseRole{Name: "reporting", Access: v1alpha1.AccessReadWrite})
	w.db.Do(t, "CREATE ROLE reporting LOGIN PASSWORD 'theirs'")
	var out converge.Outcome
	for range 3 {
		out = w.write()
	}
	if fault.ClassOf(out.Err) != fault.Conflict || !strings.Contains(out.Err.Error(), "reporting") {
		t.Errorf("got %v, want a conflict that names the role", out.Err)
	}
	if verdicts(out)["CP-ROLE-01"] != converge.Violated {
		t.Error("somebody else's login does not violate that only the platform's own can log in")
	}
	if conn, err := w.db.Try(t, "reporting", "theirs", scope.DatabaseName); err == nil {
		t.Error("somebody else's login can connect")
		_ = conn.Close(t.Context())
	}
	if len(w.in.Roles.Logins) != 2 {
		t.Errorf("the other logins must be there: %v", w.in.Roles.Logins)
	}
	w.db.Do(t, "DROP ROLE reporting")
	w.mustHold(w.settle())
	if len(w.in.Roles.Logins) != 3 {
		t.Errorf("once the name is free the login must be created: %v", w.in.Roles.Logins)
	}
}

func TestALoginOfIAMNeverLocksTheMasterOut(t *testing.T) {
	t.Parallel()
	for major, possible := range map[string]bool{"14": true, "15": true, "16": false, "18": false} {
		t.Run(major, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, major, v1alpha1.DatabaseRole{Name: "auditor", Access: v1alpha1.AccessReadOnly, IAM: true})
			var out converge.Outcome
			for range 5 {
				out = w.write()
				w.db.Do(t, "SELECT 1") // the master can log in
			}
			iam := slices.Contains(w.in.Roles.Logins, scope.RoleLogin{Name: "auditor", Binding: "-auditor", IAM: true})
			if possible {
				if out.Err != nil || !iam {
					t.Errorf("got %v, published %v", out.Err, w.in.Roles.Logins)
				}
				w.mustHold(out)
				return
			}
			if reasonOf(out) != v1alpha1.ReasonIAMLoginRefused || iam || len(w.in.Roles.Logins) != 2 {
				t.Errorf("got %v, published %v", out.Err, w.in.Roles.Logins)
			}
			w.mustHold(out)
			w.spec.Database.Roles[0].IAM = false
			w.mustHold(w.settle())
		})
	}
}

func TestALoginThatStopsBeingOneOfIAMGetsAPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "15", v1alpha1.DatabaseRole{Name: "auditor", Access: v1alpha1.AccessReadOnly})
	w.settle()
	for _, iam := range []bool{true, false} {
		w.spec.Database.Roles[0].IAM = iam
		w.mustHold(w.settle())
		password, _ := w.passwords.Stored(t.Context(), "auditor")
		conn, err := w.db.Try(t, "auditor", password, scope.DatabaseName)
		if admitted := err == nil; admitted == iam {
			t.Errorf("iam %v: the password is admitted: %v (%v)", iam, admitted, err)
		}
		if err == nil {
			_ = conn.Close(t.Context())
		}
	}
}

func TestALoginWhoseConnectionsAreAllTakenIsNotBroken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16", v1alpha1.DatabaseRole{Name: "single", Access: v1alpha1.AccessReadOnly, ConnectionLimit: 1})
	w.settle()
	held := w.as("single")
	w.clock.SetTime(w.clock.Now().Add(freshness))
	out := w.write()
	if reasonOf(out) != v1alpha1.ReasonDatabaseFull || !strings.Contains(out.Err.Error(), "single") || out.Applied {
		t.Errorf("got %v, applied %v", out.Err, out.Applied)
	}
	w.mustHold(out, "CP-ROLE-04")
	_ = held.Close(t.Context())
	w.mustHold(w.settle())
}

// TestATenantCannotMisleadTheOperator lets a tenant create everything it can under the names of what the
// operator uses, and checks that none of it takes part.
func TestATenantCannotMisleadTheOperator(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	tenant := w.as("coach_app")
	for _, statement := range hostile {
		if got := state(t, tenant, statement); got != "" {
			t.Fatalf("%s: SQLSTATE %s", statement, got)
		}
	}
	w.restart(w.account.Sandbox().Dial)
	w.mustHold(w.settle())
	w.db.Do(t, "CREATE ROLE backdoor LOGIN", "GRANT CONNECT ON DATABASE coach TO PUBLIC")
	w.mustHold(w.observe(), "CP-ROLE-01", "CP-ROLE-03")
	w.mustHold(w.settle())
	w.spec.Database.Roles = []v1alpha1.DatabaseRole{{Name: "reporting", Access: v1alpha1.AccessReadOnly}}
	w.settle()
	w.spec.Database.Roles = nil
	w.mustHold(w.settle())
	var traps int
	if err := tenant.QueryRow(t.Context(), "SELECT count(*) FROM sprung").Scan(&traps); err != nil || traps > 0 {
		t.Errorf("%d of the tenant's functions were run by the operator (%v)", traps, err)
	}
	// What a tenant may set for its own login bounds its own sessions only, and is repaired.
	for _, statement := range []string{
		"SET ROLE NONE", "ALTER ROLE coach_app SET search_path = evil", "ALTER ROLE coach_app SET statement_timeout = 0",
	} {
		if got := state(t, tenant, statement); got != "" {
			t.Fatalf("%s: SQLSTATE %s", statement, got)
		}
	}
	if diff := cmp.Diff([]string{"settings"}, paths(w.observe())); diff != "" {
		t.Errorf("fields that differ (-want +got):\n%s", diff)
	}
	w.mustHold(w.settle())
}

// hostile is what a tenant creates: stand-ins for the catalogs, functions and operators that the operator
// names, in the schemas that a careless search path would find first.
var hostile = func() []string {
	all := []string{
		"CREATE TABLE sprung (what text)",
		"CREATE SCHEMA coach_probe", "CREATE SCHEMA coach_master", "CREATE SCHEMA evil",
	}
	for _, schema := range []string{"public", "coach_probe", "coach_master", "evil"} {
		all = append(all,
			fmt.Sprintf("CREATE VIEW %s.pg_roles AS SELECT 1::oid AS oid, 'nobody'::name AS rolname, false AS rolcanlogin", schema),
			fmt.Sprintf("CREATE TABLE %s.pg_auth_members (member oid, roleid oid, admin_option bool)", schema),
			fmt.Sprintf("CREATE TABLE %s.pg_database (oid oid, datname name)", schema),
			fmt.Sprintf(`CREATE FUNCTION %s.trap(text, text) RETURNS bool LANGUAGE plpgsql SECURITY DEFINER AS
				$$BEGIN INSERT INTO public.sprung VALUES ('operator'); RETURN true; END$$`, schema),
			fmt.Sprintf("CREATE OPERATOR %[1]s.= (LEFTARG = text, RIGHTARG = text, FUNCTION = %[1]s.trap)", schema),
			fmt.Sprintf("CREATE OPERATOR %[1]s.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = %[1]s.trap)", schema),
			fmt.Sprintf(`CREATE FUNCTION %s.has(text, text) RETURNS bool LANGUAGE plpgsql SECURITY DEFINER AS
				$$BEGIN INSERT INTO public.sprung VALUES ('function'); RETURN true; END$$`, schema),
			fmt.Sprintf("ALTER FUNCTION %s.has(text, text) RENAME TO pg_has_role", schema),
			fmt.Sprintf(`CREATE FUNCTION %s.aclexplode(aclitem[]) RETURNS TABLE (grantee oid, privilege_type text) LANGUAGE plpgsql AS
				$$BEGIN INSERT INTO public.sprung VALUES ('acl'); END$$`, schema),
		)
	}
	return all
}()

func TestNoSecretIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16", v1alpha1.DatabaseRole{Name: "reporting", Access: v1alpha1.AccessReadOnly})
	var said []string
	hear := func(out converge.Outcome) { said = append(said, fmt.Sprintf("%+v %v", out, out.Err)) }
	for range 3 {
		hear(w.write())
	}
	w.db.Do(t, "ALTER ROLE reporting PASSWORD 'Canary-1'", "ALTER ROLE coach_probe PASSWORD 'Canary-2'")
	w.clock.SetTime(w.clock.Now().Add(freshness))
	hear(w.observe())
	hear(w.write())
	all := strings.Join(said, "\n")
	for _, login := range []string{"coach_app", "coach_reader", "coach_probe", "reporting", scope.Master} {
		password, _ := w.passwords.Stored(t.Context(), login)
		if password == "" || strings.Contains(all, password) {
			t.Errorf("the password of %s is missing or was said", login)
		}
	}
	for _, secret := range []string{"Canary", "SCRAM-SHA-256$"} {
		if strings.Contains(all, secret) {
			t.Errorf("%s was said", secret)
		}
	}
}
