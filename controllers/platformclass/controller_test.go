package platformclass_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	testclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/platformclass"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/telemetry"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

// pastBeat is how long ago the last beat was when a test begins; the next is a resync after that one.
const pastBeat = 20 * time.Second

// scripted is a step that does what a test says.
type scripted struct {
	name string

	mu sync.Mutex
	// run is what a pass does; nil finds nothing to do.
	run func(*scope.Class, converge.Mode) converge.Outcome
	// release is what releasing does; nil has nothing to release.
	release func() (bool, error)
	// modes are those of the passes so far.
	modes []converge.Mode
	log   *[]string
}

func (s *scripted) Name() string { return s.name }

func (s *scripted) Describe() converge.Description {
	return converge.Description{Step: s.name, Condition: map[string]string{
		"account": v1alpha1.ConditionAccountReady, "network": v1alpha1.ConditionNetworkReady, "parameters": v1alpha1.ConditionParametersReady,
	}[s.name]}
}

func (s *scripted) Run(_ context.Context, in *scope.Class, mode converge.Mode) converge.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.modes = append(s.modes, mode)
	if s.run == nil {
		return converge.Outcome{Step: s.name, Exists: true}
	}
	out := s.run(in, mode)
	out.Step = s.name
	return out
}

func (s *scripted) Release(context.Context, *scope.Class) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.log != nil {
		*s.log = append(*s.log, s.name)
	}
	if s.release == nil {
		return true, nil
	}
	return s.release()
}

// always makes every pass end in err.
func (s *scripted) always(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = func(*scope.Class, converge.Mode) converge.Outcome { return converge.Outcome{Err: err} }
}

// bench is one class with a controller that runs scripted steps.
type bench struct {
	t          *testing.T
	client     client.Client
	name       string
	clock      *testclock.FakePassiveClock
	recorder   *events.FakeRecorder
	account    *scripted
	network    *scripted
	parameters *scripted
	released   []string
	reconciler *platformclass.Reconciler
}

func newBench(t *testing.T) *bench {
	t.Helper()
	cluster := env.APIServer(t)
	metrics, err := telemetry.New(prometheus.NewRegistry())
	if err != nil {
		t.Fatalf("creating metrics: %v", err)
	}
	b := &bench{
		t: t, client: cluster.Client, clock: testclock.NewFakePassiveClock(time.Now().Truncate(time.Minute).Add(pastBeat)),
		recorder: events.NewFakeRecorder(100),
		account:  &scripted{name: "account"}, network: &scripted{name: "network"}, parameters: &scripted{name: "parameters"},
	}
	b.account.log, b.network.log, b.parameters.log = &b.released, &b.released, &b.released
	b.reconciler = &platformclass.Reconciler{
		Client: b.client, Live: b.client, Installation: "test", Events: b.recorder, Clock: b.clock, Resync: time.Minute,
		Metrics: metrics, Steps: []converge.Step[*scope.Class]{b.account, b.network, b.parameters},
	}
	class := newClass()
	if err := b.client.Create(t.Context(), class); err != nil {
		t.Fatalf("creating a class: %v", err)
	}
	b.name = class.Name
	t.Cleanup(func() { b.remove() })
	return b
}

func newClass() *v1alpha1.PlatformClass {
	byTag := v1alpha1.Selector{Tags: []v1alpha1.Tag{{Key: "use", Value: "db"}}}
	return &v1alpha1.PlatformClass{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "class-"},
		Spec: v1alpha1.PlatformClassSpec{
			Region: "eu-central-1", AccountID: "123456789012",
			Identity:          v1alpha1.ClassIdentity{RoleARN: "arn:aws:iam::123456789012:role/coach-operator", ExternalID: "test"},
			Network:           v1alpha1.ClassNetwork{VPC: byTag, Subnets: byTag},
			Database:          v1alpha1.ClassDatabase{InstanceClasses: []string{"db.t4g.medium"}, EngineVersions: []string{"16"}},
			AllowedNamespaces: []string{"*"},
		},
	}
}

