package payoutaccount_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// writes counts the calls of Stripe that may change something.
func (w *world) writes() int {
	w.t.Helper()
	n := 0
	for _, call := range w.sandbox.StripeCalls(w.t, w.stripe.ID, 0) {
		if !call.ReadOnly {
			n++
		}
	}
	return n
}

// leaves makes passes until an object is gone.
func (w *world) leaves(name string) {
	w.t.Helper()
	for range maxPasses {
		if w.account(name) == nil {
			return
		}
		_, _ = w.pass(name)
		w.clock.Step(3 * time.Second)
	}
	if a := w.account(name); a != nil {
		w.t.Fatalf("%s stays: %s", name, describe(a))
	}
}

func TestWhereNothingMayBeWrittenNothingIs(t *testing.T) {
	for name, c := range map[string]struct {
		hold, free func(*world)
		reason     string
	}{
		"the object is paused": {
			func(w *world) { w.annotate("jo", v1alpha1.AnnotationPaused, "true") },
			func(w *world) {
				w.edit("jo", func(a *v1alpha1.PayoutAccount) { delete(a.Annotations, v1alpha1.AnnotationPaused) })
			}, v1alpha1.ReasonPaused,
		},
		"the platform is only observed": {
			func(w *world) {
				w.editPlatform(func(p *v1alpha1.CoachPlatform) { p.Spec.ManagementPolicy = v1alpha1.ManagementObserve })
			},
			func(w *world) {
				w.editPlatform(func(p *v1alpha1.CoachPlatform) { p.Spec.ManagementPolicy = v1alpha1.ManagementFull })
			}, v1alpha1.ReasonObserving,
		},
	} {
		t.Run(name+", and there is no account", func(t *testing.T) {
			w := newWorld(t)
			w.coach("jo")
			c.hold(w)
			w.passes("jo")
			jo := w.stands("jo", v1alpha1.PhaseCreating, c.reason)
			if len(jo.Status.Plan) == 0 || w.writes() != 0 {
				t.Errorf("%d writes, want none and a plan: %s", w.writes(), describe(jo))
			}
			if got := letters(jo, v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled); got != "FFF" {
				t.Errorf("Ready, Reconciling and Stalled are %s, want FFF", got)
			}
			c.free(w)
			w.heals("", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
		})
		t.Run(name+", and the account was changed", func(t *testing.T) {
			w := newWorld(t)
			verified(w)
			w.settles("jo")
			c.hold(w)
			w.act("jo", "schedule", env.StripeAct{Interval: "weekly", WeeklyAnchor: "friday"})
			was := w.mine()[0]
			writes := w.writes()
			w.passes("jo")
			if diff := cmp.Diff(was, w.mine()[0]); diff != "" || w.writes() != writes {
				t.Errorf("%d writes (-was +is):\n%s", w.writes()-writes, diff)
			}
			w.is("jo", v1alpha1.ConditionSpecSynced, metav1.ConditionFalse, v1alpha1.ReasonDriftFound)
			w.is("jo", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonDriftFound)
			if plan := w.account("jo").Status.Plan; len(plan) != 1 || plan[0].Path != "payouts.schedule" {
				t.Errorf("the plan is %+v", plan)
			}
			c.free(w)
			w.heals(was.ID, v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
			if got := w.mine()[0].Schedule.Interval; got != "daily" {
				t.Errorf("the schedule is %s, want daily", got)
			}
		})
		t.Run(name+", and the spec was changed", func(t *testing.T) {
			w := newWorld(t)
			verified(w)
			w.settles("jo")
			c.hold(w)
			writes := w.writes()
			w.edit("jo", suspend(true))
			w.passes("jo")
			if w.writes() != writes {
				t.Errorf("%d writes", w.writes()-writes)
			}
			w.is("jo", v1alpha1.ConditionSpecSynced, metav1.ConditionFalse, c.reason)
		})
	}
}

// settles makes passes until the account is as the spec asks and was observed since.
func (w *world) settles(name string) {
	w.t.Helper()
	for range maxPasses {
		_, err := w.pass(name)
		if a := w.account(name); err == nil && letters(a, v1alpha1.ConditionSpecSynced) == "T" {
			return
		}
		w.clock.Step(3 * time.Second)
	}
	w.t.Fatalf("%s does not settle: %s", name, describe(w.account(name)))
}

func TestDeletionKeepsTheAccountAndMarksIt(t *testing.T) {
	w := newWorld(t)
	verified(w)
	w.settles("jo")
	was := w.mine()[0]
	w.remove("jo")
	w.leaves("jo")
	is := w.mine()[0]
	if is.Metadata[naming.MetaReleased] == "" {
		t.Errorf("it is not marked as released: %v", is.Metadata)
	}
	delete(is.Metadata, naming.MetaReleased)
	if diff := cmp.Diff(was, is); diff != "" {
		t.Errorf("more than a mark was changed (-was +is):\n%s", diff)
	}
	w.coach("jo")
	jo := w.stands("jo", v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
	w.settles("jo")
	if is := w.mine()[0]; jo.Status.AccountID != was.ID || is.Metadata[naming.MetaReleased] != "" || len(w.creations()) != 1 {
		t.Errorf("it was not taken back: %+v", is)
	}
}

func TestDeletionOfWhatWasNeverMadeWaitsForNothing(t *testing.T) {
	for name, hinder := range map[string]func(*world){
		"the gate is closed": func(w *world) {
			w.prove(map[string]v1alpha1.SecurityStatus{"CP-DB-01": v1alpha1.SecurityViolated})
		},
		"the class refuses the country": func(w *world) { w.admit("US") },
		"the platform is gone":          func(w *world) { w.must(w.client.Delete(w.t.Context(), w.platform())) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			hinder(w)
			w.coach("jo")
			_, _ = w.pass("jo")
			w.remove("jo")
			_, err := w.pass("jo")
			w.must(err)
			if jo := w.account("jo"); jo != nil {
				t.Errorf("it stays: %s", describe(jo))
			}
			w.unmade()
		})
	}
}

func TestDeletionInATerminatingNamespaceAsksStripeNothing(t *testing.T) {
	w := newWorld(t)
	verified(w)
	was := w.mine()[0]
	calls := len(w.sandbox.StripeCalls(t, w.stripe.ID, 0))
	w.must(w.client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}))
	w.remove("jo")
	_, err := w.pass("jo")
	w.must(err)
	if jo := w.account("jo"); jo != nil {
		t.Errorf("it stays: %s", describe(jo))
	}
	if now := len(w.sandbox.StripeCalls(t, w.stripe.ID, 0)); now != calls {
		t.Errorf("%d calls of Stripe were made", now-calls)
	}
	if diff := cmp.Diff(was, w.mine()[0]); diff != "" {
		t.Errorf("the account was changed (-was +is):\n%s", diff)
	}
}

