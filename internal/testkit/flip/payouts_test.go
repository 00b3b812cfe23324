package flip_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"

	stripesdk "github.com/stripe/stripe-go/v76"
	stripeclient "github.com/stripe/stripe-go/v76/client"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	restricted, rightMode, collects, signed = "CP-PAY-01", "CP-PAY-02", "CP-PAY-03", "CP-PAY-04"

	// credentials is the Secret with the key of the business's Stripe account, and signing the one with what
	// events are signed with.
	credentials, signing = "stripe-key", "studio-stripe-webhook"
)

var ofStripe = []string{restricted, rightMode, collects, signed}

// payouts are breaches of what a business has at Stripe.
var payouts = family{
	name: "payouts", major: "17", stripe: true,
	breaches: []breach{
		keyed("a secret key in place of the restricted one", restricted, func(k env.StripeKeys) string { return k.TestSecret }),
		keyed("a live secret key in place of the restricted one", restricted, func(k env.StripeKeys) string { return k.LiveSecret }),
		keyed("a live key in a platform of test mode", rightMode, func(k env.StripeKeys) string { return k.LiveRestricted }),
		keyed("a live secret key in a platform of test mode", rightMode, func(k env.StripeKeys) string { return k.LiveSecret }),
		accounts("a coach's account of which the business collects what Stripe must know", 1),
		accounts("more such accounts than are named", 5),
		endpoint("the endpoint switched off", &stripesdk.WebhookEndpointParams{Disabled: new(true)}),
		endpoint("the endpoint subscribed to other events", &stripesdk.WebhookEndpointParams{
			EnabledEvents: stripesdk.StringSlice([]string{"charge.failed"}),
		}),
		endpoint("the endpoint moved elsewhere", &stripesdk.WebhookEndpointParams{URL: new("https://elsewhere.example.com/")}),
		endpoint("the endpoint moved to a place without TLS", &stripesdk.WebhookEndpointParams{URL: new("http://elsewhere.example.com/")}),
		{
			what: "what events are signed with deleted", by: byKubernetes, controls: []string{signed},
			do: func(w *world) {
				w.must("deleting a Secret", w.client.Delete(w.Context(), &corev1.Secret{ObjectMeta: w.secretOf(signing)}))
			},
		},
	},
	blindnesses: []blindness{
		{
			what: "the endpoint deleted", by: byStripe, controls: []string{signed},
			do: func(w *world) {
				for _, e := range w.endpoints() {
					_, err := w.dashboard().WebhookEndpoints.Del(e.ID, nil)
					w.must("deleting the endpoint", err)
				}
			},
		},
		keyless("the key deleted", func(w *world) {
			w.must("deleting a Secret", w.client.Delete(w.Context(), &corev1.Secret{ObjectMeta: w.secretOf(credentials)}))
		}),
		keyless("something else in place of the key", func(w *world) { w.give("not a key") }),
		stripeFault("Stripe does not answer", env.InjectedFault{Kind: env.Drop}),
		stripeFault("Stripe answers with an error", env.InjectedFault{Kind: env.Failure, Code: "api_error", Status: 500}),
		stripeFault("Stripe throttles", env.InjectedFault{Kind: env.Throttle}),
	},
}

// openStripe creates a business's Stripe account, and has class and namespace know of it.
func (w *world) openStripe(namespace string) {
	w.Helper()
	sandbox := w.account.Sandbox()
	made := sandbox.NewStripePlatform(w)
	w.stripe = &made
	plenty := 1_000_000
	sandbox.SetStripeOf(w, made.ID, env.StripeSettings{ReadsPerSecond: &plenty, WritesPerSecond: &plenty})
	w.class.Spec.Stripe = v1alpha1.ClassStripe{
		Mode: v1alpha1.StripeTest, Countries: []string{"DE"}, WebhookBaseURL: "https://hooks.example.com",
	}
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: credentials},
		Data:       map[string][]byte{"apiKey": []byte(made.Keys.TestRestricted)},
	})
}

func (w *world) secretOf(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.platform.Namespace, Name: name}
}

