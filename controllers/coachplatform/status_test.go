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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

func TestTheFinalizerIsStoredBeforeTheFirstRead(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	looked := false
	w.key.onLook = func() {
		looked = true
		if !controllerutil.ContainsFinalizer(b.platform(), v1alpha1.FinalizerPlatform) {
			t.Error("a step called AWS before the finalizer was stored")
		}
	}
	b.mustPass()
	if !looked {
		t.Error("the pass that stored the finalizer did not go on")
	}
}

func TestWhatEachSituationReadsAs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// set brings the situation about, after the platform was ready.
		set func(*bench, *trio)
		// ready is the condition Ready; tools is what tools read.
		ready         metav1.ConditionStatus
		reason, tools string
		fails         bool
	}{
		"nothing to do": {func(*bench, *trio) {}, metav1.ConditionTrue, v1alpha1.ReasonConverged, current, false},
		"a change was sent": {
			func(b *bench, _ *trio) { b.edit(func(p *v1alpha1.CoachPlatform) { p.Spec.DisplayName = "red" }) },
			metav1.ConditionFalse, v1alpha1.ReasonApplied, inProgress, false,
		},
		"AWS is busy": {
			func(_ *bench, w *trio) { w.database.busy = "it is being modified" },
			metav1.ConditionFalse, v1alpha1.ReasonSettling, inProgress, false,
		},
		"a change waits for an approval": {
			func(b *bench, _ *trio) { b.edit(bigger) }, metav1.ConditionTrue, v1alpha1.ReasonApprovalNeeded, current, false,
		},
		"a change would lose data": {
			func(_ *bench, w *trio) { w.database.live.Kind = "another" },
			metav1.ConditionFalse, v1alpha1.ReasonReplacementRefused, failed, false,
		},
		"a call failed": {
			func(_ *bench, w *trio) { w.firewall.looking = errors.New("connection reset") },
			metav1.ConditionUnknown, v1alpha1.ReasonTransientError, inProgress, true,
		},
		"a permission is missing": {
			func(_ *bench, w *trio) {
				w.key.looking = fault.New(fault.Denied, v1alpha1.ReasonAccessDenied, "no")
			},
			metav1.ConditionFalse, v1alpha1.ReasonAccessDenied, failed, false,
		},
		"something is unmanaged": {
			func(_ *bench, w *trio) {
				w.database.looking = fault.New(fault.Conflict, v1alpha1.ReasonConflict, "not ours")
			},
			metav1.ConditionFalse, v1alpha1.ReasonConflict, failed, false,
		},
		"it is paused and differs": {
			func(b *bench, w *trio) {
				b.annotate(v1alpha1.AnnotationPaused, "true")
				w.key.live.Colour = "red"
			},
			metav1.ConditionFalse, v1alpha1.ReasonPaused, inProgress, false,
		},
		"it is paused and is as wanted": {
			func(b *bench, _ *trio) { b.annotate(v1alpha1.AnnotationPaused, "true") },
			metav1.ConditionTrue, v1alpha1.ReasonConverged, current, false,
		},
		"it is only observed and differs": {
			func(b *bench, w *trio) {
				b.edit(observe)
				w.key.live.Colour = "red"
			},
			metav1.ConditionFalse, v1alpha1.ReasonObserving, inProgress, false,
		},
		"its class is gone": {
			func(b *bench, _ *trio) { b.deleteClass() }, metav1.ConditionFalse, v1alpha1.ReasonClassNotFound, inProgress, false,
		},
		"its class admits it no more": {
			func(b *bench, _ *trio) { b.admitOnly("others") },
			metav1.ConditionFalse, v1alpha1.ReasonNamespaceNotAllowed, failed, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, w := newTrio(t)
			b.start()
			b.settle()
			c.set(b, w)
			if _, err := b.pass(); (err != nil) != c.fails {
				t.Fatalf("error %v, want one: %t", err, c.fails)
			}
			platform := b.platform()
			checkStatus(t, platform)
			b.expect(v1alpha1.ConditionReady, c.ready, c.reason)
			if got := kstatus(platform); got != c.tools {
				t.Errorf("tools read %s, want %s:%s", got, c.tools, describe(platform))
			}
			for _, step := range []string{"KeyReady", "NetworkReady", "DatabaseReady"} {
				if !slices.ContainsFunc(platform.Status.Conditions, func(c metav1.Condition) bool { return c.Type == step }) {
					t.Errorf("the condition %s is missing", step)
				}
			}
		})
	}
}

