package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/installation"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// The namespace of the operator is home; no other package that shares an API server has one of that name.
func TestMain(m *testing.M) { os.Exit(env.Main(m, env.SharesAPIServer)) }

// world is a business with a platform, and the operator's notes, on an API server and a Stripe that are
// there.
type world struct {
	t       *testing.T
	cluster *env.Cluster
	sandbox *env.Sandbox
	stripe  env.StripePlatform
	carry   http.RoundTripper
	clients *stripe.Clients
	tenant  naming.Tenant
	// user is whom the commands are called by; "" is the cluster's administrator.
	user string
}

const platformName = "studio"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, cluster: env.APIServer(t), sandbox: env.StartSandbox(t)}
	w.stripe = w.sandbox.NewStripePlatform(t)
	w.carry = w.transport()
	w.clients = stripe.New(w.options())
	err := w.cluster.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: home}})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	id, err := installation.ID(t.Context(), w.cluster.Client, home, "")
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "tenant-"}}
	w.create(namespace)
	w.tenant = naming.Tenant{Installation: id, Namespace: namespace.Name, NamespaceUID: string(namespace.UID), Name: platformName}
	w.platform(platformName, "stripe-key")
	w.give("stripe-key", w.stripe.Keys.TestRestricted)
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

// options lead to the sandbox under Stripe's own name.
func (w *world) options() stripe.Options {
	return stripe.Options{HTTPClient: &http.Client{Transport: w.carry}, Reads: 1e6, Writes: 1e6}
}

// create makes an object that goes with the API server.
func (w *world) create(object client.Object) {
	w.t.Helper()
	if err := w.cluster.Client.Create(w.t.Context(), object); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.tenant.Namespace, Name: name}
}

func (w *world) platform(name, credentials string) {
	w.t.Helper()
	p := &v1alpha1.CoachPlatform{
		ObjectMeta: w.named(name), Spec: v1alpha1.CoachPlatformSpec{ClassName: "standard", DisplayName: "Studio"},
	}
	if credentials != "" {
		p.Spec.Stripe = v1alpha1.PlatformStripe{CredentialsSecretName: credentials, Mode: v1alpha1.StripeTest}
	}
	w.create(p)
}

// give puts a key into a Secret.
func (w *world) give(name, key string) {
	w.t.Helper()
	secret := &corev1.Secret{ObjectMeta: w.named(name), Data: map[string][]byte{"apiKey": []byte(key)}}
	if err := client.IgnoreNotFound(w.cluster.Client.Delete(w.t.Context(), secret.DeepCopy())); err != nil {
		w.t.Fatal(err)
	}
	w.create(secret)
}

// coach makes the object of a coach, for whom the operator has recorded an account unless it is "".
func (w *world) coach(id, account string, change ...func(*v1alpha1.PayoutAccount)) {
	w.t.Helper()
	a := &v1alpha1.PayoutAccount{
		ObjectMeta: w.named(id), Spec: v1alpha1.PayoutAccountSpec{PlatformName: platformName, CoachID: id, Country: "DE"},
	}
	if account != "" {
		a.Annotations = map[string]string{
			v1alpha1.AnnotationAccount: scope.AccountRecord{Business: w.stripe.ID, Account: account}.String(),
		}
	}
	for _, c := range change {
		c(a)
	}
	w.create(a)
}

// marks are those of a coach's account.
func (w *world) marks(coach string) map[string]string {
	return naming.Coach{Tenant: w.tenant, ID: coach}.Metadata()
}

// account makes an account at Stripe.
func (w *world) account(metadata map[string]string) string {
	w.t.Helper()
	from, err := w.clients.For(scope.NewSecret(w.stripe.Keys.TestRestricted))
	if err != nil {
		w.t.Fatal(err)
	}
	account, err := from.Create(w.t.Context(), stripe.Creation{
		Country: "DE", Transfers: true, Metadata: metadata,
		Controller: scope.Controller{Losses: "application", Fees: "application", RequirementCollection: "stripe", Dashboard: "express"},
	}, w.t.Name()+time.Now().String())
	if err != nil {
		w.t.Fatal(err)
	}
	return account.ID
}

// call runs a command as kubectl would, with a kubeconfig.
func (w *world) call(args ...string) (out, errs string, code int) {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	return w.calling(&stdout, &stderr, args...)
}

func (w *world) calling(stdout, stderr *bytes.Buffer, args ...string) (out, errs string, code int) {
	w.t.Helper()
	args = append(args, "--kubeconfig", w.kubeconfig(), "-n", w.tenant.Namespace)
	code = run(w.t.Context(), app{out: stdout, errs: stderr, now: time.Now, stripe: w.options()}, args)
	return stdout.String(), stderr.String(), code
}

func (w *world) kubeconfig() string {
	w.t.Helper()
	from := w.cluster.Config
	path := filepath.Join(w.t.TempDir(), "kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"c": {Server: from.Host, CertificateAuthorityData: from.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{"u": {
			ClientCertificateData: from.CertData, ClientKeyData: from.KeyData, Token: from.BearerToken, Impersonate: w.user,
		}},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}, path)
	if err != nil {
		w.t.Fatal(err)
	}
	return path
}

