package payoutaccount_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/payoutaccount"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/step"
	payoutstep "github.com/coachplatform/coach-operator/internal/step/payouts/payoutaccount"
	"github.com/coachplatform/coach-operator/internal/telemetry"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) {
	logf.SetLogger(logr.Discard())
	os.Exit(env.Main(m, env.SharesAPIServer))
}

const (
	// installation is the ID of the operator in these tests.
	installation = "test-installation"
	platformName = "studio"
	credentials  = "stripe-key"
	// resync and grace are those of the operator in these tests.
	resync, grace = 10 * time.Minute, 10 * time.Minute
	// maxPasses is more than any way to a standing takes.
	maxPasses = 30
)

// world is a platform with a Stripe account of its own, proven safe, and a controller of payout accounts
// whose clock moves only when the test moves it.
type world struct {
	t          *testing.T
	client     client.Client
	sandbox    *env.Sandbox
	stripe     env.StripePlatform
	clock      *testclock.FakeClock
	events     *recorder
	logs       *journal // nil keeps none
	namespace  string
	class      *v1alpha1.PlatformClass
	reconciler *payoutaccount.Reconciler
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, client: indexed(t, env.APIServer(t)), sandbox: env.StartSandbox(t), events: &recorder{},
		clock: testclock.NewFakeClock(time.Now()),
	}
	w.stripe = w.sandbox.NewStripePlatform(t)
	plenty := 1_000_000
	w.sandbox.SetStripeOf(t, w.stripe.ID, env.StripeSettings{ReadsPerSecond: &plenty, WritesPerSecond: &plenty})
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "tenant-"}}
	w.create(namespace)
	w.namespace = namespace.Name
	w.class = &v1alpha1.PlatformClass{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "class-"},
		Spec:       w.sandbox.Class(t).Spec,
	}
	w.class.Spec.Stripe = v1alpha1.ClassStripe{
		Mode: v1alpha1.StripeTest, Countries: []string{"DE", "US", "TH"}, WebhookBaseURL: "https://hooks.example.com",
	}
	w.create(w.class)
	w.give(w.stripe.Keys.TestRestricted)
	w.makePlatform()
	w.prove(nil)
	w.restart(nil)
	return w
}

// makePlatform makes the platform, whose Stripe account and endpoint are in order.
func (w *world) makePlatform() {
	w.t.Helper()
	platform := &v1alpha1.CoachPlatform{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: platformName},
		Spec: v1alpha1.CoachPlatformSpec{
			ClassName: w.class.Name, DisplayName: "Studio",
			Stripe: v1alpha1.PlatformStripe{CredentialsSecretName: credentials, Mode: v1alpha1.StripeTest},
		},
	}
	w.create(platform)
	before := platform.DeepCopy()
	for _, kind := range []string{v1alpha1.ConditionPayoutsReady} {
		meta.SetStatusCondition(&platform.Status.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "Converged"})
	}
	w.must(w.client.Status().Patch(w.t.Context(), platform, client.MergeFrom(before)))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// create makes an object that goes with the API server.
func (w *world) create(object client.Object) {
	w.t.Helper()
	w.must(w.client.Create(w.t.Context(), object))
}

// give puts a key into the platform's Secret.
func (w *world) give(key string) {
	w.t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: credentials}, Data: map[string][]byte{"apiKey": []byte(key)},
	}
	_ = w.client.Delete(w.t.Context(), secret.DeepCopy())
	w.create(secret)
	w.clock.Step(time.Minute) // a key that was read counts for half of it
}

// prove writes the platform's report: every control of the gate is verified, but those given.
func (w *world) prove(but map[string]v1alpha1.SecurityStatus) {
	w.t.Helper()
	platform := &v1alpha1.CoachPlatform{}
	key := client.ObjectKey{Namespace: w.namespace, Name: platformName}
	w.must(w.client.Get(w.t.Context(), key, platform))
	now := metav1.NewTime(w.clock.Now())
	report := &v1alpha1.SecurityReport{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace, Name: platformName,
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "CoachPlatform", Name: platformName, UID: platform.UID, Controller: new(true),
			}},
		},
		Report: v1alpha1.SecurityReportContent{
			ObservedAt: now, ValidUntil: metav1.NewTime(now.Add(evidence.ReportBound)), Summary: v1alpha1.ReportSummary{Text: "6/6"},
		},
	}
	for _, id := range evidence.Gate {
		status := v1alpha1.SecurityVerified
		if other, ok := but[id]; ok {
			status = other
		}
		c := v1alpha1.ReportedControl{ID: id, Claim: "c", Statement: "s", Status: status, Since: now, ObservedAt: now}
		if status != v1alpha1.SecurityUnknown {
			c.ValidUntil = report.Report.ValidUntil
		}
		report.Report.Controls = append(report.Report.Controls, c)
	}
	w.must(client.IgnoreNotFound(w.client.Delete(w.t.Context(), report.DeepCopy())))
	w.create(report)
}

