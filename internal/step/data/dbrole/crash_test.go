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
	name   string
	before func(*world)
	roles  []v1alpha1.DatabaseRole
	// least is how many kinds of messages there are, at the least; fewer mean that a part of the way was lost.
	least int
}{
	{"from nothing to every login", (*world).empty, importer, 22},
	{"from more logins to fewer", func(w *world) {
		w.spec.Database.Roles = importer
		w.settle()
	}, nil, 18},
}

var importer = []v1alpha1.DatabaseRole{{Name: "importer", Access: v1alpha1.AccessReadWrite, IAM: true}}

func TestADeathAtAnyKindOfMessageIsRepaired(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "15")
			run := func(m *mortal) {
				m.dial = w.account.Sandbox().Dial
				w.restart(m.dial)
				way.before(w)
				w.spec.Database.Roles = way.roles
				w.restart(m.Dial)
				w.write() // all writes are in one pass; the next ones only observe
				w.restart(m.dial)
				w.mustHold(w.settle())
			}
			straight := &mortal{executed: w.executed()}
			run(straight)
			want := w.rolesNow()
			deaths, kinds := deathsOf(straight.kinds)
			t.Logf("messages: %d, kinds: %d, deaths: %d", straight.sent, kinds, len(deaths))
			if kinds < way.least {
				t.Errorf("%d kinds of messages, want %d at least: %v", kinds, way.least, straight.kinds)
			}
			for _, m := range deaths {
				run(m)
				if !m.died() {
					t.Errorf("there is no message %d", m.at)
				}
				if diff := cmp.Diff(want, w.rolesNow()); diff != "" {
					t.Errorf("death at %q, sent %v: roles (-want +got):\n%s", straight.kinds[m.at-1], m.after, diff)
				}
			}
		})
	}
}

// deathsOf are the processes that die at the first message of each kind, and how many kinds there are. A new process
// goes on from what the database holds, so the first stands for all of its kind. Whether the message itself is still
// sent matters for the very first and for a commit only: without one the server undoes what came before.
func deathsOf(kinds []string) (deaths []*mortal, number int) {
	for i, kind := range kinds {
		if slices.Index(kinds, kind) != i {
			continue
		}
		number++
		deaths = append(deaths, &mortal{at: i + 1, after: true})
		if i == 0 || strings.HasPrefix(kind, "commit") {
			deaths = append(deaths, &mortal{at: i + 1})
		}
	}
	return deaths, number
}

// executed asks the server what it executed last for a client.
func (w *world) executed() func(port int) string {
	w.Helper()
	conn := w.db.Login(w, scope.Master, w.db.Password, "postgres") // which stays
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
