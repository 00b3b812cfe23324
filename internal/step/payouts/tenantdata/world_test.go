package tenantdata_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/payouts/tenantdata"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m, env.SharesAPIServer)) }

const (
	// control is the one that the step proves.
	control = "CP-DATA-01"
	// iban and card are published examples. https://docs.stripe.com/testing
	iban, card  = "DE89370400440532013000", "4242424242424242"
	lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
)

// world is a platform and its payout accounts in a namespace of an API server, and a process that observes them.
type world struct {
	*testing.T
	kube      *reader
	clock     *testclock.FakePassiveClock
	namespace string
	step      converge.Step[*scope.Platform]
}

// reader reads objects, if it is not cut off, and counts how often.
type reader struct {
	client.Client
	err   error
	reads int
}

func (r *reader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	r.reads++
	if r.err != nil {
		return r.err
	}
	return r.Client.Get(ctx, key, object, options...)
}

func (r *reader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	r.reads++
	if r.err != nil {
		return r.err
	}
	return r.Client.List(ctx, list, options...)
}

// newWorld makes a platform named studio with the payout account of jo.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		T: t, kube: &reader{Client: env.APIServer(t).Client}, clock: testclock.NewFakePassiveClock(time.Now()),
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "tenant-"}}
	w.must(w.kube.Create(t.Context(), namespace))
	w.namespace = namespace.Name
	w.makePlatform("studio")
	w.makeAccount("jo", "studio", nil)
	w.step = tenantdata.New(tenantdata.Options{Kube: w.kube, Clock: w.clock})
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) makePlatform(name string) {
	w.Helper()
	platform := env.Platform(w)
	platform.ObjectMeta = metav1.ObjectMeta{Namespace: w.namespace, Name: name}
	w.must(w.kube.Create(w.Context(), platform))
}

func (w *world) makeAccount(coach, platform string, change func(*v1alpha1.PayoutAccount)) {
	w.Helper()
	account := &v1alpha1.PayoutAccount{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: coach},
		Spec:       v1alpha1.PayoutAccountSpec{PlatformName: platform, CoachID: coach, Country: "DE"},
	}
	if change != nil {
		change(account)
	}
	w.must(w.kube.Create(w.Context(), account))
}

// platform changes the stored platform.
func (w *world) platform(change func(*v1alpha1.CoachPlatform)) {
	w.Helper()
	after := &v1alpha1.CoachPlatform{}
	w.must(w.kube.Client.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: "studio"}, after))
	before := after.DeepCopy()
	change(after)
	w.must(w.kube.Patch(w.Context(), after, client.MergeFrom(before)))
}

// account changes a stored payout account, and its status.
func (w *world) account(name string, change func(*v1alpha1.PayoutAccount)) {
	w.Helper()
	after := &v1alpha1.PayoutAccount{}
	w.must(w.kube.Client.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, after))
	before := after.DeepCopy()
	change(after)
	changed := after.DeepCopy()
	w.must(w.kube.Patch(w.Context(), after, client.MergeFrom(before)))
	w.must(w.kube.Status().Patch(w.Context(), changed, client.MergeFrom(before)))
}

// in are the inputs of the platform.
func (w *world) in() *scope.Platform {
	return &scope.Platform{Tenant: naming.Tenant{Namespace: w.namespace, Name: "studio"}, Owner: w.namespace + "/studio"}
}

// scan makes a pass, and checks that nothing is reported that must not be.
func (w *world) scan() converge.Outcome {
	w.Helper()
	out := w.step.Run(w.Context(), w.in(), converge.Mode{Write: true})
	said := fmt.Sprintf("%+v %v", out, out.Err)
	for _, number := range []string{iban, strings.ToLower(iban), card} {
		if strings.Contains(said, number) {
			w.Error("a pass reports a number")
		}
	}
	if len(out.Changes) > 0 || out.Applied {
		w.Errorf("it has something to write: %v", out.Changes)
	}
	return out
}

// mustSee checks the verdict, and what was seen.
func (w *world) mustSee(verdict converge.Verdict, parts ...string) {
	w.Helper()
	out := w.scan()
	if out.Err != nil || len(out.Findings) != 1 || out.Findings[0].Control != control || !out.Findings[0].At.Equal(w.clock.Now()) {
		w.Fatalf("got %v, findings %+v", out.Err, out.Findings)
	}
	f := out.Findings[0]
	if f.Verdict != verdict {
		w.Errorf("%v, want %v: %s", f.Verdict, verdict, f.Seen)
	}
	for _, part := range parts {
		if !strings.Contains(f.Seen, part) {
			w.Errorf("%q does not say %q", f.Seen, part)
		}
	}
}

var errCut = errors.New("cut off beside " + iban)