func TestDeletionWithoutAKeyWaitsTenMinutes(t *testing.T) {
	for name, lose := range map[string]func(*world){
		"there is no Secret": func(w *world) {
			w.must(w.client.Delete(w.t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: credentials}}))
		},
		"the key was revoked": func(w *world) { w.sandbox.RevokeStripeKey(w.t, w.stripe.ID, w.stripe.Keys.TestRestricted) },
		"Stripe is away":      func(w *world) { w.answer("", env.InjectedFault{Kind: env.Drop, Count: env.Forever}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			verified(w)
			was := w.mine()[0]
			lose(w)
			w.clock.SetTime(time.Now().Add(2 * resync)) // whatever was read before counts no more
			w.remove("jo")
			deleted := w.account("jo").DeletionTimestamp.Time
			w.clock.SetTime(deleted.Add(9 * time.Minute))
			w.restart(nil)
			_, _ = w.pass("jo")
			jo := w.account("jo")
			if jo == nil || jo.Status.Phase != v1alpha1.PhaseDeleting {
				t.Fatalf("it does not wait: %s", describe(jo))
			}
			w.clock.SetTime(deleted.Add(11 * time.Minute))
			_, _ = w.pass("jo")
			if jo := w.account("jo"); jo != nil {
				t.Fatalf("it waits for ever: %s", describe(jo))
			}
			if diff := cmp.Diff(was, w.mine()[0]); diff != "" {
				t.Errorf("the account was changed (-was +is):\n%s", diff)
			}
		})
	}
}

func TestDeletionOfAPausedObjectWaitsForItsRelease(t *testing.T) {
	w := newWorld(t)
	verified(w)
	was := w.mine()[0]
	w.annotate("jo", v1alpha1.AnnotationPaused, "true")
	w.remove("jo")
	w.stands("jo", v1alpha1.PhaseDeleting, v1alpha1.ReasonPaused)
	if diff := cmp.Diff(was, w.mine()[0]); diff != "" {
		t.Errorf("the account was changed (-was +is):\n%s", diff)
	}
	w.edit("jo", func(a *v1alpha1.PayoutAccount) { delete(a.Annotations, v1alpha1.AnnotationPaused) })
	w.leaves("jo")
	if w.mine()[0].Metadata[naming.MetaReleased] == "" {
		t.Error("the account is not marked as released")
	}
}
