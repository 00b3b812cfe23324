package scope

import (
	"fmt"
	"time"
)

// Secret is a text that is never printed; Reveal returns it.
type Secret struct{ text string }

// NewSecret hides a text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text.
func (s Secret) Reveal() string { return s.text }

// Empty says that there is none.
func (s Secret) Empty() bool { return s.text == "" }

// String implements fmt.Stringer without the text.
func (s Secret) String() string {
	if s.Empty() {
		return "(none)"
	}
	return "(secret)"
}

// GoString keeps the text out of %#v.
func (s Secret) GoString() string { return s.String() }

// Format keeps the text out of every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalJSON keeps the text out of every document.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

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
