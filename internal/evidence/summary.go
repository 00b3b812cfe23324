package evidence

import (
	"fmt"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// maxSeen is the bound of what status and reports show of an observation, in characters.
const maxSeen = 256

// Summarize counts answers and lists those that are not verified, for a platform's status.
func Summarize(answers []Answer, now time.Time) v1alpha1.SecuritySummary {
	r := Report(answers, nil, now)
	n := r.Summary
	s := v1alpha1.SecuritySummary{
		Summary: n.Text, Verified: n.Verified, Violated: n.Violated, Unknown: n.Unknown, Exempt: n.Exempt,
		Attested: n.Attested, Applicable: n.Applicable,
	}
	for _, c := range r.Controls {
		if c.Status != Verified {
			s.Open = append(s.Open, v1alpha1.OpenControl{Control: c.ID, Status: string(c.Status), Claim: c.Statement, Seen: c.Seen})
		}
	}
	return s
}

// count counts the rows of a report.
func count(controls []v1alpha1.ReportedControl, attestations []v1alpha1.Attestation) v1alpha1.ReportSummary {
	n := map[Status]int32{}
	for _, c := range controls {
		n[c.Status]++
	}
	for _, a := range attestations {
		if a.Status == Attested { // one that is due for review is no control that could not be seen
			n[Attested]++
		}
	}
	s := v1alpha1.ReportSummary{
		Verified: n[Verified], Violated: n[Violated], Unknown: n[Unknown], Exempt: n[Exempt], Attested: n[Attested],
		Applicable: n[Verified] + n[Violated] + n[Unknown],
	}
	s.Text = fmt.Sprintf("%d/%d", s.Verified, s.Applicable)
	return s
}

func shorten(text string) string {
	if runes := []rune(text); len(runes) > maxSeen {
		return string(runes[:maxSeen-1]) + "…"
	}
	return text
}
