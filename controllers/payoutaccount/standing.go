package payoutaccount

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// standing is where an account stands, for people.
type standing struct {
	phase   v1alpha1.PayoutPhase
	reason  string
	action  v1alpha1.PayoutActor
	message string
}

// facts are what a standing is judged on: what Stripe said last, what went wrong, and what the spec asks.
type facts struct {
	deleting bool
	account  scope.Account
	// problem is what went wrong in this pass; nil is nothing.
	problem *fault.Error
	// recorded says that an account is known, whether or not it could be seen.
	recorded bool
	// deauthorized says that Stripe reported that the coach disconnected the account.
	deauthorized bool
	// payoutFailed is the code of the last payout that failed, "" if one was paid since.
	payoutFailed string
	// suspended says that the spec stops payouts, violated that the platform's state does, and wanted what
	// the schedule should be otherwise.
	suspended, violated, manual bool
	// closed says that the platform is not seen to be safe.
	closed bool
	// still is why nothing is written: Paused or Observing; "" is that it is.
	still string
	// before is what the status said before this pass.
	before standing
}

// Reasons of Stripe that its SDK lacks, or that differ from it.
// https://docs.stripe.com/api/accounts/object#account_object-requirements-disabled_reason
const (
	disabledPastDue   = "requirements.past_due"
	disabledPending   = "requirements.pending_verification"
	disabledRequest   = "action_required.requested_capabilities"
	disabledPaused    = "platform_paused"
	disabledRejected  = "rejected."
	disabledOurs      = "rejected.platform_"
	disabledReview    = "under_review"
	disabledListed    = "listed"
	disabledOther     = "other"
	intervention      = "interv_"
	capabilityActive  = "active"
	capabilityPending = "pending"
	manualInterval    = "manual"
)

// judge says where an account stands: the first row of the table that fits. The rows, in this order, are
// those of docs/kinds/payoutaccount.md; every state that Stripe can report ends in one.
func judge(f facts) standing {
	for _, rows := range [](func(facts) (standing, bool)){ofObject, ofLook, ofVerdict, ofCoach, ofReview, ofBank, ofPayouts} {
		if s, fits := rows(f); fits {
			return s
		}
	}
	return standing{
		v1alpha1.PhaseRestricted, v1alpha1.ReasonUnknownStripeState, v1alpha1.ActorPlatform,
		"Stripe reports something of the account that this version of the operator does not know; Stripe's Dashboard has the details",
	}
}

// ofObject are the rows about what the object itself reports.
func ofObject(f facts) (standing, bool) {
	if f.deleting {
		return standing{v1alpha1.PhaseDeleting, v1alpha1.ReasonReleasing, v1alpha1.ActorPlatform, "the account is kept and being released"}, true
	}
	return standing{}, false
}

// ofLook are the rows about accounts that could not be seen.
func ofLook(f facts) (standing, bool) {
	p := f.problem
	if p == nil || f.account.ID != "" && p.Class != fault.Conflict {
		return standing{}, false
	}
	s := standing{reason: p.Reason, message: p.Message, action: v1alpha1.ActorPlatform}
	switch p.Reason {
	case v1alpha1.ReasonOwnedByAnother, v1alpha1.ReasonDuplicateAccounts:
		s.phase = v1alpha1.PhaseConflict
		return s, true
	case v1alpha1.ReasonDeletedOutOfBand, v1alpha1.ReasonAccessRevokedOrDeleted:
		if f.deauthorized && p.Reason == v1alpha1.ReasonAccessRevokedOrDeleted {
			return standing{
				v1alpha1.PhaseDisconnected, v1alpha1.ReasonDeauthorized, v1alpha1.ActorCoach,
				"the coach has disconnected the account from the business; only the coach can connect it again",
			}, true
		}
		s.phase = v1alpha1.PhaseMissing
		return s, true
	case v1alpha1.ReasonCreateRejected, v1alpha1.ReasonCountryNotAllowed, v1alpha1.ReasonInvalidSpec:
		s.phase, s.action = v1alpha1.PhaseFailed, v1alpha1.ActorTenantAdmin
		if f.recorded {
			s.phase = kept(f)
		}
		return s, true
	}
	if f.recorded { // an account that cannot be observed is where it was
		s.phase = kept(f)
		if p.Class != fault.Denied {
			s.action = cmp.Or(f.before.action, v1alpha1.ActorNone)
		}
		return s, true
	}
	return unmade(p, s), true
}

