package dbrole

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/postgres"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// databasePoll is when a database that cannot be connected to yet is observed again.
const databasePoll = 5 * time.Second

// Observe implements converge.Resource. It asks the database itself, over verified TLS, as the login that
// can do nothing; only when that one does not work, the master reads.
func (r *resource) Observe(ctx context.Context, in *scope.Platform, want State, fresh bool) (converge.Observation[State], error) {
	none := converge.Observation[State]{Settled: true}
	server, err := r.server(in)
	if err != nil {
		return none, err
	}
	at := r.Clock.Now()
	conn, err := r.observer(ctx, in, server)
	if err != nil {
		return none, err
	}
	seen, err := read(ctx, conn, want)
	version := tlsVersion(conn)
	_ = conn.Close(ctx) // it was only read from
	if err != nil {
		return none, err
	}
	got := seen.judge(want)
	got.ProvenAt, got.TLS.Version = at, version
	got.Locking = r.locked(in)
	r.probe(ctx, server, &got)
	r.tryLogins(ctx, in, server, want, &got, fresh)
	if err := r.readOthers(ctx, in, server, seen.others, want, &got, fresh); err != nil {
		return none, err
	}
	got = sorted(got)
	_, exists := roleOf(got.Roles, owner)
	return converge.Observation[State]{Exists: exists, Settled: true, ID: in.Database.Record.String(), At: at, State: got}, nil
}

// server is the tenant's database, once it can be connected to.
func (r *resource) server(in *scope.Platform) (postgres.Server, error) {
	db := in.Database
	if db.Endpoint == "" || !db.Connectable {
		return postgres.Server{}, fault.Wait(v1alpha1.ReasonWaitingForDatabase, databasePoll,
			"the logins wait until the database can be connected to")
	}
	roots, _, err := postgres.Trust(in.Class.Spec.Region, in.Class.Spec.CABundle)
	if err != nil {
		return postgres.Server{}, err
	}
	return postgres.Server{Host: db.Endpoint, Port: uint16(db.Port), Roots: roots, Dial: r.Dial}, nil //nolint:gosec // the CRD bounds it
}

// observer opens the session that reads the catalog.
func (r *resource) observer(ctx context.Context, in *scope.Platform, server postgres.Server) (*pgx.Conn, error) {
	var taken error
	for _, user := range []string{probe, scope.Master} {
		password, err := in.Passwords.Stored(ctx, user)
		if err != nil {
			return nil, err
		}
		if password == "" {
			continue
		}
		conn, err := server.Connect(ctx, postgres.Login{
			User: user, Password: password, Database: scope.DatabaseName, ReadOnly: true,
		})
		if err == nil || !refused(err) {
			return conn, err
		}
		if user == scope.Master && barred(err) && !in.Database.CredentialPending {
			taken = masterRefusedError{r.Clock.Now()}
		}
	}
	return nil, fault.New(fault.Denied, v1alpha1.ReasonLoginRefused,
		"the database refuses the stored passwords of both %s and %s; delete the Secret of %s in the operator's namespace, and a new "+
			"password is created and set", probe, scope.Master, scope.Master).Because(taken)
}

// masterRefusedError says that the database does not admit the master with its stored password, and since when.
type masterRefusedError struct{ at time.Time }

func (masterRefusedError) Error() string { return "the master's stored password is refused" }

// proven is what a failed observation proves: nobody but the operator sets the master's password, so somebody else
// rules a database that refuses it.
func proven(err error) []converge.Finding {
	refused, ok := errors.AsType[masterRefusedError](err)
	if !ok {
		return nil
	}
	return []converge.Finding{
		{Control: controlLogins, Verdict: converge.Violated, Seen: masterTaken, At: refused.at},
		{Control: controlVerifiers, Verdict: converge.Violated, Seen: masterTaken, At: refused.at},
	}
}

// SQLSTATEs of logins. https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	wrongPassword = "28P01" // also of a role that does not exist
	notAdmitted   = "28000" // also of a role that may not log in
	noConnect     = "42501" // of a role that may not connect to the database
)

// refused says that the server was reached and does not admit the login.
func refused(err error) bool {
	return slices.Contains([]string{wrongPassword, notAdmitted, noConnect}, postgres.Code(err))
}

