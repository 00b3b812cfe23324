package dbrole

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/coachplatform/coach-operator/internal/cloud/postgres"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Every name is qualified, and the search path of the session holds pg_catalog alone: nothing that a tenant
// has created can take part. Only PostgreSQL's own catalogs are read, which every login may. What they hold may be
// any amount: so each query selects what is ours and what is too much, ours first, and never more than a bound. What
// is beyond it is a violation or an unknown answer, and is not left out in silence.
// https://www.postgresql.org/docs/current/catalogs.html
const (
	// oursQuery are our roles: those with our names, and those with our mark. The first of them is the master, which
	// RDS creates before anybody else can create anything: nothing older is ours, whatever it is marked as, and nothing
	// that is named like RDS's own.
	oursQuery = `
WITH RECURSIVE first AS (
	SELECT pg_catalog.min(r.oid) AS oid FROM pg_catalog.pg_roles r
	WHERE r.rolname = ANY ($1) AND pg_catalog.starts_with(r.rolname, $2)
), ours AS (
	SELECT r.oid, m.objoid IS NOT NULL AS marked
	FROM pg_catalog.pg_roles r
	CROSS JOIN first f
	LEFT JOIN pg_catalog.pg_shdescription m ON m.objoid = r.oid
		AND m.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND m.description = $3
	WHERE r.rolname = ANY ($1) AND pg_catalog.starts_with(r.rolname, $2)
		OR m.objoid IS NOT NULL AND r.oid >= f.oid AND NOT pg_catalog.starts_with(r.rolname, 'rds')
)`
	// A name of AWS's own is believed only of a role that a superuser created, and no customer is one: it is as old as
	// the cluster, older than the master, or a superuser made it a member of a role of PostgreSQL's. OIDs ascend.
	// https://www.postgresql.org/docs/current/system-catalog-initial-data.html
	rolesQuery = oursQuery + `
SELECT r.rolname, r.rolcanlogin, r.rolinherit, r.rolconnlimit,
	pg_catalog.concat_ws(' ', CASE WHEN r.rolsuper THEN 'superuser' END, CASE WHEN r.rolcreaterole THEN 'createrole' END,
		CASE WHEN r.rolcreatedb THEN 'createdb' END, CASE WHEN r.rolreplication THEN 'replication' END,
		CASE WHEN r.rolbypassrls THEN 'bypassrls' END),
	CASE WHEN r.rolvaliduntil < 'infinity' THEN pg_catalog.to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
		ELSE '' END,
	coalesce(o.marked, false) OR r.rolname = $4, s.enters
FROM pg_catalog.pg_roles r
CROSS JOIN first f
LEFT JOIN ours o ON o.oid = r.oid
CROSS JOIN LATERAL (
	SELECT (r.rolcanlogin OR r.oid IN (SELECT a.usesysid FROM pg_catalog.pg_stat_activity a WHERE a.usesysid IS NOT NULL))
		AND NOT (r.rolname = ANY ($5) AND (r.rolsuper OR r.oid < 16384 OR r.oid < f.oid OR EXISTS (
			SELECT FROM pg_catalog.pg_auth_members a JOIN pg_catalog.pg_roles b ON b.oid = a.grantor
			WHERE a.member = r.oid AND a.roleid < 16384 AND b.rolsuper AND b.rolname <> $4))) AS enters
) s
WHERE o.oid IS NOT NULL OR r.rolname = ANY ($1) OR s.enters
ORDER BY r.rolname = ANY ($1) DESC, s.enters DESC, r.oid
LIMIT $6`
	// From 16 on a membership says whether it lets its member use the role or only administer it. What the roles that
	// ours are members of are members of counts, too. What a superuser gave to the master or to AWS's own is not ours to
	// judge, but for rds_iam, nor is that who creates a role administers it.
	membersQuery = oursQuery + `, edge AS (
	SELECT a.member, a.roleid, a.admin_option, a.grantor,
		coalesce((pg_catalog.to_jsonb(a)->>'inherit_option')::pg_catalog.bool, true)
		OR coalesce((pg_catalog.to_jsonb(a)->>'set_option')::pg_catalog.bool, true) AS use
	FROM pg_catalog.pg_auth_members a
), up AS (
	SELECT o.oid FROM ours o UNION SELECT e.roleid FROM edge e JOIN up ON up.oid = e.member WHERE e.use
)
SELECT m.rolname, g.rolname, e.admin_option, coalesce(b.rolname, '')
FROM edge e
JOIN pg_catalog.pg_roles m ON m.oid = e.member
JOIN pg_catalog.pg_roles g ON g.oid = e.roleid
LEFT JOIN pg_catalog.pg_roles b ON b.oid = e.grantor
CROSS JOIN LATERAL (SELECT e.member IN (SELECT o.oid FROM ours o) AS member, e.roleid IN (SELECT o.oid FROM ours o) AS role,
	coalesce(b.rolsuper AND b.rolname <> $4, false) AS aws) s
WHERE (s.member OR s.role OR NOT s.aws AND (m.rolname = ANY ($5) OR e.member IN (SELECT up.oid FROM up)))
	AND NOT (m.rolname = $4 AND (g.rolname = $6 OR s.aws AND g.rolname <> $7 AND (NOT s.role OR e.admin_option AND NOT e.use)))
ORDER BY s.member AND (s.role OR g.oid < 16384 OR g.rolname = $7) DESC, m.oid, g.oid
LIMIT $8`
	// A role sets for itself what it likes, as long as it likes: only our own settings are read, and of those
	// the beginning.
	settingsQuery = oursQuery + `
SELECT r.rolname, coalesce(d.datname, ''), pg_catalog.left(c.entry, 300)
FROM pg_catalog.pg_db_role_setting s
JOIN ours o ON o.oid = s.setrole
JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(entry)
WHERE pg_catalog.split_part(c.entry, '=', 1) = ANY ($4)
ORDER BY r.rolname = ANY ($1) AND s.setdatabase = 0 DESC, r.oid
LIMIT $5`
	// What can be passed on is more than what was given. What a superuser owns or is given is RDS's own.
	databasesQuery = `
SELECT p.datname, p.grantee, p.privilege FROM (
	SELECT d.datname, coalesce(g.rolname, '') AS grantee,
		x.privilege_type || CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS privilege
	FROM pg_catalog.pg_database d
	CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) x
	LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee
	WHERE d.datallowconn AND x.grantee <> d.datdba AND d.datname <> 'rdsadmin' AND NOT coalesce(g.rolsuper, false)
	UNION ALL
	SELECT d.datname, o.rolname, 'OWNER' FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles o ON o.oid = d.datdba
	WHERE d.datallowconn AND NOT o.rolsuper
) p
WHERE p.grantee <> $1
ORDER BY p.datname = $2 AND p.grantee = ANY ($3) DESC, p.grantee = '' DESC, p.privilege = 'OWNER' DESC, p.datname, p.grantee
LIMIT $4`
	schemaQuery = `
SELECT p.nspname, p.grantee, p.privilege FROM (
	SELECT n.nspname, coalesce(g.rolname, '') AS grantee,
		x.privilege_type || CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS privilege
	FROM pg_catalog.pg_namespace n
	CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) x
	LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee
	WHERE n.nspname = $2 AND x.grantee <> n.nspowner AND NOT coalesce(g.rolsuper, false)
	UNION ALL
	SELECT n.nspname, o.rolname, 'OWNER' FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
	WHERE n.nspname = $2 AND NOT o.rolsuper AND o.rolname <> 'pg_database_owner'
) p
WHERE p.grantee <> $1
ORDER BY p.grantee = ANY ($3) DESC, p.grantee = '' DESC, p.privilege = 'OWNER' DESC, p.grantee
LIMIT $4`
	// Of what will be created, by whomever and wherever, two things are not judged: what PostgreSQL itself gives
	// PUBLIC, and what readers may only read of the owner's elsewhere than in the shared schema.
	// https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html
	defaultsQuery = `
SELECT p.creator, p.nspname, p.kind, p.grantee, p.privilege FROM (
	SELECT c.rolname AS creator, coalesce(n.nspname, '') AS nspname,
		CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
			WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS kind,
		coalesce(g.rolname, '') AS grantee,
		x.privilege_type || CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS privilege
	FROM pg_catalog.pg_default_acl d
	JOIN pg_catalog.pg_roles c ON c.oid = d.defaclrole
	LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
	CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) x
	LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee
	WHERE x.grantee <> d.defaclrole AND NOT (c.rolsuper AND c.rolname <> $1) AND NOT coalesce(g.rolsuper AND g.rolname <> $1, false)
) p
WHERE NOT (p.grantee = '' AND (p.kind, p.privilege) IN (('FUNCTIONS', 'EXECUTE'), ('TYPES', 'USAGE')))
	AND NOT (p.grantee = ANY ($2) AND p.creator = ANY ($3) AND ((p.kind, p.privilege) IN (('FUNCTIONS', 'EXECUTE'), ('TYPES', 'USAGE'))
		OR (p.creator <> $4 OR p.nspname <> $5)
			AND (p.kind, p.privilege) IN (('TABLES', 'SELECT'), ('SEQUENCES', 'SELECT'), ('SCHEMAS', 'USAGE'))))
ORDER BY p.grantee = ANY ($2) AND p.creator = $4 AND p.nspname = $5 DESC, p.grantee = '' DESC, p.creator, p.nspname
LIMIT $6`
	// Sessions of AWS's own administrator are not the tenant's. Who may not see other sessions counts none.
	sessionsQuery = `
SELECT CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN (
	SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_stat_ssl s ON s.pid = a.pid
	WHERE NOT s.ssl AND a.client_addr IS NOT NULL AND a.usename <> 'rdsadmin'
) ELSE -1 END, pg_catalog.current_setting('password_encryption')`
)