// unmade is where an account stands that was not made yet. Only what passes by itself needs nobody.
func unmade(p *fault.Error, s standing) standing {
	s.phase = v1alpha1.PhaseCreating
	if p.Reason == converge.ReasonApplied {
		s.reason, s.message = v1alpha1.ReasonCreating, "the account was created; the next pass finds it"
	}
	awaited := p.Reason == v1alpha1.ReasonGateClosed || p.Reason == v1alpha1.ReasonWaitingForPlatform
	if p.Class == fault.Transient || p.Class == fault.Waiting && !awaited {
		s.action = v1alpha1.ActorNone
	}
	return s
}

// kept is the phase that is known of an account that cannot be observed now.
func kept(f facts) v1alpha1.PayoutPhase {
	if f.before.phase == "" {
		return v1alpha1.PhaseCreating
	}
	return f.before.phase
}

// ofVerdict are the rows about what is decided: rejected, or paused. Why Stripe rejects is shown nowhere
// here: the answer could warn who must not be warned.
func ofVerdict(f facts) (standing, bool) {
	if f.account.ID == "" && f.still != "" {
		return standing{
			v1alpha1.PhaseCreating, f.still, v1alpha1.ActorTenantAdmin,
			"no account is created while this object is paused or its platform only observed; status.plan lists what would be",
		}, true
	}
	if f.account.ID == "" {
		return standing{v1alpha1.PhaseCreating, v1alpha1.ReasonCreating, v1alpha1.ActorNone, "the account is being made"}, true
	}
	switch why := f.account.Requirements.DisabledReason; {
	case strings.HasPrefix(why, disabledOurs):
		return standing{
			v1alpha1.PhaseRejected, v1alpha1.ReasonRejectedByPlatform, v1alpha1.ActorPlatform,
			"the business has rejected the account, for good; the coach cannot be paid through it",
		}, true
	case strings.HasPrefix(why, disabledRejected):
		return standing{
			v1alpha1.PhaseRejected, v1alpha1.ReasonRejectedByStripe, v1alpha1.ActorPlatform,
			"Stripe has rejected the account permanently; an administrator of the business's Stripe account can ask Stripe's support",
		}, true
	case why == disabledPaused:
		return standing{
			v1alpha1.PhasePaused, v1alpha1.ReasonPausedByPlatform, v1alpha1.ActorPlatform,
			"the business has paused the account in Stripe's Dashboard, and can resume it there",
		}, true
	}
	return standing{}, false
}

// ofCoach are the rows in which Stripe waits for the coach, or for a capability.
func ofCoach(f facts) (standing, bool) {
	due := f.account.Requirements
	switch {
	case !f.account.DetailsSubmitted && f.account.Metadata[naming.MetaOnboarding] == "":
		return standing{
			v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted, v1alpha1.ActorCoach,
			"the coach has not been sent to Stripe's forms yet (kubectl coach onboarding-link prints a link)",
		}, true
	case !f.account.DetailsSubmitted:
		return standing{
			v1alpha1.PhaseOnboarding, v1alpha1.ReasonIncomplete, v1alpha1.ActorCoach,
			"the coach has not completed Stripe's forms; a new link continues where the coach stopped",
		}, true
	case len(due.PastDue) > 0, due.DisabledReason == disabledPastDue, due.DisabledReason == disabledOther && intervenes(due):
		return standing{
			v1alpha1.PhaseRestricted, v1alpha1.ReasonRequirementsPastDue, v1alpha1.ActorCoach,
			fmt.Sprintf("Stripe makes no payouts until the coach answers in Stripe's forms: %s past due", things(max(1, len(due.PastDue)))),
		}, true
	case due.DisabledReason == disabledRequest:
		return standing{
			v1alpha1.PhaseRestricted, v1alpha1.ReasonCapabilityNotRequested, v1alpha1.ActorPlatform,
			"Stripe asks for a capability to be requested; that was done once and did not help: see the account in Stripe's Dashboard",
		}, true
	}
	return standing{}, false
}

