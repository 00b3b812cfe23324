package dbrole_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// crowds are more of everything than is read. What is beyond the bound is said, and in the end all of it is repaired.
var crowds = []struct {
	name string
	n    int
	// each is a statement of the master's for the i-th of them, and undo one that a person runs, if it is theirs to run.
	each, undo string
	// more is what is said, and controls are violated.
	more     string
	controls []string
	// last is created after all of them, and seen all the same.
	last string
}{
	{
		"logins", 510, "CREATE ROLE crowd_%d LOGIN", "",
		"more than 500 roles that can log in",
		[]string{extras, rights},
		"",
	},
	{
		"roles with our mark, which hide nobody", 510, "COMMENT ON ROLE crowd_%d IS 'coach-operator'", "COMMENT ON ROLE crowd_%d IS NULL",
		"more than 500 roles that can log in or have the operator's mark",
		[]string{extras, rights},
		"backdoor",
	},
	{
		"memberships", 1010, "CREATE ROLE member_%[1]d; GRANT coach_readers TO member_%[1]d", "",
		"more than 1000 memberships",
		[]string{rights},
		"",
	},
	{
		"grants on a database", 1010, "GRANT CREATE ON DATABASE coach TO member_%d", "",
		"more than 1000 grants on databases",
		[]string{rights},
		"",
	},
	{
		"grants on the schema", 1010, "GRANT USAGE ON SCHEMA public TO member_%d", "",
		"more than 1000 grants on the schema public",
		[]string{rights},
		"",
	},
	{
		"default privileges", 1010, "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO member_%d", "",
		"more than 1000 default privileges",
		[]string{rights},
		"",
	},
}

func TestMoreThanIsReadIsSaidAndRepaired(t *testing.T) { //nolint:tparallel // one server, one crowd at a time
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	w.spoiled = true // dropping so many roles takes longer than starting a server
	for _, c := range crowds {
		t.Run(c.name, func(t *testing.T) {
			w.TB = t
			w.each(c.n, c.each)
			if c.last != "" {
				w.db.Do(t, "CREATE ROLE "+c.last+" LOGIN")
			}
			out := w.observe()
			w.mustHold(out, c.controls...)
			if seen := seenOf(out, rights); !strings.Contains(seen, c.more) {
				t.Errorf("not said: %s", seen[:min(len(seen), 300)])
			}
			if !strings.Contains(seenOf(out, extras), c.last) {
				t.Errorf("%s is hidden: %s", c.last, seenOf(out, extras))
			}
			if c.undo != "" {
				w.each(c.n, c.undo)
			}
			w.mustHold(w.settle())
		})
	}
}

// each runs a statement for every number, in few transactions.
func (w *world) each(n int, statement string) {
	w.Helper()
	for begin := 0; begin < n; begin += 250 {
		var all []string
		for i := begin; i < min(n, begin+250); i++ {
			all = append(all, fmt.Sprintf(statement, i))
		}
		w.db.Do(w, strings.Join(all, ";"))
	}
}

// What the owner created is opened a bounded number of relations at a time, and none is left out.
func TestNoStatementGrowsWithTheNumberOfRelations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	w.spoiled = true
	app := w.as("coach_app")
	const relations = 22_000
	w.mustDo(app.Exec(t.Context(), "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM coach_readers"))
	for begin := 0; begin < relations; begin += 2000 {
		w.mustDo(app.Exec(t.Context(), fmt.Sprintf(`DO $x$ BEGIN FOR i IN %d..%d LOOP
			EXECUTE 'CREATE VIEW public.' || rpad('v' || i || '_', 60, 'x') || ' AS SELECT'; END LOOP; END $x$`, begin, begin+1999)))
	}
	w.mustDo(app.Exec(t.Context(), `SET ROLE NONE; CREATE TABLE public.mine (n int)`)) // not the owner's
	dials := w.counted()
	first := w.write()
	if first.Applied {
		t.Error("more relations are opened in one pass than it should have time for")
	}
	w.mustHold(w.settle())
	if longest := dials.longest(); longest > 64<<10 {
		t.Errorf("a message has %d bytes", longest)
	}
	var closed int
	err := app.QueryRow(t.Context(), `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'
		AND NOT has_table_privilege('coach_readers', oid, 'SELECT')`).Scan(&closed)
	if err != nil || closed > 0 {
		t.Errorf("%d views are closed to readers (%v)", closed, err)
	}
}

// counter counts connections, and the bytes that are written at once.
type counter struct {
	dial func(context.Context, string, string) (net.Conn, error)

	mu           sync.Mutex
	dials, bytes int
}

// counted starts a new process whose connections are counted.
func (w *world) counted() *counter {
	w.Helper()
	c := &counter{dial: w.account.Sandbox().Dial}
	w.restart(func(ctx context.Context, network, address string) (net.Conn, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.dials++
		conn, err := c.dial(ctx, network, address)
		return countedConn{conn, c}, err
	})
	return c
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dials
}

func (c *counter) longest() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

type countedConn struct {
	net.Conn
	counter *counter
}

func (c countedConn) Write(b []byte) (int, error) {
	c.counter.mu.Lock()
	c.counter.bytes = max(c.counter.bytes, len(b))
	c.counter.mu.Unlock()
	return c.Conn.Write(b)
}
