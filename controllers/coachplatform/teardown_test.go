package coachplatform_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// closeNamespace deletes the tenant's namespace: without a namespace controller it stays terminating.
func (b *bench) closeNamespace() {
	b.t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.namespace}}
	if err := b.client.Delete(b.t.Context(), namespace); err != nil {
		b.t.Fatalf("deleting the namespace: %v", err)
	}
}

func TestLettingGoIsInReverseAndDoneOnlyWhenItWasSeen(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	w.written()
	b.delete()
	platform := b.mustPass()
	if platform == nil {
		t.Fatal("the object went in the pass that wrote: nobody has seen that everything is released")
	}
	if kstatus(platform) != terminating {
		t.Errorf("tools read %s", kstatus(platform))
	}
	for _, kind := range []string{v1alpha1.ConditionReady, "KeyReady", "NetworkReady", "DatabaseReady"} {
		b.expect(kind, metav1.ConditionFalse, v1alpha1.ReasonReleasing)
	}
	if diff := cmp.Diff([]string{"release", "release", "release"}, w.written()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if b.mustPass() != nil {
		t.Errorf("everything was released and the object stays:%s", describe(b.platform()))
	}
	if writes := w.written(); writes != nil {
		t.Errorf("the last pass wrote %v", writes)
	}
	want := []string{"database", "firewall", "key"}
	if diff := cmp.Diff(slices.Concat(want, want), w.order); diff != "" {
		t.Errorf("the order (-want +got):\n%s", diff)
	}
}

func TestAPlatformThatNeverWasGoesAtOnce(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start(func(p *v1alpha1.CoachPlatform) {
		p.Finalizers = []string{v1alpha1.FinalizerPlatform, "example.com/other"}
	})
	b.delete()
	if platform := b.mustPass(); !slices.Equal(platform.Finalizers, []string{"example.com/other"}) {
		t.Errorf("finalizers are %v, want the other one only", platform.Finalizers)
	}
	w.order = nil
	b.mustPass()
	if w.order != nil {
		t.Errorf("without our finalizer these were released again: %v", w.order)
	}
	b.edit(func(p *v1alpha1.CoachPlatform) { p.Finalizers = nil })
}

func TestWhatKeepsAPlatformFromBeingReleased(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		block, clear func(*bench, *trio)
		reason       string
		// others says that the steps that can are released; fails that the pass is retried.
		others, fails bool
	}{
		"a step that fails": {
			func(_ *bench, w *trio) {
				w.firewall.change(func(m *memory) { m.leaving = errors.New("connection reset") })
			},
			func(_ *bench, w *trio) { w.firewall.change(func(m *memory) { m.leaving = nil }) },
			v1alpha1.ReasonTransientError, true, true,
		},
		"a missing permission": {
			func(_ *bench, w *trio) {
				w.firewall.change(func(m *memory) { m.leaving = fault.New(fault.Denied, v1alpha1.ReasonAccessDenied, "no") })
			},
			func(_ *bench, w *trio) { w.firewall.change(func(m *memory) { m.leaving = nil }) },
			v1alpha1.ReasonAccessDenied, true, false,
		},
		"a missing class": {
			func(b *bench, _ *trio) { b.deleteClass() },
			func(b *bench, _ *trio) {
				b.create(&v1alpha1.PlatformClass{ObjectMeta: metav1.ObjectMeta{Name: b.class.Name}, Spec: anyClass()})
			},
			v1alpha1.ReasonClassNotFound, false, false,
		},
		"a pause": {
			func(b *bench, _ *trio) { b.annotate(v1alpha1.AnnotationPaused, "true") },
			func(b *bench, _ *trio) { b.forget(v1alpha1.AnnotationPaused) },
			v1alpha1.ReasonPaused, false, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, w := newTrio(t)
			b.start()
			b.settle()
			c.block(b, w)
			w.written()
			b.delete()
			for range 3 {
				b.later(time.Hour) // as long as the namespace stays there is all the time in the world
				if _, err := b.pass(); (err != nil) != c.fails {
					t.Fatalf("error %v, want one: %t", err, c.fails)
				}
			}
			platform := b.platform()
			if platform == nil {
				t.Fatal("the object went and things of its own were not released")
			}
			checkStatus(t, platform)
			if c.others {
				b.expect("NetworkReady", map[bool]metav1.ConditionStatus{true: "Unknown", false: "False"}[c.fails], c.reason)
			} else { // nothing was released, and Ready says why
				b.expect(v1alpha1.ConditionReady, metav1.ConditionFalse, c.reason)
				b.expect("NetworkReady", metav1.ConditionUnknown, v1alpha1.ReasonNotRun)
			}
			if let := w.written(); (let != nil) != c.others || slices.Contains(w.firewall.written(), "release") {
				t.Errorf("released was %v, want any: %t", let, c.others)
			}
			c.clear(b, w)
			b.goes()
		})
	}
}

// goes makes passes until the object is gone.
func (b *bench) goes() {
	b.t.Helper()
	for range 5 {
		if b.mustPass() == nil {
			return
		}
	}
	b.t.Errorf("the object does not go:%s", describe(b.platform()))
}

func TestATerminatingNamespaceNeverWaitsForAPerson(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		block func(*bench, *trio)
		// after is when it goes at the latest; before that it must not, when early is false.
		after time.Duration
		early bool
	}{
		"nothing in the way": {func(*bench, *trio) {}, 0, true},
		"a pause":            {func(b *bench, _ *trio) { b.annotate(v1alpha1.AnnotationPaused, "true") }, 0, true},
		"a missing class":    {func(b *bench, _ *trio) { b.deleteClass() }, 10 * time.Minute, false},
		"a step that fails": {
			func(_ *bench, w *trio) { w.firewall.leaving = errors.New("connection reset") }, 10 * time.Minute, false,
		},
		"an unmanaged thing": {
			func(_ *bench, w *trio) {
				w.key.leaving = fault.New(fault.Conflict, v1alpha1.ReasonConflict, "not ours")
			},
			10 * time.Minute, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, w := newTrio(t)
			b.start()
			b.settle()
			c.block(b, w)
			w.written()
			b.delete()
			b.clock.SetTime(b.platform().DeletionTimestamp.Time)
			b.closeNamespace()
			passes := func() bool {
				for range 2 {
					if platform := b.platform(); platform == nil {
						return true
					}
					_, _ = b.pass() // what cannot be released is retried
				}
				return b.platform() == nil
			}
			if gone := passes(); gone != c.early {
				t.Fatalf("gone at once: %t, want %t", gone, c.early)
			}
			b.later(c.after)
			if !passes() {
				t.Errorf("the namespace hangs:%s", describe(b.platform()))
			}
			if emitted := b.emitted.count(v1alpha1.ReasonReleasing); (emitted > 0) == c.early {
				t.Errorf("%d events say what was kept without a mark, want any: %t", emitted, !c.early)
			}
		})
	}
}

func TestWhatIsOnlyObservedIsReleasedWithoutAWrite(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	b.edit(observe)
	w.written()
	b.delete()
	if b.mustPass() != nil || w.written() != nil || w.order != nil {
		t.Errorf("writes %v, released %v, object %v", w.written(), w.order, b.platform())
	}
}
