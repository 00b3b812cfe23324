package payoutaccount

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// report writes the whole status from what one pass saw. It is the only writer of status.
func (r *Reconciler) report(account *v1alpha1.PayoutAccount, run *inputs, outcomes []converge.Outcome) {
	now, status := r.Clock.Now(), &account.Status
	f := factsOf(account, run, outcomes)
	s := judge(f)
	seen := f.account.ID != ""
	r.reads.saw(account.UID, seen, now)
	status.ObservedGeneration = run.run.Generation
	status.Phase, status.Action = s.phase, s.action
	status.Plan = report.Plan(outcomes)
	if seen {
		shown := status.DeepCopy()
		show(shown, run)
		if f.before.phase != s.phase || !same(status, shown) {
			shown.LastSyncTime = metav1.NewTime(now).Rfc3339Copy()
		}
		*status = *shown
		status.ReconcileHandled, status.LastEventID = run.run.Request, run.hint // those of now may have come meanwhile
	}
	showPayout(status, account)
	if run.platform != nil {
		status.Mode = run.platform.Spec.Stripe.Mode
	}
	for _, o := range outcomes {
		if o.LastConverged != "" {
			status.Converged = o.LastConverged
		}
	}
	report.Set(&status.Conditions, account.Generation, now, r.conditions(account, f, s, outcomes)...)
}

// same says that two statuses show the same account.
func same(x, y *v1alpha1.PayoutAccountStatus) bool {
	return x.AccountID == y.AccountID && slices.Equal(flat(x.Requirements), flat(y.Requirements)) &&
		x.Future == y.Future && x.Payouts.Interval == y.Payouts.Interval && x.Payouts.DelayDays == y.Payouts.DelayDays &&
		!x.LastSyncTime.IsZero()
}

func flat(r v1alpha1.PayoutRequirements) []string {
	all := slices.Concat(r.CurrentlyDue, []string{"/"}, r.PastDue, []string{"/"}, r.PendingVerification)
	return append(all, r.Deadline, fmt.Sprint(r.DueCount, r.EventuallyDueCount))
}

// factsOf gathers what the standing is judged on.
func factsOf(account *v1alpha1.PayoutAccount, run *inputs, outcomes []converge.Outcome) facts {
	before := standing{phase: account.Status.Phase, action: account.Status.Action}
	spec := account.Spec.Payouts
	f := facts{
		deleting: !account.DeletionTimestamp.IsZero(), account: run.run.Account, before: before,
		recorded:     run.run.Recorded != scope.AccountRecord{},
		deauthorized: account.Annotations[v1alpha1.AnnotationDeauthorized] != "",
		suspended:    spec.Suspended != nil && *spec.Suspended, violated: run.run.Account.Metadata[naming.MetaSuspended] != "",
		closed: !run.run.Gate.Open,
		manual: spec.Schedule.Interval == v1alpha1.IntervalManual,
	}
	f.payoutFailed, _ = failedPayout(account)
	switch {
	case v1alpha1.Paused(account):
		f.still = v1alpha1.ReasonPaused
	case run.platform != nil && observing(run.platform):
		f.still = v1alpha1.ReasonObserving
	}
	for _, o := range outcomes {
		if o.Err != nil {
			f.problem = fault.As(o.Err)
			break
		}
	}
	return f
}

// show copies what was read of the account.
func show(status *v1alpha1.PayoutAccountStatus, run *inputs) {
	a := run.run.Account
	status.AccountID = a.ID
	due := a.Requirements
	status.Requirements = v1alpha1.PayoutRequirements{
		DueCount: count(due.CurrentlyDue), CurrentlyDue: words(due.CurrentlyDue), PastDue: words(due.PastDue),
		PendingVerification: words(due.PendingVerification), EventuallyDueCount: count(due.EventuallyDue), Deadline: day(due.Deadline),
	}
	status.Future = v1alpha1.FuturePayoutRequirements{DueCount: count(a.Future.CurrentlyDue), Deadline: day(a.Future.Deadline)}
	status.Payouts.Interval, status.Payouts.DelayDays = a.Schedule.Interval, bounded(a.Schedule.DelayDays)
}

