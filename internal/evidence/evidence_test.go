package evidence

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// control is one of the catalogue for the tests below; it is observed in every sweep.
const control = "CP-DB-03"

func answerTo(t *testing.T, id string, answers []Answer) Answer {
	t.Helper()
	for _, a := range answers {
		if a.ID == id {
			return a
		}
	}
	t.Fatalf("%s is not answered", id)
	return Answer{}
}

func TestHowAFindingIsJudged(t *testing.T) {
	found := func(v converge.Verdict, age time.Duration) []converge.Finding {
		return []converge.Finding{{Control: control, Verdict: v, Seen: "seen", At: now.Add(-age)}}
	}
	exempt := func(control string, until time.Duration) []v1alpha1.Exemption {
		return []v1alpha1.Exemption{{Control: control, ExpiresAt: metav1.NewTime(now.Add(until))}}
	}
	for name, c := range map[string]struct {
		findings   []converge.Finding
		exemptions []v1alpha1.Exemption
		status     Status
		seen       string
	}{
		"what holds is verified":                 {found(converge.Verified, 0), nil, Verified, "seen"},
		"what does not hold is violated":         {found(converge.Violated, 0), nil, Violated, "seen"},
		"what could not be decided is unknown":   {found(converge.Unknown, 0), nil, Unknown, "seen"},
		"what was not observed is unknown":       {nil, nil, Unknown, "nobody could look"},
		"what was seen within its bound counts":  {found(converge.Verified, swept), nil, Verified, "seen"},
		"what was seen too long ago is unknown":  {found(converge.Verified, swept+time.Second), nil, Unknown, "last seen too long ago: seen"},
		"a violation of long ago is unknown too": {found(converge.Violated, swept+time.Second), nil, Unknown, "last seen too long ago: seen"},
		"a missing time is too long ago":         {[]converge.Finding{{Control: control, Verdict: converge.Verified, Seen: "seen"}}, nil, Unknown, "last seen too long ago: seen"},

		"an exemption covers what does not hold":       {found(converge.Violated, 0), exempt(control, time.Hour), Exempt, "seen"},
		"an exemption that has ended covers nothing":   {found(converge.Violated, 0), exempt(control, 0), Violated, "seen"},
		"an exemption of another control covers none":  {found(converge.Violated, 0), exempt("CP-DB-04", time.Hour), Violated, "seen"},
		"an exemption verifies nothing":                {found(converge.Verified, 0), exempt(control, time.Hour), Verified, "seen"},
		"an exemption does not cover what is not seen": {nil, exempt(control, time.Hour), Unknown, "nobody could look"},
	} {
		t.Run(name, func(t *testing.T) {
			got := answerTo(t, control, Judge(c.findings, c.exemptions, true, now))
			if got.Status != c.status || got.Seen != c.seen {
				t.Errorf("it is %s (%s), want %s (%s)", got.Status, got.Seen, c.status, c.seen)
			}
		})
	}
}

func TestEveryControlIsAnsweredInItsOrder(t *testing.T) {
	answers := Judge([]converge.Finding{{Control: "CP-NOT-99", Verdict: converge.Violated, At: now}}, nil, true, now)
	var got, want []string
	for _, a := range answers {
		got = append(got, a.ID)
	}
	for _, c := range Catalogue {
		want = append(want, c.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestACountOfEach(t *testing.T) {
	answers := []Answer{
		{Control: Control{ID: "A", Statement: "a holds"}, Status: Verified, Seen: "fine", At: now},
		{Control: Control{ID: "B", Statement: "b holds"}, Status: Violated, Seen: "broken", At: now},
		{Control: Control{ID: "C", Statement: "c holds"}, Status: Unknown, Seen: "hidden"},
		{Control: Control{ID: "D", Statement: "d holds"}, Status: Exempt, Seen: "broken", At: now},
	}
	want := v1alpha1.SecuritySummary{
		Summary: "1/3", Verified: 1, Violated: 1, Unknown: 1, Exempt: 1, Applicable: 3, Attested: int32(len(statements)),
		Open: []v1alpha1.OpenControl{
			{Control: "B", Status: "Violated", Claim: "b holds", Seen: "broken"},
			{Control: "C", Status: "Unknown", Claim: "c holds", Seen: "hidden"},
			{Control: "D", Status: "Exempt", Claim: "d holds", Seen: "broken"},
		},
	}
	if diff := cmp.Diff(want, Summarize(answers, now)); diff != "" {
		t.Errorf("the summary (-want +got):\n%s", diff)
	}
	want.Attested = 0
	if diff := cmp.Diff(want, Summarize(answers, read.AddDate(1, 0, 0))); diff != "" {
		t.Errorf("the summary once statements are due for review (-want +got):\n%s", diff)
	}
}

func TestWhatWasSeenIsCutBetweenCharacters(t *testing.T) {
	long := Summarize([]Answer{{Control: Control{ID: "A"}, Status: Violated, Seen: strings.Repeat("ü", 300), At: now}}, now).Open[0].Seen
	if n := utf8.RuneCountInString(long); n != maxSeen || !utf8.ValidString(long) || !strings.HasSuffix(long, "ü…") {
		t.Errorf("cut to %d characters: %q", n, long)
	}
	short := strings.Repeat("ü", maxSeen)
	if got := Summarize([]Answer{{Control: Control{ID: "A"}, Status: Violated, Seen: short, At: now}}, now).Open[0].Seen; got != short {
		t.Errorf("what fits was cut: %q", got)
	}
}

func TestTheCatalogueIsSound(t *testing.T) {
	id := regexp.MustCompile(`^CP-[A-Z]+-[0-9]{2}$`)
	seen := map[string]bool{}
	for _, c := range Catalogue {
		t.Run(c.ID, func(t *testing.T) {
			if !id.MatchString(c.ID) || seen[c.ID] || seen[c.Statement] {
				t.Error("its ID is malformed, or it is there twice")
			}
			seen[c.ID], seen[c.Statement] = true, true
			if len(c.Sources) == 0 || len(c.Statement) < 10 || utf8.RuneCountInString(c.Statement) > 256 {
				t.Errorf("it has the sources %v and states %q", c.Sources, c.Statement)
			}
			if c.Where == "" || utf8.RuneCountInString(c.Where) > 128 {
				t.Errorf("it is seen at %q", c.Where)
			}
			if c.Bound < time.Minute {
				t.Errorf("its bound is %s: an observation of the last sweep would not count", c.Bound)
			}
		})
	}
}

func TestEveryControlProvesOneClaimAndEveryClaimIsProven(t *testing.T) {
	id := regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)
	proven := map[string]int{}
	for _, c := range Catalogue {
		proven[c.Claim]++
	}
	for _, c := range Claims {
		if !id.MatchString(c.ID) || len(c.ID) > 48 || len(c.Statement) < 20 || len(c.Statement) > 256 {
			t.Errorf("the claim %q states %q", c.ID, c.Statement)
		}
		if proven[c.ID] == 0 {
			t.Errorf("no control proves the claim %s, or it is there twice", c.ID)
		}
		delete(proven, c.ID)
	}
	for claim, n := range proven {
		t.Errorf("%d controls prove %q, which is no claim", n, claim)
	}
	for _, s := range statements {
		if !slices.ContainsFunc(Claims, func(c Claim) bool { return c.ID == s.claim }) || !strings.HasPrefix(s.source, "https://") {
			t.Errorf("%s is about the claim %q and states what %q says", s.id, s.claim, s.source)
		}
		if !s.review.After(s.read) {
			t.Errorf("%s is due for review before it was read", s.id)
		}
	}
}
