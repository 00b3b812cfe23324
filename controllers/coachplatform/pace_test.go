package coachplatform_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// ledger notes what the controller writes to the API server.
type ledger struct {
	client.Client
	all []string
}

func (l *ledger) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	l.all = append(l.all, fmt.Sprintf("create %T", o))
	return l.Client.Create(ctx, o, opts...)
}

func (l *ledger) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	l.all = append(l.all, fmt.Sprintf("patch %T", o))
	return l.Client.Patch(ctx, o, p, opts...)
}

func (l *ledger) Status() client.SubResourceWriter {
	l.all = append(l.all, "patch status")
	return l.Client.Status()
}

// take returns what was written since it was last asked.
func (l *ledger) take() []string {
	all := l.all
	l.all = nil
	return all
}

// newLedger returns a bench of three steps whose database is busy for as long as the test says so, after the
// first pass, with what is written of it.
func newLedger(t *testing.T) (*bench, *trio, *ledger) {
	t.Helper()
	b, w := newTrio(t)
	l := &ledger{Client: b.client}
	b.reconciler.Client = l
	b.start()
	b.mustPass()
	w.database.change(func(m *memory) { m.busy = "it is being created" })
	return b, w, l
}

// agrees checks that the status and the report count alike.
func (b *bench) agrees() {
	b.t.Helper()
	s, n := b.platform().Status.Security, b.proof().Report.Summary
	if s.Verified != n.Verified || s.Violated != n.Violated || s.Unknown != n.Unknown || s.Exempt != n.Exempt {
		b.t.Errorf("the status counts %+v and the report %+v", s, n)
	}
}

