package coachplatform_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/step/payouts/stripeaccount"
	"github.com/coachplatform/coach-operator/internal/step/payouts/webhook"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	// stripeKeySecret holds the key of the business's Stripe account, signingSecret what events are signed with.
	stripeKeySecret, signingSecret = "stripe-key", platformName + "-stripe-webhook"
	// stripeSweep is how old what is shared of Stripe may be.
	stripeSweep = 9 * time.Minute
)

// till is a bench whose steps are the real ones about Stripe.
type till struct {
	*bench
	sandbox *env.Sandbox
	stripe  env.StripePlatform
	world   *testclock.FakeClock
}

func newTill(t *testing.T) *till {
	t.Helper()
	w := &till{bench: bareBench(t), sandbox: env.StartSandbox(t), world: testclock.NewFakeClock(time.Now())}
	w.stripe = w.sandbox.NewStripePlatform(t)
	plenty := 1_000_000
	w.sandbox.SetStripeOf(t, w.stripe.ID, env.StripeSettings{ReadsPerSecond: &plenty, WritesPerSecond: &plenty})
	class := anyClass()
	class.Stripe = v1alpha1.ClassStripe{
		Mode: v1alpha1.StripeTest, Countries: []string{"DE"}, WebhookBaseURL: "https://hooks.example.com",
	}
	w.createClass(&v1alpha1.PlatformClass{Spec: class})
	w.give(w.stripe.Keys.TestRestricted)
	w.reconciler.Clock = w.world
	w.restart()
	return w
}

// restart replaces the operator by a new process, which remembers nothing.
func (w *till) restart() {
	w.t.Helper()
	pem, err := os.ReadFile(w.sandbox.CA)
	if err != nil {
		w.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	w.t.Cleanup(transport.CloseIdleConnections)
	clients := stripe.New(stripe.Options{
		URL: w.sandbox.Stripe, HTTPClient: &http.Client{Transport: transport}, Clock: w.world, Sweep: stripeSweep, Reads: 1e6, Writes: 1e6,
	})
	again := w.anew()
	again.Steps = nil
	again.Steps = append(again.Steps, stripeaccount.New(stripeaccount.Options{Stripe: clients, Clock: w.world, Sweep: stripeSweep}),
		webhook.New(clients))
	w.reconciler = again
}

// give puts a key into the platform's Secret.
func (w *till) give(key string) {
	w.t.Helper()
	w.dropSecret(stripeKeySecret)
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: stripeKeySecret}, Data: map[string][]byte{"apiKey": []byte(key)},
	})
}

func (w *till) dropSecret(name string) {
	w.t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
	if err := client.IgnoreNotFound(w.client.Delete(w.t.Context(), secret)); err != nil {
		w.t.Fatal(err)
	}
}

// changeClass edits the class.
func (w *till) changeClass(change func(*v1alpha1.ClassStripe)) {
	w.t.Helper()
	change(&w.class.Spec.Stripe)
	if err := w.client.Update(w.t.Context(), w.class); err != nil {
		w.t.Fatalf("editing the class: %v", err)
	}
}

// quiet makes passes, some of which may fail, until one more would change nothing.
func (w *till) quiet() *v1alpha1.CoachPlatform {
	w.t.Helper()
	for range 6 {
		w.world.Step(stripeSweep + time.Second)
		_, _ = w.pass() // what fails is tried again, as the queue would
	}
	platform := w.platform()
	checkStatus(w.t, platform)
	return platform
}

func withStripe(p *v1alpha1.CoachPlatform) {
	p.Spec.Stripe = v1alpha1.PlatformStripe{CredentialsSecretName: stripeKeySecret, Mode: v1alpha1.StripeTest}
}

// says is how a condition reads: "True", or its status and reason.
func says(p *v1alpha1.CoachPlatform, kind string) string {
	c := meta.FindStatusCondition(p.Status.Conditions, kind)
	switch {
	case c == nil:
		return "missing"
	case c.Status == metav1.ConditionTrue:
		return "True"
	}
	return string(c.Status) + " " + c.Reason
}

