package webhook_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	stripesdk "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/payouts/webhook"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

const (
	// sweep is how old what is shared may be.
	sweep = 9 * time.Minute
	// maxPasses is more than any way to an endpoint takes.
	maxPasses = 12
)

// world is one Stripe account.
type world struct {
	t       *testing.T
	sandbox *env.Sandbox
	stripe  env.StripePlatform
	clock   *testclock.FakeClock
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, sandbox: env.StartSandbox(t), clock: testclock.NewFakeClock(time.Now())}
	w.stripe = w.sandbox.NewStripePlatform(t)
	plenty := 1_000_000
	w.sandbox.SetStripeOf(t, w.stripe.ID, env.StripeSettings{ReadsPerSecond: &plenty, WritesPerSecond: &plenty})
	return w
}

// operator is a process that manages one platform. Its memory goes with it, its Secret stays.
type operator struct {
	*world
	tenant naming.Tenant
	key    string
	url    string
	// business is the Stripe account as the step before saw it.
	business string
	// problem is why there is no key.
	problem error
	kept    *secret
	path    *path
	step    converge.Step[*scope.Platform]
}

// platform is a platform with that name, and its operator.
func (w *world) platform(name string) *operator {
	w.t.Helper()
	tenant := env.Tenant()
	tenant.Name = name
	o := &operator{
		world: w, tenant: tenant, key: w.stripe.Keys.TestRestricted, kept: &secret{}, business: w.stripe.ID,
		url: "https://hooks.example.com/stripe/tenant-a/" + name,
	}
	o.restart(&path{})
	return o
}

