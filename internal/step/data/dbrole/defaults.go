package dbrole

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// ownedRelations are what the owner created in the schema that logins share and a role has no privilege on, in the order
// of the index of their OIDs. What somebody else owns there is not ours to grant.
const ownedRelations = `
SELECT c.oid::pg_catalog.int8, c.relname
FROM pg_catalog.pg_class c
WHERE c.oid > $1::pg_catalog.int8::pg_catalog.oid AND c.relnamespace = pg_catalog.to_regnamespace($2)
	AND c.relowner = pg_catalog.to_regrole($3) AND c.relkind = ANY ($4::pg_catalog.text[]::pg_catalog."char"[])
	AND NOT pg_catalog.has_table_privilege($5, c.oid, $6)
ORDER BY c.oid
LIMIT $7`

// relationsOf are the kinds of relations for which a kind of default privileges is.
var relationsOf = map[string][]string{"TABLES": {"r", "p", "v", "m", "f"}, "SEQUENCES": {"S"}}

const (
	// mostRelations is how many relations one statement names, and mostChunks how many statements one pass makes: some
	// seconds of the server's time. The next pass does the next ones, however many there are.
	mostRelations = 500
	mostChunks    = 40
)

// defaults sets who may use what will be created. What the owner has created already is opened first: so a crash in
// between leaves a difference.
func (w writer) defaults(ctx context.Context, conn *pgx.Conn, got State) error {
	var failures []error
	for _, part := range defaultStatements("REVOKE", "FROM", without(got.Defaults, w.want.Defaults)) {
		failures = append(failures, transact(ctx, conn, part, nil))
	}
	missing := without(w.want.Defaults, got.Defaults)
	chunks := mostChunks
	for _, d := range missing {
		if err := w.open(ctx, conn, d, &chunks); err != nil {
			return errors.Join(append(failures, err)...)
		}
	}
	for _, part := range defaultStatements("GRANT", "TO", missing) {
		failures = append(failures, transact(ctx, conn, part, nil))
	}
	return errors.Join(failures...)
}

// open opens what the owner has created already, a bounded number of relations at a time.
func (w writer) open(ctx context.Context, conn *pgx.Conn, d defaultGrant, chunks *int) error {
	for after := int64(0); ; *chunks-- {
		relations, last, err := owned(ctx, conn, d, after)
		if err != nil || len(relations) == 0 {
			return err
		}
		if *chunks == 0 {
			return fault.Wait(v1alpha1.ReasonSettling, retryPoll,
				"what %s created earlier is being opened to %s; the rest is done next", owner, d.Grantee)
		}
		if err := transact(ctx, conn, openStatements(d, relations), nil); err != nil {
			return err
		}
		after = last
	}
}

// owned returns the next relations that are to be opened, and the OID of the last of them.
func owned(ctx context.Context, conn *pgx.Conn, d defaultGrant, after int64) (all []string, last int64, err error) {
	err = exchange(ctx, conn, func(batch *pgx.Batch) {
		batch.Queue("SET LOCAL enable_sort = off") // an index has the order, and a million relations are not sorted each time
		batch.Queue(ownedRelations, after, home, owner, relationsOf[d.Kind], d.Grantee, d.Privilege, mostRelations).Query(
			func(rows pgx.Rows) error {
				var name string
				_, err := pgx.ForEachRow(rows, []any{&last, &name}, func() error {
					all = append(all, name)
					return nil
				})
				return err
			})
	})
	return all, last, err
}
