package dbrole_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// tricks are what a tenant can do with a login of its own to keep the operator from its work, or to keep more
// than it was given. Each is ended by the operator, and blocks no other repair meanwhile.
var tricks = []struct {
	name, login string
	do          []string
	// paths differ then, beside what else the test breaks.
	paths []string
}{
	{
		"a setting that keeps its own login from starting", "coach_reader",
		[]string{"ALTER ROLE coach_reader SET local_preload_libraries = 'nothing'"},
		[]string{"settings"},
	},
	{
		"a setting that fills the operator's memory", "coach_reader",
		[]string{"DO $$ BEGIN EXECUTE 'ALTER ROLE coach_reader SET search_path = ' || quote_ident(repeat('x', 20000000)); END $$"},
		[]string{"settings"},
	},
	{
		"default privileges on functions, which are its own affair", "coach_app",
		[]string{"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO coach_readers"},
		nil,
	},
	{
		"default privileges to read in a schema of its own", "coach_app",
		[]string{
			"CREATE SCHEMA billing", "ALTER DEFAULT PRIVILEGES IN SCHEMA billing GRANT SELECT ON TABLES TO coach_readers, coach_reader",
			"ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO coach_readers", "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
		},
		nil,
	},
	{
		"a table of its own, and nothing for readers any more", "coach_app",
		[]string{
			"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM coach_readers",
			"SET ROLE NONE", "CREATE TABLE IF NOT EXISTS public.mine (n int)",
		},
		[]string{"defaultGrants"},
	},
}

func TestATenantCannotBlockRepairs(t *testing.T) { //nolint:tparallel // the tricks share a database
	t.Parallel()
	for _, major := range []string{"15", "17"} {
		w := newWorld(t, major)
		w.settle()
		for _, trick := range tricks {
			t.Run(trick.name+" on "+major, func(t *testing.T) {
				w.TB = t
				tenant := w.as(trick.login)
				for _, statement := range trick.do {
					if got := state(t, tenant, statement); got != "" {
						t.Fatalf("%s: SQLSTATE %s", statement, got)
					}
				}
				w.db.Do(t, "ALTER ROLE coach_app CREATEDB")
				w.clock.SetTime(w.clock.Now().Add(freshness))
				out := w.observe()
				if diff := cmp.Diff(append([]string{"roles"}, trick.paths...), paths(out)); diff != "" {
					t.Errorf("fields that differ (-want +got):\n%s", diff)
				}
				if verdicts(out)["CP-ROLE-02"] != converge.Violated {
					t.Errorf("the trick hides what else is wrong: %v", out.Findings)
				}
				w.mustHold(w.settle())
			})
		}
	}
}

func TestALockOnItsOwnRoleKeepsNoLoginFromBeingDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16", v1alpha1.DatabaseRole{Name: "leaver", Access: v1alpha1.AccessReadWrite})
	w.settle()
	leaver := w.as("leaver")
	for _, statement := range []string{
		"SET ROLE NONE", "SET idle_in_transaction_session_timeout = 0", "BEGIN", "ALTER ROLE leaver PASSWORD 'mine'",
	} {
		if got := state(t, leaver, statement); got != "" {
			t.Fatalf("%s: SQLSTATE %s", statement, got)
		}
	}
	w.spec.Database.Roles = nil
	w.mustHold(w.settle())
	if diff := cmp.Diff(usual, w.rolesNow()); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
}

func TestASessionOfAnUnmanagedRoleIsEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	w.db.Do(t, "CREATE ROLE backdoor LOGIN PASSWORD 'x'", "GRANT CONNECT ON DATABASE coach TO backdoor")
	inside := w.db.Login(t, "backdoor", "x", scope.DatabaseName)
	w.db.Do(t, "ALTER ROLE backdoor NOLOGIN")
	if out := w.observe(); verdicts(out)["CP-ROLE-01"] != converge.Violated {
		t.Errorf("a session of an unmanaged role is not seen: %v", out.Findings)
	}
	w.settle()
	if got := state(t, inside, "SELECT 1"); got == "" {
		t.Error("a session of an unmanaged role goes on")
	}
}

func TestAMembershipThatWasPassedOnIsRevoked(t *testing.T) {
	t.Parallel()
	for _, major := range []string{"14", "16", "18"} {
		t.Run(major, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, major)
			w.settle()
			w.db.Do(t, "GRANT coach_owner TO coach_app WITH ADMIN OPTION")
			app := w.as("coach_app")
			for _, statement := range []string{"SET ROLE NONE", "GRANT coach_owner TO coach_reader"} {
				if got := state(t, app, statement); got != "" {
					t.Fatalf("%s: SQLSTATE %s", statement, got)
				}
			}
			out := w.observe()
			if verdicts(out)["CP-ROLE-02"] != converge.Violated || !strings.Contains(seenOf(out, "CP-ROLE-02"), "coach_reader in coach_owner") {
				t.Errorf("what was passed on is not seen: %v", out.Findings)
			}
			w.mustHold(w.settle())
		})
	}
}

func seenOf(out converge.Outcome, control string) string {
	for _, f := range out.Findings {
		if f.Control == control {
			return f.Seen
		}
	}
	return ""
}

func TestAnEditToIAMBreaksNoLoginThatWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "17", v1alpha1.DatabaseRole{Name: "reporting", Access: v1alpha1.AccessReadOnly})
	w.settle()
	reporting := w.as("reporting")
	w.spec.Database.Roles[0].IAM = true
	var out converge.Outcome
	for range 4 {
		out = w.write()
	}
	if reasonOf(out) != v1alpha1.ReasonIAMLoginRefused {
		t.Errorf("got %v", out.Err)
	}
	if got := state(t, reporting, "SELECT 1"); got != "" {
		t.Errorf("a session was ended: %s", got)
	}
	_ = w.as("reporting").Close(t.Context())
}