// Bounds of what is read: a platform has thirty roles, and some hundred memberships and settings.
const (
	mostRoles = 500
	mostRows  = 1000

	// crowd is what there is too much of when not every login is read.
	crowd = "roles that can log in or have the operator's mark"
)

// amazons are roles of AWS's own, which no customer can log in as.
var amazons = []string{"rdsadmin", "rdsrepladmin", "rdsproxyadmin", "rdstopmgr", "rdswriteforwarduser"}

// catalog is the system catalog as it was read.
type catalog struct {
	roles      []roleRow
	members    []memberRow
	settings   []setting
	databases  []privilege
	schema     []privilege
	defaults   []defaultGrant
	plain      int
	encryption string
	// contents are those of the platform's own database, and others are the other databases.
	contents contents
	others   []database
	// beyond says of what there is more than is read.
	beyond []string
}

// roleRow is a role, and whether it can log in or has a session without being one of AWS's own.
type roleRow struct {
	role
	enters bool
}

// memberRow is a membership and who gave it.
type memberRow struct {
	membership
	grantor string
}

// read reads the catalog, all of it at one moment and in one exchange.
func read(ctx context.Context, conn *pgx.Conn, want State) (catalog, error) {
	var s catalog
	ours, owners := rolesOf(want), membersOf(owner, want)
	err := exchange(ctx, conn, func(batch *pgx.Batch) {
		bounded(batch, &s.roles, &s.beyond, crowd, mostRoles, rolesQuery, ours, reservedPrefix, mark, scope.Master, amazons)(
			func(row pgx.CollectableRow) (r roleRow, err error) {
				err = row.Scan(&r.Name, &r.Login, &r.Inherit, &r.Limit, &r.Powers, &r.Until, &r.Marked, &r.enters)
				return r, err
			})
		bounded(batch, &s.members, &s.beyond, "memberships", mostRows, membersQuery,
			ours, reservedPrefix, mark, scope.Master, amazons, rdsSuperuser, rdsIAM)(
			func(row pgx.CollectableRow) (m memberRow, err error) {
				err = row.Scan(&m.Member, &m.Role, &m.Admin, &m.grantor)
				return m, err
			})
		bounded(batch, &s.settings, &s.beyond, "settings of roles", mostRows, settingsQuery, ours, reservedPrefix, mark, ownedSettings())(
			func(row pgx.CollectableRow) (c setting, err error) {
				var entry string
				err = row.Scan(&c.Role, &c.Database, &entry)
				c.Name, c.Value, _ = strings.Cut(entry, "=")
				return c, err
			})
		bounded(batch, &s.databases, &s.beyond, "grants on databases", mostRows, databasesQuery,
			scope.Master, scope.DatabaseName, ours)(privilegeOf)
		bounded(batch, &s.schema, &s.beyond, "grants on the schema "+home, mostRows, schemaQuery, scope.Master, home, ours)(privilegeOf)
		bounded(batch, &s.defaults, &s.beyond, "default privileges", mostRows, defaultsQuery,
			scope.Master, membersOf(readers, want), owners, owner, home)(
			func(row pgx.CollectableRow) (d defaultGrant, err error) {
				err = row.Scan(&d.Owner, &d.Schema, &d.Kind, &d.Grantee, &d.Privilege)
				return d, err
			})
		s.contents.queue(batch, owners)
		queueOthers(batch, &s.others)
		batch.Queue(sessionsQuery).QueryRow(func(row pgx.Row) error { return row.Scan(&s.plain, &s.encryption) })
	})
	return s, err
}

