package dbrole_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

	mu   sync.Mutex
	sent int
	dead bool
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
}

func (l *line) Write(b []byte) (int, error) {
	if l.mortal.died() {
		return 0, errDied
	}
	l.sent++
	dies := l.sent > greeting && l.mortal.counts()
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
func (m *mortal) counts() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent++
	m.dead = m.dead || m.sent == m.at
	return m.dead
}

// leastDeaths is how many deaths the two ways have, at the least; fewer mean that a part of them was lost.
const leastDeaths = 320

func TestADeathAtAnyMessageIsRepaired(t *testing.T) { //nolint:tparallel // the ways share a database
	t.Parallel()
	w := newWorld(t, "15")
	importer := []v1alpha1.DatabaseRole{{Name: "importer", Access: v1alpha1.AccessReadWrite, IAM: true}}
	ways := []struct {
		name   string
		before func()
		roles  []v1alpha1.DatabaseRole
	}{
		{"from nothing to every login", w.reset, importer},
		{"from more logins to fewer", func() { // the way before ended with fewer
			w.spec.Database.Roles = importer
			w.settle()
		}, nil},
	}
	total := 0
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			w.T = t
			run := func(m *mortal) {
				m.dial = w.account.Sandbox().Dial
				w.restart(m.dial)
				way.before()
				w.spec.Database.Roles = way.roles
				w.restart(m.Dial)
				w.write() // all writes are in one pass; the next ones only observe
			}
			run(&mortal{})
			w.mustHold(w.settle())
			want := w.rolesNow()
			for _, after := range []bool{false, true} {
				for at := 1; ; at++ {
					m := &mortal{at: at, after: after}
					run(m)
					if !m.died() {
						break // that was the last message
					}
					w.restart(w.account.Sandbox().Dial)
					w.mustHold(w.settle())
					if diff := cmp.Diff(want, w.rolesNow()); diff != "" {
						t.Errorf("death at message %d, sent %v: roles (-want +got):\n%s", at, after, diff)
					}
					total++
				}
			}
		})
	}
	t.Logf("deaths: %d", total)
	if total < leastDeaths {
		t.Errorf("%d deaths, want %d at least", total, leastDeaths)
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
	if got := state(w.T, conn, statement); got != "" {
		w.Fatalf("resetting the database: %s", got)
	}
	_ = conn.Close(w.Context())
}
