package evidence

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
)

// seenAll are answers to the whole catalogue, all with the same verdict.
func seenAll(v converge.Verdict, at time.Time, exemptions ...v1alpha1.Exemption) []Answer {
	var findings []converge.Finding
	for _, c := range Catalogue {
		findings = append(findings, converge.Finding{Control: c.ID, Verdict: v, Seen: "seen", At: at})
	}
	return Judge(findings, exemptions, true, at)
}

// with replaces the answer to one control.
func with(answers []Answer, id string, change func(*Answer)) []Answer {
	for i := range answers {
		if answers[i].ID == id {
			change(&answers[i])
		}
	}
	return answers
}

func is(s Status) func(*Answer) { return func(a *Answer) { a.Status = s } }

func rowOf(t *testing.T, r *v1alpha1.SecurityReportContent, id string) v1alpha1.ReportedControl {
	t.Helper()
	c := find(r.Controls, id)
	if c == nil {
		t.Fatalf("%s has no row", id)
	}
	return *c
}

func claimOf(t *testing.T, r *v1alpha1.SecurityReportContent, id string) v1alpha1.ReportedClaim {
	t.Helper()
	for _, c := range r.Claims {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("%s is not claimed", id)
	return v1alpha1.ReportedClaim{}
}

func TestAClaimIsAsGoodAsItsWorstControl(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]Status
		want   Status
	}{
		"all are verified":                   {nil, Verified},
		"one is exempt":                      {map[string]Status{"CP-DB-03": Exempt}, Exempt},
		"unknown is worse than exempt":       {map[string]Status{"CP-DB-03": Exempt, "CP-DB-04": Unknown}, Unknown},
		"violated is worse than unknown":     {map[string]Status{"CP-DB-03": Violated, "CP-DB-04": Unknown}, Violated},
		"another claim's control has no say": {map[string]Status{"CP-DB-07": Violated}, Verified},
		"violated outweighs what comes last": {map[string]Status{"CP-NET-02": Violated, "CP-DB-04": Exempt}, Violated},
	} {
		t.Run(name, func(t *testing.T) {
			answers := seenAll(converge.Verified, now)
			for id, s := range c.change {
				answers = with(answers, id, is(s))
			}
			r := Report(answers, nil, now)
			claim := claimOf(t, &r, notPublic)
			if claim.Status != c.want {
				t.Errorf("it is %s, want %s", claim.Status, c.want)
			}
			unseen := false
			for _, s := range c.change {
				unseen = unseen || s == Unknown
			}
			if claim.ValidUntil.IsZero() != unseen {
				t.Errorf("it is valid until %s though its end is known: %t", claim.ValidUntil, !unseen)
			}
		})
	}
}

func TestHowLongARowCounts(t *testing.T) {
	expiry := func(d time.Duration) *v1alpha1.Exemption {
		return &v1alpha1.Exemption{Reason: "because", ExpiresAt: metav1.NewTime(now.Add(d))}
	}
	for name, c := range map[string]struct {
		answer Answer
		want   time.Duration
	}{
		"what was swept just now counts as long as the report": {Answer{Control: Control{Bound: swept}, Status: Verified, At: now}, 10 * time.Minute},
		"what was swept before ends before the report": {
			Answer{Control: Control{Bound: swept}, Status: Verified, At: now.Add(-2 * time.Minute)}, 8 * time.Minute,
		},
		"what is clocked never outlives the report": {Answer{Control: Control{Bound: clocked}, Status: Verified, At: now}, 10 * time.Minute},
		"what was clocked long ago ends with its bound": {
			Answer{Control: Control{Bound: clocked}, Status: Verified, At: now.Add(-15 * time.Minute)}, 5 * time.Minute,
		},
		"a violation does not count for longer either": {
			Answer{Control: Control{Bound: swept}, Status: Violated, At: now.Add(-time.Minute)}, 9 * time.Minute,
		},
		"an exemption ends when the class says": {
			Answer{Control: Control{Bound: swept}, Status: Exempt, At: now, Exemption: expiry(time.Minute)}, time.Minute,
		},
		"an exemption that ends later changes nothing": {
			Answer{Control: Control{Bound: swept}, Status: Exempt, At: now, Exemption: expiry(time.Hour)}, 10 * time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := Report([]Answer{c.answer}, nil, now)
			if got := r.Controls[0].ValidUntil.Sub(now); got != c.want {
				t.Errorf("it counts for %s, want %s", got, c.want)
			}
		})
	}
	r := Report([]Answer{{Status: Unknown, Seen: "hidden"}}, nil, now)
	if !r.Controls[0].ValidUntil.IsZero() {
		t.Errorf("what is unknown is valid until %s", r.Controls[0].ValidUntil)
	}
}

