package payoutaccount

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
)

func find(account *v1alpha1.PayoutAccount, kind string) *metav1.Condition {
	return meta.FindStatusCondition(account.Status.Conditions, kind)
}

// conditions are all conditions of an account.
func (r *Reconciler) conditions(
	account *v1alpha1.PayoutAccount, f facts, s standing, outcomes []converge.Outcome,
) []metav1.Condition {
	synced := inSync(f, outcomes)
	ready, reconciling, stalled := summary(f, s, synced)
	all := []metav1.Condition{ready, reconciling, stalled, synced, r.fresh(account)}
	if f.account.ID == "" {
		return append(all, r.unseen(account, f, s)...)
	}
	return append(all, ofAccount(f)...)
}

func is(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
}

func truth(ok bool) metav1.ConditionStatus {
	if ok {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}

// working are the phases in which the coach is paid, or is not, as was requested.
var working = []v1alpha1.PayoutPhase{v1alpha1.PhaseEnabled, v1alpha1.PhaseRestrictedSoon, v1alpha1.PhaseSuspended}

// moving are the phases that end by themselves.
var moving = []v1alpha1.PayoutPhase{v1alpha1.PhaseCreating, v1alpha1.PhaseInReview, v1alpha1.PhaseDeleting}

// summary are the kstatus conditions. That Stripe waits for the coach is no failure of what was requested:
// it stalls nothing, or a pipeline would fail for every coach who has not signed up yet.
func summary(f facts, s standing, synced metav1.Condition) (ready, reconciling, stalled metav1.Condition) {
	status, reason, message := truth(slices.Contains(working, s.phase)), s.reason, s.message
	person := s.action == v1alpha1.ActorPlatform || s.action == v1alpha1.ActorTenantAdmin
	passes := f.problem != nil && f.account.ID == "" && !fault.Handle(f.problem.Class).Stalled
	blocked := person && !passes && s.reason != f.still && !slices.Contains(working, s.phase)
	switch {
	case f.problem != nil && f.account.ID == "" && f.recorded && f.problem.Class != fault.Conflict:
		status, reason, message = metav1.ConditionUnknown, f.problem.Reason, f.problem.Message
		blocked = fault.Handle(f.problem.Class).Stalled
	case status == metav1.ConditionTrue && synced.Status != metav1.ConditionTrue:
		status, reason, message = synced.Status, synced.Reason, synced.Message
		blocked = f.problem != nil && fault.Handle(f.problem.Class).Stalled
	case status == metav1.ConditionTrue && (s.reason == v1alpha1.ReasonGateClosed || s.reason == v1alpha1.ReasonSuspendedByViolation):
		status = metav1.ConditionFalse
	}
	busy := slices.Contains(moving, s.phase) && s.reason != f.still || f.problem != nil && !fault.Handle(f.problem.Class).Stalled
	return is(v1alpha1.ConditionReady, status, reason, message),
		is(v1alpha1.ConditionReconciling, truth(busy && !blocked && status != metav1.ConditionTrue), reason, message),
		is(v1alpha1.ConditionStalled, truth(blocked), reason, message)
}

// inSync says whether the account is as the spec asks.
func inSync(f facts, outcomes []converge.Outcome) metav1.Condition {
	kind := v1alpha1.ConditionSpecSynced
	changes := changesOf(outcomes)
	switch {
	case f.account.ID == "":
		return is(kind, metav1.ConditionUnknown, v1alpha1.ReasonNotObserved, "the account was not seen in this pass")
	case f.problem != nil && f.problem.Reason == converge.ReasonReplacement:
		return is(kind, metav1.ConditionFalse, v1alpha1.ReasonImmutableFieldChanged,
			"the account differs from the spec in what Stripe does not let anybody change (status.plan lists it); set it back, or make a new "+
				"object with a new coachID")
	case f.problem != nil:
		return is(kind, metav1.ConditionFalse, f.problem.Reason, f.problem.Message)
	case slices.ContainsFunc(changes, func(c converge.Change) bool { return c.Drift }):
		return is(kind, metav1.ConditionFalse, v1alpha1.ReasonDriftFound, "the account was changed at Stripe; status.plan lists what differs")
	case len(changes) > 0:
		return is(kind, metav1.ConditionFalse, cmp.Or(f.still, v1alpha1.ReasonPending),
			"differences are not repaired while this object is paused or its platform only observed; status.plan lists them")
	}
	return is(kind, metav1.ConditionTrue, v1alpha1.ReasonInSync, "the account is as the spec asks")
}

func changesOf(outcomes []converge.Outcome) []converge.Change {
	var all []converge.Change
	for _, o := range outcomes {
		all = append(all, o.Changes...)
	}
	return all
}

// unseen are the conditions of an account that this pass did not see: what was known stays, and whether
// the account can be seen at all is reported.
func (r *Reconciler) unseen(account *v1alpha1.PayoutAccount, f facts, s standing) []metav1.Condition {
	all := []metav1.Condition{
		is(v1alpha1.ConditionAccountCreated, truth(f.recorded), s.reason, s.message),
		is(v1alpha1.ConditionConnected, metav1.ConditionUnknown, s.reason, s.message),
	}
	if f.recorded {
		all[0].Reason, all[0].Message = v1alpha1.ReasonAccepted, "Stripe has made the account"
	}
	lost := s.phase == v1alpha1.PhaseMissing || s.phase == v1alpha1.PhaseDisconnected
	if lost {
		all[1].Status = metav1.ConditionFalse
	}
	for _, kind := range []string{
		v1alpha1.ConditionOnboardingComplete, v1alpha1.ConditionPayoutsEnabled, v1alpha1.ConditionTransfersActive,
		v1alpha1.ConditionRequirementsMet,
	} {
		known := find(account, kind)
		if known == nil || lost || s.phase == v1alpha1.PhaseConflict {
			all = append(all, is(kind, metav1.ConditionUnknown, v1alpha1.ReasonNotObserved, "the account was not seen"))
			continue
		}
		all = append(all, is(kind, known.Status, known.Reason, known.Message))
	}
	return all
}

// ofAccount are the conditions of an account that was seen.
func ofAccount(f facts) []metav1.Condition {
	a := f.account
	onboarded := is(v1alpha1.ConditionOnboardingComplete, metav1.ConditionFalse, v1alpha1.ReasonIncomplete,
		"the coach has not completed Stripe's forms")
	if a.DetailsSubmitted {
		onboarded = is(onboarded.Type, metav1.ConditionTrue, v1alpha1.ReasonAccepted, "the coach has been through Stripe's forms")
	}
	sendable := is(v1alpha1.ConditionTransfersActive, metav1.ConditionFalse, v1alpha1.ReasonPending, "the account cannot be sent money yet")
	if a.Transfers == capabilityActive {
		sendable = is(sendable.Type, metav1.ConditionTrue, v1alpha1.ReasonAccepted, "the account can be sent money")
	}
	return []metav1.Condition{
		is(v1alpha1.ConditionAccountCreated, metav1.ConditionTrue, v1alpha1.ReasonAccepted, "Stripe has made the account"),
		is(v1alpha1.ConditionConnected, metav1.ConditionTrue, v1alpha1.ReasonAccepted, "the business sees the account"),
		onboarded, payouts(f), sendable, requirements(f),
	}
}

// payouts says whether money leaves Stripe for the coach's bank.
func payouts(f facts) metav1.Condition {
	kind := v1alpha1.ConditionPayoutsEnabled
	switch held := f.account.Schedule.Interval == manualInterval && !f.manual; {
	case !f.account.PayoutsEnabled:
		return is(kind, metav1.ConditionFalse, v1alpha1.ReasonPending, "Stripe makes no payouts; Ready says why")
	case refusing(f):
		return is(kind, metav1.ConditionFalse, v1alpha1.ReasonPayoutMethodErrored, "the coach's bank refuses payouts")
	case held && f.suspended:
		return is(kind, metav1.ConditionFalse, v1alpha1.ReasonSuspendedBySpec, "payouts are suspended as spec.payouts.suspended asks")
	case held && f.violated:
		return is(kind, metav1.ConditionFalse, v1alpha1.ReasonSuspendedByViolation, "payouts are suspended while the platform is not safe")
	case held:
		return is(kind, metav1.ConditionFalse, v1alpha1.ReasonGateClosed, "payouts wait until the platform is seen to be safe")
	}
	return is(kind, metav1.ConditionTrue, v1alpha1.ReasonPayoutsEnabled, "Stripe pays the coach")
}

// requirements says whether Stripe wants to know anything.
func requirements(f facts) metav1.Condition {
	due, kind := f.account.Requirements, v1alpha1.ConditionRequirementsMet
	switch {
	case len(due.PastDue) > 0:
		return is(kind, metav1.ConditionFalse, v1alpha1.ReasonPastDue, things(len(due.PastDue))+" past due")
	case len(due.CurrentlyDue) > 0:
		return is(kind, metav1.ConditionFalse, v1alpha1.ReasonCurrentlyDue, things(len(due.CurrentlyDue))+" due now")
	case len(f.account.Future.CurrentlyDue) > 0:
		return is(kind, metav1.ConditionTrue, v1alpha1.ReasonFutureDue, "nothing is due now; more will be when Stripe's rules change")
	case len(due.EventuallyDue) > 0:
		return is(kind, metav1.ConditionTrue, v1alpha1.ReasonEventuallyDue, "nothing is due now; more will be once enough money has moved")
	}
	return is(kind, metav1.ConditionTrue, v1alpha1.ReasonNoneDue, "nothing is due")
}

// fresh says whether Stripe could be read lately.
func (r *Reconciler) fresh(account *v1alpha1.PayoutAccount) metav1.Condition {
	last := r.reads.last(account.UID)
	if !last.IsZero() && r.Clock.Since(last) < 2*r.Resync {
		return is(v1alpha1.ConditionFresh, metav1.ConditionTrue, v1alpha1.ReasonFresh, "Stripe was read within the last two resyncs")
	}
	return is(v1alpha1.ConditionFresh, metav1.ConditionFalse, v1alpha1.ReasonStale,
		"Stripe could not be read within the last two resyncs; what the status says was true then")
}

// reads remembers when accounts were last seen. It is safe for concurrent use.
type reads struct {
	mu  sync.Mutex
	all map[types.UID]time.Time
}

func (l *reads) saw(uid types.UID, seen bool, now time.Time) {
	if !seen {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[types.UID]time.Time{}
	}
	l.all[uid] = now
}

func (l *reads) last(uid types.UID) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all[uid]
}

func (l *reads) forget(uid types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, uid)
}
