package stripewebhook_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onsi/gomega"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// BenchmarkReceive is one event over TLS, from its arrival until the API server has its hint. The clock
// moves on so that the limit of events a second is not met.
func BenchmarkReceive(b *testing.B) {
	namespace := newNamespace(b)
	studio := newTenant(b, namespace, "studio")
	c := testclock.NewFakeClock(time.Now())
	r := startReceiver(b, c, namespace)
	studio.listen(r.url(namespace, "studio"))
	account := studio.coach("jo")
	gomega.NewWithT(b).Eventually(func() map[string]string {
		r.deliver(studio, event{id: "evt_0", kind: updated, account: account, created: c.Now()})
		return studio.hints("jo")
	}, deadline).Should(gomega.HaveKey(v1alpha1.AnnotationEvent))
	stripe, url, secret, n := &http.Client{Transport: transport(b, r.sandbox)}, r.url(namespace, "studio"), studio.secret.Reveal(), 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		c.Step(20 * time.Millisecond)
		body := event{id: fmt.Sprintf("evt_%d", n), kind: updated, account: account, created: c.Now()}.String()
		request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, strings.NewReader(body))
		must(b, err)
		request.Header.Set("Stripe-Signature", signed(body, secret, c.Now()))
		answer, err := stripe.Do(request)
		must(b, err)
		_, err = io.Copy(io.Discard, answer.Body)
		must(b, err)
		must(b, answer.Body.Close())
		if answer.StatusCode != http.StatusOK {
			b.Fatalf("answered with %d", answer.StatusCode)
		}
	}
}
