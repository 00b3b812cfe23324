package stripewebhook_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/stripesecret"
	"github.com/coachplatform/coach-operator/controllers/stripewebhook"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/telemetry"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m, env.SharesAPIServer)) }

const (
	credentials = "stripe-key"
	// deadline bounds what takes a moment.
	deadline = time.Minute
	// loopback is where receivers listen, each at a port of its own.
	loopback = "127.0.0.1"
)

// errRefused is the error of a write that was made to fail.
var errRefused = errors.New("the write is refused")

// receiving is a receiver under a manager, as on every replica, at an address that Stripe reaches.
type receiving struct {
	t        testing.TB
	sandbox  *env.Sandbox
	client   client.Client
	clock    clock.Clock
	faults   *faults
	registry *prometheus.Registry
	address  string
	// stripe delivers events and trusts the sandbox's authority.
	stripe *http.Client
	// certificates is the directory with the receiver's certificate.
	certificates string
}

// faults gets between the receiver and the API server.
type faults struct {
	client.Client
	// accounts and platforms are how many of the next patches of each kind fail.
	accounts, platforms atomic.Int32
}

func (f *faults) Patch(ctx context.Context, o client.Object, patch client.Patch, options ...client.PatchOption) error {
	left := &f.accounts
	if _, ok := o.(*v1alpha1.CoachPlatform); ok {
		left = &f.platforms
	}
	if left.Add(-1) >= 0 {
		return errRefused
	}
	return f.Client.Patch(ctx, o, patch, options...)
}

// startReceiver runs a receiver that sees the namespaces and no others.
func startReceiver(t testing.TB, c clock.Clock, namespaces ...string) *receiving {
	t.Helper()
	return startReceiverWith(t, c, nil, namespaces...)
}

// startReceiverWith runs a receiver that reads past the cache with the rights of live; nil are all rights.
func startReceiverWith(t testing.TB, c clock.Clock, live client.Reader, namespaces ...string) *receiving {
	t.Helper()
	cluster := env.APIServer(t)
	r := &receiving{
		t: t, sandbox: env.StartSandbox(t), client: cluster.Client, clock: c, registry: prometheus.NewRegistry(), address: free(t),
		certificates: t.TempDir(),
	}
	r.stripe = &http.Client{Transport: transport(t, r.sandbox)}
	certify(t, r.sandbox, r.certificates, "first")
	scheme, err := env.Scheme()
	must(t, err)
	seen := map[string]cache.Config{"nowhere": {}}
	for _, n := range namespaces {
		seen[n] = cache.Config{}
	}
	mgr, err := ctrl.NewManager(cluster.Config, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}, Cache: cache.Options{DefaultNamespaces: seen},
	})
	must(t, err)
	metrics, err := telemetry.New(r.registry)
	must(t, err)
	r.faults = &faults{Client: mgr.GetClient()}
	if live == nil {
		live = mgr.GetAPIReader()
	}
	receiver := &stripewebhook.Receiver{Client: r.faults, Live: live, Clock: c, Metrics: metrics}
	must(t, receiver.SetupWithManager(t.Context(), mgr, r.address, r.certificates))
	for _, kind := range []client.Object{&v1alpha1.CoachPlatform{}, &v1alpha1.PayoutAccount{}} {
		_, err := mgr.GetCache().GetInformer(t.Context(), kind)
		must(t, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the manager ended: %v", err)
		}
	})
	gomega.NewWithT(t).Eventually(func() error {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.address)
		if err == nil {
			err = conn.Close()
		}
		return err
	}, deadline).Should(gomega.Succeed())
	return r
}

// free is an address that nobody listens at.
func free(t testing.TB) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", loopback+":0")
	must(t, err)
	must(t, listener.Close())
	return listener.Addr().String()
}