func TestAPlatformCostsFewWritesUntilItIsReady(t *testing.T) {
	t.Parallel()
	b, w, written := newLedger(t)
	w.firewall.change(func(m *memory) { m.exists = false }) // it is created in a pass that is held back
	for _, busy := range []string{"it is being created", "it is backed up", "it is modified", ""} {
		b.later(time.Second)
		w.database.change(func(m *memory) { m.busy = busy })
		b.mustPass()
		b.agrees()
	}
	b.expect(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonConverged)
	want := []string{
		"patch *v1alpha1.CoachPlatform", "create *v1alpha1.SecurityReport", "patch status", // the first pass claims it
		"patch *v1alpha1.CoachPlatform", "patch *v1alpha1.SecurityReport", "patch status", // the database is recorded; Ready
	}
	if diff := cmp.Diff(want, written.take()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	told := []string{
		"Normal Applied Apply key: created; firewall: created; database: created",
		"Normal Converged Reconcile ready: as desired; firewall: created",
	}
	if diff := cmp.Diff(told, b.emitted.take()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if n := b.proof().Report.Summary; int(n.Verified) != len(applicable()) {
		t.Errorf("the report counts %+v", n)
	}
}

func TestProgressIsShownWithinItsPace(t *testing.T) {
	t.Parallel()
	b, w, written := newLedger(t)
	b.later(time.Minute)
	since := b.clock.Now()
	b.mustPass()
	written.take()
	b.later(5 * time.Second)
	b.mustPass() // the next pass comes after ten seconds, in time
	if all := written.take(); all != nil {
		t.Errorf("wrote %v", all)
	}
	b.later(time.Second)
	b.mustPass() // the next one does not
	b.expect(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSettling)
	b.agrees()
	for _, s := range b.platform().Status.Steps {
		if s.Name == w.database.name && !s.Since.Time.Equal(since) {
			t.Errorf("the state is said to be since %s, and is since %s", s.Since, since)
		}
	}
}

// What is said of a platform on its way at once, however soon after the last write.
func TestOnlyProgressIsHeldBack(t *testing.T) {
	t.Parallel()
	fails := func(class fault.Class, reason string) func(*bench, *trio) {
		return func(_ *bench, w *trio) {
			w.key.change(func(m *memory) { m.looking = fault.New(class, reason, "a test") })
		}
	}
	for name, c := range map[string]struct {
		change func(*bench, *trio)
		// shown is what the report and the status have to show.
		shown func(*v1alpha1.CoachPlatform, evidence.Status) bool
	}{
		"a violation": {
			func(b *bench, w *trio) {
				w.key.change(func(m *memory) { m.live.Colour = "red" })
				b.annotate(v1alpha1.AnnotationPaused, "true")
			},
			func(_ *v1alpha1.CoachPlatform, key evidence.Status) bool { return key == evidence.Violated },
		},
		"a drift": {
			func(_ *bench, w *trio) { w.key.change(func(m *memory) { m.live.Colour = "red" }) },
			func(p *v1alpha1.CoachPlatform, _ evidence.Status) bool { return p.Status.Drift == "key.colour" },
		},
		"a throttled observation": {
			fails(fault.Transient, v1alpha1.ReasonThrottled),
			func(p *v1alpha1.CoachPlatform, key evidence.Status) bool {
				return key == evidence.Unknown && is(p, v1alpha1.ConditionKeyReady, metav1.ConditionUnknown)
			},
		},
		"a refused observation": {
			fails(fault.Denied, v1alpha1.ReasonAccessDenied),
			func(p *v1alpha1.CoachPlatform, key evidence.Status) bool {
				return key == evidence.Unknown && is(p, v1alpha1.ConditionStalled, metav1.ConditionTrue)
			},
		},
		"an input that is missing": {
			fails(fault.Waiting, v1alpha1.ReasonSettling),
			func(_ *v1alpha1.CoachPlatform, key evidence.Status) bool { return key == evidence.Unknown },
		},
		"a change that needs an approval": {
			func(_ *bench, w *trio) { w.key.change(func(m *memory) { m.live.Size = "db.t4g.large" }) },
			func(p *v1alpha1.CoachPlatform, _ evidence.Status) bool { return p.Status.Approval != "" },
		},
		"another spec": {
			func(b *bench, _ *trio) { b.edit(func(p *v1alpha1.CoachPlatform) { p.Spec.DisplayName = "green" }) },
			func(p *v1alpha1.CoachPlatform, _ evidence.Status) bool {
				return p.Status.ObservedGeneration == p.Generation
			},
		},
		"a question of a person": {
			func(b *bench, _ *trio) { b.annotate(v1alpha1.AnnotationReconcile, "now") },
			func(p *v1alpha1.CoachPlatform, _ evidence.Status) bool { return p.Status.ReconcileHandled == "now" },
		},
		"a lost report": {
			func(b *bench, _ *trio) {
				if err := b.client.Delete(b.t.Context(), b.proof()); err != nil {
					b.t.Fatalf("deleting the report: %v", err)
				}
			},
			func(_ *v1alpha1.CoachPlatform, key evidence.Status) bool { return key == evidence.Verified },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, w, _ := newLedger(t)
			b.mustPass()
			b.later(6 * time.Second)
			b.mustPass() // shows what is verified by now
			b.later(time.Second)
			b.mustPass()
			c.change(b, w)
			b.later(time.Second)
			_, _ = b.pass()
			if b.proof() == nil {
				t.Fatal("there is no report")
			}
			i := slices.IndexFunc(b.proof().Report.Controls, func(row v1alpha1.ReportedControl) bool { return row.ID == "CP-KEY-01" })
			if p := b.platform(); !c.shown(p, b.proof().Report.Controls[i].Status) {
				t.Errorf("it is not shown; the report says %s:%s", b.proof().Report.Controls[i].Status, describe(p))
			}
			b.agrees()
		})
	}
}

func TestWhatWasHeldBackIsLostWithTheProcessAndSeenAgain(t *testing.T) {
	t.Parallel()
	b, w, _ := newLedger(t)
	b.later(time.Second)
	b.mustPass()
	b.expect(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonApplied)
	b.reconciler = b.anew()
	b.mustPass()
	b.expect(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSettling)
	w.database.change(func(m *memory) { m.busy = "" })
	b.settle()
	b.agrees()
	if told := strings.Join(b.emitted.take(), "\n"); strings.Count(told, "ready: ") != 1 {
		t.Errorf("events:\n%s", told)
	}
}
