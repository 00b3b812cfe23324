package scope

import (
	"context"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
)

// Payout is one reconcile of a PayoutAccount.
type Payout struct {
	// Coach names the account.
	Coach naming.Coach
	// Spec is what the business requests.
	Spec *v1alpha1.PayoutAccountSpec
	// Object is the UID of the object, and Born its creation time.
	Object string
	Born   time.Time
	// Generation and Request are the object's generation and the value of its annotation that requests a
	// reconcile. A refused create is tried again when either changes.
	Generation int64
	Request    string
	// Key is that of the business's Stripe account.
	Key Secret
	// Countries that the class allows.
	Countries []string
	// Recorded is the account that the object's annotation records.
	Recorded AccountRecord
	// Claim is the account that may be taken over from another installation.
	Claim string
	// Intent is the last attempt to create an account; zero if there was none.
	Intent Intent
	// Notes record where Stripe keeps something else than what was requested.
	Notes map[string]string
	// Ledger keeps all that must outlive the process.
	Ledger Ledger
	// Gate is whether the platform is safe enough for payouts.
	Gate Gate

	// Business is the ID of the business's own Stripe account, and Account the coach's, as far as the step
	// payoutaccount saw them.
	Business string
	Account  Account
}

// AccountRecord identifies one account for ever: the business's Stripe account and the coach's.
type AccountRecord struct{ Business, Account string }

// String returns business/account, or "" for the zero record.
func (r AccountRecord) String() string {
	if r == (AccountRecord{}) {
		return ""
	}
	return r.Business + "/" + r.Account
}

// ParseAccountRecord reads what String wrote. A text that is not empty and not a record is kept whole as
// the account: a damaged record must never read as "nothing was recorded".
func ParseAccountRecord(s string) AccountRecord {
	business, account, found := strings.Cut(s, "/")
	if !found || business == "" || account == "" || strings.Contains(account, "/") {
		return AccountRecord{Account: s}
	}
	return AccountRecord{Business: business, Account: account}
}

// Intent is an attempt to create an account, stored before it.
type Intent struct {
	// Attempt counts idempotency keys, from 1; 0 is no attempt.
	Attempt int `json:"attempt"`
	// Business is the Stripe account under which it was sent: idempotency keys are per account.
	Business string `json:"business,omitempty"`
	// Since is when the attempt's key was first used.
	Since time.Time `json:"since"`
	// Unsure is when an answer last left open whether the account was created; zero for never.
	Unsure time.Time `json:"unsure,omitzero"`
	// Refusal is Stripe's last refusal of this attempt, nil if it was not refused.
	Refusal *Refusal `json:"refusal,omitempty"`
}

// Refusal is why Stripe created no account, and for which request.
type Refusal struct {
	At         time.Time `json:"at"`
	Generation int64     `json:"generation"`
	Request    string    `json:"request,omitempty"`
	// Code and Param are Stripe's: what is wrong, with which parameter.
	Code  string `json:"code,omitempty"`
	Param string `json:"param,omitempty"`
}

// Ledger keeps, on the object itself, what must outlive the process.
type Ledger interface {
	// Intend stores an attempt. It fails if the object is not as this pass has read it.
	Intend(ctx context.Context, i Intent) error
	// Record stores whose account it is, for ever.
	Record(ctx context.Context, r AccountRecord) error
	// Note stores a short text under a key.
	Note(ctx context.Context, key, text string) error
}

// Gate says whether the platform is safe enough for payouts.
type Gate struct {
	// Open is true while every control that payouts depend on is verified.
	Open bool
	// Why says what keeps it closed, naming controls.
	Why string
	// Suspend is true when a control has been violated for so long that payouts must stop. Hold is true when
	// payouts that were stopped so stay stopped until the gate is open: an observation that failed restores nothing.
	Suspend, Hold bool
}

// Business is what a CoachPlatform needs for Stripe.
type Business struct {
	// Key is that of the business's Stripe account, and Problem why there is none.
	Key     Secret
	Problem error
	// URL is where Stripe's events of the platform arrive.
	URL string
	// Signing keeps what events are signed with.
	Signing SigningSecrets

	// ID is the business's own Stripe account, and Accounts are those of coaches that carry the platform's
	// metadata and were not released. Both are set by the step stripeaccount.
	ID       string
	Accounts []string
}

// SigningSecrets keeps, in the tenant's namespace, what Stripe signs a platform's events with.
type SigningSecrets interface {
	// Stored returns what is kept; zero if nothing is.
	Stored(ctx context.Context) (Signing, error)
	// Store keeps the secret of a new endpoint. The one before goes on to count for a day.
	Store(ctx context.Context, endpoint string, secret Secret) error
}

// Signing is what events are signed with.
type Signing struct {
	// Endpoint is Stripe's name of the endpoint that the secret belongs to.
	Endpoint string
	// Secret is current.
	Secret Secret
}

// Account is all that is read of a Stripe connected account: nothing personal, nothing of a bank or a
// card, no free text of Stripe's.
// https://docs.stripe.com/api/accounts/object
type Account struct {
	ID string
	// Gone says that Stripe answers for the account as deleted.
	Gone    bool
	Created time.Time
	// Country is the two-letter code.
	Country string
	// Metadata are those whose keys are ours.
	Metadata map[string]string

	DetailsSubmitted, PayoutsEnabled bool
	// Transfers and CardPayments are the capabilities' statuses: active, inactive, pending, or "" if not requested.
	Transfers, CardPayments string
	Controller              Controller
	// Agreement is the service agreement: "full" or "recipient"; "" reads as full.
	Agreement string

	Requirements Requirements
	Future       FutureRequirements
	Schedule     Schedule
	Profile      BusinessProfile
	// DebitNegativeBalances is as Stripe has it.
	DebitNegativeBalances bool
	// BankStatus is the status of the default bank account or card, such as new, verified, errored,
	// verification_failed; "" if there is none.
	BankStatus string
}

// Controller says who is responsible for what of an account.
// https://docs.stripe.com/api/accounts/object#account_object-controller
type Controller struct {
	Losses, Fees, RequirementCollection, Dashboard string
}

// Requirements are the names of the data that Stripe requires, never the data.
type Requirements struct {
	CurrentlyDue, PastDue, EventuallyDue, PendingVerification []string
	// DisabledReason is Stripe's code; "" if nothing is disabled.
	DisabledReason string
	// Deadline is zero if there is none.
	Deadline time.Time
	// Errors are code and requirement of what Stripe refused.
	Errors []RequirementError
}

// RequirementError is one refused answer.
type RequirementError struct{ Code, Requirement string }

// FutureRequirements are those of a coming change of rules.
type FutureRequirements struct {
	CurrentlyDue []string
	Deadline     time.Time
}

// Schedule is how often payouts are sent, in Stripe's terms.
type Schedule struct {
	// Interval is manual, daily, weekly or monthly.
	Interval string
	// DelayDays is how long funds are held, in days; 0 is the least that Stripe allows for the country.
	DelayDays int
	// WeeklyAnchor is a day such as monday; MonthlyAnchor a day of the month.
	WeeklyAnchor  string
	MonthlyAnchor int
}

// BusinessProfile is what the business says of itself.
type BusinessProfile struct{ URL, ProductDescription, MCC string }