func TestTheConditionsSayWhatIsWrongWithStripe(t *testing.T) {
	t.Parallel()
	unknown := func(reason string) string { return "Unknown " + reason }
	for name, c := range map[string]struct {
		spoil func(w *till)
		// valid is the condition KeyValid; account and webhook are the reasons of the steps stripe and webhook.
		valid, account, webhook string
	}{
		"nothing": {func(*till) {}, "True", "Converged", "Converged"},
		"a secret key": {
			func(w *till) { w.give(w.stripe.Keys.TestSecret) }, "True", "Converged", "Converged",
		},
		"no Secret": {
			func(w *till) { w.dropSecret(stripeKeySecret) },
			"False PlatformCredentialsInvalid", "PlatformCredentialsInvalid", "PlatformCredentialsInvalid",
		},
		"a key that is none": {
			func(w *till) { w.give("pk_test_decoy") },
			"False PlatformCredentialsInvalid", "PlatformCredentialsInvalid", "WaitingForPlatform",
		},
		"a key that was revoked": {
			func(w *till) { w.sandbox.RevokeStripeKey(w.t, w.stripe.ID, w.stripe.Keys.TestRestricted) },
			"False PlatformCredentialsInvalid", "PlatformCredentialsInvalid", "WaitingForPlatform",
		},
		"a key without the right to list accounts": {
			func(w *till) { w.give(w.sandbox.NewStripeKey(w.t, w.stripe.ID, false, env.MayWebhooks)) },
			unknown("AccessDenied"), "AccessDenied", "WaitingForPlatform",
		},
		"a key without the right to webhooks": {
			func(w *till) { w.give(w.sandbox.NewStripeKey(w.t, w.stripe.ID, false, env.MayAccounts)) },
			"True", "Converged", "AccessDenied",
		},
		"a key of the other mode": {
			func(w *till) { w.give(w.stripe.Keys.LiveRestricted) },
			unknown("ModeMismatch"), "ModeMismatch", "WaitingForPlatform",
		},
		"a class of the other mode": {
			func(w *till) { w.changeClass(func(s *v1alpha1.ClassStripe) { s.Mode = v1alpha1.StripeLive }) },
			unknown("ModeMismatch"), "ModeMismatch", "WaitingForPlatform",
		},
		"a class without Stripe": {
			func(w *till) { w.changeClass(func(s *v1alpha1.ClassStripe) { *s = v1alpha1.ClassStripe{} }) },
			unknown("InvalidSpec"), "InvalidSpec", "WaitingForPlatform",
		},
		"no class": {
			func(w *till) { w.deleteClass() }, unknown("NotRun"), "NotRun", "NotRun",
		},
		"a Stripe that does not answer": {
			func(w *till) {
				w.sandbox.InjectFault(w.t, env.InjectedFault{Service: "stripe", Account: w.stripe.ID, Kind: env.Drop})
			},
			unknown("StripeUnreachable"), "StripeUnreachable", "WaitingForPlatform",
		},
		"too many calls": {
			func(w *till) {
				w.sandbox.InjectFault(w.t, env.InjectedFault{Service: "stripe", Account: w.stripe.ID, Kind: env.Throttle})
			},
			unknown("Throttled"), "Throttled", "WaitingForPlatform",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTill(t)
			w.start(withStripe)
			w.quiet()
			c.spoil(w)
			w.restart()
			platform := w.quiet()
			for kind, want := range map[string]string{
				v1alpha1.ConditionKeyValid: c.valid, v1alpha1.ConditionWebhookReceiving: receiving(c.webhook),
			} {
				if got := says(platform, kind); got != want {
					t.Errorf("%s reads %q, want %q:%s", kind, got, want, describe(platform))
				}
			}
			payouts := meta.FindStatusCondition(platform.Status.Conditions, v1alpha1.ConditionPayoutsReady)
			why := c.account
			if why == v1alpha1.ReasonConverged {
				why = c.webhook
			}
			if steps := []string{stepReason(platform, "stripe"), stepReason(platform, "webhook")}; !slices.Equal(steps, []string{c.account, c.webhook}) {
				t.Errorf("the steps say %v, want %s and %s", steps, c.account, c.webhook)
			}
			if payouts.Reason != why || (payouts.Status == metav1.ConditionTrue) != (why == v1alpha1.ReasonConverged) {
				t.Errorf("PayoutsReady is %s %s, want %s", payouts.Status, payouts.Reason, why)
			}
			before := platform.ResourceVersion
			if after := w.quiet().ResourceVersion; after != before {
				t.Error("the object is written again and again")
			}
		})
	}
}

