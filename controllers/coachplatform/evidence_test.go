package coachplatform_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/telemetry"
)

// proof is the platform's report as it is stored now; nil when there is none.
func (b *bench) proof() *v1alpha1.SecurityReport {
	b.t.Helper()
	found := &v1alpha1.SecurityReport{}
	if err := b.client.Get(b.t.Context(), b.key(), found); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil
		}
		b.t.Fatalf("reading the report: %v", err)
	}
	return found
}

// flips are the events about controls since events were last taken.
func (b *bench) flips() []string {
	var flips []string
	for _, e := range b.emitted.take() {
		if strings.Contains(e, " Control") {
			flips = append(flips, e)
		}
	}
	return flips
}

// colour repaints the firewall behind everybody's back, which breaks CP-NET-01 to 03 or repairs them.
func (w *trio) colour(colour string) {
	w.firewall.change(func(m *memory) { m.live.Colour, m.looking = colour, nil })
}

func TestAReportHasARowForEveryControlFromTheFirstPass(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*bench){
		"what is being made":      func(*bench) {},
		"without a class":         (*bench).deleteClass,
		"a class that is not its": func(b *bench) { b.admitOnly("others") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := newTrio(t)
			set(b)
			b.start()
			platform := b.mustPass()
			got := b.proof()
			if got == nil {
				t.Fatal("there is no report")
			}
			var ids []string
			for _, c := range got.Report.Controls {
				ids = append(ids, c.ID)
			}
			var want []string
			for _, c := range applicable() {
				want = append(want, c.ID)
			}
			if diff := cmp.Diff(want, ids); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			owner := []metav1.OwnerReference{{
				APIVersion: "payouts.coachplatform.io/v1alpha1", Kind: "CoachPlatform", Name: platform.Name, UID: platform.UID, Controller: new(true),
			}}
			if diff := cmp.Diff(owner, got.OwnerReferences); diff != "" {
				t.Errorf("owners (-want +got):\n%s", diff)
			}
			s, n := platform.Status.Security, got.Report.Summary
			if s.Summary != n.Text || s.Unknown != n.Unknown || s.Attested != n.Attested || int(n.Unknown) != len(applicable()) {
				t.Errorf("the status counts %+v, the report %+v", s, n)
			}
			if emitted := b.flips(); emitted != nil {
				t.Errorf("a first report emits %v", emitted)
			}
		})
	}
}

func TestAPlatformThatIsCreatedEmitsNoFlips(t *testing.T) {
	t.Parallel()
	b, _ := newTrio(t)
	b.start()
	b.settle()
	if n := b.proof().Report.Summary; int(n.Verified) != len(applicable()) {
		t.Errorf("the report counts %+v", n)
	}
	if emitted := b.flips(); emitted != nil {
		t.Errorf("emitted %v", emitted)
	}
}

func TestAnUnchangedWorldIsReportedOnceInHalfTheBound(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	first := b.proof()
	for range 4 {
		b.later(time.Minute)
		b.mustPass()
	}
	if now := b.proof(); now.ResourceVersion != first.ResourceVersion {
		t.Fatalf("it was written within four minutes: %s", cmp.Diff(first.Report, now.Report))
	}
	b.later(time.Minute)
	b.mustPass()
	second := b.proof()
	if second.ResourceVersion == first.ResourceVersion || !second.Report.ValidUntil.Time.Equal(b.clock.Now().Add(evidence.ReportBound)) {
		t.Errorf("after five minutes it is valid until %s, and it is %s", second.Report.ValidUntil, b.clock.Now())
	}
	if !second.Report.Controls[0].Since.Equal(&first.Report.Controls[0].Since) {
		t.Error("a status that did not change is of another time")
	}
	b.edit(observe)
	w.colour("red")
	b.mustPass()
	if b.proof().ResourceVersion == second.ResourceVersion {
		t.Error("what changed was not written at once")
	}
}