// remove takes the class away, whatever keeps it.
func (b *bench) remove() {
	ctx := context.WithoutCancel(b.t.Context())
	class := &v1alpha1.PlatformClass{}
	if err := b.client.Get(ctx, client.ObjectKey{Name: b.name}, class); err != nil {
		return
	}
	class.Finalizers = nil
	_ = b.client.Update(ctx, class) // what cannot be removed goes with the API server
	_ = b.client.Delete(ctx, class)
}

func (b *bench) class() *v1alpha1.PlatformClass {
	b.t.Helper()
	class := &v1alpha1.PlatformClass{}
	if err := b.client.Get(b.t.Context(), client.ObjectKey{Name: b.name}, class); err != nil {
		b.t.Fatalf("reading the class: %v", err)
	}
	return class
}

// pass is one reconcile, as the controller would run it.
func (b *bench) pass() (ctrl.Result, error) {
	b.t.Helper()
	return b.reconciler.Reconcile(b.t.Context(), b.class())
}

func (b *bench) mustPass() *v1alpha1.PlatformClass {
	b.t.Helper()
	if _, err := b.pass(); err != nil {
		b.t.Fatalf("reconciling: %v", err)
	}
	return b.class()
}

func (b *bench) annotate(key, value string) {
	b.t.Helper()
	class := b.class()
	before := class.DeepCopy()
	metav1.SetMetaDataAnnotation(&class.ObjectMeta, key, value)
	if err := b.client.Patch(b.t.Context(), class, client.MergeFrom(before)); err != nil {
		b.t.Fatalf("annotating: %v", err)
	}
}

func (b *bench) delete() {
	b.t.Helper()
	if err := b.client.Delete(b.t.Context(), b.class()); err != nil {
		b.t.Fatalf("deleting the class: %v", err)
	}
}

// platform makes a platform of the class.
func (b *bench) platform(name string) *v1alpha1.CoachPlatform {
	b.t.Helper()
	p := &v1alpha1.CoachPlatform{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name + strings.TrimPrefix(b.name, "class")},
		Spec:       v1alpha1.CoachPlatformSpec{ClassName: b.name, DisplayName: "Studio"},
	}
	if err := b.client.Create(b.t.Context(), p); err != nil {
		b.t.Fatalf("creating a platform: %v", err)
	}
	b.t.Cleanup(func() { _ = client.IgnoreNotFound(b.client.Delete(context.WithoutCancel(b.t.Context()), p)) })
	return p
}

// emitted returns the events so far.
func (b *bench) emitted() []string {
	var all []string
	for {
		select {
		case e := <-b.recorder.Events:
			all = append(all, e)
		default:
			return all
		}
	}
}

