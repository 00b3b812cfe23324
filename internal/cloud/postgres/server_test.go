package postgres

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	// host is a name that the certificate of these tests is for.
	host = "example.com"
	// secret must never leave the client.
	secret = "canary-password-0123456789"
)

// rogue is a server that answers as it likes and keeps all that it hears.
type rogue struct {
	Server
	certificate tls.Certificate

	mu    sync.Mutex
	heard bytes.Buffer
}

// Write keeps what a client said.
func (r *rogue) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heard.Write(b)
}

func (r *rogue) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heard.String()
}

// newRogue starts a server whose certificate the client trusts. serve talks to one client.
func newRogue(t *testing.T, serve func(*rogue, net.Conn)) *rogue {
	t.Helper()
	issuer := httptest.NewTLSServer(nil)
	t.Cleanup(issuer.Close)
	roots := x509.NewCertPool()
	roots.AddCert(issuer.Certificate())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	r := &rogue{certificate: issuer.TLS.Certificates[0], Server: Server{
		Host: host, Port: 5433, Roots: roots,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, listener.Addr().String())
		},
	}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(r, conn)
			}()
		}
	}()
	return r
}

// answering is a server that answers the request for TLS with one byte, does it if that is S, and then
// answers the login with a message.
func answering(request byte, config *tls.Config, message pgproto3.BackendMessage) func(*rogue, net.Conn) {
	return func(r *rogue, conn net.Conn) {
		if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil {
			return
		}
		if _, err := conn.Write([]byte{request}); err != nil {
			return
		}
		if request != 'S' {
			_, _ = io.Copy(r, conn)
			return
		}
		config := config.Clone()
		config.Certificates = []tls.Certificate{r.certificate}
		talk(r, tls.Server(conn, config), message)
	}
}

// talk answers a login with a message, and listens.
func talk(r *rogue, conn net.Conn, message pgproto3.BackendMessage) {
	back := pgproto3.NewBackend(io.TeeReader(conn, r), conn)
	if _, err := back.ReceiveStartupMessage(); err != nil {
		return
	}
	back.Send(message)
	if back.Flush() == nil {
		_, _ = io.Copy(r, conn)
	}
}

func (r *rogue) mustNotKnow(t *testing.T) {
	t.Helper()
	if said := r.said(); strings.Contains(said, secret) {
		t.Errorf("the server received the password: %q", said)
	}
}