// restart replaces the process by a new one, which reaches the world through p.
func (o *operator) restart(p *path) {
	o.t.Helper()
	o.path = p
	pem, err := os.ReadFile(o.sandbox.CA)
	if err != nil {
		o.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	o.t.Cleanup(transport.CloseIdleConnections)
	o.step = webhook.New(stripe.New(stripe.Options{
		URL: o.sandbox.Stripe, HTTPClient: &http.Client{Transport: p.through(transport)}, Clock: o.clock, Sweep: sweep, Reads: 1e6, Writes: 1e6,
	}))
}

func (o *operator) in() *scope.Platform {
	spec := &v1alpha1.CoachPlatformSpec{Stripe: v1alpha1.PlatformStripe{CredentialsSecretName: "key", Mode: v1alpha1.StripeTest}}
	return &scope.Platform{Tenant: o.tenant, Spec: spec, Business: scope.Business{
		Key: scope.NewSecret(o.key), Problem: o.problem, URL: o.url, Signing: keeper{o.kept, o.path}, ID: o.business,
	}}
}

func (o *operator) run(mode converge.Mode) converge.Outcome {
	o.t.Helper()
	out := o.step.Run(o.t.Context(), o.in(), mode)
	o.checkWords(out)
	return out
}

// pass is a pass of a quiet operator.
func (o *operator) pass() converge.Outcome {
	o.t.Helper()
	return o.run(converge.Mode{Write: true})
}

// later is a pass after what is shared has aged.
func (o *operator) later() converge.Outcome {
	o.t.Helper()
	o.clock.Step(sweep + time.Second)
	return o.pass()
}

// converge makes passes until one finds nothing to do.
func (o *operator) converge() {
	o.t.Helper()
	var out converge.Outcome
	for range maxPasses {
		if out = o.later(); out.Err == nil {
			return
		}
	}
	o.t.Fatalf("the endpoint does not come to be: %v", out.Err)
}

// release releases until nothing is left to do.
func (o *operator) release() {
	o.t.Helper()
	for range maxPasses {
		if done, err := o.step.Release(o.t.Context(), o.in()); err == nil && done {
			return
		}
		o.clock.Step(time.Minute)
	}
	o.t.Fatal("releasing does not end")
}

// checkWords searches for secrets in all that a pass reports.
func (o *operator) checkWords(out converge.Outcome) {
	o.t.Helper()
	said := fmt.Sprintf("%+v %v", out, out.Err)
	secrets := []string{o.key, o.kept.text}
	for _, e := range o.endpoints() {
		secrets = append(secrets, e.Secret)
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(said, s) {
			o.t.Error("a pass reports a secret")
		}
	}
}

func (w *world) endpoints() []env.StripeEndpoint {
	w.t.Helper()
	return w.sandbox.StripeEndpoints(w.t, w.stripe.ID)
}

// only checks that there is one endpoint, whose secret is the kept one, and returns it.
func (o *operator) only() env.StripeEndpoint {
	o.t.Helper()
	all := o.endpoints()
	if len(all) != 1 {
		o.t.Fatalf("there are %d endpoints, want 1", len(all))
	}
	o.whole(all[0])
	return all[0]
}

// whole checks that an endpoint is as it should be.
func (o *operator) whole(e env.StripeEndpoint) {
	o.t.Helper()
	if o.kept.endpoint != e.ID || o.kept.text != e.Secret {
		o.t.Errorf("what is kept belongs to %q, and the endpoint is %q", o.kept.endpoint, e.ID)
	}
	slices.Sort(e.Events)
	if e.URL != o.url || e.Disabled || !e.Connect || e.Mode != "test" || e.APIVersion != stripe.APIVersion ||
		!slices.Equal(e.Events, slices.Sorted(slices.Values(stripe.Events))) || !maps.Equal(e.Metadata, o.tenant.StripeMetadata(false)) {
		o.t.Errorf("the endpoint is not as it should be: %s", shown(e))
	}
}

// shown is an endpoint without its secret.
func shown(e env.StripeEndpoint) string {
	e.Secret = ""
	return fmt.Sprintf("%+v", e)
}

// mark is the last call that Stripe has seen.
func (w *world) mark() int64 {
	w.t.Helper()
	calls := w.sandbox.StripeCalls(w.t, w.stripe.ID, 0)
	if len(calls) == 0 {
		return 0
	}
	return calls[len(calls)-1].Seq
}

// calls are the operations since a mark; writes are those of them that write.
func (w *world) calls(since int64) (all, writes []string) {
	w.t.Helper()
	for _, c := range w.sandbox.StripeCalls(w.t, w.stripe.ID, since) {
		all = append(all, c.Operation)
		if !c.ReadOnly {
			writes = append(writes, c.Operation)
		}
	}
	return all, writes
}

// dashboard is the business's owner, who may do everything.
func (w *world) dashboard() *client.API {
	w.t.Helper()
	pem, err := os.ReadFile(w.sandbox.CA)
	if err != nil {
		w.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	w.t.Cleanup(transport.CloseIdleConnections)
	backend := stripesdk.GetBackendWithConfig(stripesdk.APIBackend, &stripesdk.BackendConfig{
		URL: &w.sandbox.Stripe, HTTPClient: &http.Client{Transport: transport}, MaxNetworkRetries: new(int64(0)),
		EnableTelemetry: new(false), LeveledLogger: &stripesdk.LeveledLogger{Level: stripesdk.LevelNull},
	})
	return client.New(w.stripe.Keys.TestSecret, &stripesdk.Backends{API: backend})
}

// change changes an endpoint in the Dashboard.
func (w *world) change(id string, params *stripesdk.WebhookEndpointParams) {
	w.t.Helper()
	if _, err := w.dashboard().WebhookEndpoints.Update(id, params); err != nil {
		w.t.Fatalf("changing the endpoint: %v", err)
	}
}

// remove deletes an endpoint in the Dashboard.
func (w *world) remove(id string) {
	w.t.Helper()
	if _, err := w.dashboard().WebhookEndpoints.Del(id, nil); err != nil {
		w.t.Fatalf("deleting the endpoint: %v", err)
	}
}

// make makes an endpoint in the Dashboard.
func (w *world) make(url, version string, metadata map[string]string) string {
	w.t.Helper()
	params := &stripesdk.WebhookEndpointParams{
		URL: &url, Connect: new(true), APIVersion: &version, EnabledEvents: stripesdk.StringSlice(slices.Clone(stripe.Events)),
	}
	for key, value := range metadata {
		params.AddMetadata(key, value)
	}
	made, err := w.dashboard().WebhookEndpoints.New(params)
	if err != nil {
		w.t.Fatalf("making an endpoint: %v", err)
	}
	return made.ID
}

// secret is the Secret in the tenant's namespace.
type secret struct {
	mu             sync.Mutex
	endpoint, text string
	// all that were ever kept.
	all []string
	// failure is why nothing can be read, and refusal why nothing can be written.
	failure, refusal error
}

// keeper reads and writes the Secret, through what may fail.
type keeper struct {
	*secret
	path *path
}

// Stored implements scope.SigningSecrets.
func (k keeper) Stored(context.Context) (scope.Signing, error) {
	if !k.path.alive() {
		return scope.Signing{}, errCut
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return scope.Signing{Endpoint: k.endpoint, Secret: scope.NewSecret(k.text)}, k.failure
}

// Store implements scope.SigningSecrets.
func (k keeper) Store(_ context.Context, endpoint string, value scope.Secret) error {
	return k.path.do("the Secret", func() error {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.refusal != nil {
			return k.refusal
		}
		k.endpoint, k.text = endpoint, value.Reveal()
		k.all = append(k.all, k.text)
		return nil
	})
}