// brief is the class's conditions as type=status/reason, in order of type.
func brief(class *v1alpha1.PlatformClass) []string {
	var all []string
	for _, c := range class.Status.Conditions {
		all = append(all, fmt.Sprintf("%s=%s/%s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(all)
	return all
}

func mustBe(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestTheFinalizerIsStoredBeforeTheFirstStep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var stored []string
	b.account.run = func(*scope.Class, converge.Mode) converge.Outcome {
		stored = b.class().Finalizers
		return converge.Outcome{}
	}
	b.mustPass()
	mustBe(t, "finalizers when the first step ran", []string{v1alpha1.FinalizerClass}, stored)
}

func TestAPassReportsAllItSaw(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.account.run = func(in *scope.Class, _ converge.Mode) converge.Outcome {
		in.Quotas = []v1alpha1.Quota{{Name: "DBInstances", Used: 3, Limit: 40}}
		return converge.Outcome{}
	}
	b.network.run = func(in *scope.Class, _ converge.Mode) converge.Outcome {
		if in.Owner.Name != b.name || in.Owner.Installation != "test" {
			t.Errorf("owner %+v", in.Owner)
		}
		in.Network = scope.ClassNetwork{VPCID: "vpc-00000001", SubnetIDs: []string{"subnet-0000000a", "subnet-0000000b"}}
		return converge.Outcome{}
	}
	change := converge.Change{Step: "parameters", Path: "pg16-tls12/rds.force_ssl", From: "0", To: "1"}
	b.parameters.run = func(*scope.Class, converge.Mode) converge.Outcome {
		return converge.Outcome{
			Exists: true, Applied: true, Changes: []converge.Change{change}, Err: fault.Wait(converge.ReasonApplied, 2*time.Second, "sent"),
		}
	}
	b.platform("a")
	result, err := b.pass()
	if err != nil || result.RequeueAfter != 2*time.Second {
		t.Errorf("got %v, %v, want the soonest pass any step requests", result, err)
	}
	class := b.class()
	mustBe(t, "conditions", []string{
		"AccountReady=True/Converged", "NetworkReady=True/Converged", "ParametersReady=False/Applied",
		"Ready=False/Applied", "Reconciling=True/Applied", "Stalled=False/Applied",
	}, brief(class))
	status := class.Status
	mustBe(t, "steps", []string{"account Converged Converged ", "network Converged Converged ", "parameters Waiting Applied sent"}, steps(class)) //nolint:dupword // state and reason are the same word
	status.Conditions, status.Steps = nil, nil
	mustBe(t, "status", v1alpha1.PlatformClassStatus{
		ObservedGeneration: class.Generation, Platforms: 1, VPCID: "vpc-00000001",
		SubnetIDs: []string{"subnet-0000000a", "subnet-0000000b"},
		Quotas:    []v1alpha1.Quota{{Name: "DBInstances", Used: 3, Limit: 40}},
		Plan: []v1alpha1.PlannedChange{{
			Step: "parameters", Path: "pg16-tls12/rds.force_ssl", From: "0", To: "1", Effect: "in-place",
		}},
	}, status)
	mustBe(t, "events", []string{"Normal Applied parameters: changed pg16-tls12/rds.force_ssl"}, b.emitted())

	b.parameters.run = nil
	b.network.always(errors.New("no route to host"))
	_, _ = b.pass() // the error is the next test's
	class = b.class()
	if class.Status.Plan != nil || class.Status.VPCID != "vpc-00000001" {
		t.Errorf("the plan must be gone and what was not seen must stay: %+v", class.Status)
	}
}

func TestAQuietPassWritesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.mustPass()
	b.emitted()
	writes := &writes{Client: b.client}
	b.reconciler.Client = writes
	b.clock.SetTime(b.clock.Now().Add(time.Minute))
	result, err := b.pass()
	if after := time.Minute - pastBeat; err != nil || result.RequeueAfter < after || result.RequeueAfter > after+3*time.Second {
		t.Errorf("got %v, %v, want a pass at the next beat", result, err)
	}
	if len(writes.all) > 0 {
		t.Errorf("written: %v", writes.all)
	}
	if emitted := b.emitted(); len(emitted) > 0 {
		t.Errorf("events: %v", emitted)
	}
}

// writes is a client that notes what is written through it.
type writes struct {
	client.Client
	all []string
}

// Patch implements client.Client.
func (w *writes) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	w.all = append(w.all, "object "+o.GetName())
	return w.Client.Patch(ctx, o, p, opts...)
}

// Status implements client.Client.
func (w *writes) Status() client.SubResourceWriter {
	w.all = append(w.all, "status")
	return w.Client.Status()
}

func TestTransitionTimesMoveWithTheStatusOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	at := func(kind string) time.Time {
		return meta.FindStatusCondition(b.class().Status.Conditions, kind).LastTransitionTime.Time
	}
	b.network.always(fault.Wait("Settling", 0, "first words"))
	b.mustPass()
	began := b.clock.Now()
	b.clock.SetTime(began.Add(time.Hour))
	b.network.always(fault.Wait("Settling", 0, "other words"))
	if class := b.mustPass(); meta.FindStatusCondition(class.Status.Conditions, "NetworkReady").Message != "other words" {
		t.Error("the message is an old one")
	}
	if !at("NetworkReady").Equal(began) || !at("Ready").Equal(began) {
		t.Error("another message moved a transition time")
	}
	b.network.run = nil
	b.mustPass()
	if !at("NetworkReady").Equal(b.clock.Now()) || !at("AccountReady").Equal(began) {
		t.Error("a transition time did not move with its own status alone")
	}
}

func TestAFailingStepStopsNoOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	cause := errors.New("dial tcp: request 4711")
	b.account.always(cause)
	_, err := b.pass()
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause, so that the queue backs off", err)
	}
	if len(b.parameters.modes) != 1 {
		t.Errorf("the last step ran %d times", len(b.parameters.modes))
	}
	class := b.class()
	mustBe(t, "conditions", []string{
		"AccountReady=Unknown/TransientError", "NetworkReady=True/Converged", "ParametersReady=True/Converged",
		"Ready=Unknown/TransientError", "Reconciling=True/TransientError", "Stalled=False/TransientError",
	}, brief(class))
	for _, c := range class.Status.Conditions {
		if strings.Contains(c.Message, "4711") {
			t.Errorf("%s holds what changes with every call: %s", c.Type, c.Message)
		}
	}
}

func TestWhatNeedsAPersonIsReportedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.network.always(fault.New(fault.Invalid, v1alpha1.ReasonNetworkInvalid, "one zone only"))
	class := b.mustPass()
	if !meta.IsStatusConditionTrue(class.Status.Conditions, "Stalled") {
		t.Errorf("not stalled: %v", brief(class))
	}
	b.mustPass()
	mustBe(t, "events", []string{"Warning NetworkInvalid network: one zone only"}, b.emitted())
	b.network.run = nil
	b.mustPass()
	mustBe(t, "events", []string{"Normal Converged ready: as desired"}, b.emitted())
}

func TestAnnotations(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	mode := func() converge.Mode {
		b.mustPass()
		return b.network.modes[len(b.network.modes)-1]
	}
	if m := mode(); !m.Write || !m.Fresh || m.Generation != b.class().Generation {
		t.Errorf("at first: %+v", m)
	}
	if m := mode(); !m.Write || m.Fresh {
		t.Errorf("usually: %+v", m)
	}
	class := b.class()
	class.Spec.Database.EngineVersions = []string{"17"}
	if err := b.client.Update(t.Context(), class); err != nil {
		t.Fatalf("changing the spec: %v", err)
	}
	b.account.always(errors.New("no answer"))
	_, _ = b.pass() // it fails, and so answers nothing
	b.account.run = nil
	if m := mode(); !m.Fresh || m.Generation != b.class().Generation {
		t.Errorf("for another spec: %+v", m)
	}
	if m := mode(); m.Fresh {
		t.Errorf("for the same spec: %+v", m)
	}
	b.annotate(v1alpha1.AnnotationReconcile, "now")
	if m := mode(); !m.Fresh {
		t.Errorf("when asked: %+v", m)
	}
	if m := mode(); m.Fresh {
		t.Errorf("when it was done: %+v", m)
	}
	b.annotate(v1alpha1.AnnotationReconcile, "again")
	if m := mode(); !m.Fresh {
		t.Errorf("when asked again: %+v", m)
	}
	b.annotate(v1alpha1.AnnotationPaused, "true")
	if m := mode(); m.Write {
		t.Errorf("when paused: %+v", m)
	}
}

func TestAQuotaThatRunsOutIsReportedAndStallsNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		used   int64
		reason string
		events []string
	}{
		"a tenth is left": {36, "Converged", []string{"Normal Converged ready: as desired"}},
		"less is left": {37, v1alpha1.ReasonQuotaLow, []string{
			"Normal Converged ready: as desired",
			"Warning QuotaLow less than a tenth of a quota is left: DBInstances 37 of 40; ask AWS for more in time",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.account.run = func(in *scope.Class, _ converge.Mode) converge.Outcome {
				in.Quotas = []v1alpha1.Quota{{Name: "DBInstances", Used: c.used, Limit: 40}, {Name: "Unlimited"}}
				return converge.Outcome{}
			}
			b.mustPass()
			class := b.mustPass()
			account := meta.FindStatusCondition(class.Status.Conditions, "AccountReady")
			if account.Status != metav1.ConditionTrue || account.Reason != c.reason {
				t.Errorf("got %+v, want it true with %s", account, c.reason)
			}
			if !meta.IsStatusConditionTrue(class.Status.Conditions, "Ready") {
				t.Errorf("not ready: %v", brief(class))
			}
			mustBe(t, "events", c.events, b.emitted())
		})
	}
}