// let gives the user rights in the tenant's namespace.
func (w *world) let(rules ...rbacv1.PolicyRule) {
	w.t.Helper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: w.tenant.Namespace, GenerateName: "may-"}, Rules: rules}
	w.create(role)
	w.create(&rbacv1.RoleBinding{
		ObjectMeta: w.named(role.Name), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.user}},
	})
}

// refused says of a call that it failed, said what it should, and printed nothing that is secret.
func (w *world) refused(want string, args ...string) {
	w.t.Helper()
	out, errs, code := w.call(args...)
	if code != codeUnknown || out != "" || !strings.HasPrefix(errs, "error: ") || !strings.Contains(errs, want) {
		w.t.Errorf("%v: exit code %d, said %q and %q, want %q", args, code, errs, out, want)
	}
	for _, secret := range []string{w.stripe.Keys.TestRestricted, w.stripe.Keys.LiveRestricted, "/setup/", "\x1b"} {
		if strings.Contains(errs, secret) {
			w.t.Errorf("%v: a secret was shown, or the cursor moved", args)
		}
	}
}

// writes are the calls of Stripe that changed something, but for the making of accounts.
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

// visit opens a link and returns the status of the page.
func (w *world) visit(link string) int {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, link, http.NoBody)
	if err != nil {
		w.t.Fatal("the link is no address")
	}
	answer, err := (&http.Client{Transport: w.carry}).Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

// reader is a user who may read a platform's objects, and nothing else.
var reader = rbacv1.PolicyRule{
	APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"coachplatforms", "payoutaccounts"}, Verbs: []string{"get", "list"},
}

// core lets somebody read objects of Kubernetes' own.
func core(resources ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{""}, Resources: resources, Verbs: []string{"get"}}
}

func TestCommandsAboutStripeUseNoRightsButTheCallers(t *testing.T) {
	w := newWorld(t)
	w.coach("jo", w.account(w.marks("jo")))
	w.user = "admin-of-" + w.tenant.Namespace
	commands := [][]string{{"inventory", platformName}, {"onboarding-link", "jo", "--return-url", "https://studio.example.com"}}
	all := func(want string, more ...string) {
		t.Helper()
		for _, c := range commands {
			w.refused(want, append(c, more...)...)
		}
	}
	all("ask for the role view")
	w.let(reader)
	all("pass it with --installation-id")
	id := "--installation-id=" + w.tenant.Installation
	all("you may not read the Namespace", id)
	w.let(core("namespaces"))
	all("you may not read the Secret stripe-key in the namespace "+w.tenant.Namespace, id)
	w.let(core("secrets"))
	for _, c := range commands {
		if _, errs, code := w.call(append(c, id)...); code != codeFine {
			t.Errorf("%v with all rights: exit code %d: %s", c, code, errs)
		}
	}
}

func TestAPlatformWithoutStripeLearnsTheWayOut(t *testing.T) {
	w := newWorld(t)
	w.platform("bare", "")
	w.platform("keyless", "nowhere")
	w.platform("empty", "empty-key")
	w.give("empty-key", " \n")
	w.platform("wrong", "publishable")
	w.give("publishable", "pk_test_decoy")
	w.platform("live", "live-key")
	w.give("live-key", w.stripe.Keys.LiveRestricted)
	w.platform("revoked", "revoked-key")
	revoked := w.sandbox.NewStripeKey(t, w.stripe.ID, false, env.MayAccounts)
	w.give("revoked-key", revoked)
	w.sandbox.RevokeStripeKey(t, w.stripe.ID, revoked)
	for name, want := range map[string]string{
		"none":    "there is no CoachPlatform none",
		"bare":    "the platform bare has no Stripe account: add spec.stripe to it",
		"keyless": "there is no Secret nowhere",
		"empty":   "the Secret empty-key in the namespace " + w.tenant.Namespace + " has no apiKey",
		"wrong":   "this is Stripe's publishable key",
		"live":    "spec.stripe.mode is Test",
		"revoked": "Stripe does not accept the key",
	} {
		w.refused(want, "inventory", name)
		coach := "coach-of-" + name
		w.coach(coach, "acct_1decoy", func(a *v1alpha1.PayoutAccount) { a.Spec.PlatformName = name })
		w.refused(want, "onboarding-link", coach, "--return-url", "https://studio.example.com")
	}
}

func TestAStripeThatDoesNotAnswerIsReported(t *testing.T) {
	w := newWorld(t)
	w.coach("jo", w.account(w.marks("jo")))
	w.carry = refusing{}
	for _, c := range [][]string{{"inventory", platformName}, {"onboarding-link", "jo", "--return-url", "https://studio.example.com"}} {
		w.refused("try again: stripe: GetPlatform: network", c...)
	}
}

// refusing carries nothing.
type refusing struct{}

// RoundTrip implements http.RoundTripper.
func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
}
