package evidence

import "github.com/coachplatform/coach-operator/api/v1alpha1"

// Flip is a control whose status changed between two reports.
type Flip struct {
	// Before and After are its rows.
	Before, After v1alpha1.ReportedControl
}

// Flips returns the controls whose status changed, in the order of the later report. A control that the
// earlier report does not know has not flipped.
func Flips(before, after []v1alpha1.ReportedControl) []Flip {
	var flips []Flip
	for _, now := range after {
		if was := find(before, now.ID); was != nil && was.Status != now.Status {
			flips = append(flips, Flip{*was, now})
		}
	}
	return flips
}

// News says that a flip is worth telling: what was seen not to hold, what holds again, and what held and
// is not observed any more. That something new is observed for the first time, and holds, is none.
func (f Flip) News() bool {
	switch f.After.Status {
	case Violated:
		return true
	case Verified:
		return !f.Before.ObservedAt.IsZero()
	case Unknown:
		return f.Before.Status == Verified
	case Exempt, Attested:
	}
	return false
}
