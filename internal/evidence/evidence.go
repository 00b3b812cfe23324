package evidence

import (
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
)

// Status is the answer to one control.
type Status string

// Statuses.
const (
	Verified Status = "Verified"
	Violated Status = "Violated"
	Unknown  Status = "Unknown"
	Exempt   Status = "Exempt"
)

// Answer is one control of the catalogue with what is known about it.
type Answer struct {
	Control
	Status Status
	// Seen is what was observed, or why nothing was.
	Seen string
	// At is when it was observed; zero for never.
	At time.Time
}

// notLooked is what is known about a control that no step answered.
const notLooked = "nobody could look"

// Judge answers every control of the catalogue from the findings of one pass. An observation older
// than the control's bound is unknown. An exemption that has not expired covers a control that does
// not hold; it never makes one verified.
func Judge(findings []converge.Finding, exemptions []v1alpha1.Exemption, now time.Time) []Answer {
	found := map[string]converge.Finding{}
	for _, f := range findings {
		found[f.Control] = f
	}
	answers := make([]Answer, 0, len(Catalogue))
	for _, c := range Catalogue {
		a := judge(c, found[c.ID], now)
		if a.Status == Violated && exempted(c.ID, exemptions, now) {
			a.Status = Exempt
		}
		answers = append(answers, a)
	}
	return answers
}

func judge(c Control, f converge.Finding, now time.Time) Answer {
	a := Answer{Control: c, Status: Unknown, Seen: f.Seen, At: f.At}
	switch {
	case f.Control == "":
		a.Seen = notLooked
	case f.Verdict == converge.Unknown:
	case now.Sub(f.At) > c.Bound:
		a.Seen = "last seen too long ago: " + f.Seen
	case f.Verdict == converge.Verified:
		a.Status = Verified
	default:
		a.Status = Violated
	}
	return a
}

func exempted(control string, exemptions []v1alpha1.Exemption, now time.Time) bool {
	for _, e := range exemptions {
		if e.Control == control && now.Before(e.ExpiresAt.Time) {
			return true
		}
	}
	return false
}
