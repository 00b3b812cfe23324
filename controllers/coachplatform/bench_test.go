package coachplatform_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/coachplatform"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/telemetry"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m, env.SharesAPIServer)) }

// installation is the ID of the operator in these tests.
const installation = "test"

// bench is one platform in a namespace and of a class of its own, and a controller for it.
type bench struct {
	t         *testing.T
	client    client.Client
	clock     *testclock.FakePassiveClock
	emitted   *recorder
	logs      *journal
	class     *v1alpha1.PlatformClass
	namespace string
	// home is the operator's own namespace.
	home       string
	reconciler *coachplatform.Reconciler
}

// newBench makes everything but the platform. Without a class given it makes one that admits everybody.
func newBench(t *testing.T, steps ...converge.Step[*scope.Platform]) *bench {
	t.Helper()
	b := bareBench(t)
	b.createClass(&v1alpha1.PlatformClass{Spec: anyClass()})
	b.reconciler.Steps = steps
	return b
}

// bareBench makes namespaces and a controller without steps.
func bareBench(t *testing.T) *bench {
	t.Helper()
	metrics, err := telemetry.New(prometheus.NewRegistry())
	if err != nil {
		t.Fatalf("creating metrics: %v", err)
	}
	b := &bench{
		t: t, client: env.APIServer(t).Client, emitted: &recorder{}, logs: &journal{},
		clock: testclock.NewFakePassiveClock(time.Now().Truncate(time.Minute)),
	}
	b.namespace, b.home = b.createNamespace("tenant-"), b.createNamespace("coach-system-")
	b.reconciler = &coachplatform.Reconciler{
		Client: b.client, Live: b.client, Installation: installation, Namespace: b.home, Events: b.emitted, Metrics: metrics,
		Clock: b.clock, Resync: time.Minute, Workers: 1,
	}
	return b
}

// anew is the controller of a new process, which remembers nothing.
func (b *bench) anew() *coachplatform.Reconciler {
	r := b.reconciler
	return &coachplatform.Reconciler{
		Client: r.Client, Live: r.Live, Steps: r.Steps, Installation: r.Installation, Namespace: r.Namespace, Events: r.Events,
		Metrics: r.Metrics, Clock: r.Clock, Resync: r.Resync, Workers: r.Workers,
	}
}

func (b *bench) createNamespace(prefix string) string {
	b.t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix}}
	b.create(namespace)
	return namespace.Name
}

func (b *bench) createClass(class *v1alpha1.PlatformClass) {
	b.t.Helper()
	if class.Name == "" || class.Name == env.ClassName {
		class.ObjectMeta = metav1.ObjectMeta{GenerateName: "class-"}
	}
	b.create(class)
	b.class = class
}

// create makes an object that goes with the API server.
func (b *bench) create(object client.Object) {
	b.t.Helper()
	if err := b.client.Create(b.t.Context(), object); err != nil {
		b.t.Fatalf("creating a %T: %v", object, err)
	}
}

func anyClass() v1alpha1.PlatformClassSpec {
	byTag := v1alpha1.Selector{Tags: []v1alpha1.Tag{{Key: "use", Value: "db"}}}
	return v1alpha1.PlatformClassSpec{
		Region: "eu-central-1", AccountID: "123456789012",
		Identity:          v1alpha1.ClassIdentity{RoleARN: "arn:aws:iam::123456789012:role/coach-operator", ExternalID: "test"},
		Network:           v1alpha1.ClassNetwork{VPC: byTag, Subnets: byTag},
		Database:          v1alpha1.ClassDatabase{InstanceClasses: []string{"db.t4g.medium", "db.t4g.large"}, EngineVersions: []string{"16"}},
		AllowedNamespaces: []string{"*"},
	}
}

// platformName is the name of every platform of these tests.
const platformName = "studio"

// start makes the platform.
func (b *bench) start(change ...func(*v1alpha1.CoachPlatform)) {
	b.t.Helper()
	className := "not-there"
	if b.class != nil {
		className = b.class.Name
	}
	platform := &v1alpha1.CoachPlatform{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: platformName},
		Spec:       v1alpha1.CoachPlatformSpec{ClassName: className, DisplayName: "blue"},
	}
	for _, c := range change {
		c(platform)
	}
	b.create(platform)
}

func observe(p *v1alpha1.CoachPlatform) { p.Spec.ManagementPolicy = v1alpha1.ManagementObserve }

