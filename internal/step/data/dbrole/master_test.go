package dbrole_test

import (
	"strings"
	"testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const extras, rights, verifiers = "CP-ROLE-01", "CP-ROLE-02", "CP-ROLE-04"

func TestAMasterThatSomebodyElseTookIsViolated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, major string
		do          []string
		// at once says that the catalog shows it, before the master's login is tried again.
		atOnce bool
		// controls that are violated.
		controls []string
	}{
		{"another password", "14", []string{"ALTER ROLE coach_master PASSWORD 'other'"}, false, []string{extras, verifiers}},
		{"another password", "18", []string{"ALTER ROLE coach_master PASSWORD 'other'"}, false, []string{extras, verifiers}},
		{"a login by IAM", "15", []string{"GRANT rds_iam TO coach_master"}, true, []string{extras, rights, verifiers}},
		{"a login by IAM", "17", []string{"GRANT rds_iam TO coach_master"}, true, []string{extras, rights, verifiers}},
		{
			"a login by IAM, by way of a role between", "14",
			[]string{"CREATE ROLE between", "GRANT rds_iam TO between", "GRANT between TO coach_master"},
			true,
			[]string{extras, rights, verifiers},
		},
		{
			"a login by IAM, by way of a login that the master created", "16",
			[]string{"GRANT rds_iam TO coach_reader"},
			true,
			[]string{extras, rights, verifiers},
		},
		{"a password that ended", "15", []string{"ALTER ROLE coach_master VALID UNTIL '2001-01-01'"}, true, []string{extras, verifiers}},
	} {
		t.Run(c.name+" on "+c.major, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.major)
			w.settle()
			w.spoiled = true
			w.db.Do(t, c.do...)
			if !c.atOnce {
				w.mustHold(w.observe()) // the proof of the master is young
				w.clock.SetTime(w.clock.Now().Add(freshness))
			}
			w.until(extras, converge.Violated) // the sandbox closes the door to logins by IAM a moment later
			out := w.observe()
			for _, control := range c.controls {
				if verdicts(out)[control] != converge.Violated {
					t.Errorf("%s is %v: %s", control, verdicts(out)[control], seenOf(out, control))
				}
			}
			if !strings.Contains(seenOf(out, extras), "master") || out.ObserveFailed {
				t.Errorf("seen: %s, observe failed %t", seenOf(out, extras), out.ObserveFailed)
			}
		})
	}
}

func TestAMasterWhosePasswordIsBeingSetIsNoViolation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	w.spoiled = true
	w.db.Do(t, "ALTER ROLE coach_master PASSWORD 'other'")
	w.clock.SetTime(w.clock.Now().Add(freshness))
	w.pending = true
	out := w.observe()
	w.mustHold(out, verifiers, lends, data) // the master reads the other databases
	if verdicts(out)[verifiers] != converge.Unknown {
		t.Errorf("%s is %v", verifiers, verdicts(out)[verifiers])
	}
	w.pending = false
	out = w.observe()
	if reasonOf(out) != v1alpha1.ReasonLoginRefused || len(out.Changes) > 0 {
		t.Errorf("got %v, changes %v", out.Err, paths(out))
	}
	w.mustHold(out, extras, verifiers, lends, data)
	w.passwords = env.NewPasswords(map[string]string{scope.Master: "other"})
	w.mustHold(w.settle())
}

func TestAMasterThatCannotBeTriedIsUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "15")
	w.settle()
	w.db.Do(t, "ALTER ROLE coach_master CONNECTION LIMIT 0")
	out := w.observe()
	if verdicts(out)[verifiers] != converge.Unknown || verdicts(out)[extras] != converge.Verified {
		t.Errorf("findings: %v", out.Findings)
	}
	w.account.Sabotage(t, "superuser-master", map[string]any{"resource": w.db.Identifier}) // whom no limit keeps out
	w.until(rights, converge.Violated)
	w.mustHold(w.settle())
}

// believed are the names of AWS's own that the sandbox's AWS has not given away.
var believed = []string{"rdsproxyadmin", "rdsrepladmin", "rdswriteforwarduser"}

// On every major nothing but its age says who created a role: whoever did can be dropped.
func TestANameOfAWSsIsBelievedOfNoRoleOfACustomers(t *testing.T) {
	t.Parallel()
	for i, major := range []string{"14", "15", "16", "17", "18"} {
		t.Run(major, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, major)
			w.settle()
			name := believed[i%len(believed)]
			w.db.Do(t, "CREATE ROLE maker CREATEROLE", "GRANT maker TO coach_master", "SET ROLE maker",
				"CREATE ROLE "+name+" LOGIN PASSWORD 'x'", "RESET ROLE", "DROP ROLE maker",
				"GRANT CONNECT ON DATABASE coach TO "+name, "GRANT CREATE, USAGE ON SCHEMA public TO "+name)
			inside := w.db.Login(t, name, "x", scope.DatabaseName)
			if got := state(t, inside, "CREATE TABLE public.theirs ()"); got != "" {
				t.Fatalf("SQLSTATE %s", got)
			}
			out := w.observe()
			w.mustHold(out, extras, rights)
			if seen := seenOf(out, extras); !strings.HasSuffix(seen, ": "+name) {
				t.Errorf("seen: %s", seen)
			}
			w.write()
			if got := state(t, inside, "SELECT 1"); got == "" {
				t.Error("its session goes on")
			}
			if conn, err := w.db.Try(t, name, "x", scope.DatabaseName); err == nil {
				t.Error("it can connect")
				_ = conn.Close(t.Context())
			}
			if major >= "16" { // nobody but a superuser may alter a role whose creator is gone
				w.mustHold(w.observe(), extras)
				w.account.Sabotage(t, "superuser-master", map[string]any{"resource": w.db.Identifier})
				w.db.Do(t, "DROP OWNED BY "+name, "DROP ROLE "+name)
			}
			w.mustHold(w.settle())
		})
	}
}

// What AWS adds to a server later has a role of PostgreSQL's own by a superuser's leave, which no master can forge.
func TestARoleThatASuperuserCreatedIsBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "17")
	w.settle()
	w.superuser("CREATE ROLE rdsrepladmin LOGIN PASSWORD 'x'", "GRANT pg_monitor TO rdsrepladmin")
	w.mustHold(w.settle())
	w.superuser("DROP ROLE rdsrepladmin")
	w.db.Do(t, "CREATE ROLE rdsrepladmin LOGIN", "GRANT pg_monitor TO rdsrepladmin")
	w.mustHold(w.observe(), extras, rights)
	w.mustHold(w.settle())
}

// The mark of the operator on a role of RDS's own makes it none of the operator's, which would drop it.
func TestARoleOfRDSsIsNeverTakenForOurs(t *testing.T) {
	t.Parallel()
	for _, major := range []string{"15", "16"} {
		w := newWorld(t, major)
		w.settle()
		w.db.Do(t, "COMMENT ON ROLE rds_superuser IS 'coach-operator'", "COMMENT ON ROLE pg_monitor IS 'coach-operator'",
			"CREATE ROLE rds_new", "COMMENT ON ROLE rds_new IS 'coach-operator'")
		if out := w.observe(); len(out.Changes) > 0 {
			t.Errorf("changes on %s: %v", major, paths(out))
		}
		w.mustHold(w.settle())
		w.db.Do(t, "COMMENT ON ROLE rds_superuser IS NULL", "COMMENT ON ROLE pg_monitor IS NULL", "DROP ROLE rds_new")
	}
}
