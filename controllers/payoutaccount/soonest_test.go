package payoutaccount

import (
	"errors"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

func TestAPassIsSoonerOnlyWherePayoutsAreAboutToStop(t *testing.T) {
	const quiet, grace = 10 * time.Minute, 5 * time.Minute
	report, suspend, stopped := scope.Gate{}, scope.Gate{Hold: true}, scope.Gate{Hold: true, Suspend: true}
	for name, c := range map[string]struct {
		gate scope.Gate
		// ago is how long a control has been violated; 0 is that none is.
		ago, want time.Duration
	}{
		"nothing is violated":                            {suspend, 0, quiet},
		"a violation is only reported":                   {report, time.Minute, quiet},
		"a violation has only been reported for a day":   {report, 24 * time.Hour, quiet},
		"payouts stop in four minutes":                   {suspend, time.Minute, 4 * time.Minute},
		"payouts stop in less than a second":             {suspend, grace - time.Millisecond, time.Second},
		"payouts stop now":                               {suspend, grace, quiet},
		"payouts have stopped":                           {stopped, grace + time.Second, quiet},
		"payouts have been stopped for a day":            {stopped, 24 * time.Hour, quiet},
		"payouts should have stopped a day ago, somehow": {suspend, 24 * time.Hour, quiet},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1_800_000_000, 0)
			r := &Reconciler{Clock: testclock.NewFakePassiveClock(now), Grace: grace}
			in := &inputs{run: scope.Payout{Gate: c.gate}}
			if c.ago > 0 {
				in.gated = evidence.Gated{Violated: now.Add(-c.ago)}
			}
			if got := r.soonest(quiet, in); got != c.want {
				t.Errorf("the next pass is in %s, want %s", got, c.want)
			}
		})
	}
}

func TestAPromisedPassIsNeverPutOff(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := &Reconciler{Clock: testclock.NewFakePassiveClock(now), Grace: time.Hour}
	in := &inputs{run: scope.Payout{Gate: scope.Gate{Hold: true}}, gated: evidence.Gated{Violated: now}}
	if got := r.soonest(2*time.Second, in); got != 2*time.Second {
		t.Errorf("the next pass is in %s, want 2s", got)
	}
}

func TestQuietAccountsStandBehindAllOthers(t *testing.T) {
	for name, c := range map[string]struct {
		outcomes []converge.Outcome
		urgent   bool
		want     int
	}{
		"a quiet account": {[]converge.Outcome{{Exists: true}}, false, behind},
		"a quiet account whose payouts are about to stop": {[]converge.Outcome{{Exists: true}}, true, 0},
		"an account that was written to": {
			[]converge.Outcome{{Applied: true, Err: fault.Wait(converge.ReasonApplied, time.Second, "sent")}}, false, 0,
		},
		"an account that could not be observed": {[]converge.Outcome{{Err: errors.New("no answer")}}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := priority(c.outcomes, c.urgent); *got != c.want {
				t.Errorf("priority %d, want %d", *got, c.want)
			}
		})
	}
}