func (b *bench) key() client.ObjectKey {
	return client.ObjectKey{Namespace: b.namespace, Name: platformName}
}

// platform is the object as it is stored now; nil when it is gone.
func (b *bench) platform() *v1alpha1.CoachPlatform {
	b.t.Helper()
	platform := &v1alpha1.CoachPlatform{}
	if err := b.client.Get(b.t.Context(), b.key(), platform); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil
		}
		b.t.Fatalf("reading the platform: %v", err)
	}
	return platform
}

// edit changes the stored platform as a person would.
func (b *bench) edit(change func(*v1alpha1.CoachPlatform)) {
	b.t.Helper()
	platform := b.platform()
	before := platform.DeepCopy()
	change(platform)
	if err := b.client.Patch(b.t.Context(), platform, client.MergeFrom(before)); err != nil {
		b.t.Fatalf("editing the platform: %v", err)
	}
}

func (b *bench) annotate(key, value string) {
	b.t.Helper()
	b.edit(func(p *v1alpha1.CoachPlatform) { metav1.SetMetaDataAnnotation(&p.ObjectMeta, key, value) })
}

func (b *bench) forget(key string) {
	b.t.Helper()
	b.edit(func(p *v1alpha1.CoachPlatform) { delete(p.Annotations, key) })
}

func (b *bench) wipeStatus() {
	b.t.Helper()
	platform := b.platform()
	platform.Status = v1alpha1.CoachPlatformStatus{}
	if err := b.client.Status().Update(b.t.Context(), platform); err != nil {
		b.t.Fatalf("wiping the status: %v", err)
	}
}

func (b *bench) delete() {
	b.t.Helper()
	if err := b.client.Delete(b.t.Context(), b.platform()); err != nil {
		b.t.Fatalf("deleting the platform: %v", err)
	}
}

// pass is one reconcile, as the controller would run it, of a platform that is there.
func (b *bench) pass() (ctrl.Result, error) {
	b.t.Helper()
	platform := b.platform()
	if platform == nil {
		b.t.Fatal("there is no platform to reconcile")
	}
	logger := funcr.New(b.logs.write, funcr.Options{Verbosity: 10})
	return b.reconciler.Reconcile(logf.IntoContext(b.t.Context(), logger), platform)
}

// mustRetry is a pass that must be made again: with growing delays, or soon, to verify what it wrote.
func (b *bench) mustRetry() {
	b.t.Helper()
	if result, err := b.pass(); err == nil && (result.RequeueAfter <= 0 || result.RequeueAfter > 2*time.Second) {
		b.t.Fatalf("a failed call is not retried before %s", result.RequeueAfter)
	}
}

// mustPass is a pass that must not fail. What it leaves is checked, and returned.
func (b *bench) mustPass() *v1alpha1.CoachPlatform {
	b.t.Helper()
	if _, err := b.pass(); err != nil {
		b.t.Fatalf("reconciling: %v", err)
	}
	platform := b.platform()
	if platform != nil && controllerutil.ContainsFinalizer(platform, v1alpha1.FinalizerPlatform) {
		checkStatus(b.t, platform)
	}
	return platform
}

// settle makes passes until nothing is left to do.
func (b *bench) settle() *v1alpha1.CoachPlatform {
	b.t.Helper()
	for range 10 {
		if platform := b.mustPass(); is(platform, v1alpha1.ConditionReady, metav1.ConditionTrue) {
			return platform
		}
	}
	b.t.Fatalf("the platform does not become ready: %s", describe(b.platform()))
	return nil
}

func is(p *v1alpha1.CoachPlatform, kind string, status metav1.ConditionStatus) bool {
	return meta.IsStatusConditionPresentAndEqual(p.Status.Conditions, kind, status)
}

// expect checks a condition's status and reason.
func (b *bench) expect(kind string, status metav1.ConditionStatus, reason string) {
	b.t.Helper()
	c := meta.FindStatusCondition(b.platform().Status.Conditions, kind)
	if c == nil || c.Status != status || c.Reason != reason {
		b.t.Errorf("want %s=%s (%s):%s", kind, status, reason, describe(b.platform()))
	}
}

