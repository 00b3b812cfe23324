package evidence

import (
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
)

// Status is the answer to one control.
type Status = v1alpha1.SecurityStatus

// Statuses.
const (
	Verified = v1alpha1.SecurityVerified
	Violated = v1alpha1.SecurityViolated
	Unknown  = v1alpha1.SecurityUnknown
	Exempt   = v1alpha1.SecurityExempt
	Attested = v1alpha1.SecurityAttested
)

// Answer is one control of the catalogue with what is known about it.
type Answer struct {
	Control
	Status Status
	// Seen is what was observed, or why nothing was.
	Seen string
	// At is when it was observed; zero for never.
	At time.Time
	// Exemption is what makes the control exempt; nil for none.
	Exemption *v1alpha1.Exemption
}

const (
	// notObserved is what is known about a control that no step answered.
	notObserved = "nobody could look"
	// tooLongAgo begins what is known about a control that was observed before its bound.
	tooLongAgo = "last seen too long ago: "
)

// Judge answers every control of the catalogue that applies, which those about Stripe do to platforms with
// a Stripe account only, from the findings of one pass. An observation older
// than the control's bound is unknown. An exemption that has not expired covers a control that does
// not hold; it never makes one verified.
func Judge(findings []converge.Finding, exemptions []v1alpha1.Exemption, stripe bool, now time.Time) []Answer {
	found := map[string]converge.Finding{}
	for _, f := range findings {
		found[f.Control] = f
	}
	answers := make([]Answer, 0, len(Catalogue))
	for _, c := range Applicable(stripe) {
		a := judge(c, found[c.ID], now)
		if e := exempted(c.ID, exemptions, now); e != nil && a.Status == Violated {
			a.Status, a.Exemption = Exempt, e
		}
		answers = append(answers, a)
	}
	return answers
}

func judge(c Control, f converge.Finding, now time.Time) Answer {
	a := Answer{Control: c, Status: Unknown, Seen: f.Seen, At: f.At}
	switch {
	case f.Control == "":
		a.Seen = notObserved
	case f.Verdict == converge.Unknown:
		a.At = time.Time{} // an observation without an answer is none
	case now.Sub(f.At) > c.Bound:
		a.Seen = tooLongAgo + f.Seen
	case f.Verdict == converge.Verified:
		a.Status = Verified
	default:
		a.Status = Violated
	}
	return a
}

// exempted returns the exemption of a control that is in force; nil for none.
func exempted(control string, exemptions []v1alpha1.Exemption, now time.Time) *v1alpha1.Exemption {
	for i := range exemptions {
		if e := &exemptions[i]; e.Control == control && now.Before(e.ExpiresAt.Time) {
			return e
		}
	}
	return nil
}