// restart replaces the operator by a new process, which remembers nothing. through may get between it and
// the API server or Stripe.
func (w *world) restart(through *path) {
	w.t.Helper()
	metrics, err := telemetry.New(prometheus.NewRegistry())
	w.must(err)
	transport := trusting(w.t, w.sandbox)
	kube, carry := w.client, http.RoundTripper(transport)
	if through != nil {
		kube, carry = through.kube(w.t, w.client), through.stripe(transport)
	}
	kube = env.Observed(kube, w.clock)
	const sweep = resync * 9 / 10
	clients := stripe.New(stripe.Options{
		URL: w.sandbox.Stripe, HTTPClient: &http.Client{Transport: carry}, Clock: w.clock, Sweep: sweep, Reads: 1e6, Writes: 1e6,
	})
	w.reconciler = &payoutaccount.Reconciler{
		Client: kube, Live: kube, Steps: step.Payout(payoutstep.Options{Stripe: clients, Clock: w.clock, Sweep: sweep}),
		Installation: installation, Events: w.events, Metrics: metrics, Clock: w.clock, Resync: resync, Grace: grace, Workers: 1,
	}
}

// trusting is a transport that trusts the sandbox.
func trusting(t *testing.T, sandbox *env.Sandbox) *http.Transport {
	t.Helper()
	pem, err := os.ReadFile(sandbox.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// indexed is a client without a cache that finds objects by the index that a manager's cache would keep.
func indexed(t *testing.T, cluster *env.Cluster) client.Client {
	t.Helper()
	known := cluster.Client
	c, err := client.NewWithWatch(cluster.Config, client.Options{Scheme: known.Scheme(), Mapper: known.RESTMapper()})
	if err != nil {
		t.Fatal(err)
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			all := client.ListOptions{}
			all.ApplyOptions(options)
			accounts, ok := list.(*v1alpha1.PayoutAccountList)
			if !ok || all.FieldSelector == nil {
				return c.List(ctx, list, options...)
			}
			wanted := all.FieldSelector.Requirements()[0].Value
			if err := c.List(ctx, accounts, client.InNamespace(all.Namespace)); err != nil {
				return err
			}
			kept := accounts.Items[:0]
			for _, a := range accounts.Items {
				if a.Spec.PlatformName+"/"+a.Spec.CoachID == wanted {
					kept = append(kept, a)
				}
			}
			accounts.Items = kept
			return nil
		},
	})
}

// coach makes the object of a coach, named as the coach's ID.
func (w *world) coach(id string, change ...func(*v1alpha1.PayoutAccount)) {
	w.t.Helper()
	account := &v1alpha1.PayoutAccount{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: id},
		Spec:       v1alpha1.PayoutAccountSpec{PlatformName: platformName, CoachID: id, Country: "DE"},
	}
	for _, c := range change {
		c(account)
	}
	w.create(account)
}

// account is an object as it is stored now; nil when it is gone.
func (w *world) account(name string) *v1alpha1.PayoutAccount {
	w.t.Helper()
	account := &v1alpha1.PayoutAccount{}
	err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, account)
	if client.IgnoreNotFound(err) == nil && err != nil {
		return nil
	}
	w.must(err)
	return account
}

// edit changes a stored object as a person would.
func (w *world) edit(name string, change func(*v1alpha1.PayoutAccount)) {
	w.t.Helper()
	account := w.account(name)
	before := account.DeepCopy()
	change(account)
	w.must(w.client.Patch(w.t.Context(), account, client.MergeFrom(before)))
}

// editPlatform changes the stored platform as a person would.
func (w *world) editPlatform(change func(*v1alpha1.CoachPlatform)) {
	w.t.Helper()
	platform := w.platform()
	before := platform.DeepCopy()
	change(platform)
	w.must(w.client.Patch(w.t.Context(), platform, client.MergeFrom(before)))
}

