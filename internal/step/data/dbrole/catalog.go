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
// has created can take part. Only PostgreSQL's own catalogs are read, which every login may; what they
// hold is bounded, since no login of a tenant may create roles or databases, and of columns no more are read.
// https://www.postgresql.org/docs/current/catalogs.html
const (
	rolesQuery = `
SELECT r.rolname, r.rolcanlogin, r.rolinherit, r.rolconnlimit,
	pg_catalog.concat_ws(' ', CASE WHEN r.rolsuper THEN 'superuser' END, CASE WHEN r.rolcreaterole THEN 'createrole' END,
		CASE WHEN r.rolcreatedb THEN 'createdb' END, CASE WHEN r.rolreplication THEN 'replication' END,
		CASE WHEN r.rolbypassrls THEN 'bypassrls' END),
	CASE WHEN r.rolvaliduntil < 'infinity' THEN pg_catalog.to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
		ELSE '' END,
	coalesce(pg_catalog.shobj_description(r.oid, 'pg_authid'), '') = $1
FROM pg_catalog.pg_roles r`
	// From 16 on a membership says whether it lets its member use the role or only administer it.
	membersQuery = `
SELECT m.rolname, g.rolname, a.admin_option, coalesce(b.rolname, ''),
	coalesce((pg_catalog.to_jsonb(a)->>'inherit_option')::pg_catalog.bool, true)
	OR coalesce((pg_catalog.to_jsonb(a)->>'set_option')::pg_catalog.bool, true)
FROM pg_catalog.pg_auth_members a
JOIN pg_catalog.pg_roles m ON m.oid = a.member
JOIN pg_catalog.pg_roles g ON g.oid = a.roleid
LEFT JOIN pg_catalog.pg_roles b ON b.oid = a.grantor`
	// A role sets for itself what it likes, as long as it likes: only our own settings are read, and of those
	// the beginning.
	settingsQuery = `
SELECT r.rolname, coalesce(d.datname, ''), pg_catalog.left(c.entry, 300)
FROM pg_catalog.pg_db_role_setting s
JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(entry)
WHERE pg_catalog.split_part(c.entry, '=', 1) = ANY ($1)`
	// What can be passed on is more than what was given.
	databasesQuery = `
SELECT d.datname, coalesce(g.rolname, ''), x.privilege_type || CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
FROM pg_catalog.pg_database d
CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) x
LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee
WHERE d.datallowconn AND x.grantee <> d.datdba AND d.datname <> 'rdsadmin'
UNION ALL
SELECT d.datname, o.rolname, 'OWNER' FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles o ON o.oid = d.datdba
WHERE d.datallowconn`
	schemaQuery = `
SELECT n.nspname, coalesce(g.rolname, ''), x.privilege_type || CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
FROM pg_catalog.pg_namespace n
CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) x
LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee
WHERE n.nspname = $1 AND x.grantee <> n.nspowner
UNION ALL
SELECT n.nspname, o.rolname, 'OWNER' FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
WHERE n.nspname = $1`
	defaultsQuery = `
SELECT CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' ELSE 'SEQUENCES' END,
	coalesce(g.rolname, ''), x.privilege_type
FROM pg_catalog.pg_default_acl d
JOIN pg_catalog.pg_roles o ON o.oid = d.defaclrole
JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) x
LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee
WHERE o.rolname = $1 AND n.nspname = $2 AND d.defaclobjtype IN ('r', 'S')`
	insideQuery = `
SELECT DISTINCT a.usename FROM pg_catalog.pg_stat_activity a WHERE a.usename IS NOT NULL`
	// Sessions of AWS's own administrator are not the tenant's. Who may not see other sessions counts none.
	sessionsQuery = `
SELECT CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN (
	SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_stat_ssl s ON s.pid = a.pid
	WHERE NOT s.ssl AND a.client_addr IS NOT NULL AND a.usename <> 'rdsadmin'
) ELSE -1 END, pg_catalog.current_setting('password_encryption')`
)

// catalog is the system catalog as it was read.
type catalog struct {
	roles      []role
	members    []memberRow
	settings   []setting
	databases  []privilege
	schema     []privilege
	defaults   []privilege
	plain      int
	encryption string
	// inside are the roles that have a session.
	inside []string
	// columns are one more than are judged, if there are as many.
	columns []column
}

// memberRow is a membership and whether it is of use beyond administering.
type memberRow struct {
	membership
	grantor string
	use     bool
}

