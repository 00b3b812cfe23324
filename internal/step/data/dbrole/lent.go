package dbrole

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coachplatform/coach-operator/internal/cloud/postgres"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/sensitive"
)

// lentQuery reads what acts with the rights of its owner for somebody else, or by itself, or carries data out of the
// database: functions with the rights of their owner, unless only the platform's own logins that have these
// rights anyway may call them; event triggers, which run in everybody's sessions; foreign servers, what may be used to
// create them, and the logins that are kept for them; publications and subscriptions. What belongs to a superuser is
// RDS's own. https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY
const lentQuery = `
WITH customer AS (
	SELECT r.oid, r.rolname FROM pg_catalog.pg_roles r WHERE NOT r.rolsuper OR r.rolname = $1
)
SELECT u.kind, u.owner, u.schema, u.name, u.statement, u.grantees FROM (
	SELECT 'function' AS kind, o.rolname AS owner, n.nspname AS schema, p.proname AS name,
		CASE WHEN pg_catalog.length(s.statement) <= 2000 THEN s.statement END AS statement,
		CASE WHEN o.rolname = ANY ($2) THEN s.grantees END AS grantees
	FROM pg_catalog.pg_proc p
	JOIN customer o ON o.oid = p.proowner
	JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
	CROSS JOIN LATERAL (SELECT p.oid::pg_catalog.regprocedure::pg_catalog.text AS statement, ARRAY(
		SELECT DISTINCT coalesce(g.rolname, '')::pg_catalog.text
		FROM pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) x
		LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee
		WHERE x.grantee <> p.proowner AND NOT coalesce(g.rolname = ANY ($2), false)
		LIMIT 20
	) AS grantees) s
	WHERE p.prosecdef AND (o.rolname <> ALL ($2) OR s.grantees <> '{}')
	UNION ALL
	SELECT CASE e.evtevent WHEN 'login' THEN 'login trigger' ELSE 'event trigger' END, o.rolname, '', e.evtname, NULL, NULL
	FROM pg_catalog.pg_event_trigger e JOIN customer o ON o.oid = e.evtowner WHERE e.evtenabled <> 'D'
	UNION ALL
	SELECT 'foreign server', o.rolname, '', f.srvname, NULL, NULL
	FROM pg_catalog.pg_foreign_server f JOIN customer o ON o.oid = f.srvowner
	UNION ALL
	SELECT 'foreign-data wrapper', g.rolname, '', w.fdwname, NULL, NULL
	FROM pg_catalog.pg_foreign_data_wrapper w
	CROSS JOIN LATERAL pg_catalog.aclexplode(w.fdwacl) x
	LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee
	WHERE coalesce(g.rolname NOT IN ($1, 'rds_superuser') AND NOT g.rolsuper, true)
	UNION ALL
	SELECT 'user mapping', m.usename, '', m.srvname, NULL, NULL FROM pg_catalog.pg_user_mappings m
	UNION ALL
	SELECT 'publication', o.rolname, '', p.pubname, NULL, NULL
	FROM pg_catalog.pg_publication p JOIN customer o ON o.oid = p.pubowner
	UNION ALL
	SELECT 'subscription', o.rolname, '', s.subname, NULL, NULL
	FROM pg_catalog.pg_subscription s
	JOIN customer o ON o.oid = s.subowner
	JOIN pg_catalog.pg_database d ON d.oid = s.subdbid AND d.datname = pg_catalog.current_database()
) u
ORDER BY u.kind IN ('login trigger', 'event trigger') DESC, u.kind = 'function' DESC
LIMIT $3`

// mostLent is how many of these are judged: one is too many.
const mostLent = 50

// Kinds that are treated in a way of their own.
const (
	kindFunction = "function"
	kindTrigger  = "event trigger"
	// kindLogin runs in the session of everybody who logs in to a database, so the master does not.
	kindLogin = "login trigger"
)

