package flip_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilclock "k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/coachplatform"
	"github.com/coachplatform/coach-operator/controllers/platformclass"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/step"
	"github.com/coachplatform/coach-operator/internal/step/data/dbrole"
	"github.com/coachplatform/coach-operator/internal/step/payouts/payoutaccount"
	"github.com/coachplatform/coach-operator/internal/step/payouts/tenantdata"
	"github.com/coachplatform/coach-operator/internal/telemetry"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	// installation is the ID of every operator in these tests.
	installation = "flip-suite"
	// always is an age that nothing remembered has: each pass reads everything.
	always = time.Nanosecond
	// patience bounds how long anything may take.
	patience = 2 * time.Minute
	// beat is the time between two passes.
	beat = 20 * time.Millisecond
	// classEvery is how many passes of the platform's controller there are to one of the class's.
	classEvery = 4
)

// world is one platform with an AWS account and a PostgreSQL server of its own, and the operator that reconciles
// it: its two real controllers, driven pass by pass.
type world struct {
	*testing.T
	cluster *env.Cluster
	account *env.Account
	client  client.WithWatch
	clock   *clock
	cable   *cable
	// objects is how the operator reads the tenant's objects.
	objects *window
	// stripe is the business's Stripe account; nil is none.
	stripe   *env.StripePlatform
	home     string
	tenant   naming.Tenant
	class    *v1alpha1.PlatformClass
	platform *v1alpha1.CoachPlatform
	report   *v1alpha1.SecurityReport
	// passes of the two controllers, and the error of the last one.
	platforms, classes pass
	err                error
	// approved says that a change was approved since a row began.
	approved bool
	// expired says that the operator is gone, and the report is read after it has expired.
	expired bool
	// ends undo what is in force.
	ends []func(*world)
}

type pass func(context.Context) (ctrl.Result, error)

// newWorld creates a world whose platform is as the family says.
func newWorld(t *testing.T, f family) *world {
	t.Helper()
	w := &world{T: t, cluster: env.APIServer(t), clock: &clock{}, cable: &cable{}}
	sandbox := env.StartSandbox(t, env.WithDataPlane())
	w.account = sandbox.Account(t)
	w.cable.dial = sandbox.Dial
	var err error
	if w.client, err = client.NewWithWatch(w.cluster.Config, client.Options{Scheme: w.cluster.Client.Scheme()}); err != nil {
		t.Fatalf("creating a client: %v", err)
	}
	w.objects = &window{Reader: w.client}
	w.home = w.namespace("coach-system-").Name
	namespace := w.namespace("tenant-")
	w.class = &v1alpha1.PlatformClass{ObjectMeta: metav1.ObjectMeta{GenerateName: "class-"}, Spec: w.account.Class().Spec}
	w.class.Spec.Database.EngineVersions = []string{f.major}
	if f.stripe {
		w.openStripe(namespace.Name)
	}
	w.create(w.class)
	w.platform = &v1alpha1.CoachPlatform{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "studio"},
		Spec: v1alpha1.CoachPlatformSpec{
			ClassName: w.class.Name, DisplayName: "Studio", Database: v1alpha1.Database{EngineVersion: f.major},
		},
	}
	if f.stripe {
		w.platform.Spec.Stripe = v1alpha1.PlatformStripe{CredentialsSecretName: credentials, Mode: v1alpha1.StripeTest}
	}
	if f.change != nil {
		f.change(&w.platform.Spec)
	}
	w.create(w.platform)
	w.tenant = naming.Tenant{
		Installation: installation, Namespace: namespace.Name, NamespaceUID: string(namespace.UID), Name: w.platform.Name,
	}
	w.restart()
	return w
}

func (w *world) namespace(prefix string) *corev1.Namespace {
	w.Helper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix}}
	w.create(n)
	return n
}

func (w *world) create(o client.Object) {
	w.Helper()
	if err := w.client.Create(w.Context(), o); err != nil {
		w.Fatalf("creating a %T: %v", o, err)
	}
}

