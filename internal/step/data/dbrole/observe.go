package dbrole

import (
	"context"
	"crypto/tls"
	"maps"
	"slices"
	"strings"
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
	seen, err := read(ctx, conn)
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
	}
	return nil, fault.New(fault.Denied, v1alpha1.ReasonLoginRefused,
		"the database refuses the stored passwords of both %s and %s; delete the Secret of %s in the operator's namespace, and a new "+
			"password is created and set", probe, scope.Master, scope.Master)
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
	// wrong says that it was refused for the password.
	wrong bool
}

// tryLogins logs in with every stored password, the master's too, unless that was done lately.
func (r *resource) tryLogins(
	ctx context.Context, in *scope.Platform, server postgres.Server, want State, got *State, fresh bool,
) {
	for _, name := range append(slices.Clone(want.Logins), scope.Master) {
		result, err := r.try(ctx, in, server, name, fresh)
		switch {
		case name == scope.Master:
			got.MasterRefused = err == nil && !result.ok
			continue
		case err != nil: // a failing login of a tenant hides nothing else
			got.Unproven = append(got.Unproven, name)
		case !result.ok:
			if result.wrong {
				got.Wrong = append(got.Wrong, name)
			}
			continue
		case result.at.Before(got.ProvenAt):
			got.ProvenAt = result.at
		}
		got.Logins = append(got.Logins, name)
	}
}

// try returns the proof of one login, a new one if none is fresh enough. One that failed is
// tried again every time.
func (r *resource) try(ctx context.Context, in *scope.Platform, server postgres.Server, name string, fresh bool) (proof, error) {
	password, err := in.Passwords.Stored(ctx, name)
	if err != nil || password == "" {
		return proof{}, err
	}
	key := in.Database.Record.String() + " " + name + " " + scope.Fingerprint(password)
	if known, ok := r.known(key); ok && !fresh && r.Clock.Since(known.at) < r.Freshness {
		return known, nil
	}
	tried := proof{at: r.Clock.Now()}
	switch err := tryLogin(ctx, server, name, password); {
	case err == nil:
		tried.ok = true
		r.remember(key, tried)
	case !refused(err):
		return proof{}, err
	default:
		tried.wrong = postgres.Code(err) == wrongPassword
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

func (r *resource) known(key string) (proof, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.proofs[key]
	return p, ok
}

// remember keeps a proof, and forgets those that are too old to be used.
func (r *resource) remember(key string, p proof) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.at.Sub(r.swept) > r.Freshness { // so a proof costs little, however many there are
		maps.DeleteFunc(r.proofs, func(_ string, old proof) bool { return p.at.Sub(old.at) > r.Freshness })
		r.swept = p.at
	}
	r.proofs[key] = p
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

// amazons are roles of AWS's own, which no customer can log in as.
var amazons = []string{"rdsadmin", "rdsrepladmin", "rdsproxyadmin", "rdstopmgr", "rdswriteforwarduser"}

// builtIn says whether a role of this name is AWS's or PostgreSQL's own, or the master.
func builtIn(name string) bool {
	return name == scope.Master || strings.HasPrefix(name, "pg_") || slices.Contains(amazons, name)
}
