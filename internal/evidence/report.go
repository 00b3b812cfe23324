package evidence

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

const (
	// ReportBound is how long a report counts after it was written, and the least that an observation in
	// it counts. While nothing changes a report is rewritten at half its bound, so a reader waits at most
	// this long to learn that nothing is observed any more.
	ReportBound = 10 * time.Minute
	// renewal is how long before the end of a report, which nothing else changes, it is written again.
	renewal = ReportBound / 2
	// rowRenewal is how long before the end of one observation it is replaced by a newer one. It is longer
	// than the longest time between two passes.
	rowRenewal = 150 * time.Second
	// maxSkew is how far clocks of one cluster may differ. What was written by one that is further ahead is not
	// believed: it would count for longer than its bound.
	maxSkew = time.Minute
	// Expired is what a reader sees about every row of a report that has ended.
	Expired = "the report expired: is the operator running?"
	// Ahead is what a reader sees about what a clock wrote that is ahead of the reader's.
	Ahead = "the times of the report are in the future or too far apart: are the clocks of the nodes right?"
)

// Report writes down the answers of one pass. Earlier is the report that it replaces, nil for none: a
// status that did not change keeps its time, and what cannot be seen now keeps when it last was.
//
// A row counts until its own observation is as old as the control's bound, or as ReportBound if that is
// longer; and never longer than the report itself. So nothing reads Verified for longer than ten minutes
// (twenty for what is observed by the freshness clock) after it was last observed, even if the operator
// stops. A row is never replaced by what was observed earlier: a process that was suspended while another one led
// knows less than the report.
func Report(answers []Answer, earlier *v1alpha1.SecurityReportContent, now time.Time) v1alpha1.SecurityReportContent {
	now = now.Truncate(time.Second) // as it is stored
	r := v1alpha1.SecurityReportContent{
		ObservedAt: metav1.NewTime(now), ValidUntil: metav1.NewTime(now.Add(ReportBound)), Attestations: attestations(now),
	}
	if earlier == nil {
		earlier = &v1alpha1.SecurityReportContent{}
	}
	for _, a := range answers {
		r.Controls = append(r.Controls, row(a, find(earlier.Controls, a.ID), now))
	}
	r.Claims, r.Summary = claims(r.Controls), count(r.Controls, r.Attestations)
	return r
}

func row(a Answer, was *v1alpha1.ReportedControl, now time.Time) v1alpha1.ReportedControl {
	if was != nil && a.At.Truncate(time.Second).Before(was.ObservedAt.Time) && !a.At.IsZero() && current(was, now) {
		return *was
	}
	c := v1alpha1.ReportedControl{
		ID: a.ID, Claim: a.Claim, Statement: a.Statement, Sources: a.Sources, Where: a.Where,
		Status: a.Status, Seen: shorten(a.Seen), Since: metav1.NewTime(now),
	}
	if !a.At.IsZero() {
		c.ObservedAt = metav1.NewTime(a.At.Truncate(time.Second))
	}
	if was != nil && was.Status == c.Status {
		c.Since = was.Since
	}
	if was != nil && c.ObservedAt.IsZero() {
		c.ObservedAt = was.ObservedAt
	}
	if c.Status == Unknown {
		return c
	}
	c.ValidUntil = metav1.NewTime(earliest(now.Add(ReportBound), c.ObservedAt.Add(longest(a.Control))))
	if a.Exemption != nil {
		c.ExemptionReason, c.ExemptionExpiresAt = a.Exemption.Reason, a.Exemption.ExpiresAt
		c.ValidUntil = metav1.NewTime(earliest(c.ValidUntil.Time, c.ExemptionExpiresAt.Time))
	}
	return c
}

// longest is how long an observation of a control counts.
func longest(c Control) time.Duration { return max(c.Bound, ReportBound) }

// current says that a stored row is still evidence: it has not ended, and no clock that is ahead wrote it.
func current(row *v1alpha1.ReportedControl, now time.Time) bool {
	return row.Status != Unknown && now.Before(row.ValidUntil.Time) && !ahead(row, now)
}

// ahead says that a clock wrote a row that is ahead, or that it counts for longer than its control allows.
func ahead(row *v1alpha1.ReportedControl, now time.Time) bool {
	bound := ReportBound
	if i := slices.IndexFunc(Catalogue, func(c Control) bool { return c.ID == row.ID }); i >= 0 {
		bound = longest(Catalogue[i])
	}
	return late(row.ObservedAt, row.ValidUntil, bound, now)
}

// late says that a time of observation is in the future, or the end of what was observed too far from it.
func late(observed, until metav1.Time, bound time.Duration, now time.Time) bool {
	return observed.After(now.Add(maxSkew)) || until.After(observed.Add(bound))
}

func earliest(x, y time.Time) time.Time {
	if x.Before(y) {
		return x
	}
	return y
}