func TestAPlatformWithoutStripeSaysSo(t *testing.T) {
	t.Parallel()
	w := newTill(t)
	w.start()
	platform := w.quiet()
	for _, kind := range []string{v1alpha1.ConditionKeyValid, v1alpha1.ConditionPayoutsReady, v1alpha1.ConditionWebhookReceiving} {
		if got := says(platform, kind); got != "Unknown "+v1alpha1.ReasonNotConfigured {
			t.Errorf("%s reads %q", kind, got)
		}
	}
	if calls := w.sandbox.StripeCalls(t, w.stripe.ID, 0); len(calls) > 0 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestEventsThatArriveAreReported(t *testing.T) {
	t.Parallel()
	w := newTill(t)
	w.start(withStripe)
	w.quiet()
	w.annotate(v1alpha1.AnnotationDelivered, w.world.Now().UTC().Format(time.RFC3339))
	if got := says(w.quiet(), v1alpha1.ConditionWebhookReceiving); got != "True" {
		t.Errorf("WebhookReceiving reads %q", got)
	}
}

func TestTheEndpointsSecretIsKeptBesideThePlatformAndNowhereElse(t *testing.T) {
	t.Parallel()
	w := newTill(t)
	w.start(withStripe)
	w.quiet()
	made := w.sandbox.StripeEndpoints(t, w.stripe.ID)
	if len(made) != 1 || made[0].URL != "https://hooks.example.com/stripe/"+w.namespace+"/"+platformName {
		t.Fatalf("%d endpoints", len(made))
	}
	var kept corev1.Secret
	key := client.ObjectKey{Namespace: w.namespace, Name: signingSecret}
	if err := w.client.Get(t.Context(), key, &kept); err != nil {
		t.Fatal(err)
	}
	if string(kept.Data["secret"]) != made[0].Secret || len(kept.Data) != 1 || len(kept.OwnerReferences) != 1 {
		t.Error("what is kept is not the endpoint's, or not the platform's")
	}
	w.dropSecret(signingSecret)
	w.quiet()
	if err := w.client.Get(t.Context(), key, &kept); err != nil {
		t.Fatal(err)
	}
	again := w.sandbox.StripeEndpoints(t, w.stripe.ID)
	if len(again) != 1 || again[0].ID == made[0].ID || string(kept.Data["secret"]) != again[0].Secret {
		t.Errorf("%d endpoints after the Secret was lost", len(again))
	}
	said := fmt.Sprintf("%+v", w.platform()) + strings.Join(w.emitted.take(), "\n") + w.logs.text()
	for _, secret := range []string{made[0].Secret, again[0].Secret, w.stripe.Keys.TestRestricted} {
		if strings.Contains(said, secret) {
			t.Error("a secret is reported")
		}
	}
}

func TestASecretOfSomebodyElsesIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newTill(t)
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: signingSecret}, Data: map[string][]byte{"secret": []byte("theirs")},
	})
	w.start(withStripe)
	if got := says(w.quiet(), v1alpha1.ConditionPayoutsReady); got != "False "+v1alpha1.ReasonConflict {
		t.Errorf("PayoutsReady reads %q", got)
	}
	if n := len(w.sandbox.StripeEndpoints(t, w.stripe.ID)); n != 0 {
		t.Errorf("%d endpoints whose secret cannot be kept", n)
	}
}

func TestADeletedPlatformTakesItsEndpointWithIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(w *till)
		left   int
	}{
		"with its key":    {func(*till) {}, 0},
		"without its key": {func(w *till) { w.dropSecret(stripeKeySecret) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTill(t)
			w.start(withStripe)
			w.quiet()
			c.before(w)
			w.delete()
			for range 5 {
				if w.platform() == nil {
					break
				}
				if _, err := w.pass(); err != nil {
					t.Fatal(err)
				}
			}
			if w.platform() != nil {
				t.Fatalf("the platform stays:%s", describe(w.platform()))
			}
			if n := len(w.sandbox.StripeEndpoints(t, w.stripe.ID)); n != c.left {
				t.Errorf("%d endpoints are left, want %d", n, c.left)
			}
		})
	}
}

// receiving is what a platform to which nothing was delivered says of that: why its endpoint is not in order, if it is not.
func receiving(webhook string) string {
	if webhook == v1alpha1.ReasonConverged {
		webhook = v1alpha1.ReasonNoDelivery
	}
	return string(metav1.ConditionUnknown) + " " + webhook
}

// stepReason is the reason that a step gives.
func stepReason(p *v1alpha1.CoachPlatform, name string) string {
	for _, s := range p.Status.Steps {
		if s.Name == name {
			return s.Reason
		}
	}
	return ""
}