func TestFlipsAreEmittedOnce(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	b.edit(observe) // so that nothing is repaired
	b.mustPass()
	b.emitted.take()
	each := func(kind, reason, seen string) []string {
		var all []string
		for _, c := range evidence.Catalogue {
			if strings.HasPrefix(c.ID, "CP-NET-") {
				all = append(all, fmt.Sprintf("%s %s Reconcile %s, %q: %s", kind, reason, c.ID, c.Statement, seen))
			}
		}
		return all
	}
	denied := fault.New(fault.Denied, v1alpha1.ReasonAccessDenied, "no")
	for _, c := range []struct {
		name string
		do   func()
		want []string
	}{
		{"nothing happens", func() {}, nil},
		{"three are broken", func() { w.colour("red") }, each("Warning", "ControlViolated", "it is red")},
		{"they stay broken", func() {}, nil},
		{"they are repaired", func() { w.colour("blue") }, each("Normal", "ControlVerified", "it is blue")},
		{"they stay repaired", func() {}, nil},
		{
			"they are out of sight", func() { w.firewall.change(func(m *memory) { m.looking = denied }) },
			each("Warning", "ControlUnknown", "could not be observed"),
		},
		{"they stay so", func() {}, nil},
		{"they are seen again", func() { w.colour("blue") }, each("Normal", "ControlVerified", "it is blue")},
	} {
		c.do()
		b.later(time.Second)
		b.mustPass()
		if diff := cmp.Diff(c.want, b.flips()); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestWhatHidesEverythingIsReportedOnceForAll(t *testing.T) {
	t.Parallel()
	b, _ := newTrio(t)
	b.start()
	b.settle()
	b.emitted.take()
	b.deleteClass()
	b.mustPass()
	got := b.flips()
	want := fmt.Sprintf("Warning ControlUnknown Reconcile %d controls cannot be observed any more (nobody could look): CP-KEY-01 ", len(applicable()))
	if len(got) != 1 || !strings.HasPrefix(got[0], want) {
		t.Errorf("emitted %q, want one that begins %q", got, want)
	}
}

// unwritable is a client that cannot write reports.
type unwritable struct {
	client.Client
	err error
}

func (u unwritable) refuse(object client.Object) error {
	if _, ok := object.(*v1alpha1.SecurityReport); ok {
		return u.err
	}
	return nil
}

func (u unwritable) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	if err := u.refuse(object); err != nil {
		return err
	}
	return u.Client.Create(ctx, object, options...)
}

func (u unwritable) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	if err := u.refuse(object); err != nil {
		return err
	}
	return u.Client.Patch(ctx, object, patch, options...)
}

func TestAReportThatCannotBeWrittenIsTriedAgainAndCostsNoStatus(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	b.edit(observe)
	b.mustPass()
	b.emitted.take()
	broken := unwritable{b.client, errors.New("connection reset")}
	b.reconciler.Client = broken
	w.colour("red")
	if _, err := b.pass(); !errors.Is(err, broken.err) {
		t.Errorf("got %v, want an error that is tried again", err)
	}
	if s := b.platform().Status.Security; s.Violated != 3 {
		t.Errorf("the status counts %+v", s)
	}
	if emitted := b.flips(); emitted != nil {
		t.Errorf("emitted what is not written: %v", emitted)
	}
	b.reconciler.Client = broken.Client
	b.mustPass()
	if emitted := b.flips(); len(emitted) != 3 || b.proof().Report.Summary.Violated != 3 {
		t.Errorf("emitted %v, and the report counts %+v", emitted, b.proof().Report.Summary)
	}
}

func TestAnUnmanagedReportIsLeftAlone(t *testing.T) {
	t.Parallel()
	b, _ := newTrio(t)
	b.start()
	strange := &v1alpha1.SecurityReport{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: platformName},
		Report:     evidence.Report(nil, nil, b.clock.Now()),
	}
	b.create(strange)
	b.settle()
	b.mustPass()
	b.expect(v1alpha1.ConditionEvidenceFresh, metav1.ConditionFalse, v1alpha1.ReasonConflict)
	if now := b.proof(); now.ResourceVersion != strange.ResourceVersion {
		t.Error("it was written")
	}
	if n := b.emitted.count(v1alpha1.ReasonConflict); n != 1 {
		t.Errorf("emitted %d times", n)
	}
	if !strings.Contains(b.logs.text(), "The security report is not written") {
		t.Error("nothing is logged")
	}
	if err := b.client.Delete(t.Context(), strange); err != nil {
		t.Fatal(err)
	}
	b.mustPass()
	b.expect(v1alpha1.ConditionEvidenceFresh, metav1.ConditionTrue, v1alpha1.ReasonFresh)
	if now := b.proof(); now == nil || len(now.Report.Controls) != len(applicable()) {
		t.Errorf("it is not created again: %+v", now)
	}
}

