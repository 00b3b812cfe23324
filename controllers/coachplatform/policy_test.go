package coachplatform_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

func TestNothingIsWrittenWhereNothingMayBe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		forbid, allow func(*bench)
		reason        string
	}{
		"while it is paused": {
			func(b *bench) { b.annotate(v1alpha1.AnnotationPaused, "true") },
			func(b *bench) { b.forget(v1alpha1.AnnotationPaused) }, v1alpha1.ReasonPaused,
		},
		"while it is paused, however that is spelled": {
			func(b *bench) { b.annotate(v1alpha1.AnnotationPaused, "Yes") },
			func(b *bench) { b.annotate(v1alpha1.AnnotationPaused, "false") }, v1alpha1.ReasonPaused,
		},
		"while it is only observed": {
			func(b *bench) { b.edit(observe) },
			func(b *bench) {
				b.edit(func(p *v1alpha1.CoachPlatform) { p.Spec.ManagementPolicy = v1alpha1.ManagementFull })
			}, v1alpha1.ReasonObserving,
		},
		"while its class does not admit it": {
			func(b *bench) { b.admitOnly("others-*") },
			func(b *bench) { b.admitOnly("others-*", b.namespace[:8]+"*") }, v1alpha1.ReasonNamespaceNotAllowed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, w := newTrio(t)
			b.start()
			c.forbid(b)
			for range 2 {
				b.mustPass()
			}
			if writes := w.written(); writes != nil {
				t.Errorf("before there was anything the steps wrote %v", writes)
			}
			if contains(b.emitted.take(), "Apply") {
				t.Error("an event claims a write")
			}
			b.expect(v1alpha1.ConditionReady, metav1.ConditionFalse, c.reason)
			// What was never let in has nothing in AWS to look at.
			if all, _ := w.key.looks(); (all > 0) != (c.reason != v1alpha1.ReasonNamespaceNotAllowed) {
				t.Errorf("it was read %d times", all)
			}

			c.allow(b)
			b.settle()
			c.forbid(b)
			w.written()
			w.firewall.change(func(m *memory) { m.live.Colour = "red" })
			platform := b.mustPass()
			if writes := w.written(); writes != nil {
				t.Errorf("the steps wrote %v", writes)
			}
			if platform.Status.Security.Violated != 3 || len(platform.Status.Plan) != 1 {
				t.Errorf("what differs must be seen: %d controls violated%s", platform.Status.Security.Violated, describe(platform))
			}

			c.allow(b)
			b.settle()
			if diff := cmp.Diff([]string{"colour"}, w.firewall.written()); diff != "" {
				t.Errorf("once it was allowed, writes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAClassThatComesLaterHeals(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start(func(p *v1alpha1.CoachPlatform) { p.Spec.ClassName = b.class.Name + "-later" })
	b.mustPass()
	b.expect(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonClassNotFound)
	if all, _ := w.key.looks(); all > 0 {
		t.Error("a step ran without a class")
	}
	b.create(&v1alpha1.PlatformClass{ObjectMeta: metav1.ObjectMeta{Name: b.class.Name + "-later"}, Spec: anyClass()})
	b.settle()
}

func TestARequestIsOneUncachedRead(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	w.key.looks()
	look := func(what string, all, fresh int) {
		t.Helper()
		b.mustPass()
		if gotAll, gotFresh := w.key.looks(); gotAll != all || gotFresh != fresh {
			t.Errorf("%s: %d looks of which %d fresh, want %d and %d", what, gotAll, gotFresh, all, fresh)
		}
	}
	look("nobody asked", 1, 0)
	b.annotate(v1alpha1.AnnotationReconcile, "noon")
	look("somebody asked", 1, 1)
	if handled := b.platform().Status.ReconcileHandled; handled != "noon" {
		t.Errorf("handled is %q", handled)
	}
	look("it was done", 1, 0)
	b.annotate(v1alpha1.AnnotationReconcile, "evening")
	look("somebody asked again", 1, 1)
}

func TestARequestIsNotHandledByAPassThatCouldNotObserve(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	b.deleteClass()
	b.annotate(v1alpha1.AnnotationReconcile, "noon")
	b.mustPass()
	w.key.looks()
	b.create(&v1alpha1.PlatformClass{ObjectMeta: metav1.ObjectMeta{Name: b.class.Name}, Spec: anyClass()})
	b.mustPass()
	if _, fresh := w.key.looks(); fresh != 1 {
		t.Errorf("%d uncached reads, want the one that was requested", fresh)
	}
}

func TestARequestOfAnyLengthIsHandledOnce(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	b.annotate(v1alpha1.AnnotationReconcile, string(slices.Repeat([]byte("long "), 100)))
	b.mustPass()
	w.key.looks()
	b.mustPass()
	if _, fresh := w.key.looks(); fresh != 0 {
		t.Error("a long request is served for ever")
	}
}
