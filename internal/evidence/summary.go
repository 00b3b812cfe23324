package evidence

import (
	"fmt"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// maxSeen is the bound of what status shows of an observation, in characters.
const maxSeen = 256

// Summarize counts answers and lists those that are not verified.
func Summarize(answers []Answer) v1alpha1.SecuritySummary {
	var s v1alpha1.SecuritySummary
	for _, a := range answers {
		switch a.Status {
		case Verified:
			s.Verified++
			continue
		case Violated:
			s.Violated++
		case Unknown:
			s.Unknown++
		case Exempt:
			s.Exempt++
		}
		s.Open = append(s.Open, v1alpha1.OpenControl{
			Control: a.ID, Status: string(a.Status), Claim: a.Claim, Seen: shorten(a.Seen),
		})
	}
	s.Applicable = int32(len(answers)) - s.Exempt //nolint:gosec // the catalogue has dozens of rows
	s.Summary = fmt.Sprintf("%d/%d", s.Verified, s.Applicable)
	return s
}

func shorten(text string) string {
	if runes := []rune(text); len(runes) > maxSeen {
		return string(runes[:maxSeen-1]) + "…"
	}
	return text
}
