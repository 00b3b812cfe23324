package evidence

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// Gate lists the controls that payouts depend on: while one of them is not verified no coach's account is
// created and no coach's payouts are enabled for the first time. They are those that report a breach: of the
// encryption of the coaches' data where it is stored and on its way, of the network around it, and of who may
// log in. An exemption opens no gate.
var Gate = []string{
	"CP-DB-01", "CP-KEY-02", "CP-KEY-03", "CP-LOG-01",
	"CP-DB-02", "CP-TLS-01", "CP-TLS-02",
	"CP-NET-01", "CP-NET-02", "CP-NET-03", "CP-DB-03", "CP-DB-04", "CP-DB-15",
	"CP-ROLE-01", "CP-ROLE-02", "CP-ROLE-03", "CP-ROLE-04", "CP-ROLE-05",
}

// prefixStripe begins the IDs of controls about Stripe.
const prefixStripe = "CP-PAY-"

// OfStripe says that a control is about Stripe, and applies to no platform without a Stripe account.
func OfStripe(control string) bool { return strings.HasPrefix(control, prefixStripe) }

// Applicable returns the controls of the catalogue that apply to a platform with or without a Stripe account.
func Applicable(stripe bool) []Control {
	return slices.DeleteFunc(slices.Clone(Catalogue), func(c Control) bool { return OfStripe(c.ID) && !stripe })
}

// ofStripeOnly says that all controls of a claim are about Stripe.
func ofStripeOnly(claim string) bool {
	return !slices.ContainsFunc(Catalogue, func(c Control) bool { return c.Claim == claim && !OfStripe(c.ID) })
}

// Gated is what a report says of the gate at a moment.
type Gated struct {
	// Open says that every control of the gate is verified.
	Open bool
	// Why names those that are not.
	Why string
	// Violated is since when one of them has been violated; zero if none is. A failed observation is no
	// violation.
	Violated time.Time
}

// Gating reads the gate from a report; nil is none, which proves nothing.
func Gating(report *v1alpha1.SecurityReportContent, now time.Time) Gated {
	if report == nil {
		return Gated{Why: "there is no SecurityReport yet"}
	}
	read := Read(report, now)
	var closed []string
	var g Gated
	for _, id := range Gate {
		status := Unknown
		c := find(read.Controls, id)
		if c != nil {
			status = c.Status
		}
		if status == Violated && (g.Violated.IsZero() || c.Since.Time.Before(g.Violated)) {
			g.Violated = c.Since.Time
		}
		if status != Verified {
			closed = append(closed, fmt.Sprintf("%s is %s", id, status))
		}
	}
	slices.Sort(closed)
	g.Open, g.Why = len(closed) == 0, strings.Join(closed, ", ")
	return g
}
