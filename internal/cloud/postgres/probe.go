package postgres

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// refused and unencrypted are how PostgreSQL refuses a login without TLS. Any other answer,
// and none, proves nothing. https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	refused     = "28000" // invalid_authorization_specification
	unencrypted = "no encryption"
)

// Plaintext is the answer to somebody who wants in without TLS.
type Plaintext int

// Answers. PlaintextUnknown is the zero value: no answer is never a good one.
const (
	PlaintextUnknown Plaintext = iota
	PlaintextRefused
	PlaintextAdmitted
)

// AskPlaintext asks for a session without TLS, up to the point where a password would be due, and sends
// none. It says what the server answered, in words.
func (s Server) AskPlaintext(ctx context.Context, user, database string) (Plaintext, string) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := s.open(ctx)
	if err != nil {
		return PlaintextUnknown, "the server could not be reached"
	}
	defer func() { _ = conn.Close() }() // nothing is left to say
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return PlaintextUnknown, "the connection broke"
	}
	front := pgproto3.NewFrontend(conn, conn)
	front.Send(&pgproto3.StartupMessage{
		ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": user, "database": database},
	})
	if err := front.Flush(); err != nil {
		return PlaintextUnknown, "the connection broke"
	}
	return answer(front)
}

func answer(front *pgproto3.Frontend) (Plaintext, string) {
	message, err := front.Receive()
	if err != nil {
		return PlaintextUnknown, "the server gave no answer"
	}
	switch m := message.(type) {
	case *pgproto3.ErrorResponse:
		if m.Code == refused && strings.Contains(m.Message, unencrypted) {
			return PlaintextRefused, "a login without TLS is refused (28000, no encryption)"
		}
		return PlaintextUnknown, fmt.Sprintf("the server refused for another cause than missing TLS (SQLSTATE %s)", printable(m.Code))
	case *pgproto3.AuthenticationOk, *pgproto3.AuthenticationCleartextPassword, *pgproto3.AuthenticationMD5Password,
		*pgproto3.AuthenticationSASL, *pgproto3.AuthenticationGSS:
		return PlaintextAdmitted, "the server does not refuse a login without TLS"
	}
	return PlaintextUnknown, "the server's answer is none that PostgreSQL gives"
}

func (s Server) open(ctx context.Context) (net.Conn, error) {
	dial := s.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: connectTimeout, KeepAlive: -time.Second}).DialContext
	}
	return dial(ctx, "tcp", net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port))))
}

// printable is a SQLSTATE, or nothing when a server sends something else: its text is not ours to repeat.
func printable(code string) string {
	if len(code) != len(refused) || strings.ContainsFunc(code, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z')
	}) {
		return "unknown"
	}
	return code
}