func TestAReportRemembersWhatTheEarlierOneSaid(t *testing.T) {
	first := Report(seenAll(converge.Verified, now), nil, now)
	later := now.Add(time.Minute)
	second := Report(with(seenAll(converge.Verified, later), control, func(a *Answer) {
		a.Status, a.Seen, a.At = Unknown, "could not be observed", time.Time{}
	}), &first, later)

	hidden := rowOf(t, &second, control)
	if !hidden.Since.Time.Equal(later) || !hidden.ObservedAt.Time.Equal(now) {
		t.Errorf("unknown since %s and last observed at %s, want %s and %s", hidden.Since, hidden.ObservedAt, later, now)
	}
	kept := rowOf(t, &second, "CP-DB-04")
	if !kept.Since.Time.Equal(now) || !kept.ObservedAt.Time.Equal(later) {
		t.Errorf("verified since %s and last observed at %s, want %s and %s", kept.Since, kept.ObservedAt, now, later)
	}
}

func TestARowIsNotReplacedByWhatWasObservedEarlier(t *testing.T) {
	stored := Report(with(seenAll(converge.Verified, now), control, is(Violated)), nil, now)
	later := now.Add(30 * time.Second)
	answered := func(at time.Time, s Status) []Answer {
		return with(seenAll(converge.Verified, later), control, func(a *Answer) { a.At, a.Status = at, s })
	}
	ahead := stored.DeepCopy()
	find(ahead.Controls, control).ObservedAt = metav1.NewTime(now.Add(time.Hour))
	for name, c := range map[string]struct {
		stored  *v1alpha1.SecurityReportContent
		answers []Answer
		at      time.Time
		want    Status
	}{
		"what was observed later replaces it":         {&stored, answered(later, Verified), later, Verified},
		"what was observed in the same second":        {&stored, answered(now.Add(time.Millisecond), Verified), later, Verified},
		"what was observed earlier does not":          {&stored, answered(now.Add(-time.Second), Verified), later, Violated},
		"a failed observation replaces it":            {&stored, answered(time.Time{}, Unknown), later, Unknown},
		"an observation of too long ago does not":     {&stored, answered(now.Add(-time.Hour), Unknown), later, Violated},
		"a row that has ended is replaced by any":     {&stored, answered(now.Add(-time.Second), Unknown), now.Add(time.Hour), Unknown},
		"a row by a clock that is ahead is no better": {ahead, answered(later, Verified), later, Verified},
	} {
		t.Run(name, func(t *testing.T) {
			r := Report(c.answers, c.stored, c.at)
			if got := rowOf(t, &r, control); got.Status != c.want {
				t.Errorf("it is %s, observed at %s; want %s", got.Status, got.ObservedAt, c.want)
			}
		})
	}
}

func TestARowThatCountsForLongerThanItsControlAllowsIsNotBelieved(t *testing.T) {
	written := Report(seenAll(converge.Verified, now), nil, now)
	for _, c := range Catalogue {
		row := find(written.Controls, c.ID)
		was := *row
		row.ValidUntil = metav1.NewTime(row.ObservedAt.Add(longest(c) + time.Second))
		if got := rowOf(t, Read(&written, now), c.ID); got.Status != Unknown || got.Seen != Ahead {
			t.Errorf("%s reads %s (%s)", c.ID, got.Status, got.Seen)
		}
		*row = was
	}
}

