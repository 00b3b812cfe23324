package stripewebhook_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/onsi/gomega"
	"k8s.io/utils/clock"
)

func TestWhoIsSlowIsCut(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	studio := newTenant(t, namespace, "studio")
	r := startReceiver(t, clock.RealClock{}, namespace)
	studio.listen(r.url(namespace, "studio"))
	gomega.NewWithT(t).Eventually(func() int { return r.deliver(studio, hello(time.Now())) }, deadline).Should(gomega.Equal(http.StatusOK))
	for name, c := range map[string]struct {
		// sent is the beginning of a request, the rest of which never comes.
		sent   string
		within time.Duration
	}{
		"a header that does not end": {"POST /stripe/a/b HTTP/1.1\r\nHost: hooks\r\n", 9 * time.Second},
		"a body that does not come":  {"POST /stripe/" + namespace + "/studio HTTP/1.1\r\nHost: hooks\r\nContent-Length: 9\r\n\r\n{", 20 * time.Second},
		"a header that is too large": {"POST /stripe/a/b HTTP/1.1\r\nHost: hooks\r\nX: " + strings.Repeat("a", 64<<10), 9 * time.Second},
		"a second request that does not come in full": {
			"POST /stripe/nowhere/b HTTP/1.1\r\nHost: hooks\r\nContent-Length: 0\r\n\r\nPOST /stripe/nowhere/b HTTP/1.1\r\n", 20 * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := &tls.Config{RootCAs: transport(t, r.sandbox).TLSClientConfig.RootCAs}
			conn, err := (&tls.Dialer{Config: settings}).DialContext(t.Context(), "tcp", r.address)
			must(t, err)
			defer func() { _ = conn.Close() }()
			must(t, conn.SetDeadline(time.Now().Add(c.within)))
			if _, err := io.WriteString(conn, c.sent); err != nil {
				return // it was cut meanwhile
			}
			answer, err := io.ReadAll(conn)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the connection is open after %v", c.within)
			}
			if strings.Contains(string(answer), " 200 ") {
				t.Error("it is acknowledged")
			}
		})
	}
}