// steps are what the steps say: name, state, reason and message.
func steps(class *v1alpha1.PlatformClass) []string {
	var all []string
	for _, s := range class.Status.Steps {
		all = append(all, s.Name+" "+string(s.State)+" "+s.Reason+" "+s.Message)
	}
	return all
}

// backward lists platforms in an order that no API server has, but a cache may.
type backward struct{ client.Reader }

// List implements client.Reader.
func (r backward) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	err := r.Reader.List(ctx, list, opts...)
	if platforms, ok := list.(*v1alpha1.CoachPlatformList); ok {
		slices.Reverse(platforms.Items)
	}
	return err
}

func TestAClassInUseIsKeptAndReconciled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.mustPass()
	second, first := b.platform("b"), b.platform("a")
	b.reconciler.Live = backward{b.client}
	b.delete()
	b.emitted()
	class := b.mustPass()
	mustBe(t, "conditions", []string{
		"AccountReady=True/Converged", "NetworkReady=True/Converged", "ParametersReady=True/Converged",
		"Ready=False/InUse", "Reconciling=False/InUse", "Stalled=True/InUse",
	}, brief(class))
	ready := meta.FindStatusCondition(class.Status.Conditions, "Ready").Message
	if !strings.Contains(ready, "platforms use it: 2, such as default/"+first.Name) {
		t.Errorf("the message does not say how many and which: %s", ready)
	}
	if len(b.network.modes) != 2 || !b.network.modes[1].Write || len(b.released) > 0 {
		t.Errorf("the class must be reconciled: %+v, released %v", b.network.modes, b.released)
	}
	b.mustPass()
	if emitted := b.emitted(); len(emitted) != 1 || !strings.HasPrefix(emitted[0], "Warning InUse ") {
		t.Errorf("events: %v", emitted)
	}
	for _, p := range []*v1alpha1.CoachPlatform{first, second} {
		if err := b.client.Delete(t.Context(), p); err != nil {
			t.Fatalf("deleting a platform: %v", err)
		}
	}
	b.mustBeGone()
	mustBe(t, "released", []string{"parameters", "network", "account"}, b.released)
}

// mustBeGone is one pass after which the class does not exist.
func (b *bench) mustBeGone() {
	b.t.Helper()
	if _, err := b.pass(); err != nil {
		b.t.Fatalf("reconciling: %v", err)
	}
	err := b.client.Get(b.t.Context(), client.ObjectKey{Name: b.name}, &v1alpha1.PlatformClass{})
	if !apierrors.IsNotFound(err) {
		b.t.Errorf("the class is still there: %v, %v", err, brief(b.class()))
	}
}

func TestTheFinalizerStaysUntilAReadFoundNothingLeft(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.mustPass()
	b.delete()
	b.emitted()
	b.parameters.release = func() (bool, error) { return false, nil }
	b.network.release = func() (bool, error) {
		return false, fault.New(fault.Denied, v1alpha1.ReasonAccessDenied, "grant it")
	}
	result, err := b.pass()
	if err != nil || result.RequeueAfter != 2*time.Second {
		t.Errorf("got %v, %v, want another pass soon", result, err)
	}
	class := b.class()
	mustBe(t, "conditions", []string{
		"AccountReady=False/Releasing", "NetworkReady=False/AccessDenied", "ParametersReady=False/Releasing",
		"Ready=False/AccessDenied", "Reconciling=False/AccessDenied", "Stalled=True/AccessDenied",
	}, brief(class))
	mustBe(t, "released", []string{"parameters", "network", "account"}, b.released)
	mustBe(t, "events", []string{"Warning AccessDenied network: grant it"}, b.emitted())

	b.annotate(v1alpha1.AnnotationPaused, "true")
	b.released = nil
	class = b.mustPass()
	if ready := meta.FindStatusCondition(class.Status.Conditions, "Ready"); ready.Reason != v1alpha1.ReasonPaused || b.released != nil {
		t.Errorf("paused: %+v, released %v", ready, b.released)
	}
	b.annotate(v1alpha1.AnnotationPaused, "false")
	b.parameters.release, b.network.release = nil, nil
	b.mustBeGone()
}