// platform is the platform as it is stored now.
func (w *world) platform() *v1alpha1.CoachPlatform {
	w.t.Helper()
	platform := &v1alpha1.CoachPlatform{}
	w.must(w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: platformName}, platform))
	return platform
}

func (w *world) annotate(name, key, value string) {
	w.t.Helper()
	w.edit(name, func(a *v1alpha1.PayoutAccount) { metav1.SetMetaDataAnnotation(&a.ObjectMeta, key, value) })
}

// pass is one reconcile of an object that is there.
func (w *world) pass(name string) (ctrl.Result, error) {
	w.t.Helper()
	account := w.account(name)
	if account == nil {
		return ctrl.Result{}, nil
	}
	logger := logr.Discard()
	if w.logs != nil {
		logger = funcr.New(w.logs.write, funcr.Options{Verbosity: 10})
	}
	return w.reconciler.Reconcile(logf.IntoContext(w.t.Context(), logger), account)
}

// hint makes the next pass look past the shared caches, as an event does.
func (w *world) hint(name string) {
	w.t.Helper()
	account := &v1alpha1.PayoutAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"evt_%d"}}}`, v1alpha1.AnnotationEvent, time.Now().UnixNano())
	w.must(w.client.Patch(w.t.Context(), account, client.RawPatch(types.MergePatchType, []byte(patch))))
}

// stands makes passes until the object stands where it should.
func (w *world) stands(name string, phase v1alpha1.PayoutPhase, reason string) *v1alpha1.PayoutAccount {
	w.t.Helper()
	var account *v1alpha1.PayoutAccount
	for range maxPasses {
		_, err := w.pass(name)
		if account = w.account(name); account == nil {
			w.t.Fatalf("%s is gone, want it %s", name, phase)
		}
		ready := meta.FindStatusCondition(account.Status.Conditions, v1alpha1.ConditionReady)
		if err == nil && account.Status.Phase == phase && ready != nil && ready.Reason == reason {
			return account
		}
		w.clock.Step(3 * time.Second)
	}
	w.t.Fatalf("%s does not come to stand at %s %s: %s", name, phase, reason, describe(account))
	return nil
}

func describe(a *v1alpha1.PayoutAccount) string {
	if a == nil {
		return "gone"
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s, action %s, account %s\n", a.Status.Phase, a.Status.Action, a.Status.AccountID)
	for _, c := range a.Status.Conditions {
		fmt.Fprintf(&text, "  %s=%s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
	}
	for _, c := range a.Status.Plan {
		fmt.Fprintf(&text, "  plan %s: %q -> %q held %t\n", c.Path, c.From, c.To, c.Held)
	}
	for key, value := range a.Annotations {
		fmt.Fprintf(&text, "  %s: %s\n", key, value)
	}
	return text.String()
}

// identity is whom an account is created for.
func (w *world) identity(coach string) naming.Coach {
	w.t.Helper()
	namespace := &corev1.Namespace{}
	w.must(w.client.Get(w.t.Context(), client.ObjectKey{Name: w.namespace}, namespace))
	return naming.Coach{
		Tenant: naming.Tenant{Installation: installation, Namespace: w.namespace, NamespaceUID: string(namespace.UID), Name: platformName},
		ID:     coach,
	}
}

// mine are the accounts at Stripe that carry the operator's mark.
func (w *world) mine() []env.StripeAccount {
	w.t.Helper()
	var all []env.StripeAccount
	for _, a := range w.sandbox.StripeAccounts(w.t, w.stripe.ID) {
		if a.Metadata["managed_by"] != "" && !a.Deleted {
			all = append(all, a)
		}
	}
	return all
}

// act plays the coach's or Stripe's part, and reports it by an event.
func (w *world) act(name, act string, args any) env.StripeAccount {
	w.t.Helper()
	row := w.sandbox.Act(w.t, w.account(name).Status.AccountID, act, args)
	w.hint(name)
	return row
}

// recorder keeps the events that were reported.
type recorder struct {
	mu  sync.Mutex
	all []string
}

// Eventf implements events.EventRecorder.
func (r *recorder) Eventf(_, _ runtime.Object, kind, reason, _, note string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, kind+" "+reason+" "+fmt.Sprintf(note, args...))
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.all, "\n")
}

// journal keeps what was logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) write(prefix, args string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.WriteString(prefix + " " + args + "\n")
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