// lent is something by which the rights of its owner are at somebody else's disposal.
type lent struct {
	// Database is "" for the platform's own.
	Database, Kind string
	// Owner of it, or whose login is kept; "" is everybody.
	Owner        string
	Schema, Name string
	// Statement is how statements name a function, with its parameters, as PostgreSQL quotes it.
	Statement string
	// Grantees may call a function of the owner's, without having its rights. Others' functions are not called.
	Grantees []string
}

// String is fit to be shown.
func (l lent) String() string {
	if l.Name == "" { // nobody looked
		return l.Kind + inDatabase(l.Database)
	}
	name := sensitive.Shown(l.Name)
	if l.Schema != "" {
		name = sensitive.Shown(l.Schema) + "." + name
	}
	return fmt.Sprintf("%s %s of %s%s", l.Kind, name, cmp.Or(l.Owner, "PUBLIC"), inDatabase(l.Database))
}

func inDatabase(name string) string {
	if name == "" {
		return ""
	}
	return " in database " + sensitive.Shown(name)
}

// revocable says that what it lends can be taken back, and nothing is lost. A function whose name and parameters are
// longer than a statement of ours is a person's to drop.
func (l lent) revocable() bool { return l.Statement != "" || l.Kind == kindTrigger }

// contents is what one database holds.
type contents struct {
	columns columnState
	// lent has one more than is judged, if there are as many.
	lent []lent
}

// queue reads the contents; owners are those who may do as the owner does.
func (c *contents) queue(batch *pgx.Batch, owners []string) {
	c.columns.queue(batch)
	batch.Queue(lentQuery, scope.Master, owners, mostLent+1).Query(func(rows pgx.Rows) (err error) {
		c.lent, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l lent, err error) {
			var owner, statement *string
			err = row.Scan(&l.Kind, &owner, &l.Schema, &l.Name, &statement, &l.Grantees)
			l.Owner, l.Statement = deref(owner), deref(statement)
			return l, err
		})
		return err
	})
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// addContents adds the contents of a database to a state.
func addContents(s *State, database string, c contents) {
	if database == "" {
		s.Columns = c.columns
	} else {
		s.Columns.merge(database, c.columns)
	}
	for _, l := range c.lent {
		l.Database = database
		if l.revocable() {
			s.Lent = append(s.Lent, l)
		} else {
			s.Kept = append(s.Kept, l)
		}
		if l.Kind == kindLogin {
			s.Trapped = append(s.Trapped, cmp.Or(database, scope.DatabaseName))
		}
	}
}

// othersQuery reads the other databases. Whatever is created or changed in one is counted there, and from 17 on it is
// known from elsewhere whether something runs at a login.
// https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-DATABASE-VIEW
const othersQuery = `
SELECT d.datname, pg_catalog.concat_ws(' ', d.oid, s.tup_inserted, s.tup_updated, s.tup_deleted, s.stats_reset),
	coalesce((pg_catalog.to_jsonb(d)->>'dathasloginevt')::pg_catalog.bool, false)
FROM pg_catalog.pg_database d
LEFT JOIN pg_catalog.pg_stat_database s ON s.datid = d.oid
WHERE d.datallowconn AND d.datname NOT IN ($1, 'rdsadmin')
ORDER BY d.oid
LIMIT $2`

// mostDatabases is how many other databases are read; RDS creates two.
const mostDatabases = 20

// database is another database than the platform's own.
type database struct {
	name string
	// version changes whenever something in it does.
	version string
	// trapped says that something runs when somebody logs in.
	trapped bool
}

func queueOthers(batch *pgx.Batch, to *[]database) {
	batch.Queue(othersQuery, scope.DatabaseName, mostDatabases+1).Query(func(rows pgx.Rows) (err error) {
		*to, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d database, err error) {
			err = row.Scan(&d.name, &d.version, &d.trapped)
			return d, err
		})
		return err
	})
}