// exchange runs queries at one moment, in a transaction that can only read.
func exchange(ctx context.Context, conn *pgx.Conn, queue func(*pgx.Batch)) error {
	err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		queue(batch)
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return postgres.Classify(fmt.Errorf("reading the catalog: %w", err))
	}
	return nil
}

// bounded queues a query whose last argument is a limit and whose rows become the list: one more than most is read,
// and reported.
func bounded[T any](
	batch *pgx.Batch, to *[]T, beyond *[]string, what string, most int, query string, args ...any,
) func(pgx.RowToFunc[T]) {
	return func(scan pgx.RowToFunc[T]) {
		batch.Queue(query, append(args, most+1)...).Query(func(rows pgx.Rows) (err error) {
			if *to, err = pgx.CollectRows(rows, scan); len(*to) > most {
				*to, *beyond = (*to)[:most], append(*beyond, fmt.Sprintf("more than %d %s", most, what))
			}
			return err
		})
	}
}

func privilegeOf(row pgx.CollectableRow) (p privilege, err error) {
	err = row.Scan(&p.Object, &p.Grantee, &p.Privilege)
	return p, err
}

// judge returns what of the catalog is ours: the roles that are desired or that we created, what touches
// them, and every other role that can log in.
func (s catalog) judge(want State) State {
	got := State{TLS: tlsState{Plain: s.plain}, Encryption: s.encryption, Beyond: s.beyond}
	for _, r := range s.roles {
		_, wanted := roleOf(want.Roles, r.Name)
		foreign := wanted && !r.Marked && !strings.HasPrefix(r.Name, reservedPrefix)
		if foreign {
			got.Foreign = append(got.Foreign, r.Name)
		}
		switch {
		case (wanted || r.Marked) && !foreign:
			got.Roles = append(got.Roles, r.role)
		case r.enters:
			got.Unmanaged = append(got.Unmanaged, r.Name)
		}
	}
	for _, m := range s.members {
		got.Members, got.Grantors = append(got.Members, m.membership), append(got.Grantors, m)
	}
	got.Settings, got.Databases, got.Schema, got.Defaults = s.settings, s.databases, s.schema, s.defaults
	addContents(&got, "", s.contents)
	return got
}

// rolesOf are the names of the desired roles.
func rolesOf(want State) []string {
	all := make([]string, 0, len(want.Roles))
	for _, r := range want.Roles {
		all = append(all, r.Name)
	}
	return all
}

// membersOf are a role and those that should be its members.
func membersOf(role string, want State) []string {
	all := []string{role}
	for _, m := range want.Members {
		if m.Role == role {
			all = append(all, m.Member)
		}
	}
	return all
}

// ownedSettings are those that we set, or keep from being set; what else a login sets for itself is its own.
func ownedSettings() []string {
	return append(slices.Sorted(maps.Keys(defaultSettings)), settingRole, "local_preload_libraries")
}