func describe(p *v1alpha1.CoachPlatform) string {
	var text strings.Builder
	for _, c := range p.Status.Conditions {
		fmt.Fprintf(&text, "\n  %s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
	}
	fmt.Fprintf(&text, "\n  plan %v", p.Status.Plan)
	return text.String()
}

// owned are the conditions that the controller sets beside those of the wings.
var owned = []string{
	v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionDrifted,
	v1alpha1.ConditionApprovalNeeded, v1alpha1.ConditionEvidenceFresh,
	v1alpha1.ConditionKeyValid, v1alpha1.ConditionWebhookReceiving,
}

// checkStatus checks what holds after every pass.
func checkStatus(t *testing.T, p *v1alpha1.CoachPlatform) {
	t.Helper()
	if p.Status.ObservedGeneration != p.Generation {
		t.Errorf("the status describes generation %d and the spec is of %d", p.Status.ObservedGeneration, p.Generation)
	}
	for _, kind := range owned {
		if meta.FindStatusCondition(p.Status.Conditions, kind) == nil {
			t.Errorf("the condition %s is missing:%s", kind, describe(p))
		}
	}
	for _, c := range p.Status.Conditions {
		if c.ObservedGeneration != p.Generation || c.Message == "" {
			t.Errorf("the condition %s is of generation %d, not %d, or says nothing: %q", c.Type, c.ObservedGeneration, p.Generation, c.Message)
		}
	}
	checkCause(t, p)
	if is(p, v1alpha1.ConditionReady, metav1.ConditionTrue) && kstatus(p) != current {
		t.Errorf("the platform is ready and tools read it as %s:%s", kstatus(p), describe(p))
	}
	if is(p, v1alpha1.ConditionReconciling, metav1.ConditionTrue) && is(p, v1alpha1.ConditionStalled, metav1.ConditionTrue) {
		t.Errorf("the platform both moves and stands still:%s", describe(p))
	}
}

// checkCause checks that a cause is told once: in Ready, in the kstatus condition that is True, and in the
// condition of the step that has it. The status is small.
func checkCause(t *testing.T, p *v1alpha1.CoachPlatform) {
	t.Helper()
	ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
	if is(p, v1alpha1.ConditionStalled, metav1.ConditionTrue) {
		n := 0
		for _, c := range p.Status.Conditions {
			if !slices.Contains([]string{v1alpha1.ConditionReady, v1alpha1.ConditionStalled}, c.Type) && strings.Contains(ready.Message, c.Message) {
				n++
			}
		}
		if n > 1 {
			t.Errorf("%d conditions repeat the cause:%s", n, describe(p))
		}
	}
	if len(p.Status.Steps) == 0 {
		t.Errorf("no step says anything:%s", describe(p))
	}
	if text, err := json.Marshal(p.Status); err != nil || len(text) > maxStatus {
		t.Errorf("the status has %d bytes (%v)", len(text), err)
	}
}

// maxStatus bounds a status, in bytes.
const maxStatus = 16 << 10

// What kubectl wait, Argo CD and Flux read from the conditions of any object.
// https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus#conditions
const (
	current     = "Current"
	inProgress  = "InProgress"
	failed      = "Failed"
	terminating = "Terminating"
)

func kstatus(p *v1alpha1.CoachPlatform) string {
	switch {
	case !p.DeletionTimestamp.IsZero():
		return terminating
	case p.Status.ObservedGeneration != p.Generation, is(p, v1alpha1.ConditionReconciling, metav1.ConditionTrue):
		return inProgress
	case is(p, v1alpha1.ConditionStalled, metav1.ConditionTrue):
		return failed
	case !is(p, v1alpha1.ConditionReady, metav1.ConditionTrue):
		return inProgress
	}
	return current
}

// recorder keeps events.
type recorder struct {
	mu  sync.Mutex
	all []string
}

func (r *recorder) Eventf(_, _ runtime.Object, kind, reason, action, note string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, strings.Join([]string{kind, reason, action, fmt.Sprintf(note, args...)}, " "))
}

// take returns the events since it was last asked.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

// count says how many events have the reason, without taking them.
func (r *recorder) count(reason string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, e := range r.all {
		if strings.Fields(e)[1] == reason {
			n++
		}
	}
	return n
}

// journal keeps what was logged.
type journal struct {
	mu  sync.Mutex
	all []string
}

func (j *journal) write(prefix, args string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = append(j.all, prefix+" "+args)
}

func (j *journal) text() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.all, "\n")
}

// contains says whether any of the texts contains the part.
func contains(texts []string, part string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, part) })
}