func bigger(p *v1alpha1.CoachPlatform) { p.Spec.Database.InstanceClass = "db.t4g.large" }

func (b *bench) deleteClass() {
	b.t.Helper()
	if err := b.client.Delete(b.t.Context(), b.class); err != nil {
		b.t.Fatalf("deleting the class: %v", err)
	}
}

func (b *bench) admitOnly(namespaces ...string) {
	b.t.Helper()
	b.class.Spec.AllowedNamespaces = namespaces
	if err := b.client.Update(b.t.Context(), b.class); err != nil {
		b.t.Fatalf("editing the class: %v", err)
	}
}

func TestAQuietPassWritesNothingAndEmitsNothing(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*bench, *trio){
		"ready":            func(*bench, *trio) {},
		"held":             func(b *bench, _ *trio) { b.edit(bigger) },
		"stalled":          func(_ *bench, w *trio) { w.database.live.Kind = "another" },
		"paused and drift": func(b *bench, w *trio) { b.annotate(v1alpha1.AnnotationPaused, "true"); w.key.live.Colour = "red" },
		"observed":         func(b *bench, _ *trio) { b.edit(observe) },
		"refused":          func(b *bench, _ *trio) { b.admitOnly("others") },
		"without a class":  func(b *bench, _ *trio) { b.deleteClass() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, w := newTrio(t)
			b.start()
			b.settle()
			set(b, w)
			b.mustPass()
			before := b.platform()
			w.written()
			b.emitted.take()
			for range 3 {
				b.later(time.Minute)
				b.mustPass()
			}
			if after := b.platform(); after.ResourceVersion != before.ResourceVersion {
				t.Errorf("the object was written: %s", cmp.Diff(before, after))
			}
			if writes, events := w.written(), b.emitted.take(); writes != nil || events != nil {
				t.Errorf("writes %v, events %v", writes, events)
			}
		})
	}
}

func TestATransitionTimeMovesWithItsStatusOnly(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	made := times(b.platform())
	b.later(time.Hour)
	w.firewall.change(func(m *memory) { m.looking = errors.New("connection reset") })
	if _, err := b.pass(); err == nil {
		t.Fatal("a failed call must be retried with growing delays")
	}
	moved := map[string]bool{}
	for kind, at := range times(b.platform()) {
		if !at.Equal(made[kind]) {
			moved[kind] = true
		}
	}
	want := map[string]bool{
		v1alpha1.ConditionReady: true, v1alpha1.ConditionReconciling: true, "NetworkReady": true, v1alpha1.ConditionEvidenceFresh: true,
		v1alpha1.ConditionDrifted: true,
	}
	if diff := cmp.Diff(want, moved); diff != "" {
		t.Errorf("transition times that moved (-want +got):\n%s", diff)
	}
}

func times(p *v1alpha1.CoachPlatform) map[string]time.Time {
	all := map[string]time.Time{}
	for _, c := range p.Status.Conditions {
		all[c.Type] = c.LastTransitionTime.Time
	}
	return all
}

