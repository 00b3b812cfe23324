package dbrole_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/data/dbrole"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

// freshness is how old the proof of a login may be in these tests.
const freshness = 15 * time.Minute

// world is a tenant's database and a process of the operator's that manages it.
type world struct {
	testing.TB
	account   *env.Account
	db        *env.Database
	passwords *env.Passwords
	spec      *v1alpha1.CoachPlatformSpec
	clock     *clocktesting.FakePassiveClock
	step      converge.Step[*scope.Platform]
	in        *scope.Platform
	inPlace   string

	// spoiled says that the database cannot be used again: what the test changed cannot be undone by SQL.
	spoiled bool
	// trust replaces the class's authorities, if it is not nil.
	trust *string
	// unconnectable says that AWS admits no connection, and pending that it is setting the master's password.
	unconnectable, pending bool
}

// newWorld returns a world with a new database of a major version, and roles besides the usual ones.
func newWorld(t testing.TB, major string, roles ...v1alpha1.DatabaseRole) *world {
	t.Helper()
	w := &world{TB: t, spec: &env.Platform(t).Spec, clock: clocktesting.NewFakePassiveClock(time.Now())}
	if last := idle.take(major); last != nil {
		w.account, w.db = last.account, last.db
		w.empty()
	} else {
		w.account = env.StartSandbox(t, env.WithDataPlane()).Account(lasting{t})
		w.db = w.account.NewDatabase(t, major)
	}
	t.Cleanup(func() {
		if !t.Failed() && !w.spoiled {
			idle.give(major, w)
		}
	})
	w.forget()
	w.spec.Database.Roles = roles
	w.restart(w.account.Sandbox().Dial)
	return w
}

// lasting is for what ends with the sandbox and not with the test that is the first to use it.
type lasting struct{ testing.TB }

// Cleanup implements testing.TB.
func (lasting) Cleanup(func()) {}

// idle are the worlds of tests that have ended, by major version: starting a server takes longer than most tests.
var idle pool

type pool struct {
	mu     sync.Mutex
	worlds map[string][]*world
}

func (p *pool) take(major string) *world {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.worlds[major]
	if len(all) == 0 {
		return nil
	}
	p.worlds[major] = all[:len(all)-1]
	return all[len(all)-1]
}

func (p *pool) give(major string, w *world) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.worlds == nil {
		p.worlds = map[string][]*world{}
	}
	p.worlds[major] = append(p.worlds[major], w)
}

// forget drops what the operator stored.
func (w *world) forget() {
	w.inPlace, w.passwords = "", env.NewPasswords(map[string]string{scope.Master: w.db.Password})
}

// empty makes the server what it was at first: with an empty database, and none but AWS's own roles and the master.
func (w *world) empty() {
	w.Helper()
	w.forget()
	conn := w.db.Login(w, scope.Master, w.db.Password, "postgres")
	defer func() { _ = conn.Close(w.Context()) }() // what it did is committed
	for _, query := range []string{
		`SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database
			WHERE datname NOT IN ('postgres', 'template0', 'template1', 'rdsadmin')`,
		`SELECT format(s, r.rolname) FROM pg_roles r, unnest(ARRAY['REVOKE rds_iam FROM %I', 'GRANT %I TO coach_master',
			'DROP OWNED BY %I', 'DROP ROLE %I']) WITH ORDINALITY AS u(s, n)
			WHERE rolname !~ '^(pg_.*|rds_(superuser|iam|ad|password|replication)|rdsadmin|rdstopmgr|coach_master)$' ORDER BY rolname, n`,
		`SELECT format(s, d) FROM unnest(ARRAY['postgres', 'template1']) d,
			unnest(ARRAY['GRANT CONNECT ON DATABASE %I TO PUBLIC', 'GRANT TEMPORARY ON DATABASE %I TO PUBLIC']) s
			WHERE d = 'postgres' OR s ~ 'CONNECT'`,
		"SELECT 'CREATE DATABASE coach'",
	} {
		rows, err := conn.Query(w.Context(), query)
		if err != nil {
			w.Fatalf("%s: %v", query, err)
		}
		statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, statement := range statements {
			if _, failed := conn.Exec(w.Context(), statement); failed != nil {
				err = fmt.Errorf("%s: %w", statement, failed)
			}
		}
		if err != nil {
			w.Fatalf("emptying the server: %v", err)
		}
	}
}

// restart starts a new process that dials in its own way.
func (w *world) restart(dial func(context.Context, string, string) (net.Conn, error)) {
	w.step = dbrole.New(dbrole.Options{Dial: dial, Freshness: freshness, Clock: w.clock})
}

func (w *world) pass(mode converge.Mode) converge.Outcome {
	w.Helper()
	w.in = &scope.Platform{
		Tenant: env.Tenant(), Class: w.account.Class(), Spec: w.spec, Database: w.db.Scope(), Passwords: w.passwords,
	}
	if w.trust != nil {
		w.in.Class.Spec.CABundle = *w.trust
	}
	w.in.Database.Connectable, w.in.Database.CredentialPending = !w.unconnectable, w.pending
	mode.LastConverged = map[string]string{dbrole.Name: w.inPlace}
	out := w.step.Run(w.Context(), w.in, mode)
	w.inPlace = out.LastConverged
	return out
}

func newPasswords() *env.Passwords {
	return env.NewPasswords(map[string]string{scope.Master: "wrong", "coach_probe": "wrong"})
}

// observe only observes, and write also repairs.
func (w *world) observe() converge.Outcome {
	w.Helper()
	return w.pass(converge.Mode{})
}

func (w *world) write() converge.Outcome {
	w.Helper()
	return w.pass(converge.Mode{Write: true})
}

// settle passes until one finds nothing to do.
func (w *world) settle() converge.Outcome {
	w.Helper()
	var out converge.Outcome
	for range 6 {
		if out = w.write(); out.Err == nil && len(out.Changes) == 0 {
			return out
		}
	}
	w.Fatalf("not converged: %v, changes %v", out.Err, paths(out))
	return out
}

func paths(out converge.Outcome) []string {
	var all []string
	for _, c := range out.Changes {
		all = append(all, c.Path)
	}
	return all
}

func verdicts(out converge.Outcome) map[string]converge.Verdict {
	all := map[string]converge.Verdict{}
	for _, f := range out.Findings {
		all[f.Control] = f.Verdict
	}
	return all
}

// mustHold checks that every control is verified, but for those that are named.
func (w *world) mustHold(out converge.Outcome, but ...string) {
	w.Helper()
	if len(out.Findings) != len(dbrole.Controls) {
		w.Errorf("%d findings, want %d", len(out.Findings), len(dbrole.Controls))
	}
	for _, f := range out.Findings {
		if (f.Verdict == converge.Verified) == slices.Contains(but, f.Control) {
			w.Errorf("%s: %v, %s", f.Control, f.Verdict, f.Seen)
		}
	}
}

func reasonOf(out converge.Outcome) string {
	if out.Err == nil {
		return ""
	}
	return fault.As(out.Err).Reason
}

// as opens a session of one of the platform's logins.
func (w *world) as(login string) *pgx.Conn {
	w.Helper()
	password, err := w.passwords.Stored(w.Context(), login)
	if err != nil || password == "" {
		w.Fatalf("no password of %s: %v", login, err)
	}
	return w.db.Login(w, login, password, scope.DatabaseName)
}

// state is the SQLSTATE of running a statement, "" when it worked.
func state(t testing.TB, conn *pgx.Conn, statement string) string {
	t.Helper()
	_, err := conn.Exec(t.Context(), statement)
	return env.SQLState(err)
}
