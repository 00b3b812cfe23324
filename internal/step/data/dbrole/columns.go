package dbrole

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/sensitive"
)

// columnsQuery reads the names of the live columns of whatever holds or shows rows: tables (r), partitioned
// (p) and foreign ones (f), views (v), materialized views (m) and composite types (c). Catalogs are for all
// to read, so no right on a table is needed. The names are the tenant's: they are bounded in number here, and
// by PostgreSQL in length. https://www.postgresql.org/docs/current/catalog-pg-attribute.html
const columnsQuery = `
SELECT n.nspname, c.relname, a.attname
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
	AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
LIMIT $1`

const (
	// mostColumns is how many columns are read: an application of five hundred tables has a tenth of them.
	mostColumns = 50_000
	// shownColumns and longestColumns bound what is reported of them.
	shownColumns, longestColumns = 3, 200
)

// column is one column's name. Nothing in it may be believed or repeated as it is.
type column struct{ schema, relation, name string }

// columnState is what the names of columns say.
type columnState struct {
	// Names of the first columns that are made for what must not be kept, fit to be shown, and Found how many there are.
	Names []string
	Found int
	// Seen is how many columns were read, and More that there are others.
	Seen int
	More bool
}

// queue reads the columns, one after another: no more of them is kept than is shown.
func (s *columnState) queue(batch *pgx.Batch) {
	batch.Queue(columnsQuery, mostColumns+1).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var one column
			if err := rows.Scan(&one.schema, &one.relation, &one.name); err != nil {
				return err
			}
			s.add(one)
		}
		return rows.Err()
	})
}

func (s *columnState) add(one column) {
	if s.Seen == mostColumns {
		s.More = true
		return
	}
	s.Seen++
	class, bad := one.class()
	if !bad {
		return
	}
	s.Found++
	s.show(fmt.Sprintf("%s.%s.%s (%s)",
		sensitive.Shown(one.schema), sensitive.Shown(one.relation), sensitive.Shown(one.name), class))
}

// show keeps the shortest names.
func (s *columnState) show(name string) {
	at, _ := slices.BinarySearchFunc(s.Names, name, func(x, y string) int {
		return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	})
	s.Names = slices.Insert(s.Names, at, name)
	s.Names = s.Names[:min(len(s.Names), shownColumns)]
}

// merge adds the columns of another database.
func (s *columnState) merge(database string, other columnState) {
	for _, name := range other.Names {
		s.show(name + inDatabase(database))
	}
	s.Found, s.Seen, s.More = s.Found+other.Found, s.Seen+other.Seen, s.More || other.More
}

// class is what a column is made for, by its name, which may even be a number itself.
func (c column) class() (sensitive.Class, bool) {
	if class, bad := sensitive.Name(c.name); bad {
		return class, true
	}
	return sensitive.Value(c.name)
}

// checkColumns judges names alone: what rows hold is the tenant's, and nobody here can read it.
func checkColumns(_, got State) (converge.Verdict, string) {
	switch {
	case got.Columns.Found > 0:
		return converge.Violated, "made for such numbers: " + few(got.Columns.Names, got.Columns.Found)
	case got.Columns.More:
		return converge.Unknown, fmt.Sprintf("there are more columns than the %d that are read; none of those is made for such numbers",
			mostColumns)
	case len(got.Unread) > 0:
		return converge.Unknown, unread(got)
	}
	return converge.Verified, fmt.Sprintf("columns read by name, in every database: %d", got.Columns.Seen)
}

// few lists the first names, as far as there is room, and how many more there are.
func few(names []string, all int) string {
	shown := names[:min(len(names), shownColumns)]
	for len(shown) > 1 && len(strings.Join(shown, "; ")) > longestColumns {
		shown = shown[:len(shown)-1]
	}
	text := strings.Join(shown, "; ")
	if len(text) > longestColumns { // a name is ASCII once it is shown, but for the mark that more follows
		text = strings.ToValidUTF8(text[:longestColumns], "") + "…"
	}
	if more := all - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