func TestEventsSayWhatChangedAndOnlyOnce(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	b.emitted.take()
	for _, c := range []struct {
		name string
		do   func()
		want []string
	}{
		{"a drift that is repaired", func() { w.firewall.change(func(m *memory) { m.live.Colour = "red" }) }, []string{
			"Normal Applied Apply firewall: changed colour",
			"Warning DriftFound Reconcile changed behind the operator's back: firewall.colour",
		}},
		{"it is ready again", func() {}, []string{"Normal Converged Reconcile ready: as desired"}},
		{"a drift that is held", func() { w.database.change(func(m *memory) { m.live.Size = "db.t4g.large" }) }, []string{
			"Normal ApprovalNeeded Reconcile database: changes that interrupt database wait for an approval; status.plan lists them " +
				"and status.approval is the hash to approve",
			"Warning DriftFound Reconcile changed behind the operator's back: database.size",
		}},
		{"it stays", func() {}, nil},
		{"one more drift beside it", func() { w.firewall.change(func(m *memory) { m.live.Colour = "red" }) }, []string{
			"Normal Applied Apply firewall: changed colour",
			"Warning DriftFound Reconcile changed behind the operator's back: firewall.colour",
		}},
		{"which is repaired", func() {}, []string{
			"Normal ApprovalNeeded Reconcile ready: changes that interrupt database wait for an approval; status.plan lists them and " +
				"status.approval is the hash to approve",
		}},
		{"an unmanaged resource", func() {
			w.key.change(func(m *memory) { m.looking = fault.New(fault.Conflict, v1alpha1.ReasonConflict, "not ours") })
		}, []string{"Warning Conflict Reconcile key: not ours"}},
		{"who stays", func() {}, nil},
	} {
		c.do()
		b.later(time.Minute)
		b.mustPass()
		got := slices.DeleteFunc(b.emitted.take(), func(e string) bool { return strings.Contains(e, " Control") }) // see evidence_test.go
		for i := range got {
			got[i] = strings.Replace(got[i], "ready: database: ", "ready: ", 1)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestAnEditThatIsHeldIsNoDriftAndHidesNone(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	b.edit(bigger)
	for _, c := range []struct {
		name  string
		do    func()
		drift string
	}{
		{"an edit is held", func() {}, "None"},
		{"it stays held", func() {}, "None"},
		{"another field is changed in AWS", func() { w.database.change(func(m *memory) { m.live.Colour = "red" }) }, "database.colour"},
		{"which is repaired", func() {}, "None"},
		{"the held one is changed in AWS", func() { w.database.change(func(m *memory) { m.live.Size = "db.m7g.large" }) }, "database.size"},
		{"and stays so", func() {}, "database.size"},
	} {
		c.do()
		if got := b.mustPass().Status.Drift; got != c.drift {
			t.Errorf("%s: the drift is %q, want %q", c.name, got, c.drift)
		}
	}
}

func TestAnEditThatIsTakenBackHidesNoDrift(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	b.edit(func(p *v1alpha1.CoachPlatform) { observe(p); p.Spec.DisplayName = "green" })
	w.firewall.change(func(m *memory) { m.live.Colour = "red" })
	if drift := b.mustPass().Status.Drift; drift != "None" {
		t.Errorf("what waits for a write since an edit is the drift %q", drift)
	}
	b.edit(func(p *v1alpha1.CoachPlatform) { p.Spec.DisplayName = "blue" })
	if drift := b.mustPass().Status.Drift; drift != "firewall.colour" {
		t.Errorf("the drift is %q, want what was changed in AWS", drift)
	}
}

func TestFindingsComeFromEveryPass(t *testing.T) {
	t.Parallel()
	all := int32(len(applicable()))
	of := func(verified, applicable int32) string { return fmt.Sprintf("%d/%d", verified, applicable) }
	for name, c := range map[string]struct {
		set     func(*bench, *trio)
		summary string
		unknown int32
	}{
		"all hold":                {func(*bench, *trio) {}, of(all, all), 0},
		"three do not":            {func(_ *bench, w *trio) { w.firewall.live.Colour = "red" }, of(all-3, all), 0},
		"one step cannot look":    {func(_ *bench, w *trio) { w.firewall.looking = fault.New(fault.Denied, "No", "no") }, of(all-3, all), 3},
		"the class is gone":       {func(b *bench, _ *trio) { b.deleteClass() }, of(0, all), all},
		"the class does not want": {func(b *bench, _ *trio) { b.admitOnly("others") }, of(all, all), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, w := newTrio(t)
			b.start()
			b.settle()
			c.set(b, w)
			security := b.mustPass().Status.Security
			if security.Summary != c.summary || security.Unknown != c.unknown || len(security.Open) != int(all-security.Verified) {
				t.Errorf("security is %+v, want %s with %d unknown", security, c.summary, c.unknown)
			}
			want := metav1.ConditionTrue
			if c.unknown > 0 {
				want = metav1.ConditionFalse
			}
			if !is(b.platform(), v1alpha1.ConditionEvidenceFresh, want) {
				t.Errorf("EvidenceFresh must be %s:%s", want, describe(b.platform()))
			}
		})
	}
}

func TestAnExemptionIsShownApartUntilItEnds(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.class.Spec.Exemptions = []v1alpha1.Exemption{{
		Control: "CP-NET-01", Reason: "until the office has moved", ExpiresAt: metav1.NewTime(b.clock.Now().Add(time.Hour)),
	}}
	b.admitOnly("*")
	b.start()
	b.settle()
	b.edit(observe)
	w.firewall.live.Colour = "red"
	all := int32(len(applicable()))
	for _, want := range []v1alpha1.SecuritySummary{
		{Summary: fmt.Sprintf("%d/%d", all-3, all-1), Verified: all - 3, Violated: 2, Exempt: 1, Applicable: all - 1},
		{Summary: fmt.Sprintf("%d/%d", all-3, all), Verified: all - 3, Violated: 3, Applicable: all},
	} {
		got := b.mustPass().Status.Security
		got.Open, got.Attested = nil, 0
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("security (-want +got):\n%s", diff)
		}
		b.later(2 * time.Hour)
	}
}

func TestALostDatabaseHasNoState(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	if state := b.settle().Status.Database.State; state != "available" {
		t.Fatalf("the state is %q", state)
	}
	w.database.change(func(m *memory) { m.looking = errors.New("connection reset") })
	if _, err := b.pass(); err == nil {
		t.Fatal("a failed call must be retried")
	}
	if state := b.platform().Status.Database.State; state != "available" {
		t.Errorf("a call that failed changed the state to %q", state)
	}
	w.database.change(func(m *memory) { m.looking = fault.New(fault.Conflict, v1alpha1.ReasonDatabaseLost, "gone") })
	if got := b.mustPass().Status.Database; got.State != "" || got.ResourceID != theRecord.ResourceID {
		t.Errorf("the lost database is shown as %+v, want no state and its resource ID", got)
	}
}

func TestAStatusThatIsWipedIsHarmless(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	before := b.settle()
	w.written()
	b.wipeStatus()
	after := b.mustPass()
	if writes := w.written(); writes != nil {
		t.Errorf("the steps wrote %v", writes)
	}
	before.ResourceVersion, before.ManagedFields = after.ResourceVersion, after.ManagedFields
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the object is another one (-before +after):\n%s", diff)
	}
}

