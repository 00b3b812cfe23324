package onboarding_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/onboarding"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

var (
	start = time.Date(2026, time.December, 1, 23, 30, 0, 0, time.UTC)
	pages = onboarding.Pages{Return: "https://studio.example.com/welcome", Refresh: "https://studio.example.com/again?coach=jo"}
)

// world is a business with one coach, whose account is not filled in.
type world struct {
	t       *testing.T
	sandbox *env.Sandbox
	stripe  env.StripePlatform
	clock   *testclock.FakePassiveClock
	browser *http.Client
	// before is called before each call of Stripe, with its method and path.
	before func(call string)
	minter onboarding.Minter
	// id is the coach's account, and order asks for its link.
	id    string
	order onboarding.Order
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, sandbox: env.StartSandbox(t), clock: testclock.NewFakePassiveClock(start), before: func(string) {}}
	w.stripe = w.sandbox.NewStripePlatform(t)
	transport := w.transport()
	w.browser = &http.Client{Transport: transport}
	w.minter = onboarding.Minter{Clock: w.clock, Stripe: stripe.New(stripe.Options{
		URL: w.sandbox.Stripe, HTTPClient: &http.Client{Transport: watched{w, transport}}, Reads: 1e6, Writes: 1e6,
	})}
	w.order = onboarding.Order{
		Installation: "test-installation", NamespaceUID: "1111-2222", Key: scope.NewSecret(w.stripe.Keys.TestRestricted),
		Platform: &v1alpha1.CoachPlatform{
			ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-a", Name: "studio"},
			Spec: v1alpha1.CoachPlatformSpec{
				Stripe: v1alpha1.PlatformStripe{CredentialsSecretName: "stripe-key", Mode: v1alpha1.StripeTest},
			},
		},
	}
	w.id = w.create(w.coach("jo").Metadata())
	w.order.Account = &v1alpha1.PayoutAccount{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-a", Name: "jo"},
		Spec:       v1alpha1.PayoutAccountSpec{PlatformName: "studio", CoachID: "jo", Onboarding: v1alpha1.OnboardingHosted},
	}
	w.records(w.stripe.ID, w.id)
	return w
}

// transport leads every name to the sandbox, as its DNS would.
func (w *world) transport() http.RoundTripper {
	w.t.Helper()
	pem, err := os.ReadFile(w.sandbox.CA)
	if err != nil {
		w.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	address, err := url.Parse(w.sandbox.Stripe)
	if err != nil {
		w.t.Fatal(err)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address.Host)
		},
	}
	w.t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// watched reports each call before it is sent.
type watched struct {
	*world
	http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c watched) RoundTrip(r *http.Request) (*http.Response, error) {
	c.before(r.Method + " " + r.URL.Path)
	return c.RoundTripper.RoundTrip(r)
}

// coach is a coach of the platform.
func (w *world) coach(id string) naming.Coach {
	return naming.Coach{Tenant: naming.Tenant{
		Installation: w.order.Installation, Namespace: "tenant-a", NamespaceUID: w.order.NamespaceUID, Name: "studio",
	}, ID: id}
}

// create creates an account as the operator does.
func (w *world) create(metadata map[string]string) string {
	w.t.Helper()
	client, err := w.minter.Stripe.For(scope.NewSecret(w.stripe.Keys.TestRestricted))
	if err != nil {
		w.t.Fatal(err)
	}
	account, err := client.Create(w.t.Context(), stripe.Creation{
		Country: "DE", Transfers: true, Metadata: metadata,
		Controller: scope.Controller{Losses: "application", Fees: "application", RequirementCollection: "stripe", Dashboard: "express"},
	}, rand(w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	return account.ID
}

// rand is a key that no other test uses.
func rand(t *testing.T) string { return t.Name() + time.Now().String() }

// records sets the operator's record to an account.
func (w *world) records(business, account string) {
	w.order.Account.Annotations = map[string]string{
		v1alpha1.AnnotationAccount: scope.AccountRecord{Business: business, Account: account}.String(),
	}
}

// embedded shows the coach the forms in a page of the business's.
func (w *world) embedded() { w.order.Account.Spec.Onboarding = v1alpha1.OnboardingEmbedded }

// started is what the account notes of when the coach was first sent to the forms.
func (w *world) started(id string) string {
	w.t.Helper()
	for _, a := range w.sandbox.StripeAccounts(w.t, w.stripe.ID) {
		if a.ID == id {
			return a.Metadata[naming.MetaOnboarding]
		}
	}
	w.t.Fatalf("there is no account %s", id)
	return ""
}

// writes are the calls so far that change something, but for the making of accounts.
func (w *world) writes() []string {
	w.t.Helper()
	var all []string
	for _, c := range w.sandbox.StripeCalls(w.t, w.stripe.ID, 0) {
		if !c.ReadOnly && c.Operation != "PostAccounts" {
			all = append(all, c.Operation)
		}
	}
	return all
}