// give puts a key into the platform's Secret.
func (w *world) give(key string) {
	w.Helper()
	secret := &corev1.Secret{ObjectMeta: w.secretOf(credentials), Data: map[string][]byte{"apiKey": []byte(key)}}
	w.must("deleting a Secret", client.IgnoreNotFound(w.client.Delete(w.Context(), secret.DeepCopy())))
	w.create(secret)
}

func giveBack(w *world) {
	w.Helper()
	w.give(w.stripe.Keys.TestRestricted)
}

// keyed is another key of the same Stripe account.
func keyed(what, control string, key func(env.StripeKeys) string) breach {
	return breach{
		what: what, by: byKubernetes, controls: []string{control},
		do: func(w *world) { w.give(key(w.stripe.Keys)) }, repair: giveBack,
	}
}

func keyless(what string, do func(*world)) blindness {
	return blindness{what: what, by: byKubernetes, controls: ofStripe, do: do, undo: giveBack}
}

// accounts are coaches' accounts that the Dashboard created, with the platform's mark.
func accounts(what string, n int) breach {
	collector := func(who string) map[string]any {
		return map[string]any{"controller": map[string]any{"requirement_collection": who}}
	}
	return breach{
		what: what, by: bySabotage, controls: []string{collects}, repair: ended,
		do: func(w *world) {
			sandbox := w.account.Sandbox()
			created := sandbox.StripeUnmanaged(w.T, w.stripe.ID, false, n, w.tenant.StripeMetadata(false))
			set := func(w *world, who string) {
				for _, id := range created {
					sandbox.Act(w.T, id, "set", env.StripeAct{Merge: collector(who)})
				}
			}
			set(w, "application")
			w.later(func(w *world) { set(w, "stripe") })
		},
	}
}

// endpoint is a change of the platform's endpoint in the Dashboard.
func endpoint(what string, params *stripesdk.WebhookEndpointParams) breach {
	return breach{
		what: what, by: byStripe, controls: []string{signed},
		do: func(w *world) {
			for _, e := range w.endpoints() {
				again := *params
				_, err := w.dashboard().WebhookEndpoints.Update(e.ID, &again)
				w.must("changing the endpoint", err)
			}
		},
	}
}

func (w *world) endpoints() []env.StripeEndpoint {
	w.Helper()
	return w.account.Sandbox().StripeEndpoints(w.T, w.stripe.ID)
}

// stripeFault is a Stripe out of order.
func stripeFault(what string, f env.InjectedFault) blindness {
	return blindness{
		what: what, by: byStripe, controls: ofStripe, undo: ended,
		do: func(w *world) {
			f.Service, f.Account = "stripe", w.stripe.ID
			id := w.account.Sandbox().InjectFault(w.T, f)
			w.later(func(w *world) { w.account.Sandbox().RemoveInjectedFault(w.T, id) })
		},
	}
}

// clients are those by which the operator works with Stripe; they remember nothing for long.
func (w *world) clients() *stripe.Clients {
	w.Helper()
	return stripe.New(stripe.Options{
		URL: w.account.Sandbox().Stripe, HTTPClient: w.trusting(), Clock: w.clock, Sweep: always, Reads: 1e6, Writes: 1e6,
	})
}

// dashboard is the business's owner, who may do everything.
func (w *world) dashboard() *stripeclient.API {
	w.Helper()
	backend := stripesdk.GetBackendWithConfig(stripesdk.APIBackend, &stripesdk.BackendConfig{
		URL: &w.account.Sandbox().Stripe, HTTPClient: w.trusting(), MaxNetworkRetries: new(int64(0)),
		EnableTelemetry: new(false), LeveledLogger: &stripesdk.LeveledLogger{Level: stripesdk.LevelNull},
	})
	return stripeclient.New(w.stripe.Keys.TestSecret, &stripesdk.Backends{API: backend})
}

// trusting is an HTTP client that trusts the sandbox.
func (w *world) trusting() *http.Client {
	w.Helper()
	pem, err := os.ReadFile(w.account.Sandbox().CA)
	w.must("reading the sandbox's CA", err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	w.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