func TestOneFailingStepDoesNotKeepTheOthers(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	w.key.looking = errors.New("connection reset")
	b.mustRetry()
	if diff := cmp.Diff([]string{"colour", "size", "kind"}, w.firewall.written()); diff != "" {
		t.Errorf("the firewall's writes (-want +got):\n%s", diff)
	}
	if !is(b.platform(), "NetworkReady", metav1.ConditionFalse) || !is(b.platform(), "KeyReady", metav1.ConditionUnknown) {
		t.Errorf("each step has its own condition:%s", describe(b.platform()))
	}
}

// cutShort is a pass whose context ends while the step key looks.
func (b *bench) cutShort(ctx context.Context, w *trio, end func()) {
	b.t.Helper()
	w.key.onLook = end
	w.key.change(func(m *memory) { m.looking = context.Canceled })
	platform := b.platform() //nolint:contextcheck // reading it is not part of the pass
	if _, err := b.reconciler.Reconcile(ctx, platform); err == nil {
		b.t.Error("a pass that was cut short must be retried")
	}
}

func TestAPassWhoseTimeIsUpStillReports(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	b.cutShort(ctx, w, func() { <-ctx.Done() })
	b.expect(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonTransientError)
	if unknown := b.platform().Status.Security.Unknown; unknown != 3 {
		t.Errorf("%d controls are unknown, want those of the step that could not look", unknown)
	}
}

func TestAnOperatorThatEndsSaysNothingOfWhatItDidNotSee(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	before := b.settle()
	ctx, cancel := context.WithCancel(t.Context())
	b.cutShort(ctx, w, cancel)
	if diff := cmp.Diff(before.Status, b.platform().Status); diff != "" {
		t.Errorf("the status was changed (-before +after):\n%s", diff)
	}
}

func TestTheNextPassIsWhenTheSoonestStepWantsIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set      func(*bench, *trio)
		from, to time.Duration
	}{
		"quiet":            {func(*bench, *trio) {}, time.Minute, 63 * time.Second},
		"busy":             {func(_ *bench, w *trio) { w.database.busy = "busy" }, 10 * time.Second, 10 * time.Second},
		"written":          {func(_ *bench, w *trio) { w.key.live.Colour = "red" }, 2 * time.Second, 2 * time.Second},
		"held":             {func(b *bench, _ *trio) { b.edit(bigger) }, time.Minute, 63 * time.Second},
		"without a class":  {func(b *bench, _ *trio) { b.deleteClass() }, 10 * time.Second, 10 * time.Second},
		"a named wait":     {func(_ *bench, w *trio) { w.key.looking = fault.Wait("Later", 7*time.Second, "later") }, 7 * time.Second, 7 * time.Second},
		"a person's to do": {func(b *bench, _ *trio) { b.admitOnly("others") }, 2 * time.Minute, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, w := newTrio(t)
			b.start()
			b.settle()
			c.set(b, w)
			result, err := b.pass()
			if err != nil || result.RequeueAfter < c.from || result.RequeueAfter > c.to {
				t.Errorf("the next pass is in %s (%v), want %s to %s", result.RequeueAfter, err, c.from, c.to)
			}
		})
	}
}
