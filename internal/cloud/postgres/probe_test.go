package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// plainly is a server that answers a login without TLS with a message, or with nothing.
func plainly(message pgproto3.BackendMessage) func(*rogue, net.Conn) {
	return func(r *rogue, conn net.Conn) {
		if message != nil {
			talk(r, conn, message)
		}
	}
}

func TestOnlyOneAnswerProvesThatPlaintextIsRefused(t *testing.T) {
	t.Parallel()
	says := func(code, text string) pgproto3.BackendMessage {
		return &pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: text}
	}
	for name, c := range map[string]struct {
		serve func(*rogue, net.Conn)
		want  Plaintext
	}{
		"there is no entry for somebody without encryption": {
			plainly(says("28000", `no pg_hba.conf entry for host "10.0.0.1", user "p", database "coach", no encryption`)), PlaintextRefused,
		},
		"the password is wrong":          {plainly(says("28P01", "password authentication failed")), PlaintextUnknown},
		"the role may not log in":        {plainly(says("28000", `role "p" is not permitted to log in`)), PlaintextUnknown},
		"there are too many connections": {plainly(says("53300", "too many clients already, no encryption")), PlaintextUnknown},
		"the password is requested":      {plainly(&pgproto3.AuthenticationCleartextPassword{}), PlaintextAdmitted},
		"an MD5 of it is requested":      {plainly(&pgproto3.AuthenticationMD5Password{}), PlaintextAdmitted},
		"SCRAM is offered":               {plainly(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}}), PlaintextAdmitted},
		"none is requested":              {plainly(&pgproto3.AuthenticationOk{}), PlaintextAdmitted},
		"an unexpected message":          {plainly(&pgproto3.ReadyForQuery{TxStatus: 'I'}), PlaintextUnknown},
		"it hangs up":                    {plainly(nil), PlaintextUnknown},
		"it speaks another language":     {func(_ *rogue, c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400\r\n\r\n") }, PlaintextUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRogue(t, c.serve)
			got, seen := r.AskPlaintext(t.Context(), "somebody", "coach")
			if got != c.want || seen == "" {
				t.Errorf("got %d (%s), want %d", got, seen, c.want)
			}
			r.mustNotKnow(t)
		})
	}
}

func TestNobodyIsNoAnswer(t *testing.T) {
	t.Parallel()
	r := newRogue(t, plainly(nil))
	r.Dial = func(_ context.Context, _, _ string) (net.Conn, error) { return nil, errors.New("no route") }
	if got, seen := r.AskPlaintext(t.Context(), "somebody", "coach"); got != PlaintextUnknown {
		t.Errorf("got %d (%s)", got, seen)
	}
}
