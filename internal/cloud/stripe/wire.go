package stripe

import (
	"github.com/coachplatform/coach-operator/internal/scope"
)

// wireAccount has a place for what may be read of an account, and for nothing else: what Stripe knows
// about a person is dropped by the decoder.
// https://docs.stripe.com/api/accounts/object
type wireAccount struct {
	silent

	ID               string                `json:"id"`
	Deleted          bool                  `json:"deleted"`
	Created          int64                 `json:"created"`
	Country          string                `json:"country"`
	Metadata         map[string]string     `json:"metadata"`
	DetailsSubmitted bool                  `json:"details_submitted"`
	PayoutsEnabled   bool                  `json:"payouts_enabled"`
	Capabilities     wireCapabilities      `json:"capabilities"`
	Controller       wireController        `json:"controller"`
	Agreement        wireAgreement         `json:"tos_acceptance"`
	Requirements     wireRequirements      `json:"requirements"`
	Future           wireFuture            `json:"future_requirements"`
	Settings         wireSettings          `json:"settings"`
	Profile          wireProfile           `json:"business_profile"`
	External         wirePage[wireBanking] `json:"external_accounts"`
}

type wireCapabilities struct {
	Transfers    string `json:"transfers"`
	CardPayments string `json:"card_payments"`
}

type wireController struct {
	Fees struct {
		Payer string `json:"payer"`
	} `json:"fees"`
	Losses struct {
		Payments string `json:"payments"`
	} `json:"losses"`
	Collection string `json:"requirement_collection"`
	Dashboard  struct {
		Type string `json:"type"`
	} `json:"stripe_dashboard"`
}

type wireAgreement struct {
	Service string `json:"service_agreement"`
}

type wireRequirements struct {
	CurrentlyDue        []string `json:"currently_due"`
	PastDue             []string `json:"past_due"`
	EventuallyDue       []string `json:"eventually_due"`
	PendingVerification []string `json:"pending_verification"`
	DisabledReason      string   `json:"disabled_reason"`
	Deadline            int64    `json:"current_deadline"`
	// Errors have a reason too, which can quote what somebody typed.
	Errors []struct {
		Code        string `json:"code"`
		Requirement string `json:"requirement"`
	} `json:"errors"`
}

type wireFuture struct {
	CurrentlyDue []string `json:"currently_due"`
	Deadline     int64    `json:"current_deadline"`
}

type wireSettings struct {
	Payouts struct {
		DebitNegativeBalances bool `json:"debit_negative_balances"`
		Schedule              struct {
			Interval      string `json:"interval"`
			DelayDays     int    `json:"delay_days"`
			WeeklyAnchor  string `json:"weekly_anchor"`
			MonthlyAnchor int    `json:"monthly_anchor"`
		} `json:"schedule"`
	} `json:"payouts"`
}

type wireProfile struct {
	URL                string `json:"url"`
	ProductDescription string `json:"product_description"`
	MCC                string `json:"mcc"`
}

// wireBanking is a bank account or card without the account or card.
type wireBanking struct {
	Status  string `json:"status"`
	Default bool   `json:"default_for_currency"`
}

// wirePage is a page of a list.
type wirePage[T any] struct {
	silent

	Object  string `json:"object"`
	Data    []T    `json:"data"`
	HasMore bool   `json:"has_more"`
}

// account returns what was read.
func (w *wireAccount) account() scope.Account {
	if w.Deleted {
		return scope.Account{ID: identifier(w.ID), Gone: true}
	}
	return scope.Account{
		ID: identifier(w.ID), Created: at(w.Created), Country: match(countryPattern, w.Country), Metadata: ours(w.Metadata),
		DetailsSubmitted: w.DetailsSubmitted, PayoutsEnabled: w.PayoutsEnabled,
		Transfers: word(w.Capabilities.Transfers), CardPayments: word(w.Capabilities.CardPayments),
		Controller: scope.Controller{
			Losses: word(w.Controller.Losses.Payments), Fees: word(w.Controller.Fees.Payer),
			RequirementCollection: word(w.Controller.Collection), Dashboard: word(w.Controller.Dashboard.Type),
		},
		Agreement:    word(w.Agreement.Service),
		Requirements: w.Requirements.requirements(),
		Future:       scope.FutureRequirements{CurrentlyDue: paths(w.Future.CurrentlyDue), Deadline: at(w.Future.Deadline)},
		Schedule:     w.Settings.schedule(),
		Profile: scope.BusinessProfile{
			URL: text(w.Profile.URL), ProductDescription: text(w.Profile.ProductDescription), MCC: word(w.Profile.MCC),
		},
		DebitNegativeBalances: w.Settings.Payouts.DebitNegativeBalances,
		BankStatus:            bankStatus(w.External.Data),
	}
}

func (w *wireRequirements) requirements() scope.Requirements {
	r := scope.Requirements{
		CurrentlyDue: paths(w.CurrentlyDue), PastDue: paths(w.PastDue), EventuallyDue: paths(w.EventuallyDue),
		PendingVerification: paths(w.PendingVerification), DisabledReason: word(w.DisabledReason), Deadline: at(w.Deadline),
	}
	for _, e := range w.Errors[:min(len(w.Errors), maxFields)] {
		r.Errors = append(r.Errors, scope.RequirementError{Code: word(e.Code), Requirement: path(e.Requirement)})
	}
	return r
}

func (w *wireSettings) schedule() scope.Schedule {
	s := w.Payouts.Schedule
	return scope.Schedule{
		Interval: word(s.Interval), DelayDays: s.DelayDays, WeeklyAnchor: word(s.WeeklyAnchor), MonthlyAnchor: s.MonthlyAnchor,
	}
}

// bankStatus is that of the default account. Each currency has one; one that is in error is the one to report.
func bankStatus(all []wireBanking) string {
	status := ""
	for _, b := range all {
		if !b.Default {
			continue
		}
		if status == "" || b.Status == "errored" || b.Status == "verification_failed" {
			status = word(b.Status)
			if status == "" {
				status = strange
			}
		}
	}
	return status
}
