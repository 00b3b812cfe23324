package payoutaccount

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Paths of the fields.
const (
	pathCapabilities = "capabilities"
	pathURL          = "businessProfile.url"
	pathDescription  = "businessProfile.productDescription"
	pathMCC          = "businessProfile.mcc"
	pathSchedule     = "payouts.schedule"
	pathMark         = "metadata.owner"
	pathObject       = "metadata.object"
	pathReleased     = "metadata.released"
	pathOpened       = "metadata.opened"
	pathSuspended    = "metadata.suspended"
)

// Fields are what the step owns.
var Fields = []converge.Field[State]{
	{
		Path: "country", Effect: converge.Replace, About: "the coach's country",
		Get: func(s State) string { return s.Country },
	},
	{
		Path: "serviceAgreement", Effect: converge.Replace, About: "what the coach agrees to",
		Get: func(s State) string { return s.Agreement },
	},
	{
		Path: "controller.requirementCollection", Effect: converge.Replace,
		About: "who collects what Stripe must know of the coach: Stripe",
		Get:   func(s State) string { return s.Collection },
	},
	{
		Path: pathCapabilities, About: "the capabilities that are requested",
		Get: capabilities,
	},
	{
		Path: pathURL, Sensitive: true, About: "where the coach's offer is; not touched if left out",
		Get: func(s State) string { return s.Profile.URL },
	},
	{
		Path: pathDescription, Sensitive: true, About: "what is sold; not touched if left out",
		Get: func(s State) string { return s.Profile.ProductDescription },
	},
	{Path: pathMCC, About: "the merchant category code; not touched if left out", Get: func(s State) string { return s.Profile.MCC }},
	{
		Path: pathSchedule, About: "how often payouts are made, and how long funds are held: manual while payouts are suspended",
		Get: func(s State) string { return schedule(s.Schedule) },
	},
	{Path: pathMark, About: "whose the account is", Get: func(s State) string { return s.Mark }},
	{Path: pathObject, Derived: true, About: "the UID of the object that keeps the account", Get: func(s State) string { return s.Object }},
	{
		Path: pathReleased, About: "that the account was released; taken off when it is taken back",
		Get: func(s State) string { return s.Released },
	},
	{
		Path: pathOpened, Derived: true, About: "that payouts were enabled once while the platform was seen to be safe",
		Get: func(s State) string { return strconv.FormatBool(s.Opened) },
	},
	{
		Path: pathSuspended, Derived: true, About: "that payouts were stopped since the platform was seen not to be safe",
		Get: func(s State) string { return strconv.FormatBool(s.Suspended) },
	},
}

func capabilities(s State) string {
	var all []string
	if s.Transfers {
		all = append(all, "transfers")
	}
	if s.CardPayments {
		all = append(all, "card_payments")
	}
	return strings.Join(all, " ")
}

// schedule shows no delay where the least of the country is requested.
func schedule(s scope.Schedule) string {
	text := s.Interval + " " + s.WeeklyAnchor
	if s.MonthlyAnchor > 0 {
		text += strconv.Itoa(s.MonthlyAnchor)
	}
	text = strings.TrimSpace(text)
	if s.Interval != manual && s.DelayDays > 0 {
		text += fmt.Sprintf(" after %d days", s.DelayDays)
	}
	return text
}

// mark is the text of ownership metadata.
func mark(metadata map[string]string) string {
	var all []string
	for _, key := range []string{
		naming.MetaManagedBy, naming.MetaInstallation, naming.MetaMode, naming.MetaTenant, naming.MetaCoach,
	} {
		all = append(all, metadata[key])
	}
	if !slices.ContainsFunc(all, func(s string) bool { return s != "" }) {
		return ""
	}
	return strings.Join(all, " ")
}

// observed is the state of an account, as far as it is wanted: what nobody asks for reads as not requested.
func observed(in *scope.Payout, want State, account scope.Account) State {
	s := State{
		Country: account.Country, Agreement: account.Agreement, Collection: account.Controller.RequirementCollection,
		Transfers: account.Transfers != "", CardPayments: asked(want.CardPayments, account.CardPayments),
		Profile: account.Profile, Schedule: account.Schedule,
		Mark: mark(account.Metadata), Object: account.Metadata[naming.MetaObject], Released: account.Metadata[naming.MetaReleased],
		Opened: account.Metadata[naming.MetaOpened] != "", Suspended: account.Metadata[naming.MetaSuspended] != "",
		account: account,
	}
	if s.Agreement == "" {
		s.Agreement = agreementFull
	}
	s.Profile = owned(want.Profile, account.Profile)
	s.Schedule.DelayDays = delay(in, want.Schedule, account.Schedule)
	if again(in, account) {
		s.Transfers = false
	}
	return s
}

// asked says whether a capability reads as requested: one that was taken back stays, inactive.
func asked(want bool, status string) bool { return status != "" && (want || status != "inactive") }

// owned leaves out what is not requested.
func owned(want, got scope.BusinessProfile) scope.BusinessProfile {
	if want.URL == "" {
		got.URL = ""
	}
	if want.ProductDescription == "" {
		got.ProductDescription = ""
	}
	if want.MCC == "" {
		got.MCC = ""
	}
	return got
}

// Keys of the notes.
const (
	// noteDelay is what Stripe made of a delay that it does not allow, or of the least one: asked=got.
	noteDelay = "delay"
	// noteAgain is the capability request that was repeated since Stripe requested it.
	noteAgain = "requested-again"
)

// delay reads the delay that Stripe made of the wanted one as the wanted one.
func delay(in *scope.Payout, want, got scope.Schedule) int {
	if got.Interval == manual || in.Notes[noteDelay] == delayNote(want.DelayDays, got.DelayDays) {
		return want.DelayDays
	}
	return got.DelayDays
}

func delayNote(asked, got int) string { return fmt.Sprintf("%d=%d", asked, got) }

// reasonRequest is why Stripe disables an account that lacks a capability it needs.
const reasonRequest = "action_required.requested_capabilities"

// again says that Stripe asks for capabilities to be requested, which was not done since it does.
func again(in *scope.Payout, account scope.Account) bool {
	return account.Requirements.DisabledReason == reasonRequest && in.Notes[noteAgain] == ""
}