// restart replaces the operator by a new process, which remembers nothing.
func (w *world) restart() {
	w.Helper()
	metrics, err := telemetry.New(prometheus.NewRegistry())
	if err != nil {
		w.Fatalf("creating metrics: %v", err)
	}
	sessions := w.account.Sessions(w.T, aws.Options{
		Clock: w.clock, Sweep: always, Freshness: always, Lag: 5 * env.Lag, Share: 1000,
	})
	parts := step.Parts{
		Sessions: sessions, Secrets: w.client,
		Databases: dbrole.Options{Dial: w.cable.Dial, Freshness: always, Clock: w.clock},
		Objects:   tenantdata.Options{Kube: w.objects, Clock: w.clock},
	}
	if w.stripe != nil {
		parts.Stripe = payoutaccount.Options{Stripe: w.clients(), Clock: w.clock, Sweep: always}
	}
	w.platforms = passOf(w.client, &coachplatform.Reconciler{
		Client: w.client, Live: w.client, Steps: step.Platform(parts), Installation: installation, Namespace: w.home,
		Events: mute{}, Metrics: metrics, Clock: w.clock, Resync: time.Minute, Workers: 1,
	}, client.ObjectKeyFromObject(w.platform))
	w.classes = passOf(w.client, &platformclass.Reconciler{
		Client: w.client, Live: w.client, Steps: step.Class(sessions), Installation: installation,
		Events: mute{}, Metrics: metrics, Clock: w.clock, Resync: time.Minute,
	}, client.ObjectKeyFromObject(w.class))
}

func passOf[O client.Object](c client.Client, of reconcile.ObjectReconciler[O], key client.ObjectKey) pass {
	reconciler := reconcile.AsReconciler(c, of)
	return func(ctx context.Context) (ctrl.Result, error) {
		return reconciler.Reconcile(ctx, reconcile.Request{NamespacedName: key})
	}
}

// mute drops events.
type mute struct{}

func (mute) Eventf(_, _ runtime.Object, _, _, _, _ string, _ ...any) {}

// observe makes one pass over the platform and reads what it reports. A pass that fails reports all the same,
// and is tried again as the queue would.
func (w *world) observe() {
	w.Helper()
	if w.expired {
		w.report.Report = *evidence.Read(&w.report.Report, w.report.Report.ValidUntil.Time)
		return
	}
	_, w.err = w.platforms(w.Context())
	w.read()
}

// read reads the objects as they are in the API server.
func (w *world) read() {
	w.Helper()
	key := client.ObjectKeyFromObject(w.platform)
	w.platform, w.report = &v1alpha1.CoachPlatform{}, &v1alpha1.SecurityReport{}
	err := errors.Join(w.client.Get(w.Context(), key, w.platform),
		client.IgnoreNotFound(w.client.Get(w.Context(), key, w.report)),
		client.IgnoreNotFound(w.client.Get(w.Context(), client.ObjectKeyFromObject(w.class), w.class)))
	if err != nil {
		w.Fatalf("reading the objects: %v", err)
	}
	w.agree()
}

// agree checks that the status says the same as the report.
func (w *world) agree() {
	w.Helper()
	if w.report.Name == "" {
		return
	}
	open := map[string]string{}
	for _, c := range w.platform.Status.Security.Open {
		open[c.Control] = c.Status
	}
	reported := map[string]string{}
	for _, c := range w.report.Report.Controls {
		if c.Status != evidence.Verified {
			reported[c.ID] = string(c.Status)
		}
	}
	if !maps.Equal(open, reported) || w.platform.Status.Security.Summary != w.report.Report.Summary.Text {
		w.Errorf("the status says %s %v, and the report %s %v",
			w.platform.Status.Security.Summary, open, w.report.Report.Summary.Text, reported)
	}
}

// status is what the report in the API server says of a control now; "" without a row.
func (w *world) status(control string) evidence.Status {
	if c := w.row(control); c != nil {
		return c.Status
	}
	return ""
}

func (w *world) row(control string) *v1alpha1.ReportedControl {
	for i := range w.report.Report.Controls {
		if c := &w.report.Report.Controls[i]; c.ID == control {
			return c
		}
	}
	return nil
}

// begin makes passes of the class's controller until the class is ready, and then settles: parameters of the
// sandbox that are set while a database is being created never reach it.
func (w *world) begin() {
	w.Helper()
	w.until("the class ready", func() bool {
		_, _ = w.classes(w.Context()) // what fails is tried again
		w.read()
		return meta.IsStatusConditionTrue(w.class.Status.Conditions, v1alpha1.ConditionReady)
	})
	w.settle()
}

