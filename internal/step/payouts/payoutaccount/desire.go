package payoutaccount

import (
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// State is an account as far as it is ours.
type State struct {
	// Country, Agreement and Collection cannot be changed.
	Country, Agreement, Collection string
	// Transfers and CardPayments say whether the capabilities are requested.
	Transfers, CardPayments bool
	Profile                 scope.BusinessProfile
	Schedule                scope.Schedule
	// Mark says whose the account is, Object which object keeps it, Released whether it was released.
	Mark, Object, Released string
	// Opened says that payouts were enabled while the platform was seen to be safe, and Suspended that they
	// were stopped since it was seen not to be.
	Opened, Suspended bool

	// Wanted only: what the platform's state means for payouts, and whether the spec stops them.
	gate scope.Gate
	stop bool
	// Observed only.
	account scope.Account
}

// shape is who bears what: the business owes Stripe for losses and fees, and Stripe alone collects what it
// must know of the coach.
// https://docs.stripe.com/connect/migrate-to-controller-properties
var shape = scope.Controller{Losses: "application", Fees: "application", RequirementCollection: collectedByStripe, Dashboard: "express"}

const (
	collectedByStripe = "stripe"
	agreementFull     = "full"
	manual            = "manual"
)

// Desire says what the account should be.
func Desire(in *scope.Payout) (State, error) {
	spec := in.Spec
	return State{
		Country: spec.Country, Agreement: strings.ToLower(string(spec.ServiceAgreement)), Collection: collectedByStripe,
		Transfers:    slices.Contains(spec.Capabilities, v1alpha1.CapabilityTransfers),
		CardPayments: slices.Contains(spec.Capabilities, v1alpha1.CapabilityCardPayments),
		Profile:      scope.BusinessProfile(spec.BusinessProfile),
		Schedule:     scheduleOf(spec.Payouts.Schedule),
		Mark:         mark(in.Coach.Metadata()), Object: in.Object,
		gate: in.Gate, stop: spec.Payouts.Suspended != nil && *spec.Payouts.Suspended,
	}, nil
}

// scheduleOf says a schedule in Stripe's words.
func scheduleOf(s v1alpha1.PayoutSchedule) scope.Schedule {
	return scope.Schedule{
		Interval: strings.ToLower(string(s.Interval)), DelayDays: int(s.DelayDays),
		WeeklyAnchor: strings.ToLower(s.WeeklyAnchor), MonthlyAnchor: int(s.MonthlyAnchor),
	}
}

// constrain takes out of the wanted state what cannot be had now. Payouts are manual until they were enabled
// once while the platform was seen to be safe, and while they must stop.
func constrain(want, got State) State {
	paying := got.Mark != want.Mark && got.Schedule.Interval != manual // it was adopted as it is, and nobody's payouts stop for that
	want.Opened = got.Opened || got.account.PayoutsEnabled && (want.gate.Open || paying)
	want.Suspended = want.gate.Suspend || got.Suspended && want.gate.Hold
	if want.stop || want.Suspended || !want.Opened {
		want.Schedule = scope.Schedule{Interval: manual}
	}
	return want
}
