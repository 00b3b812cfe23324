package dbrole_test

import (
	"context"
	"errors"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// greeting is how many messages a client writes until it is logged in: the wish for TLS, the two of the
// handshake, who it is, and the two of SCRAM.
const greeting = 6

// errDied is what a process meets that has died.
var errDied = errors.New("the process died")

// mortal is a process that dies at one of its messages to the database. The zero value never does.
type mortal struct {
	dial func(context.Context, string, string) (net.Conn, error)
	// at is the message, counted from 1 over all sessions, and after says that it is still sent.
	at    int
	after bool
	// executed, if not nil, returns the statement that the server executed last in the session of a client's port.
	executed func(port int) string

	mu   sync.Mutex
	sent int
	dead bool
	// kinds are those of the messages that were sent, if executed is set.
	kinds []string
}

func (m *mortal) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if m.died() {
		return nil, errDied
	}
	conn, err := m.dial(ctx, network, address)
	return &line{Conn: conn, mortal: m}, err
}

func (m *mortal) died() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// line is one session of a mortal.
type line struct {
	net.Conn
	mortal *mortal
	sent   int
	// number of the last message among all, and what the transaction before and this one executed last.
	number       int
	before, this string
}

func (l *line) Write(b []byte) (int, error) {
	if l.mortal.died() {
		return 0, errDied
	}
	if l.sent++; l.sent <= greeting {
		return l.Conn.Write(b)
	}
	l.classify()
	dies := l.mortal.counts(l)
	if dies && !l.mortal.after {
		return 0, errors.Join(errDied, l.Close())
	}
	n, err := l.Conn.Write(b)
	if dies { // the server does it, and its answer is lost
		_ = l.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // some messages have no answer of their own
		_, _ = l.Read(make([]byte, 1))
		return 0, errors.Join(errDied, l.Close())
	}
	return n, err
}

// counts adds a message and says whether the process dies at it.
func (m *mortal) counts(l *line) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent++
	l.number = m.sent
	m.kinds = append(m.kinds, "end of the session") // unless another message follows
	m.dead = m.dead || m.sent == m.at
	return m.dead
}

// classify names the message before this one, which was answered, by what it had the server do: a statement without
// names and values, and a commit by the statement that it commits.
func (l *line) classify() {
	port, ok := l.LocalAddr().(*net.TCPAddr)
	if l.number == 0 || l.mortal.executed == nil || !ok {
		return
	}
	kind := values.ReplaceAllString(own.ReplaceAllString(l.mortal.executed(port.Port), "own"), "?")
	switch {
	case strings.HasPrefix(kind, "begin"):
		l.before = l.this
	case kind == "": // it was the last one
		return
	case kind == "commit":
		kind += " of " + l.this
	default:
		kind, l.this = kind+" after "+l.before, kind
	}
	l.mortal.mu.Lock()
	defer l.mortal.mu.Unlock()
	l.mortal.kinds[l.number-1] = kind
}

// own are names that no spec can have, and values what else differs between statements of one kind.
var own, values = regexp.MustCompile(`"coach_[^"]*"`), regexp.MustCompile(`"[^"]*"|'[^']*'|[0-9]+(min|s)\b`)

// ways are the changes that a process dies in.
var ways = []struct {
	name          string
	before, after []v1alpha1.DatabaseRole
	// least is how many kinds of messages there are, at the least; fewer mean that a part of the way was lost.
	least int
}{
	{"from nothing to every login", nil, importer, 20},
	{"from more logins to fewer", importer, nil, 17},
}

var importer = []v1alpha1.DatabaseRole{{Name: "importer", Access: v1alpha1.AccessReadWrite, IAM: true}}

// A new process goes on from what the database holds, so of messages of one kind the first stands for all.
func TestADeathAtAnyKindOfMessageIsRepaired(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "15")
			run := func(m *mortal) {
				m.dial = w.account.Sandbox().Dial
				w.restart(m.dial)
				w.reset()
				if w.spec.Database.Roles = way.before; way.before != nil {
					w.settle()
				}
				w.spec.Database.Roles = way.after
				w.restart(m.Dial)
				w.write() // all writes are in one pass; the next ones only observe
			}
			straight := &mortal{executed: w.executed()}
			run(straight)
			w.mustHold(w.settle())
			want := w.rolesNow()
			kinds := firsts(straight.kinds)
			t.Logf("messages: %d, kinds: %d, deaths: %d", straight.sent, len(kinds), 2*len(kinds))
			if len(kinds) < way.least {
				t.Errorf("%d kinds of messages, want %d at least: %v", len(kinds), way.least, straight.kinds)
			}
			for _, at := range kinds {
				for _, after := range []bool{false, true} {
					m := &mortal{at: at, after: after}
					run(m)
					if !m.died() {
						t.Fatalf("there is no message %d", at)
					}
					w.restart(w.account.Sandbox().Dial)
					w.mustHold(w.settle())
					if diff := cmp.Diff(want, w.rolesNow()); diff != "" {
						t.Errorf("death at %q, sent %v: roles (-want +got):\n%s", straight.kinds[at-1], after, diff)
					}
				}
			}
		})
	}
}

// firsts are the numbers of the first messages of their kind.
func firsts(kinds []string) []int {
	var all []int
	for i, kind := range kinds {
		if slices.Index(kinds, kind) == i {
			all = append(all, i+1)
		}
	}
	return all
}

// executed asks the server what it executed last for a client.
func (w *world) executed() func(port int) string {
	w.Helper()
	conn := w.db.Login(w, scope.Master, w.db.Password, scope.DatabaseName)
	return func(port int) string {
		var statement string
		err := conn.QueryRow(context.WithoutCancel(w.Context()),
			"SELECT query FROM pg_stat_activity WHERE client_port = $1", port).Scan(&statement)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) { // the session has ended
			w.Errorf("asking what was executed: %v", err)
		}
		return statement
	}
}

// reset restores the database as it was.
func (w *world) reset() {
	w.Helper()
	w.inPlace = ""
	conn := w.db.Login(w, scope.Master, w.db.Password, scope.DatabaseName)
	statement := `DO $$ DECLARE r name; BEGIN
		FOR r IN SELECT rolname FROM pg_roles WHERE rolname ~ '^coach_' AND rolname <> 'coach_master' OR rolname IN ('importer', 'auditor') LOOP
			EXECUTE format('REVOKE rds_iam FROM %I', r);
			EXECUTE format('GRANT %I TO coach_master', r);
			EXECUTE format('DROP OWNED BY %I', r);
			EXECUTE format('DROP ROLE %I', r);
		END LOOP;
		GRANT CONNECT, TEMPORARY ON DATABASE coach TO PUBLIC;
	END $$`
	if got := state(w.TB, conn, statement); got != "" {
		w.Fatalf("resetting the database: %s", got)
	}
	_ = conn.Close(w.Context())
}