// showPayout copies how the last payout went, as the event about it reported.
func showPayout(status *v1alpha1.PayoutAccountStatus, account *v1alpha1.PayoutAccount) {
	code, at := failedPayout(account)
	status.Payouts.LastFailureCode, status.Payouts.LastFailureTime = code, metav1.Time{}
	if code != "" {
		status.Payouts.LastFailureTime = metav1.NewTime(at).Rfc3339Copy()
	}
}

// paid is what the annotation says of a payout that arrived.
const paid = "paid"

// failedPayout is the code and time of the last payout if it failed, as the receiver wrote it: code@time.
func failedPayout(account *v1alpha1.PayoutAccount) (string, time.Time) {
	code, when, _ := strings.Cut(account.Annotations[v1alpha1.AnnotationPayout], "@")
	at, err := time.Parse(time.RFC3339, when)
	if err != nil || code == paid {
		return "", time.Time{}
	}
	return report.Truncate(code, maxCode), at
}

const (
	// maxWords and maxWord bound what the status shows of requirements, maxCode a code of Stripe's.
	maxWords, maxWord, maxCode = 20, 128, 64
	maxCount                   = 1 << 20
)

func count(all []string) int32 { return bounded(len(all)) }

func bounded(n int) int32 { return int32(min(max(n, 0), maxCount)) }

// words are requirements as people read them: whose person and which intervention it is does not matter.
func words(all []string) []string {
	var out []string
	for _, path := range all {
		if word := word(path); !slices.Contains(out, word) && len(out) < maxWords {
			out = append(out, word)
		}
	}
	return out
}

func word(path string) string {
	head, tail, dotted := strings.Cut(path, ".")
	switch {
	case strings.HasPrefix(path, intervention):
		kind, _, _ := strings.Cut(tail, ".")
		path = strings.TrimSuffix("stripe-review."+kind, ".")
	case dotted && strings.HasPrefix(head, "person_"):
		path = "person." + tail
	case path == "external_account":
		path = "bank account"
	}
	return report.Truncate(path, maxWord)
}

// day is a deadline as text; kubectl would show a time in the future as invalid.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// passing says that a condition is about a failure that passes by itself. Ten thousand accounts must not report
// twice each that Stripe was away for a minute.
func passing(c *metav1.Condition) bool {
	switch c.Reason {
	case v1alpha1.ReasonStripeUnreachable, v1alpha1.ReasonThrottled, v1alpha1.ReasonTransientError, v1alpha1.ReasonSettling,
		v1alpha1.ReasonApplied:
		return true
	}
	return false
}

// announce emits once that an account stands elsewhere than before.
func (r *Reconciler) announce(before, account *v1alpha1.PayoutAccount, run *inputs) {
	ready := find(account, v1alpha1.ConditionReady)
	was := find(before, v1alpha1.ConditionReady)
	stays := was != nil && before.Status.Phase == account.Status.Phase
	if ready == nil || stays && (was.Reason == ready.Reason || passing(was) || passing(ready)) {
		return
	}
	kind := corev1.EventTypeNormal
	if find(account, v1alpha1.ConditionStalled).Status == metav1.ConditionTrue {
		kind = corev1.EventTypeWarning
	}
	r.Events.Eventf(account, nil, kind, ready.Reason, report.ActionReconcile, "%s",
		report.Note(string(account.Status.Phase)+": "+ready.Message))
	r.Metrics.Standing(string(account.Status.Phase), ready.Reason)
	if ready.Reason == v1alpha1.ReasonUnknownStripeState {
		r.Metrics.Unknown(run.run.Account.Requirements.DisabledReason)
	}
}
