package dbrole_test

import (
	"context"
	"net"
	"os"
	"slices"
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
	*testing.T
	account   *env.Account
	db        *env.Database
	passwords *env.Passwords
	spec      *v1alpha1.CoachPlatformSpec
	clock     *clocktesting.FakePassiveClock
	step      converge.Step[*scope.Platform]
	in        *scope.Platform
	inPlace   string

	// trust replaces the class's authorities, if it is not nil.
	trust *string
	// unconnectable says that AWS admits no connection.
	unconnectable bool
}

// newWorld returns a world with a new database of a major version, and roles besides the usual ones.
func newWorld(t *testing.T, major string, roles ...v1alpha1.DatabaseRole) *world {
	t.Helper()
	account := env.StartSandbox(t, env.WithDataPlane()).Account(t)
	db := account.NewDatabase(t, major)
	w := &world{
		T: t, account: account, db: db, spec: &env.Platform(t).Spec,
		passwords: env.NewPasswords(map[string]string{scope.Master: db.Password}),
		clock:     clocktesting.NewFakePassiveClock(time.Now()),
	}
	w.spec.Database.Roles = roles
	w.restart(account.Sandbox().Dial)
	return w
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
	w.in.Database.Connectable = !w.unconnectable
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
func state(t *testing.T, conn *pgx.Conn, statement string) string {
	t.Helper()
	_, err := conn.Exec(t.Context(), statement)
	return env.SQLState(err)
}
