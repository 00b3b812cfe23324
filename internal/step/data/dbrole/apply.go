package dbrole

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/postgres"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/sensitive"
)

// retryPoll is when the rest is done after an IAM login turned out to be impossible.
const retryPoll = 2 * time.Second

// mostDropped is how many roles one pass drops, each with a session for every database; the next pass drops the next ones.
const mostDropped = 25

// writer writes to one tenant's database as its master.
type writer struct {
	*resource
	in        *scope.Platform
	server    postgres.Server
	password  string
	want, got State
}

// Apply implements converge.Resource. First what is lent is taken back, since an event trigger would run in what follows.
// What is desired is created; then unmanaged logins are shut out, and roles that are no longer desired are dropped. Each
// part is a transaction by itself, so that one that resists keeps none of the others.
func (r *resource) Apply(
	ctx context.Context, in *scope.Platform, want State, got converge.Observation[State], _ []converge.Change,
) error {
	server, err := r.server(in)
	if err != nil {
		return err
	}
	password, err := in.Passwords.Stored(ctx, scope.Master)
	if err != nil {
		return err
	}
	w := writer{resource: r, in: in, server: server, password: password, want: want, got: got.State}
	conn, err := w.master(ctx, scope.DatabaseName)
	if postgres.Code(err) == noConnect {
		return w.regain(ctx)
	}
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // what it did is committed or undone
	leaving := unwanted(want, got.State)
	failures := append(w.takeBack(ctx, conn), w.ensure(ctx, conn, withoutRoles(got.State, leaving)))
	for _, name := range got.State.Unmanaged {
		failures = append(failures, w.shutOut(ctx, conn, name))
	}
	for _, name := range leaving[:min(len(leaving), mostDropped)] {
		failures = append(failures, w.drop(ctx, conn, name))
	}
	return errors.Join(failures...)
}

// master opens a session of the master's.
func (w writer) master(ctx context.Context, database string) (*pgx.Conn, error) {
	if slices.Contains(w.got.Trapped, database) {
		return nil, trapped(database)
	}
	return w.server.Connect(ctx, postgres.Login{User: scope.Master, Password: w.password, Database: database})
}

// trapped says why the master does not log in to a database.
func trapped(database string) error {
	return fault.New(fault.Denied, v1alpha1.ReasonLoginRefused,
		"the database %s has an event trigger on logins, which would run with the rights of the master, so the master does not log in "+
			"and repairs nothing there; drop the trigger", sensitive.Shown(database))
}

// elsewhere is a database that every server has, and that the master may connect to.
const elsewhere = "postgres"

// regain makes the master the owner again of what another role took: a database that the master does not own does
// not let it in. The next pass does the rest.
func (w writer) regain(ctx context.Context) error {
	conn, err := w.master(ctx, elsewhere)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // what it did is committed or undone
	return transact(ctx, conn, databaseStatements(w.want.Databases, w.got.Databases), nil)
}

// ensure creates what is missing, repairs what differs, and verifies that the master can still log in. Its
// parts do not wait for each other: a tenant's lock on its own role blocks the repair of no other.
func (w writer) ensure(ctx context.Context, conn *pgx.Conn, got State) error {
	verifiers, err := w.verifiers(ctx, got)
	if err != nil {
		return err
	}
	var failures []error
	for _, role := range roleStatements(w.want, got, verifiers) {
		failures = append(failures, transact(ctx, conn, role, nil))
	}
	iam := newIAM(w.want, got)
	members := memberStatements(w.want.Members, got.Members, got.Grantors)
	for _, name := range iam {
		members = append(members, "ALTER ROLE "+identifier(name)+" PASSWORD NULL")
	}
	failures = append(failures, transact(ctx, conn, members, func(tx pgx.Tx) error { return w.harmless(ctx, tx, iam) }))
	for _, part := range [][]string{
		settingStatements(w.want.Settings, got.Settings),
		databaseStatements(w.want.Databases, got.Databases),
		schemaStatements(w.want.Schema, got.Schema),
	} {
		failures = append(failures, transact(ctx, conn, part, nil))
	}
	failures = append(failures, w.defaults(ctx, conn, got), w.tryMaster(ctx, conn, iam))
	return errors.Join(failures...)
}