func TestAReportOfAnEarlierPlatformIsWaitedFor(t *testing.T) {
	t.Parallel()
	b, _ := newTrio(t)
	b.start()
	old := &v1alpha1.SecurityReport{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: platformName, OwnerReferences: []metav1.OwnerReference{{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "CoachPlatform", Name: platformName, UID: types.UID("gone"), Controller: new(true),
		}}},
		Report: evidence.Report(nil, nil, b.clock.Now()),
	}
	b.create(old)
	b.settle()
	b.expect(v1alpha1.ConditionEvidenceFresh, metav1.ConditionTrue, v1alpha1.ReasonFresh)
	if now := b.proof(); now.ResourceVersion != old.ResourceVersion || b.emitted.count(v1alpha1.ReasonConflict) > 0 {
		t.Error("it was written, or called a conflict")
	}
	if err := b.client.Delete(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	b.mustPass()
	if now := b.proof(); now == nil || !metav1.IsControlledBy(now, b.platform()) {
		t.Errorf("it is not created again: %+v", now)
	}
}

func TestAPlatformThatIsDeletedIsNotReportedOnAnyMore(t *testing.T) {
	t.Parallel()
	b, _ := newTrio(t)
	b.start()
	b.settle()
	before := b.proof()
	b.emitted.take()
	b.delete()
	b.later(time.Hour)
	for b.platform() != nil {
		if _, err := b.pass(); err != nil {
			t.Fatalf("releasing: %v", err)
		}
	}
	if after := b.proof(); after.ResourceVersion != before.ResourceVersion {
		t.Errorf("it was written: %s", cmp.Diff(before.Report, after.Report))
	}
	if emitted := b.flips(); emitted != nil {
		t.Errorf("emitted %v", emitted)
	}
}

// gauge is the sum of a metric's samples with the labels, as "name=value".
func gauge(t *testing.T, registry *prometheus.Registry, name string, labels ...string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatalf("reading metrics: %v", err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var has []string
			for _, l := range m.GetLabel() {
				has = append(has, l.GetName()+"="+l.GetValue())
			}
			missing := slices.ContainsFunc(labels, func(l string) bool { return !slices.Contains(has, l) })
			if f.GetName() == name && !missing {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func TestMetricsCountTheControlsOfThePlatformsThatAreThere(t *testing.T) {
	b, w := newTrio(t)
	registry := prometheus.NewRegistry()
	metrics, err := telemetry.New(registry)
	if err != nil {
		t.Fatal(err)
	}
	b.reconciler.Metrics = metrics
	b.start(observe)
	w.key.exists, w.database.exists, w.firewall.exists = true, true, true
	for _, m := range []*memory{w.key, w.firewall, w.database} {
		m.live = thing{Colour: "blue", Size: b.platform().Spec.Database.InstanceClass, Kind: "one"}
	}
	run(t, b)
	eventually := gomega.NewWithT(t).Eventually
	all := float64(len(applicable()))
	read := func(name string, labels ...string) func() float64 {
		return func() float64 { return gauge(t, registry, name, labels...) }
	}
	eventually(read("coach_controls", "status=Verified"), deadline).Should(gomega.Equal(all))

	w.colour("red")
	b.annotate(v1alpha1.AnnotationReconcile, "1")
	eventually(read("coach_control_failures", "control=CP-NET-01", "status=Violated"), deadline).Should(gomega.Equal(1.0))
	eventually(read("coach_controls", "status=Violated"), deadline).Should(gomega.Equal(3.0))
	eventually(read("coach_security_flips_total", "control=CP-NET-01", "to=Violated"), deadline).Should(gomega.Equal(1.0))

	if err := b.client.Delete(t.Context(), b.proof()); err != nil {
		t.Fatal(err)
	}
	eventually(b.proof, deadline).ShouldNot(gomega.BeNil(), "a report that somebody deletes")

	b.delete()
	eventually(b.platform, deadline).Should(gomega.BeNil())
	eventually(read("coach_controls"), deadline).Should(gomega.BeZero(), "after the platform is gone")
	if left := gauge(t, registry, "coach_control_failures"); left != 0 {
		t.Errorf("%v failures are left of a platform that is gone", left)
	}
}

func TestAPlatformThatWasNotObservedYetIsUnknown(t *testing.T) {
	b, _ := newTrio(t)
	registry := prometheus.NewRegistry()
	metrics, err := telemetry.New(registry)
	if err != nil {
		t.Fatal(err)
	}
	b.reconciler.Metrics = metrics
	b.deleteClass()
	b.start()
	run(t, b)
	gomega.NewWithT(t).Eventually(func() float64 { return gauge(t, registry, "coach_controls", "status=Unknown") }, deadline).
		Should(gomega.Equal(float64(len(applicable()))))
	if c := meta.FindStatusCondition(b.platform().Status.Conditions, v1alpha1.ConditionEvidenceFresh); c != nil && c.Status == metav1.ConditionTrue {
		t.Errorf("evidence is fresh: %+v", c)
	}
}