// settle makes passes of both controllers until every control is Verified and nothing is left to do. What
// waits for an approval gets one.
func (w *world) settle() {
	w.Helper()
	round := 0
	w.until("every control Verified and the platform ready", func() bool {
		if round++; round%classEvery == 0 {
			_, _ = w.classes(w.Context()) // what fails is tried again
		}
		w.observe()
		w.approve()
		return w.settled()
	})
}

func (w *world) settled() bool {
	n := len(evidence.Applicable(w.stripe != nil))
	return w.platform.Status.Security.Summary == fmt.Sprintf("%d/%d", n, n) && len(w.platform.Status.Plan) == 0 &&
		meta.IsStatusConditionTrue(w.platform.Status.Conditions, v1alpha1.ConditionReady) &&
		meta.IsStatusConditionTrue(w.class.Status.Conditions, v1alpha1.ConditionReady)
}

// approve does what a person would with a change that is held.
func (w *world) approve() {
	w.Helper()
	if hash := w.platform.Status.Approval; hash != "" && w.platform.Annotations[v1alpha1.AnnotationApprove] != hash {
		w.approved = true
		w.edit(func(p *v1alpha1.CoachPlatform) {
			metav1.SetMetaDataAnnotation(&p.ObjectMeta, v1alpha1.AnnotationApprove, hash)
		})
	}
}

// edit changes the platform as somebody with kubectl would.
func (w *world) edit(change func(*v1alpha1.CoachPlatform)) {
	w.Helper()
	if err := w.tryEdit(change); err != nil {
		w.Fatalf("editing the platform: %v", err)
	}
}

func (w *world) tryEdit(change func(*v1alpha1.CoachPlatform)) error {
	after := w.platform.DeepCopy()
	change(after)
	if err := w.client.Patch(w.Context(), after, client.MergeFrom(w.platform)); err != nil {
		return err
	}
	w.platform = after
	return nil
}

func (w *world) editClass(change func(*v1alpha1.PlatformClassSpec)) {
	w.Helper()
	after := w.class.DeepCopy()
	change(&after.Spec)
	if err := w.client.Patch(w.Context(), after, client.MergeFrom(w.class)); err != nil {
		w.Fatalf("editing the class: %v", err)
	}
	w.class = after
}

// removeClass removes the class past its finalizer.
func (w *world) removeClass() {
	w.Helper()
	after := w.class.DeepCopy()
	after.Finalizers = nil
	err := errors.Join(w.client.Patch(w.Context(), after, client.MergeFrom(w.class)), w.client.Delete(w.Context(), after))
	if err != nil {
		w.Fatalf("removing the class: %v", err)
	}
}

// until tries until something holds.
func (w *world) until(what string, holds func() bool) {
	w.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			w.Fatalf("%s does not come to be%s", what, w.describe())
		}
	}
}

func (w *world) describe() string {
	text := fmt.Sprintf(": the last pass: %v", w.err)
	for _, c := range append(append([]metav1.Condition(nil), w.class.Status.Conditions...), w.platform.Status.Conditions...) {
		text += fmt.Sprintf("\n  %s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
	}
	for _, c := range w.platform.Status.Security.Open {
		text += fmt.Sprintf("\n  %s %s: %s", c.Control, c.Status, c.Seen)
	}
	for _, c := range w.platform.Status.Plan {
		text += fmt.Sprintf("\n  planned: %+v", c)
	}
	return text
}

// later keeps what undoes something until ended is called.
func (w *world) later(end func(*world)) { w.ends = append(w.ends, end) }

// ended undoes all that is in force, the newest first.
func ended(w *world) {
	w.Helper()
	for _, end := range slices.Backward(w.ends) {
		end(w)
	}
	w.ends = nil
}

// clock is the time, which a test can put ahead.
type clock struct {
	utilclock.RealClock
	mu    sync.Mutex
	ahead time.Duration
}

// Now implements clock.PassiveClock.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// Since implements clock.PassiveClock.
func (c *clock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

func (c *clock) set(ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = ahead
}

// cable is the network between the operator and databases, which a test can cut.
type cable struct {
	dial func(context.Context, string, string) (net.Conn, error)
	mu   sync.Mutex
	cut  bool
}

var errCut = errors.New("the cable is cut")

// Dial opens connections.
func (c *cable) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	cut := c.cut
	c.mu.Unlock()
	if cut {
		return nil, errCut
	}
	return c.dial(ctx, network, address)
}

func (c *cable) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
}
