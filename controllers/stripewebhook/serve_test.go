package stripewebhook_test

import (
	"crypto/tls"
	"testing"

	"github.com/onsi/gomega"
	"k8s.io/utils/clock"
)

// greet makes a TLS connection and returns what was agreed on.
func (r *receiving) greet(settings *tls.Config) (tls.ConnectionState, error) {
	r.t.Helper()
	settings.RootCAs = transport(r.t, r.sandbox).TLSClientConfig.RootCAs
	conn, err := (&tls.Dialer{Config: settings}).DialContext(r.t.Context(), "tcp", r.address)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	state := conn.(*tls.Conn).ConnectionState()
	return state, conn.Close()
}

func TestAReceiverSpeaksGoodTLS(t *testing.T) {
	t.Parallel()
	r := startReceiver(t, clock.RealClock{}, newNamespace(t))
	for name, c := range map[string]struct {
		settings *tls.Config
		refused  bool
		protocol string
	}{
		"TLS 1.1 is refused":     {settings: &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, refused: true},
		"TLS 1.2 will do":        {settings: &tls.Config{MaxVersion: tls.VersionTLS12}},
		"TLS 1.3 will do":        {settings: &tls.Config{MinVersion: tls.VersionTLS13}},
		"HTTP/2 is not offered":  {settings: &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, protocol: "http/1.1"},
		"HTTP/2 only is refused": {settings: &tls.Config{NextProtos: []string{"h2"}}, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, err := r.greet(c.settings)
			if refused := err != nil; refused != c.refused || state.NegotiatedProtocol != c.protocol {
				t.Errorf("agreed on %q, error %v", state.NegotiatedProtocol, err)
			}
		})
	}
}

func TestANewCertificateIsTakenUp(t *testing.T) {
	t.Parallel()
	r := startReceiver(t, clock.RealClock{}, newNamespace(t))
	names := func() []string {
		state, err := r.greet(&tls.Config{})
		must(t, err)
		return state.PeerCertificates[0].DNSNames
	}
	g := gomega.NewWithT(t)
	g.Expect(names()).To(gomega.ConsistOf("first.example.com"))
	certify(t, r.sandbox, r.certificates, "second")
	g.Eventually(names, deadline, "50ms").Should(gomega.ConsistOf("second.example.com"))
}
