package crash_test

import (
	"context"
	"errors"
	"net"
	"time"
)

const (
	// database is the service of messages to a tenant's database.
	database = "database"
	// greeting is how many messages a client writes until it is logged in: the wish for TLS, the two of
	// the handshake, who it is, and the two of SCRAM. None of them changes anything.
	greeting = 6
	// answerTime is how long a message that is the operator's last may take to have its effect.
	answerTime = 100 * time.Millisecond
)

// dialing opens connections.
type dialing func(ctx context.Context, network, address string) (net.Conn, error)

// dial makes every message to a database go through the wire, those apart by which a session begins.
func (w *wire) dial(dial dialing) dialing {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if w.died() {
			return nil, errDead
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &session{Conn: conn, wire: w}, nil
	}
}

// purpose is what a message to a database is for, as far as can be known: it is encrypted. When passwords
// were stored just before, it creates logins of them.
func (w *wire) purpose() (operation string, kind kind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.storing {
		return "message that creates logins", write
	}
	return "message", read
}

// session is one connection to a database.
type session struct {
	net.Conn
	wire *wire
	sent int
}

func (s *session) Write(b []byte) (n int, err error) {
	if s.sent++; s.sent <= greeting && !s.wire.died() {
		return s.Conn.Write(b)
	}
	operation, kind := s.wire.purpose()
	err = s.wire.carry(database, operation, kind, func() (err error) {
		n, err = s.Conn.Write(b)
		return err
	})
	if !errors.Is(err, errDead) {
		return n, err
	}
	if n > 0 { // the server executes it and the answer is lost; some messages have none
		_ = s.SetReadDeadline(time.Now().Add(answerTime))
		_, _ = s.Read(make([]byte, 1))
	}
	return 0, errors.Join(err, s.Close())
}