// readOthers reads the other databases as the master, who alone can connect to them: each when something in it
// changed, or when it was not read lately. A quiet one costs no more than its row in the platform's own database.
func (r *resource) readOthers(
	ctx context.Context, in *scope.Platform, server postgres.Server, all []database, want State, got *State, fresh bool,
) error {
	password, err := in.Passwords.Stored(ctx, scope.Master)
	if err != nil {
		return err
	}
	owners := membersOf(owner, want)
	got.ContentsAt = r.Clock.Now()
	for _, d := range all[:min(len(all), mostDatabases)] {
		if d.trapped {
			addContents(got, d.name, contents{lent: []lent{{Kind: kindLogin}}})
			continue
		}
		key := in.Database.Record.String() + " " + d.name
		version := d.version + " " + strings.Join(owners, " ")
		read, ok := r.contents.get(key, r.Clock.Now())
		if !ok || fresh || read.version != version {
			read = readContents{version: version, at: r.Clock.Now()}
			if read.contents, err = readOther(ctx, server, password, d.name, owners); err != nil {
				got.Unread = append(got.Unread, d.name) // what the rest holds is judged all the same
				continue
			}
			r.contents.put(key, read, read.at)
		}
		addContents(got, d.name, read.contents)
		got.ContentsAt = earliest(got.ContentsAt, read.at)
	}
	if more := len(all) - mostDatabases; more > 0 {
		got.Unread = append(got.Unread, fmt.Sprintf("those beyond the first %d", mostDatabases))
	}
	return nil
}

// readContents are the contents of a database as they were read.
type readContents struct {
	contents
	version string
	at      time.Time
}

func readOther(ctx context.Context, server postgres.Server, password, name string, owners []string) (c contents, err error) {
	conn, err := server.Connect(ctx, postgres.Login{User: scope.Master, Password: password, Database: name, ReadOnly: true})
	if err != nil {
		return c, err
	}
	defer func() { _ = conn.Close(ctx) }() // it was only read from
	err = exchange(ctx, conn, func(batch *pgx.Batch) { c.queue(batch, owners) })
	return c, err
}

func earliest(x, y time.Time) time.Time {
	if x.Before(y) {
		return x
	}
	return y
}

// checkLent judges what could be used with the rights of somebody else.
func checkLent(_, got State) (converge.Verdict, string) {
	all := slices.Concat(got.Lent, got.Kept)
	switch {
	case len(all) > 0:
		texts := make([]string, 0, len(all))
		for _, l := range all {
			texts = append(texts, l.String())
		}
		text := few(texts, len(all))
		if len(all) > mostLent {
			text = fmt.Sprintf("more than %d: %s", mostLent, text)
		}
		return converge.Violated, text
	case len(got.Unread) > 0:
		return converge.Unknown, unread(got)
	}
	return converge.Verified, "nothing in any database acts with the rights of its owner for others"
}

func unread(got State) string {
	texts := make([]string, 0, len(got.Unread))
	for _, name := range got.Unread {
		texts = append(texts, sensitive.Shown(name))
	}
	return "databases that could not be read: " + few(texts, len(texts))
}

// takeBack takes back what functions and event triggers lend, in whatever database, the triggers first.
func (w writer) takeBack(ctx context.Context, own *pgx.Conn) []error {
	sessions := map[string]*pgx.Conn{"": own}
	var failures []error
	for _, kind := range []string{kindTrigger, kindFunction} {
		for _, l := range w.got.Lent {
			if l.Kind != kind {
				continue
			}
			conn := sessions[l.Database]
			if conn == nil {
				var err error
				if conn, err = w.master(ctx, l.Database); err != nil {
					failures = append(failures, err)
					continue
				}
				defer func() { _ = conn.Close(ctx) }() // what it did is committed or undone
				sessions[l.Database] = conn
			}
			failures = append(failures, transact(ctx, conn, lentStatements(l), nil))
		}
	}
	return failures
}