// read reads the catalog, all of it at one moment and in one exchange.
func read(ctx context.Context, conn *pgx.Conn) (catalog, error) {
	var s catalog
	err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		collect(batch, &s.roles, rolesQuery, mark)(func(row pgx.CollectableRow) (r role, err error) {
			err = row.Scan(&r.Name, &r.Login, &r.Inherit, &r.Limit, &r.Powers, &r.Until, &r.Marked)
			return r, err
		})
		collect(batch, &s.members, membersQuery)(func(row pgx.CollectableRow) (m memberRow, err error) {
			err = row.Scan(&m.Member, &m.Role, &m.Admin, &m.grantor, &m.use)
			return m, err
		})
		collect(batch, &s.inside, insideQuery)(pgx.RowTo[string])
		collect(batch, &s.settings, settingsQuery, ownedSettings())(func(row pgx.CollectableRow) (c setting, err error) {
			var entry string
			err = row.Scan(&c.Role, &c.Database, &entry)
			c.Name, c.Value, _ = strings.Cut(entry, "=")
			return c, err
		})
		collect(batch, &s.databases, databasesQuery)(privilegeOf)
		collect(batch, &s.schema, schemaQuery, home)(privilegeOf)
		collect(batch, &s.defaults, defaultsQuery, owner, home)(privilegeOf)
		collect(batch, &s.columns, columnsQuery, mostColumns+1)(func(row pgx.CollectableRow) (c column, err error) {
			err = row.Scan(&c.schema, &c.relation, &c.name)
			return c, err
		})
		batch.Queue(sessionsQuery).QueryRow(func(row pgx.Row) error { return row.Scan(&s.plain, &s.encryption) })
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return s, postgres.Classify(fmt.Errorf("reading the catalog: %w", err))
	}
	return s, nil
}

// collect queues a query whose rows become the list.
func collect[T any](batch *pgx.Batch, to *[]T, query string, args ...any) func(pgx.RowToFunc[T]) {
	return func(scan pgx.RowToFunc[T]) {
		batch.Queue(query, args...).Query(func(rows pgx.Rows) (err error) {
			*to, err = pgx.CollectRows(rows, scan)
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
	got := State{TLS: tlsState{Plain: s.plain}, Encryption: s.encryption, Columns: judged(s.columns)}
	for _, r := range s.roles {
		_, wanted := roleOf(want.Roles, r.Name)
		foreign := wanted && !r.Marked && !strings.HasPrefix(r.Name, reservedPrefix)
		if foreign {
			got.Foreign = append(got.Foreign, r.Name)
		}
		switch {
		case builtIn(r.Name) && !s.createdByMaster(r.Name):
		case (wanted || r.Marked) && !foreign:
			got.Roles = append(got.Roles, r)
		case r.Login || slices.Contains(s.inside, r.Name):
			got.Unmanaged = append(got.Unmanaged, r.Name)
		}
	}
	s.touching(&got)
	return got
}

// createdByMaster says that the master created a role, if that is visible: from 16 on, who creates a role
// administers it. None of AWS's own is such a one.
func (s catalog) createdByMaster(name string) bool {
	return slices.ContainsFunc(s.members, func(m memberRow) bool {
		return m.Member == scope.Master && m.Role == name && m.Admin && slices.Contains(amazons, name)
	})
}

// touching adds what touches the roles that are ours.
func (s catalog) touching(got *State) {
	ours := func(name string) bool { _, ok := roleOf(got.Roles, name); return ok }
	for _, m := range s.members {
		administers := m.Member == scope.Master && m.Admin && !m.use // who creates a role administers it
		if (ours(m.Member) || ours(m.Role)) && !administers {
			got.Members = append(got.Members, m.membership)
			got.Grantors = append(got.Grantors, m)
		}
	}
	got.Settings = slices.DeleteFunc(s.settings, func(c setting) bool { return !ours(c.Role) })
	got.Databases = slices.DeleteFunc(s.databases, func(p privilege) bool { return builtIn(p.Grantee) })
	got.Schema = slices.DeleteFunc(s.schema, func(p privilege) bool { return builtIn(p.Grantee) })
	got.Defaults = slices.DeleteFunc(s.defaults, func(p privilege) bool { return p.Grantee != readers && p.Grantee != "" })
}

// ownedSettings are those that we set, or keep from being set; what else a login sets for itself is its own.
func ownedSettings() []string {
	return append(slices.Sorted(maps.Keys(defaultSettings)), settingRole, "local_preload_libraries")
}