func TestEveryBreachClosesTheGate(t *testing.T) {
	hygiene := map[string]string{
		"CP-DB-05": "an additional way to log in is missing, and none is open",
		"CP-DB-12": "another port only hides a database from scanners",
		"CP-DB-13": "a usual name of the master is no login",
		"CP-DB-14": "the certificate is still valid for three months",
	}
	breaches := []string{encryptedAtRest, tlsOnly, allowedAddressesOnly, notPublic, ownLoginsOnly, credentialsOneWay}
	for _, c := range Catalogue {
		t.Run(c.ID, func(t *testing.T) {
			breach := slices.Contains(breaches, c.Claim) && hygiene[c.ID] == ""
			if in := slices.Contains(Gate, c.ID); in != breach {
				t.Fatalf("in the gate: %t, a breach: %t", in, breach)
			}
			for _, status := range []Status{Violated, Unknown, Exempt} {
				written := Report(with(seenAll(converge.Verified, now), c.ID, is(status)), nil, now)
				if got := Gating(&written, now).Open; got == breach {
					t.Errorf("while it is %s the gate is open: %t", status, got)
				}
			}
		})
	}
	written := Report(seenAll(converge.Verified, now), nil, now)
	if early := Gating(&written, now.Add(-time.Hour)); early.Open {
		t.Error("a report of an hour ahead opens the gate")
	}
}

func TestWhenAReportIsDue(t *testing.T) {
	stored := Report(seenAll(converge.Verified, now), nil, now)
	// Some were observed long ago when the report was written.
	early := Report(with(seenAll(converge.Verified, now), "CP-KEY-01", func(a *Answer) { a.At = now.Add(-15 * time.Minute) }), nil, now)
	for name, c := range map[string]struct {
		stored  v1alpha1.SecurityReportContent
		after   time.Duration
		answers func(at time.Time) []Answer
		want    bool
	}{
		"the same a minute later":            {stored, time.Minute, nil, false},
		"the same until half of its bound":   {stored, 5*time.Minute - time.Second, nil, false},
		"the same at half of its bound":      {stored, 5 * time.Minute, nil, true},
		"the same when it has ended already": {stored, time.Hour, nil, true},
		"another status": {stored, time.Second, func(at time.Time) []Answer {
			return with(seenAll(converge.Verified, at), control, is(Violated))
		}, true},
		"other words": {stored, time.Second, func(at time.Time) []Answer {
			return with(seenAll(converge.Verified, at), control, func(a *Answer) { a.Seen = "seen otherwise" })
		}, true},
		"a row that is about to end, and was seen again": {early, 3 * time.Minute, nil, true},
		"a row that is about to end, and was not seen again": {early, 3 * time.Minute, func(at time.Time) []Answer {
			return with(seenAll(converge.Verified, at), "CP-KEY-01", func(a *Answer) { a.At = now.Add(-15 * time.Minute) })
		}, false},
		"a row that is not about to end": {early, time.Minute, nil, false},
		"one by a clock that is ahead":   {stored, -time.Hour, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			at := now.Add(c.after)
			answers := seenAll(converge.Verified, at)
			if c.answers != nil {
				answers = c.answers(at)
			}
			fresh := Report(answers, &c.stored, at)
			if got := Due(&c.stored, &fresh, at); got != c.want {
				t.Errorf("due is %t, want %t", got, c.want)
			}
		})
	}
}