// intervenes says that Stripe's reviewers ask the coach something, which only Stripe's forms can answer.
func intervenes(due scope.Requirements) bool {
	return slices.ContainsFunc(due.CurrentlyDue, func(path string) bool { return strings.HasPrefix(path, intervention) })
}

// ofReview are the rows in which Stripe reviews the account. What it searches for is shown nowhere.
func ofReview(f facts) (standing, bool) {
	due := f.account.Requirements
	switch {
	case due.DisabledReason == disabledPending, len(due.PendingVerification) > 0 && !f.account.PayoutsEnabled,
		f.account.Transfers == capabilityPending:
		return standing{
			v1alpha1.PhaseInReview, v1alpha1.ReasonPendingVerification, v1alpha1.ActorStripe,
			"Stripe verifies what the coach has submitted; nobody has to do anything",
		}, true
	case due.DisabledReason == disabledReview, due.DisabledReason == disabledListed, due.DisabledReason == disabledOther:
		return standing{
			v1alpha1.PhaseInReview, v1alpha1.ReasonUnderStripeReview, v1alpha1.ActorStripe,
			"Stripe reviews the account; nobody has to do anything",
		}, true
	}
	return standing{}, false
}

// refusing says that the coach's bank refuses payouts.
func refusing(f facts) bool {
	return f.account.BankStatus == "errored" || f.account.BankStatus == "verification_failed" || f.payoutFailed != ""
}

// ofBank is the row about a bank that refuses.
func ofBank(f facts) (standing, bool) {
	if !refusing(f) {
		return standing{}, false
	}
	return standing{
		v1alpha1.PhaseRestricted, v1alpha1.ReasonPayoutMethodErrored, v1alpha1.ActorCoach,
		"the coach's bank refuses payouts, and Stripe makes no more until the coach gives other bank data in Stripe's forms",
	}, true
}

// ofPayouts are the rows of accounts that can be paid.
func ofPayouts(f facts) (standing, bool) {
	a := f.account
	switch held := a.Schedule.Interval == manualInterval; {
	case !a.PayoutsEnabled || a.Requirements.DisabledReason != "":
		return standing{}, false
	case len(a.Requirements.CurrentlyDue) > 0 && !a.Requirements.Deadline.IsZero():
		return standing{
			v1alpha1.PhaseRestrictedSoon, v1alpha1.ReasonRequirementsDue, v1alpha1.ActorCoach,
			fmt.Sprintf("the coach is paid, and must answer in Stripe's forms by %s, or payouts stop: %s due",
				a.Requirements.Deadline.UTC().Format(time.DateOnly), things(len(a.Requirements.CurrentlyDue))),
		}, true
	case held && f.suspended:
		return standing{
			v1alpha1.PhaseSuspended, v1alpha1.ReasonSuspendedBySpec, v1alpha1.ActorTenantAdmin,
			"payouts are suspended as spec.payouts.suspended asks; Stripe holds funds for " + holding(a.Country) +
				" at most, and then pays them out",
		}, true
	case held && f.violated:
		return standing{
			v1alpha1.PhaseSuspended, v1alpha1.ReasonSuspendedByViolation, v1alpha1.ActorPlatform,
			"payouts are suspended because the platform was observed not to be safe (kubectl coach evidence shows why); " +
				"they resume when it is safe again",
		}, true
	case held && f.closed && !f.manual && a.Metadata[naming.MetaOpened] == "":
		return standing{
			v1alpha1.PhaseSuspended, v1alpha1.ReasonGateClosed, v1alpha1.ActorPlatform,
			"payouts are enabled for the first time when the platform is seen to be safe (kubectl coach evidence lists what is not)",
		}, true
	case a.Transfers == capabilityActive:
		return standing{v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled, v1alpha1.ActorNone, "the coach is paid"}, true
	}
	return standing{}, false
}

// holding is how long Stripe holds funds that are not paid out.
// https://docs.stripe.com/connect/manual-payouts
func holding(country string) string {
	switch country {
	case "US":
		return "two years"
	case "TH":
		return "ten days"
	}
	return "90 days"
}

func things(n int) string {
	if n == 1 {
		return "1 answer is"
	}
	return fmt.Sprintf("%d answers are", n)
}
