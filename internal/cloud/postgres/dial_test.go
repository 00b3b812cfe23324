package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// The matrix of what a client that must never be fooled refuses.
func TestAServerThatIsNotProvenLearnsNothing(t *testing.T) {
	t.Parallel()
	modern := &tls.Config{MinVersion: tls.VersionTLS12}
	sound := answering('S', modern, &pgproto3.AuthenticationCleartextPassword{})
	for name, c := range map[string]struct {
		serve  func(*rogue, net.Conn)
		change func(*Server)
		reason string
	}{
		"a certificate of an authority that is not trusted": {
			sound, func(s *Server) { s.Roots = x509.NewCertPool() }, v1alpha1.ReasonCertificateRefused,
		},
		"a certificate for another name": {
			sound, func(s *Server) { s.Host = "elsewhere.test" }, v1alpha1.ReasonCertificateRefused,
		},
		"a certificate when asked by address": {
			sound, func(s *Server) { s.Host = "192.0.2.7" }, v1alpha1.ReasonCertificateRefused,
		},
		"no TLS, or somebody in between who says so": {answering('N', modern, nil), nil, v1alpha1.ReasonTLSRefused},
		"TLS that is too old": {
			answering('S', &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, nil), nil, v1alpha1.ReasonTLSRefused,
		},
		"a question for the password itself": {sound, nil, v1alpha1.ReasonTLSRefused},
		"a question for an MD5 of the password": {
			answering('S', modern, &pgproto3.AuthenticationMD5Password{}), nil, v1alpha1.ReasonTLSRefused,
		},
		"an open door": {answering('S', modern, &pgproto3.AuthenticationOk{}), nil, v1alpha1.ReasonTLSRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRogue(t, c.serve)
			server := r.Server
			if c.change != nil {
				c.change(&server)
			}
			_, err := server.Connect(t.Context(), Login{User: "somebody", Password: secret, Database: "coach"})
			if f := fault.As(err); err == nil || f.Reason != c.reason || f.Class != fault.Denied {
				t.Errorf("got %v, want %s", err, c.reason)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Error("the error shows the password")
			}
			r.mustNotKnow(t)
		})
	}
}

func TestNothingOutsideTheCodeWeakensAConnection(t *testing.T) {
	for name, value := range map[string]string{
		"PGSSLMODE": "disable", "PGHOST": "elsewhere.test", "PGPORT": "1", "PGUSER": "other", "PGDATABASE": "other",
		"PGREQUIREAUTH": "none", "PGCHANNELBINDING": "disable", "PGAPPNAME": "other", "PGOPTIONS": "-c search_path=public",
		"PGTARGETSESSIONATTRS": "read-write",
	} {
		t.Setenv(name, value)
	}
	parse = sync.OnceValues(parseStrongest) // with these variables
	roots := x509.NewCertPool()
	config, err := Server{Host: host, Port: 5433, Roots: roots}.config(Login{User: "u", Password: "p", Database: "d", ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Fallbacks) > 0 || config.TLSConfig == nil || config.TLSConfig.RootCAs != roots ||
		config.TLSConfig.ServerName != host || config.TLSConfig.InsecureSkipVerify || config.TLSConfig.MinVersion < tls.VersionTLS12 {
		t.Error("the connection is not verified")
	}
	if config.Host != host || config.Port != 5433 || config.User != "u" || config.Password != "p" || config.Database != "d" ||
		config.RequireAuth != "scram-sha-256" || config.ChannelBinding != "prefer" || config.ValidateConnect != nil {
		t.Errorf("somebody else decides: %s:%d, %s, auth %s", config.Host, config.Port, config.User, config.RequireAuth)
	}
	if p := config.RuntimeParams; p["options"] != "" || p["search_path"] != "pg_catalog, pg_temp" ||
		p["default_transaction_read_only"] != "on" || p["statement_timeout"] != "10000" || p["application_name"] != application {
		t.Errorf("session parameters: %v", p)
	}
	if _, err := (Server{Host: host, Port: 5433}).config(Login{}); err == nil {
		t.Error("without authorities any authority of the machine would do")
	}
}
