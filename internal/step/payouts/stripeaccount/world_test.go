package stripeaccount_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onsi/gomega"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/payouts/stripeaccount"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

// sweep is how old what is shared may be.
const sweep = 9 * time.Minute

// world is a platform with a Stripe account of its own, and an operator that observes it.
type world struct {
	t       *testing.T
	sandbox *env.Sandbox
	stripe  env.StripePlatform
	clock   *testclock.FakeClock
	step    converge.Step[*scope.Platform]
	// asked counts calls, whether they arrive or not.
	asked atomic.Int32
	// in is what the step is given.
	in *scope.Platform
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, sandbox: env.StartSandbox(t), clock: testclock.NewFakeClock(time.Now())}
	w.stripe = w.sandbox.NewStripePlatform(t)
	plenty := 1_000_000
	w.sandbox.SetStripeOf(t, w.stripe.ID, env.StripeSettings{ReadsPerSecond: &plenty, WritesPerSecond: &plenty})
	class := &v1alpha1.PlatformClass{}
	class.Name = "standard"
	class.Spec.Stripe.Mode = v1alpha1.StripeTest
	w.in = &scope.Platform{
		Tenant: env.Tenant(), Class: class,
		Spec:     &v1alpha1.CoachPlatformSpec{Stripe: v1alpha1.PlatformStripe{CredentialsSecretName: "key", Mode: v1alpha1.StripeTest}},
		Business: scope.Business{Key: scope.NewSecret(w.stripe.Keys.TestRestricted)},
	}
	w.restart(w.sandbox.Stripe)
	return w
}

// restart replaces the operator by a new process, which finds Stripe at the URL.
func (w *world) restart(url string) {
	w.t.Helper()
	pem, err := os.ReadFile(w.sandbox.CA)
	if err != nil {
		w.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	w.t.Cleanup(transport.CloseIdleConnections)
	w.step = stripeaccount.New(stripeaccount.Options{Clock: w.clock, Sweep: sweep, Stripe: stripe.New(stripe.Options{
		URL: url, HTTPClient: &http.Client{Transport: counted{transport, &w.asked}}, Clock: w.clock, Sweep: sweep, Reads: 1e6, Writes: 1e6,
	})})
}

// counted counts the requests that it carries.
type counted struct {
	http.RoundTripper
	count *atomic.Int32
}

// RoundTrip implements http.RoundTripper.
func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.count.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

// give changes the key in the Secret.
func (w *world) give(key string) { w.in.Business.Key = scope.NewSecret(key) }

// pass is a pass of the operator.
func (w *world) pass() converge.Outcome {
	w.t.Helper()
	w.in.Business.ID = ""
	out := w.step.Run(w.t.Context(), w.in, converge.Mode{Write: true})
	said := fmt.Sprintf("%+v %v", out, out.Err)
	if key := w.in.Business.Key.Reveal(); key != "" && strings.Contains(said, key) {
		w.t.Error("a pass reports the key")
	}
	for _, decoy := range w.sandbox.Decoys(w.t) {
		if strings.Contains(said, decoy) {
			w.t.Error("a pass reports what is a coach's")
		}
	}
	if out.Applied || len(out.Changes) > 0 {
		w.t.Errorf("a step that writes nothing has changes: %+v", out.Changes)
	}
	return out
}

// later is a pass after what is shared has aged.
func (w *world) later() converge.Outcome {
	w.t.Helper()
	w.clock.Step(sweep + time.Second)
	return w.pass()
}

// renewed is a pass after what is shared has aged and was read again, which happens in the background.
func (w *world) renewed() (out converge.Outcome) {
	w.t.Helper()
	w.later()
	gomega.NewWithT(w.t).Eventually(func() bool {
		out = w.pass()
		return slices.ContainsFunc(out.Findings, func(f converge.Finding) bool {
			return f.Control == "CP-PAY-03" && f.At.Equal(w.clock.Now())
		})
	}, "20s", "10ms").Should(gomega.BeTrue())
	return out
}

// verdicts are those of an outcome, by control.
func verdicts(out converge.Outcome) map[string]converge.Verdict {
	all := map[string]converge.Verdict{}
	for _, f := range out.Findings {
		all[f.Control] = f.Verdict
	}
	return all
}

// accounts makes accounts of the tenant's, as the operator would.
func (w *world) accounts(tenant naming.Tenant, live bool, coaches ...string) []string {
	w.t.Helper()
	var ids []string
	for _, id := range coaches {
		coach := naming.Coach{Tenant: tenant, ID: id, Live: live}
		ids = append(ids, w.sandbox.StripeUnmanaged(w.t, w.stripe.ID, live, 1, coach.Metadata())...)
	}
	for _, id := range ids {
		w.collects(id, "stripe")
	}
	return ids
}

// collects sets who collects what must be known of an account.
func (w *world) collects(account, who string) {
	w.t.Helper()
	w.sandbox.Act(w.t, account, "set", env.StripeAct{Merge: map[string]any{
		"controller": map[string]any{"requirement_collection": who},
	}})
}

// calls are the operations since a call of that number.
func (w *world) calls(since int64) (operations []string, last int64) {
	w.t.Helper()
	last = since
	for _, c := range w.sandbox.StripeCalls(w.t, w.stripe.ID, since) {
		operations, last = append(operations, c.Operation), c.Seq
		if !c.ReadOnly {
			w.t.Errorf("the step writes: %s", c.Operation)
		}
	}
	return operations, last
}
