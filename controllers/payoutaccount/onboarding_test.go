package payoutaccount_test

import (
	"testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

func TestACoachGoesFromNothingToBeingPaid(t *testing.T) {
	w := newWorld(t)
	w.coach("jo")
	w.stands("jo", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
	if n := len(w.mine()); n != 1 {
		t.Fatalf("%d accounts were created, want 1", n)
	}
	w.act("jo", "submit", nil)
	w.stands("jo", v1alpha1.PhaseInReview, v1alpha1.ReasonPendingVerification)
	w.act("jo", "verify", nil)
	jo := w.stands("jo", v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
	if got := w.mine()[0].Schedule.Interval; got != "daily" {
		t.Errorf("the schedule is %s, want daily: %s", got, describe(jo))
	}
}