func TestWhatAReaderSees(t *testing.T) {
	exemption := v1alpha1.Exemption{Control: control, Reason: "because", ExpiresAt: metav1.NewTime(now.Add(2 * time.Minute))}
	answers := with(seenAll(converge.Verified, now), "CP-DB-01", func(a *Answer) { a.At = now.Add(-2 * time.Minute) })
	answers = with(answers, control, func(a *Answer) { a.Status, a.Exemption = Exempt, &exemption })
	written := Report(answers, nil, now)
	all := int32(len(Catalogue))
	for name, c := range map[string]struct {
		after     time.Duration
		summary   string
		exempt    int32
		attested  int32
		row, seen string
		claim     Status
	}{
		"what was written, while it is fresh": {0, fmt.Sprintf("%d/%d", all-1, all-1), 1, 2, "Verified", "seen", Verified},
		"an exemption that has ended leaves nothing known": {
			2 * time.Minute, fmt.Sprintf("%d/%d", all-1, all), 0, 2, "Verified", "seen", Verified,
		},
		"a row that has ended is unknown": {
			8 * time.Minute, fmt.Sprintf("%d/%d", all-2, all), 0, 2, "Unknown", "last seen too long ago: seen", Unknown,
		},
		"a report that has ended says nothing": {10 * time.Minute, fmt.Sprintf("0/%d", all), 0, 0, "Unknown", Expired, Unknown},
		"clocks may differ by a minute":        {-time.Minute, fmt.Sprintf("%d/%d", all-1, all-1), 1, 2, "Verified", "seen", Verified},
		"a report by a clock that is ahead says nothing": {
			-time.Minute - time.Second, fmt.Sprintf("0/%d", all), 0, 0, "Unknown", Ahead, Unknown,
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := written.DeepCopy()
			r := Read(&written, now.Add(c.after))
			if r.Summary.Text != c.summary || r.Summary.Exempt != c.exempt || r.Summary.Attested != c.attested {
				t.Errorf("the summary is %+v, want %s with %d exempt and %d attested", r.Summary, c.summary, c.exempt, c.attested)
			}
			if row := rowOf(t, r, "CP-DB-01"); string(row.Status) != c.row || row.Seen != c.seen {
				t.Errorf("CP-DB-01 is %s: %s, want %s: %s", row.Status, row.Seen, c.row, c.seen)
			}
			if claim := claimOf(t, r, encryptedAtRest); claim.Status != c.claim {
				t.Errorf("the claim is %s, want %s", claim.Status, c.claim)
			}
			if diff := cmp.Diff(before, &written); diff != "" {
				t.Errorf("reading changed the report:\n%s", diff)
			}
		})
	}
}

func TestAStatementThatIsDueForReviewIsUnknown(t *testing.T) {
	due := read.AddDate(1, 0, 0)
	for name, c := range map[string]struct {
		at   time.Time
		want Status
	}{
		"before": {due.Add(-time.Second), Attested},
		"from":   {due, Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			r := Report(seenAll(converge.Verified, c.at), nil, c.at)
			for _, a := range r.Attestations {
				if a.Status != c.want {
					t.Errorf("%s is %s, want %s", a.ID, a.Status, c.want)
				}
			}
			if n := int32(len(Catalogue)); r.Summary.Verified != n || r.Summary.Applicable != n || r.Summary.Unknown != 0 {
				t.Errorf("it counts among the controls: %+v", r.Summary)
			}
		})
	}
	written := Report(nil, nil, due.Add(-time.Minute))
	if got := Read(&written, due).Attestations[0].Status; got != Unknown {
		t.Errorf("a reader sees %s", got)
	}
}

func TestWhichFlipsAreNews(t *testing.T) {
	row := func(s Status, seen bool) v1alpha1.ReportedControl {
		c := v1alpha1.ReportedControl{ID: control, Status: s}
		if seen {
			c.ObservedAt = metav1.NewTime(now)
		}
		return c
	}
	for name, c := range map[string]struct {
		before, after v1alpha1.ReportedControl
		flips, news   bool
	}{
		"it stays verified":                            {row(Verified, true), row(Verified, true), false, false},
		"what held does not":                           {row(Verified, true), row(Violated, true), true, true},
		"what held is not observed any more":           {row(Verified, true), row(Unknown, true), true, true},
		"what did not hold is not observed any more":   {row(Violated, true), row(Unknown, true), true, false},
		"what was not observed does not hold":          {row(Unknown, true), row(Violated, true), true, true},
		"what was not observed holds again":            {row(Unknown, true), row(Verified, true), true, true},
		"what was never observed is created and holds": {row(Unknown, false), row(Verified, true), true, false},
		"what was never seen does not hold":            {row(Unknown, false), row(Violated, true), true, true},
		"what did not hold does":                       {row(Violated, true), row(Verified, true), true, true},
		"what did not hold is accepted":                {row(Violated, true), row(Exempt, true), true, false},
		"what was accepted is not any more":            {row(Exempt, true), row(Violated, true), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			flips := Flips([]v1alpha1.ReportedControl{c.before}, []v1alpha1.ReportedControl{c.after})
			if (len(flips) == 1) != c.flips {
				t.Fatalf("flips %v, want one: %t", flips, c.flips)
			}
			if c.flips && flips[0].News() != c.news {
				t.Errorf("news is %t, want %t", flips[0].News(), c.news)
			}
		})
	}
	if flips := Flips(nil, []v1alpha1.ReportedControl{row(Violated, true)}); flips != nil {
		t.Errorf("a control that was not reported before has flipped: %v", flips)
	}
}
