package coachplatform_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// newHeld returns a ready platform with one step, whose size was edited and waits for an approval.
func newHeld(t *testing.T) (b *bench, m *memory, hash string) {
	t.Helper()
	b = newBench(t)
	m = &memory{name: "database", clock: b.clock, record: theRecord}
	b.reconciler.Steps = []converge.Step[*scope.Platform]{m.step("CP-DB")}
	b.start()
	b.settle()
	m.written()
	b.edit(bigger)
	hash = b.mustPass().Status.Approval
	if hash == "" {
		t.Fatalf("nothing waits for an approval:%s", describe(b.platform()))
	}
	return b, m, hash
}

func TestAHeldChangeWaitsAndTheRestFlows(t *testing.T) {
	t.Parallel()
	b, m, hash := newHeld(t)
	b.edit(func(p *v1alpha1.CoachPlatform) { p.Spec.DisplayName = "red" })
	b.mustPass()
	if diff := cmp.Diff([]string{"colour"}, m.written()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	platform := b.mustPass()
	plan := []v1alpha1.PlannedChange{{
		Step: "database", Path: "size", From: "db.t4g.medium", To: "db.t4g.large", Effect: "disruptive", Held: true,
	}}
	if diff := cmp.Diff(plan, platform.Status.Plan); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
	if platform.Status.Approval == "" || platform.Status.Approval == hash {
		t.Errorf("the approval is %q and was %q for another generation: it must be a new one", platform.Status.Approval, hash)
	}
	b.expect(v1alpha1.ConditionApprovalNeeded, metav1.ConditionTrue, v1alpha1.ReasonApprovalNeeded)
}

func TestAnApprovalIsUsedOnceAndRemoved(t *testing.T) {
	t.Parallel()
	b, m, hash := newHeld(t)
	b.annotate(v1alpha1.AnnotationApprove, hash)
	platform := b.mustPass()
	if diff := cmp.Diff([]string{"size"}, m.written()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if _, there := platform.Annotations[v1alpha1.AnnotationApprove]; there || platform.Status.Approval != "" {
		t.Errorf("a used approval is still there: %v, status %q", platform.Annotations, platform.Status.Approval)
	}
	b.settle()
	b.expect(v1alpha1.ConditionApprovalNeeded, metav1.ConditionFalse, v1alpha1.ReasonNothingHeld)

	// The same change is needed once more: the old approval must not make it.
	m.change(func(m *memory) { m.live.Size = "db.t4g.medium" })
	if again := b.mustPass(); again.Status.Approval == "" || m.written() != nil {
		t.Errorf("a change was made again without a new approval:%s", describe(again))
	}
}

func TestOnlyTheVeryHashApproves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// before is done before the approval is given, after once it is there.
		approve       func(hash string) string
		before, after func(*bench, *memory)
	}{
		"another hash":     {approve: func(string) string { return "0123456789abcdef" }},
		"part of the hash": {approve: func(hash string) string { return hash[:8] }},
		"true":             {approve: func(string) string { return "true" }},
		"one that was given before an edit": {after: func(b *bench, _ *memory) {
			b.edit(func(p *v1alpha1.CoachPlatform) { p.Spec.DisplayName = "red" })
		}},
		"one for another value in AWS": {after: func(_ *bench, m *memory) {
			m.change(func(m *memory) { m.live.Size = "db.m7g.large" })
		}},
		"one while paused":           {before: func(b *bench, _ *memory) { b.annotate(v1alpha1.AnnotationPaused, "true") }},
		"one for a refused platform": {before: func(b *bench, _ *memory) { b.admitOnly("others") }},
		"one for what is only observed": {before: func(b *bench, _ *memory) {
			b.edit(observe)
			b.mustPass()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, m, hash := newHeld(t)
			if c.before != nil {
				c.before(b, m)
				hash = b.mustPass().Status.Approval
			}
			if c.approve != nil {
				hash = c.approve(hash)
			}
			b.annotate(v1alpha1.AnnotationApprove, hash)
			if c.after != nil {
				c.after(b, m)
			}
			platform := b.mustPass()
			for _, path := range m.written() {
				if path == "size" {
					t.Errorf("the change was made:%s", describe(platform))
				}
			}
			if platform.Annotations[v1alpha1.AnnotationApprove] != hash {
				t.Errorf("an approval that was not used is gone: %v", platform.Annotations)
			}
		})
	}
}

func TestAnApprovalThatNothingWaitsForIsRemoved(t *testing.T) {
	t.Parallel()
	b, m, hash := newHeld(t)
	b.annotate(v1alpha1.AnnotationApprove, hash)
	// The change is made, and the operator dies before it removes the approval.
	m.change(func(m *memory) { m.live.Size = "db.t4g.large" })
	if platform := b.mustPass(); platform.Annotations[v1alpha1.AnnotationApprove] != "" {
		t.Errorf("an approval lies about that would make the same change again: %v", platform.Annotations)
	}
}

func TestARecordAndAUsedApprovalAreWrittenInOnePass(t *testing.T) {
	t.Parallel()
	b, _, hash := newHeld(t)
	b.forget(v1alpha1.AnnotationDatabase)
	b.annotate(v1alpha1.AnnotationApprove, hash)
	platform := b.mustPass()
	if platform.Annotations[v1alpha1.AnnotationDatabase] != theRecord.String() || platform.Annotations[v1alpha1.AnnotationApprove] != "" {
		t.Errorf("annotations are %v, want the record and no approval", platform.Annotations)
	}
}

func TestTheDatabaseIsRecordedAndTheRecordIsRestored(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	recorded := func() string { return b.platform().Annotations[v1alpha1.AnnotationDatabase] }
	if b.mustPass(); recorded() != "" {
		t.Errorf("before there was a database %q was recorded", recorded())
	}
	b.settle()
	if recorded() != theRecord.String() {
		t.Errorf("recorded is %q, want %q", recorded(), theRecord)
	}
	b.forget(v1alpha1.AnnotationDatabase)
	b.wipeStatus()
	if b.mustPass(); recorded() != theRecord.String() {
		t.Errorf("the record is not restored: %q", recorded())
	}
	other := theRecord
	other.ResourceID = "db-TWO"
	w.database.change(func(m *memory) { m.record = other })
	if b.mustPass(); recorded() != theRecord.String() {
		t.Errorf("a record was overwritten with %q", recorded())
	}
}

func TestStepsAreGivenTheRecord(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start(func(p *v1alpha1.CoachPlatform) {
		p.Annotations = map[string]string{v1alpha1.AnnotationDatabase: theRecord.String()}
	})
	var got scope.Record
	w.database.onWrite = func(_ context.Context, in *scope.Platform) error {
		got = in.Recorded
		return nil
	}
	b.mustPass()
	if got != theRecord {
		t.Errorf("the step was given %v, want %v", got, theRecord)
	}
}
