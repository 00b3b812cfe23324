package payoutaccount_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func scheduled(s v1alpha1.PayoutSchedule) func(*v1alpha1.PayoutAccount) {
	return func(a *v1alpha1.PayoutAccount) { a.Spec.Payouts.Schedule = s }
}

// enabled brings jo to being paid, as the object asks.
func (w *world) enabled(change ...func(*v1alpha1.PayoutAccount)) {
	w.t.Helper()
	w.coach("jo", change...)
	w.stands("jo", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
	w.act("jo", "verify", nil)
	w.stands("jo", v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
	w.settles("jo")
}

// pays fails unless payouts are made as wanted at Stripe.
func (w *world) pays(want env.StripeSchedule) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.mine()[0].Schedule); diff != "" {
		w.t.Errorf("schedule at Stripe (-want +got):\n%s%s", diff, describe(w.account("jo")))
	}
}

// daily is the schedule of who asks for nothing else, in Germany.
var daily = env.StripeSchedule{Interval: "daily", DelayDays: 3}

func TestSchedules(t *testing.T) {
	for name, c := range map[string]struct {
		spec v1alpha1.PayoutSchedule
		want env.StripeSchedule
	}{
		"left out": {v1alpha1.PayoutSchedule{}, daily},
		"daily and late": {
			v1alpha1.PayoutSchedule{Interval: v1alpha1.IntervalDaily, DelayDays: 9}, env.StripeSchedule{Interval: "daily", DelayDays: 9},
		},
		"daily and sooner than Stripe allows": {v1alpha1.PayoutSchedule{Interval: v1alpha1.IntervalDaily, DelayDays: 1}, daily},
		"weekly": {
			v1alpha1.PayoutSchedule{Interval: v1alpha1.IntervalWeekly, WeeklyAnchor: "Friday"},
			env.StripeSchedule{Interval: "weekly", DelayDays: 3, WeeklyAnchor: "friday"},
		},
		"weekly and sooner than Stripe allows": {
			v1alpha1.PayoutSchedule{Interval: v1alpha1.IntervalWeekly, WeeklyAnchor: "Friday", DelayDays: 2},
			env.StripeSchedule{Interval: "weekly", DelayDays: 3, WeeklyAnchor: "friday"},
		},
		"monthly": {
			v1alpha1.PayoutSchedule{Interval: v1alpha1.IntervalMonthly, MonthlyAnchor: 31},
			env.StripeSchedule{Interval: "monthly", DelayDays: 3, MonthlyAnchor: 31},
		},
		"manual": {v1alpha1.PayoutSchedule{Interval: v1alpha1.IntervalManual}, env.StripeSchedule{Interval: "manual", DelayDays: 7}},
		"weekly on mondays": { // as the other, but for the delay
			v1alpha1.PayoutSchedule{Interval: v1alpha1.IntervalWeekly, WeeklyAnchor: "Monday"},
			env.StripeSchedule{Interval: "weekly", DelayDays: 3, WeeklyAnchor: "monday"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.enabled(scheduled(c.spec))
			w.pays(c.want)
			writes := w.writes()
			w.passes("jo")
			if more := w.writes() - writes; more > 0 {
				t.Errorf("%d writes after all was in place: %s", more, describe(w.account("jo")))
			}
			w.pays(c.want)
			w.is("jo", v1alpha1.ConditionSpecSynced, metav1.ConditionTrue, v1alpha1.ReasonInSync)
			if got := w.account("jo").Status.Payouts; got.Interval != c.want.Interval || int(got.DelayDays) != c.want.DelayDays {
				t.Errorf("the status shows %+v", got)
			}
			w.restart(nil)
			w.passes("jo")
			if more := w.writes() - writes; more > 0 {
				t.Errorf("%d writes after a restart", more)
			}
		})
		t.Run("from another to "+name, func(t *testing.T) {
			w := newWorld(t)
			w.enabled(scheduled(v1alpha1.PayoutSchedule{Interval: v1alpha1.IntervalWeekly, WeeklyAnchor: "Monday", DelayDays: 12}))
			w.edit("jo", scheduled(c.spec))
			w.stands("jo", v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
			w.settles("jo")
			got := w.mine()[0].Schedule
			if c.want.Interval == "manual" {
				got.DelayDays = c.want.DelayDays // it has no meaning then
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("schedule at Stripe (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatTheDashboardChangedIsChangedBack(t *testing.T) {
	for name, act := range map[string]env.StripeAct{
		"the interval": {Interval: "weekly", WeeklyAnchor: "monday"},
		"the delay":    {Interval: "daily", DelayDays: 14},
		"all of it":    {Interval: "manual"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			want := env.StripeSchedule{Interval: "daily", DelayDays: 9}
			w.enabled(scheduled(v1alpha1.PayoutSchedule{Interval: v1alpha1.IntervalDaily, DelayDays: 9}))
			w.act("jo", "schedule", act)
			_, err := w.pass("jo")
			w.must(err)
			w.pays(want)
			w.settles("jo")
			if w.events.text() == "" {
				t.Error("nothing was reported")
			}
		})
	}
}

func TestPayoutsStopWhenTheSpecSaysSo(t *testing.T) {
	w := newWorld(t)
	want := env.StripeSchedule{Interval: "weekly", DelayDays: 3, WeeklyAnchor: "friday"}
	w.enabled(scheduled(v1alpha1.PayoutSchedule{Interval: v1alpha1.IntervalWeekly, WeeklyAnchor: "Friday"}))
	w.edit("jo", suspend(true))
	w.stands("jo", v1alpha1.PhaseSuspended, v1alpha1.ReasonSuspendedBySpec)
	w.settles("jo")
	w.is("jo", v1alpha1.ConditionPayoutsEnabled, metav1.ConditionFalse, v1alpha1.ReasonSuspendedBySpec)
	if got := w.mine()[0].Schedule.Interval; got != "manual" {
		t.Errorf("payouts are made %s", got)
	}
	w.act("jo", "schedule", env.StripeAct{Interval: "daily"}) // the coach, in Stripe's own pages
	w.stands("jo", v1alpha1.PhaseSuspended, v1alpha1.ReasonSuspendedBySpec)
	w.edit("jo", suspend(false))
	w.stands("jo", v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
	w.settles("jo")
	w.pays(want)
}

var unsafe = map[string]v1alpha1.SecurityStatus{"CP-DB-01": v1alpha1.SecurityViolated}

func TestAClosedGateMakesNoAccount(t *testing.T) {
	for name, c := range map[string]struct{ shut, open func(*world) }{
		"a control is violated": {func(w *world) { w.prove(unsafe) }, func(w *world) { w.prove(nil) }},
		"a control is unknown": {func(w *world) {
			w.prove(map[string]v1alpha1.SecurityStatus{"CP-TLS-01": v1alpha1.SecurityUnknown})
		}, func(w *world) { w.prove(nil) }},
		"a control is exempt": {func(w *world) {
			w.prove(map[string]v1alpha1.SecurityStatus{"CP-NET-01": v1alpha1.SecurityExempt})
		}, func(w *world) { w.prove(nil) }},
		"the proof is too old": {func(w *world) {
			report := &v1alpha1.SecurityReport{}
			w.must(w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: platformName}, report))
			report.Report.ValidUntil = report.Report.ObservedAt
			w.must(w.client.Update(w.t.Context(), report))
		}, func(w *world) { w.prove(nil) }},
		"there is no proof": {func(w *world) {
			w.must(w.client.Delete(w.t.Context(), &v1alpha1.SecurityReport{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: platformName}}))
		}, func(w *world) { w.prove(nil) }},
		"the Stripe account or its endpoint is not in order": {
			func(w *world) { w.says(v1alpha1.ConditionPayoutsReady, metav1.ConditionFalse) },
			func(w *world) { w.says(v1alpha1.ConditionPayoutsReady, metav1.ConditionTrue) },
		},
		"whether the Stripe account is in order is unknown": {
			func(w *world) { w.says(v1alpha1.ConditionPayoutsReady, metav1.ConditionUnknown) },
			func(w *world) { w.says(v1alpha1.ConditionPayoutsReady, metav1.ConditionTrue) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.shut(w)
			w.coach("jo")
			w.passes("jo")
			w.stands("jo", v1alpha1.PhaseCreating, v1alpha1.ReasonGateClosed)
			w.unmade()
			c.open(w)
			w.heals("", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
		})
	}
}

// says makes the platform's status say something.
func (w *world) says(kind string, status metav1.ConditionStatus) {
	w.t.Helper()
	platform := w.platform()
	before := platform.DeepCopy()
	meta.SetStatusCondition(&platform.Status.Conditions, metav1.Condition{Type: kind, Status: status, Reason: "Any"})
	w.must(w.client.Status().Patch(w.t.Context(), platform, client.MergeFrom(before)))
}

func TestPayoutsAreFirstEnabledWhileThePlatformIsSafe(t *testing.T) {
	w := newWorld(t)
	w.coach("jo")
	w.stands("jo", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
	w.settles("jo")
	if got := w.mine()[0].Schedule.Interval; got != "manual" {
		t.Errorf("payouts would be made %s before anything is proven", got)
	}
	w.prove(unsafe)
	w.act("jo", "verify", nil)
	w.stands("jo", v1alpha1.PhaseSuspended, v1alpha1.ReasonGateClosed)
	w.is("jo", v1alpha1.ConditionPayoutsEnabled, metav1.ConditionFalse, v1alpha1.ReasonGateClosed)
	w.passes("jo")
	if got := w.mine()[0].Schedule.Interval; got != "manual" {
		t.Errorf("payouts are made %s", got)
	}
	w.prove(nil)
	w.stands("jo", v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
	w.settles("jo")
	w.pays(daily)

	writes := w.writes() // once opened, a gate that closes changes nothing by itself
	w.prove(unsafe)
	w.clock.Step(10 * grace)
	w.passes("jo")
	w.stands("jo", v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
	if w.writes() != writes {
		t.Errorf("%d writes", w.writes()-writes)
	}
}

func TestPayoutsStopWhileThePlatformIsSeenNotToBeSafe(t *testing.T) {
	w := newWorld(t)
	w.onViolation(v1alpha1.ViolationSuspend)
	w.enabled()

	w.prove(map[string]v1alpha1.SecurityStatus{"CP-DB-01": v1alpha1.SecurityUnknown})
	w.clock.Step(10 * grace)
	w.passes("jo")
	w.stands("jo", v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled) // a failed observation is no violation
	w.pays(daily)

	w.prove(unsafe)
	w.clock.Step(grace - time.Minute)
	result, err := w.pass("jo")
	w.must(err)
	w.pays(daily)
	if result.RequeueAfter <= 0 || result.RequeueAfter > time.Minute {
		t.Errorf("the next pass is in %s, and payouts must stop in a minute", result.RequeueAfter)
	}
	w.clock.Step(time.Minute)
	jo := w.stands("jo", v1alpha1.PhaseSuspended, v1alpha1.ReasonSuspendedByViolation)
	w.settles("jo")
	w.is("jo", v1alpha1.ConditionPayoutsEnabled, metav1.ConditionFalse, v1alpha1.ReasonSuspendedByViolation)
	if got := w.mine()[0].Schedule.Interval; got != "manual" || jo.Status.Action != v1alpha1.ActorPlatform {
		t.Errorf("payouts are made %s: %s", got, describe(jo))
	}
	w.restart(nil)
	w.passes("jo")
	w.stands("jo", v1alpha1.PhaseSuspended, v1alpha1.ReasonSuspendedByViolation)

	w.prove(nil)
	w.stands("jo", v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
	w.settles("jo")
	w.pays(daily)
}

func TestAPlatformThatOnlyReportsStopsNothing(t *testing.T) {
	w := newWorld(t)
	w.enabled()
	w.prove(unsafe)
	w.clock.Step(10 * grace)
	w.passes("jo")
	w.stands("jo", v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
	w.pays(daily)
}