// verifiers are those of the logins whose stored password does not log in. A password is stored before its
// verifier is set, so that no crash leaves a login without a usable password.
func (w writer) verifiers(ctx context.Context, got State) (map[string]string, error) {
	all := map[string]string{}
	for _, name := range without(w.want.Logins, got.Logins) {
		password, err := w.in.Passwords.Ensure(ctx, name)
		if err != nil {
			return nil, err
		}
		if all[name], err = postgres.Verifier(password); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// reach asks whether the master is a member of a role, in whatever way. That RDS's own role for masters may
// administer rds_iam does not count as one.
const reach = `
WITH RECURSIVE reach AS (
	SELECT a.roleid FROM pg_catalog.pg_auth_members a
	JOIN pg_catalog.pg_roles m ON m.oid = a.member
	JOIN pg_catalog.pg_roles g ON g.oid = a.roleid
	WHERE m.rolname = $1 AND g.rolname <> 'rds_superuser'
	UNION
	SELECT a.roleid FROM pg_catalog.pg_auth_members a JOIN reach r ON a.member = r.roleid
)
SELECT EXISTS (SELECT FROM reach JOIN pg_catalog.pg_roles r ON r.oid = reach.roleid WHERE r.rolname = $2)`

// harmless refuses, before anything is committed, a membership in rds_iam that would be the master's too:
// from PostgreSQL 16 on who creates a role is a member of it, and RDS admits members of rds_iam by IAM
// only. https://www.postgresql.org/docs/16/release-16.html
func (w writer) harmless(ctx context.Context, tx pgx.Tx, iam []string) error {
	for _, name := range iam {
		var member bool
		if err := tx.QueryRow(ctx, reach, scope.Master, name).Scan(&member); err != nil {
			return err
		}
		if member {
			return w.lock(name)
		}
	}
	return nil
}

// lock remembers that a login cannot be one of IAM.
func (w writer) lock(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.locking[w.in.Database.Record.String()+" "+name] = true
	return fault.Wait(v1alpha1.ReasonIAMLoginRefused, retryPoll,
		"%s does not use IAM, since granting it rds_iam would lock the database's master out; the rest is done next", name)
}

// tryMaster logs in as the master. When that fails, for any reason, the grants of rds_iam are taken
// back in the session that gave them, which a lock-out does not end.
func (w writer) tryMaster(ctx context.Context, conn *pgx.Conn, iam []string) error {
	err := tryLogin(ctx, w.server, scope.Master, w.password)
	if err == nil || len(iam) == 0 {
		return err
	}
	all := make([]string, 0, len(iam))
	for _, name := range iam {
		all = append(all, fmt.Sprintf("REVOKE %s FROM %s", identifier(rdsIAM), identifier(name)))
	}
	if undone := transact(context.WithoutCancel(ctx), conn, all, nil); undone != nil {
		return errors.Join(err, undone)
	}
	if !refused(err) {
		return err
	}
	var locked error
	for _, name := range iam {
		locked = w.lock(name)
	}
	return locked
}

// shutOut keeps a role from logging in and ends its sessions; what it owns stays. The sessions end first, since
// one of them may hold a lock on its role, and once more when the role cannot log in any more.
func (w writer) shutOut(ctx context.Context, conn *pgx.Conn, name string) error {
	for _, statement := range []string{end(name), "ALTER ROLE " + identifier(name) + " NOLOGIN", end(name)} {
		if err := transact(ctx, conn, []string{statement}, nil); err != nil {
			return err
		}
	}
	return nil
}

// end ends the sessions of a role.
func end(name string) string {
	return "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a WHERE a.usename = " + literal(name)
}

// drop removes a role that we created: it cannot log in any more, its password is forgotten, what it owns in
// any database becomes the owner's, and then it goes. Each part can be repeated.
func (w writer) drop(ctx context.Context, conn *pgx.Conn, name string) error {
	if err := w.shutOut(ctx, conn, name); err != nil {
		return err
	}
	if slices.Contains(w.got.Members, membership{Member: name, Role: rdsIAM}) {
		if err := transact(ctx, conn, []string{fmt.Sprintf("REVOKE %s FROM %s", identifier(rdsIAM), identifier(name))}, nil); err != nil {
			return err
		}
	}
	if err := w.in.Passwords.Forget(ctx, name); err != nil {
		return err
	}
	databases, err := connectable(ctx, conn)
	if err != nil {
		return err
	}
	if len(databases) > mostDatabases {
		return fault.New(fault.Conflict, v1alpha1.ReasonConflict,
			"%s is not dropped, since the server has more than %d databases in which it may own something; drop databases", name, mostDatabases)
	}
	for _, database := range databases {
		if err := w.disown(ctx, database, name); err != nil {
			return err
		}
	}
	return transact(ctx, conn, []string{"DROP ROLE " + identifier(name)}, func(tx pgx.Tx) error { return gone(ctx, tx, name) })
}

// gone refuses to drop a role that still has a session: that one would keep the rights that it has.
func gone(ctx context.Context, tx pgx.Tx, name string) error {
	var inside bool
	err := tx.QueryRow(ctx,
		"SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.usename = $1)", name).Scan(&inside)
	if err == nil && inside {
		return fault.Wait(v1alpha1.ReasonSettling, retryPoll, "sessions of %s are ending", name)
	}
	return err
}

// disown takes from a role all that it has in a database.
func (w writer) disown(ctx context.Context, database, name string) error {
	conn, err := w.master(ctx, database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // what it did is committed or undone
	return transact(ctx, conn, []string{
		lend(owner), lend(name),
		"REASSIGN OWNED BY " + identifier(name) + " TO " + identifier(owner),
		"DROP OWNED BY " + identifier(name),
		takeBack(name), takeBack(owner),
	}, nil)
}

// connectable are the databases in which a role may own something, one more than are handled if there are as many.
func connectable(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `
SELECT d.datname FROM pg_catalog.pg_database d WHERE d.datallowconn AND d.datname <> 'rdsadmin' ORDER BY d.datname LIMIT $1`,
		mostDatabases+1)
	if err != nil {
		return nil, postgres.Classify(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return all, postgres.Classify(err)
}

// transact runs statements in one transaction and one exchange; last, if not nil, may still refuse to commit.
func transact(ctx context.Context, conn *pgx.Conn, statements []string, last func(pgx.Tx) error) error {
	if len(statements) == 0 {
		return nil
	}
	return postgres.Classify(pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		for _, statement := range statements {
			batch.Queue(statement)
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil || last == nil {
			return err
		}
		return last(tx)
	}))
}