func find(rows []v1alpha1.ReportedControl, id string) *v1alpha1.ReportedControl {
	if i := slices.IndexFunc(rows, func(c v1alpha1.ReportedControl) bool { return c.ID == id }); i >= 0 {
		return &rows[i]
	}
	return nil
}

// severity orders statuses by how much they say against a claim.
var severity = map[Status]int{Verified: 0, Exempt: 1, Unknown: 2, Violated: 3}

// claims are the promises as the controls prove them.
func claims(controls []v1alpha1.ReportedControl) []v1alpha1.ReportedClaim {
	all := make([]v1alpha1.ReportedClaim, 0, len(Claims))
	for _, c := range Claims {
		if ofStripeOnly(c.ID) && !slices.ContainsFunc(controls, func(row v1alpha1.ReportedControl) bool { return row.Claim == c.ID }) {
			continue
		}
		all = append(all, prove(v1alpha1.ReportedClaim{ID: c.ID, Statement: c.Statement}, controls))
	}
	return all
}

// prove gives a claim the worst status of its controls. It counts until the first of them has to be seen
// again; one that nothing proves is unknown.
func prove(claim v1alpha1.ReportedClaim, controls []v1alpha1.ReportedControl) v1alpha1.ReportedClaim {
	claim.Status, claim.ValidUntil = "", metav1.Time{}
	unseen := false
	for _, c := range controls {
		if c.Claim != claim.ID {
			continue
		}
		unseen = unseen || c.Status == Unknown
		if claim.Status == "" || severity[c.Status] > severity[claim.Status] {
			claim.Status = c.Status
		}
		if claim.ValidUntil.IsZero() || c.ValidUntil.Before(&claim.ValidUntil) {
			claim.ValidUntil = c.ValidUntil
		}
	}
	if claim.Status == "" {
		claim.Status = Unknown
	}
	if unseen {
		claim.ValidUntil = metav1.Time{}
	}
	return claim
}

// Due says whether a report has to be written in place of the one that is stored: at once when it says
// anything else, apart from times, and in time before the stored one, or a row of it, ends.
func Due(stored, fresh *v1alpha1.SecurityReportContent, now time.Time) bool {
	if !equality.Semantic.DeepEqual(timeless(stored), timeless(fresh)) {
		return true
	}
	if !now.Before(stored.ValidUntil.Add(-renewal)) || stored.ValidUntil.After(fresh.ValidUntil.Time) {
		return true // the latter was written by a clock that is ahead
	}
	return slices.ContainsFunc(fresh.Controls, func(c v1alpha1.ReportedControl) bool {
		old := find(stored.Controls, c.ID)
		return old.ValidUntil.Before(&c.ValidUntil) && !now.Before(old.ValidUntil.Add(-rowRenewal))
	})
}

// timeless is what a report says, apart from when.
func timeless(r *v1alpha1.SecurityReportContent) *v1alpha1.SecurityReportContent {
	r = r.DeepCopy()
	r.ObservedAt, r.ValidUntil = metav1.Time{}, metav1.Time{}
	for i := range r.Claims {
		r.Claims[i].ValidUntil = metav1.Time{}
	}
	for i := range r.Controls {
		r.Controls[i].ObservedAt, r.Controls[i].ValidUntil = metav1.Time{}, metav1.Time{}
	}
	return r
}

// Read returns a report as it reads at a moment: what is not valid any more is unknown, and says why.
// Everybody who shows a report to somebody shows this.
func Read(r *v1alpha1.SecurityReportContent, now time.Time) *v1alpha1.SecurityReportContent {
	r = r.DeepCopy()
	ended := Ended(r, now)
	for i := range r.Controls {
		c := &r.Controls[i]
		switch {
		case late(r.ObservedAt, r.ValidUntil, ReportBound, now) || c.Status != Unknown && ahead(c, now):
			c.Status, c.Seen, c.ValidUntil = Unknown, Ahead, metav1.Time{}
		case ended:
			c.Status, c.Seen, c.ValidUntil = Unknown, Expired, metav1.Time{}
		case c.Status != Unknown && !now.Before(c.ValidUntil.Time):
			c.Status, c.Seen, c.ValidUntil = Unknown, shorten(tooLongAgo+c.Seen), metav1.Time{}
		}
	}
	for i := range r.Attestations {
		r.Attestations[i] = reviewed(r.Attestations[i], now)
		if ended {
			r.Attestations[i].Status = Unknown
		}
	}
	r.Summary = count(r.Controls, r.Attestations)
	for i := range r.Claims {
		r.Claims[i] = prove(r.Claims[i], r.Controls)
	}
	return r
}

// Ended says that a report does not count any more, or that nobody can say whether it does.
func Ended(r *v1alpha1.SecurityReportContent, now time.Time) bool {
	return !now.Before(r.ValidUntil.Time) || late(r.ObservedAt, r.ValidUntil, ReportBound, now)
}