// certify writes a certificate that the sandbox's authority has signed.
func certify(t testing.TB, sandbox *env.Sandbox, dir, name string) {
	t.Helper()
	authority, err := tls.LoadX509KeyPair(sandbox.CA, filepath.Join(filepath.Dir(sandbox.CA), "ca.key"))
	must(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: serial, DNSNames: []string{name + ".example.com"}, IPAddresses: []net.IP{net.ParseIP(loopback)},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, authority.Leaf, key.Public(), authority.PrivateKey)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	for file, block := range map[string]*pem.Block{
		"tls.key": {Type: "PRIVATE KEY", Bytes: private}, "tls.crt": {Type: "CERTIFICATE", Bytes: certificate},
	} {
		must(t, os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// transport is one of Stripe's, which trusts the sandbox's authority.
func transport(t testing.TB, sandbox *env.Sandbox) *http.Transport {
	t.Helper()
	authority, err := os.ReadFile(sandbox.CA)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	carry := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(carry.CloseIdleConnections)
	return carry
}

// counted is how many deliveries ended so.
func (r *receiving) counted(result string) float64 {
	r.t.Helper()
	families, err := r.registry.Gather()
	must(r.t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "coach_stripe_events_total" && m.GetLabel()[0].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// url is where Stripe delivers the events of a platform.
func (r *receiving) url(namespace, platform string) string {
	return "https://" + r.address + "/stripe/" + namespace + "/" + platform
}

// tenant is a platform with a Stripe account of its own.
type tenant struct {
	t        testing.TB
	client   client.Client
	sandbox  *env.Sandbox
	stripe   env.StripePlatform
	platform *v1alpha1.CoachPlatform
	endpoint string
	secret   scope.Secret
}

func newNamespace(t testing.TB) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "tenant-"}}
	must(t, env.APIServer(t).Client.Create(t.Context(), namespace))
	return namespace.Name
}

func newTenant(t testing.TB, namespace, name string) *tenant {
	t.Helper()
	return newTenantOf(t, namespace, name, "class")
}

// newTenantOf makes a tenant whose platform is of a class.
func newTenantOf(t testing.TB, namespace, name, class string) *tenant {
	t.Helper()
	n := &tenant{
		t: t, client: env.APIServer(t).Client, sandbox: env.StartSandbox(t),
		platform: &v1alpha1.CoachPlatform{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec: v1alpha1.CoachPlatformSpec{
				ClassName: class, DisplayName: "Studio",
				Stripe: v1alpha1.PlatformStripe{CredentialsSecretName: name + "-" + credentials, Mode: v1alpha1.StripeTest},
			},
		},
	}
	n.stripe = n.sandbox.NewStripePlatform(t)
	plenty, soon := 1_000_000, "20ms"
	n.sandbox.SetStripeOf(t, n.stripe.ID, env.StripeSettings{ReadsPerSecond: &plenty, WritesPerSecond: &plenty, Retry: &soon})
	must(t, n.client.Create(t.Context(), n.platform))
	must(t, n.client.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: n.platform.Spec.Stripe.CredentialsSecretName},
		Data:       map[string][]byte{"apiKey": []byte(n.stripe.Keys.TestRestricted)},
	}))
	return n
}

// listen makes the tenant's endpoint at Stripe, and keeps its secret as the operator does.
func (n *tenant) listen(url string) {
	n.t.Helper()
	clients := stripe.New(stripe.Options{URL: n.sandbox.Stripe, HTTPClient: &http.Client{Transport: transport(n.t, n.sandbox)}})
	one, err := clients.For(scope.NewSecret(n.stripe.Keys.TestRestricted))
	must(n.t, err)
	made, secret, err := one.CreateEndpoint(n.t.Context(), stripe.EndpointSpec{URL: url, Events: stripe.Events}, url)
	must(n.t, err)
	n.endpoint, n.secret = made.ID, secret
	n.keep(secret)
}

// signing keeps the tenant's secrets.
func (n *tenant) signing() stripesecret.Signing {
	return stripesecret.Signing{Client: n.client, Live: n.client, Clock: clock.RealClock{}, Platform: n.platform}
}

func (n *tenant) keep(secret scope.Secret) {
	n.t.Helper()
	must(n.t, n.signing().Store(n.t.Context(), n.endpoint, secret))
}

// coach makes an object, and the account at Stripe that is recorded on it.
func (n *tenant) coach(name string) string {
	n.t.Helper()
	account := n.sandbox.StripeUnmanaged(n.t, n.stripe.ID, false, 1, nil)[0]
	n.object(name, account)
	return account
}

// object makes an object on which an account is recorded.
func (n *tenant) object(name, account string) {
	n.t.Helper()
	record := scope.AccountRecord{Business: n.stripe.ID, Account: account}
	must(n.t, n.client.Create(n.t.Context(), &v1alpha1.PayoutAccount{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: n.platform.Namespace, Name: name, Annotations: map[string]string{v1alpha1.AnnotationAccount: record.String()},
		},
		Spec: v1alpha1.PayoutAccountSpec{PlatformName: n.platform.Name, CoachID: name, Country: "DE"},
	}))
}

// hints are the annotations of an object that events have written, as the API server has them.
func (n *tenant) hints(name string) map[string]string {
	n.t.Helper()
	account := &v1alpha1.PayoutAccount{}
	must(n.t, n.client.Get(n.t.Context(), client.ObjectKey{Namespace: n.platform.Namespace, Name: name}, account))
	hints := map[string]string{}
	for _, key := range []string{v1alpha1.AnnotationEvent, v1alpha1.AnnotationDeauthorized, v1alpha1.AnnotationPayout} {
		if value, ok := account.Annotations[key]; ok {
			hints[key] = value
		}
	}
	return hints
}

// delivered waits until Stripe's events of a type, all of them, were answered with the status.
func (n *tenant) delivered(kind string, status int) []env.StripeEvent {
	n.t.Helper()
	var found []env.StripeEvent
	gomega.NewWithT(n.t).Eventually(func(g gomega.Gomega) {
		found = nil
		for _, e := range n.sandbox.StripeEvents(n.t, n.stripe.ID) {
			if e.Type != kind {
				continue
			}
			found = append(found, e)
			g.Expect(e.Deliveries).NotTo(gomega.BeEmpty(), "%s is sent to nobody", e.ID)
			for _, d := range e.Deliveries {
				g.Expect(d.Status).To(gomega.Equal(status), "%s", e.ID)
			}
		}
		g.Expect(found).NotTo(gomega.BeEmpty(), "there is no %s", kind)
	}, deadline, "20ms").Should(gomega.Succeed())
	return found
}
