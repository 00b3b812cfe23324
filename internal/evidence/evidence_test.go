package evidence

import (
	"regexp"
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

// control is one of the catalogue for the tests below; it is looked at in every sweep.
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
		"what holds is verified":                  {found(converge.Verified, 0), nil, Verified, "seen"},
		"what does not hold is violated":          {found(converge.Violated, 0), nil, Violated, "seen"},
		"what could not be told is unknown":       {found(converge.Unknown, 0), nil, Unknown, "seen"},
		"what nobody looked at is unknown":        {nil, nil, Unknown, "nobody could look"},
		"what was seen within its bound counts":   {found(converge.Verified, swept), nil, Verified, "seen"},
		"what was seen too long ago is unknown":   {found(converge.Verified, swept+time.Second), nil, Unknown, "last seen too long ago: seen"},
		"a violation of long ago is unknown too":  {found(converge.Violated, swept+time.Second), nil, Unknown, "last seen too long ago: seen"},
		"a time that nobody gave is too long ago": {[]converge.Finding{{Control: control, Verdict: converge.Verified, Seen: "seen"}}, nil, Unknown, "last seen too long ago: seen"},

		"an exemption covers what does not hold":       {found(converge.Violated, 0), exempt(control, time.Hour), Exempt, "seen"},
		"an exemption that has ended covers nothing":   {found(converge.Violated, 0), exempt(control, 0), Violated, "seen"},
		"an exemption of another control covers none":  {found(converge.Violated, 0), exempt("CP-DB-04", time.Hour), Violated, "seen"},
		"an exemption makes nothing verified":          {found(converge.Verified, 0), exempt(control, time.Hour), Verified, "seen"},
		"an exemption does not cover what is not seen": {nil, exempt(control, time.Hour), Unknown, "nobody could look"},
	} {
		t.Run(name, func(t *testing.T) {
			got := answerTo(t, control, Judge(c.findings, c.exemptions, now))
			if got.Status != c.status || got.Seen != c.seen {
				t.Errorf("it is %s (%s), want %s (%s)", got.Status, got.Seen, c.status, c.seen)
			}
		})
	}
}

func TestEveryControlIsAnsweredInItsOrder(t *testing.T) {
	answers := Judge([]converge.Finding{{Control: "CP-NOT-99", Verdict: converge.Violated, At: now}}, nil, now)
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
		{Control{ID: "A", Claim: "a holds"}, Verified, "fine", now},
		{Control{ID: "B", Claim: "b holds"}, Violated, "broken", now},
		{Control{ID: "C", Claim: "c holds"}, Unknown, "hidden", time.Time{}},
		{Control{ID: "D", Claim: "d holds"}, Exempt, "broken", now},
	}
	want := v1alpha1.SecuritySummary{
		Summary: "1/3", Verified: 1, Violated: 1, Unknown: 1, Exempt: 1, Applicable: 3,
		Open: []v1alpha1.OpenControl{
			{Control: "B", Status: "Violated", Claim: "b holds", Seen: "broken"},
			{Control: "C", Status: "Unknown", Claim: "c holds", Seen: "hidden"},
			{Control: "D", Status: "Exempt", Claim: "d holds", Seen: "broken"},
		},
	}
	if diff := cmp.Diff(want, Summarize(answers)); diff != "" {
		t.Errorf("the summary (-want +got):\n%s", diff)
	}
}

func TestWhatWasSeenIsCutBetweenCharacters(t *testing.T) {
	long := Summarize([]Answer{{Control{ID: "A"}, Violated, strings.Repeat("ü", 300), now}}).Open[0].Seen
	if n := utf8.RuneCountInString(long); n != maxSeen || !utf8.ValidString(long) || !strings.HasSuffix(long, "ü…") {
		t.Errorf("cut to %d characters: %q", n, long)
	}
	short := strings.Repeat("ü", maxSeen)
	if got := Summarize([]Answer{{Control{ID: "A"}, Violated, short, now}}).Open[0].Seen; got != short {
		t.Errorf("what fits was cut: %q", got)
	}
}

func TestTheCatalogueIsSound(t *testing.T) {
	id := regexp.MustCompile(`^CP-[A-Z]+-[0-9]{2}$`)
	seen := map[string]bool{}
	for _, c := range Catalogue {
		t.Run(c.ID, func(t *testing.T) {
			if !id.MatchString(c.ID) || seen[c.ID] || seen[c.Claim] {
				t.Error("its ID is malformed, or it is there twice")
			}
			seen[c.ID], seen[c.Claim] = true, true
			if len(c.Sources) == 0 || len(c.Claim) < 10 || utf8.RuneCountInString(c.Claim) > 256 {
				t.Errorf("it has the sources %v and claims %q", c.Sources, c.Claim)
			}
			if c.Bound < time.Minute {
				t.Errorf("its bound is %s: a look of the last sweep would not count", c.Bound)
			}
		})
	}
}