// barred says that the login was refused for who it is, and not for the database.
func barred(err error) bool { return refused(err) && postgres.Code(err) != noConnect }

func tlsVersion(conn *pgx.Conn) string {
	if c, ok := conn.PgConn().Conn().(*tls.Conn); ok {
		return tls.VersionName(c.ConnectionState().Version)
	}
	return ""
}

// probe asks, in the same second as the session over TLS, whether one without TLS would be let in.
func (r *resource) probe(ctx context.Context, server postgres.Server, got *State) {
	answer, words := server.AskPlaintext(ctx, probe, scope.DatabaseName)
	got.TLS.Answer = words
	got.TLS.Refused = answer == postgres.PlaintextRefused
	got.TLS.Admitted = answer == postgres.PlaintextAdmitted
}

// proof is the outcome of a login.
type proof struct {
	at time.Time
	ok bool
	// code is the SQLSTATE with which it was refused.
	code string
}

// tryLogins logs in with every stored password, the master's too, unless that was done lately.
func (r *resource) tryLogins(
	ctx context.Context, in *scope.Platform, server postgres.Server, want State, got *State, fresh bool,
) {
	for _, name := range want.Logins {
		result, err := r.try(ctx, in, server, name, fresh)
		switch {
		case err != nil: // a failing login of a tenant hides nothing else
			got.Unproven = append(got.Unproven, name)
		case !result.ok:
			if result.code == wrongPassword {
				got.Wrong = append(got.Wrong, name)
			}
			continue
		}
		got.ProvenAt = earliest(got.ProvenAt, cmp.Or(result.at, got.ProvenAt))
		got.Logins = append(got.Logins, name)
	}
	if slices.Contains(got.Trapped, scope.DatabaseName) {
		got.MasterUntried = true
		return
	}
	result, err := r.try(ctx, in, server, scope.Master, fresh || touched(want, *got))
	switch {
	case err != nil, result.at.IsZero():
		got.MasterUntried = true
	case result.ok, result.code == noConnect: // the password is right, and who may connect is judged by itself
		got.ProvenAt = earliest(got.ProvenAt, result.at)
	default: // until a new password is in force, the old one is
		got.MasterRefused, got.MasterUntried = !in.Database.CredentialPending, in.Database.CredentialPending
	}
}

// touched says that somebody changed what may decide whether the master can log in.
func touched(want, got State) bool {
	is, _ := roleOf(got.Roles, scope.Master)
	should, _ := roleOf(want.Roles, scope.Master)
	return is != should || slices.ContainsFunc(without(got.Members, want.Members), func(m membership) bool {
		return m.Member == scope.Master || m.Role == rdsIAM
	})
}

// try returns the proof of one login, a new one if none is fresh enough. One that failed is
// tried again every time.
func (r *resource) try(ctx context.Context, in *scope.Platform, server postgres.Server, name string, fresh bool) (proof, error) {
	password, err := in.Passwords.Stored(ctx, name)
	if err != nil || password == "" {
		return proof{}, err
	}
	key := in.Database.Record.String() + " " + name + " " + scope.Fingerprint(password)
	if known, ok := r.proofs.get(key, r.Clock.Now()); ok && !fresh {
		return known, nil
	}
	tried := proof{at: r.Clock.Now()}
	switch err := tryLogin(ctx, server, name, password); {
	case err == nil:
		tried.ok = true
		r.proofs.put(key, tried, tried.at)
	case !refused(err):
		return proof{}, err
	default:
		tried.code = postgres.Code(err)
	}
	return tried, nil
}

// tryLogin logs in and out.
func tryLogin(ctx context.Context, server postgres.Server, user, password string) error {
	conn, err := server.Connect(ctx, postgres.Login{User: user, Password: password, Database: scope.DatabaseName, ReadOnly: true})
	if err != nil {
		return err
	}
	_ = conn.Close(ctx) // that it opened is the proof
	return nil
}

// locked are the IAM logins of this database whose grant locks the master out.
func (r *resource) locked(in *scope.Platform) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, l := range loginsOf(in.Spec) {
		if l.iam && r.locking[in.Database.Record.String()+" "+l.name] {
			all = append(all, l.name)
		}
	}
	return all
}
