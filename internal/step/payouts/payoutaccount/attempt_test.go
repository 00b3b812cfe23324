package payoutaccount

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// noon is when these tests take place.
var noon = time.Unix(1_800_000_000, 0).UTC()

func ago(d time.Duration) time.Time { return noon.Add(-d) }

func TestWhichAttemptComesNext(t *testing.T) {
	const day = 24 * time.Hour
	// begun is the third attempt, begun that long ago.
	begun := func(age time.Duration) scope.Intent {
		return scope.Intent{Attempt: 3, Business: "acct_b", Since: ago(age)}
	}
	unsure := begun(time.Hour)
	unsure.Unsure = ago(time.Minute)
	// refused is the third attempt, refused that long ago as generation 7 with the request "please".
	refused := func(age time.Duration) scope.Intent {
		i := begun(age + time.Minute)
		i.Refusal = &scope.Refusal{At: ago(age), Generation: 7, Request: "please", Code: "country_unsupported"}
		return i
	}
	fresh := func(n int) *scope.Intent { return &scope.Intent{Attempt: n, Since: noon} }
	for name, c := range map[string]struct {
		intent     scope.Intent
		generation int64
		request    string
		// next is nil where the attempt stays what it is.
		next   *scope.Intent
		reason string
		after  time.Duration
	}{
		"the first attempt of all":                           {next: fresh(1)},
		"a key that was just begun is used again":            {intent: begun(0)},
		"a key that lives is used again":                     {intent: begun(23*time.Hour - 1)},
		"an answer that left it open changes no key":         {intent: unsure},
		"a key that may have ended is waited for":            {intent: begun(23 * time.Hour), reason: v1alpha1.ReasonCreationUncertain, after: 2 * time.Hour},
		"a key that is about to end is waited for":           {intent: begun(25*time.Hour - 1), reason: v1alpha1.ReasonCreationUncertain, after: 1},
		"a key that is dead is followed by the next":         {intent: begun(25 * time.Hour), next: fresh(4)},
		"a key that has long been dead too":                  {intent: begun(30 * day), next: fresh(4)},
		"what was just refused is not requested again":       {intent: refused(0), generation: 7, request: "please", reason: v1alpha1.ReasonCreateRejected, after: time.Hour},
		"what was refused is left for the rest of an hour":   {intent: refused(50 * time.Minute), generation: 7, request: "please", reason: v1alpha1.ReasonCreateRejected, after: 10 * time.Minute},
		"what was refused is requested again after an hour":  {intent: refused(time.Hour), generation: 7, request: "please", next: fresh(4)},
		"another spec is requested at once":                  {intent: refused(0), generation: 8, request: "please", next: fresh(4)},
		"another request is followed at once":                {intent: refused(0), generation: 7, request: "again", next: fresh(4)},
		"a refused key is not waited for when it may end":    {intent: refused(day), generation: 7, request: "please", next: fresh(4)},
		"another spec does not change an attempt under way":  {intent: begun(time.Minute), generation: 8, request: "again"},
		"another spec does not end the wait for a key's end": {intent: begun(day), generation: 8, request: "again", reason: v1alpha1.ReasonCreationUncertain, after: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			want := c.intent
			if c.next != nil {
				want = *c.next
			}
			got, err := attempt(&scope.Payout{Business: "acct_b", Intent: c.intent, Generation: c.generation, Request: c.request}, noon)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("attempt (-want +got):\n%s", diff)
			}
			if c.reason == "" {
				if err != nil {
					t.Errorf("it is held up: %v", err)
				}
				return
			}
			if f := fault.As(err); f.Reason != c.reason || f.After != c.after {
				t.Errorf("%v after %s, want %s after %s", err, f.After, c.reason, c.after)
			}
		})
	}
}

func TestAKeyIsDeadADayAndAnHourAfterItsFirstUse(t *testing.T) {
	dead := noon.Add(25 * time.Hour)
	for name, c := range map[string]struct {
		attempt   int
		now, want time.Time
	}{
		"no attempt has no key":          {0, dead, time.Time{}},
		"a new key lives":                {1, noon, time.Time{}},
		"a key lives to its last moment": {1, dead.Add(-1), time.Time{}},
		"a key is dead from then on":     {1, dead, dead},
		"a dead key has been since then": {2, dead.Add(time.Hour), dead},
	} {
		t.Run(name, func(t *testing.T) {
			if got := expiry(scope.Intent{Attempt: c.attempt, Since: noon}, c.now); !got.Equal(c.want) {
				t.Errorf("dead since %s, want %s", got, c.want)
			}
		})
	}
}

func TestARefusalSaysWhatIsKnownOfIt(t *testing.T) {
	for name, c := range map[string]struct {
		refusal scope.Refusal
		says    string
	}{
		"a code and a parameter": {scope.Refusal{Code: "country_unsupported", Param: "country"}, "(country_unsupported, parameter country)"},
		"a code alone":           {scope.Refusal{Code: "account_closed"}, "(account_closed)"},
		"a parameter alone":      {scope.Refusal{Param: "country"}, "(it names no code, parameter country)"},
		"neither":                {scope.Refusal{}, "(it names no code)"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fault.As(refused(c.refusal, time.Minute))
			if f.Class != fault.Invalid || f.Reason != v1alpha1.ReasonCreateRejected || f.After != time.Minute {
				t.Errorf("%s %s after %s", f.Class, f.Reason, f.After)
			}
			if !strings.Contains(f.Message, c.says) {
				t.Errorf("it says %q, and not %q", f.Message, c.says)
			}
		})
	}
}

func TestWhatOneBusinessWasRefusedAnotherMayAskFor(t *testing.T) {
	in := &scope.Payout{
		Business: "acct_other", Generation: 7, Request: "please",
		Intent: scope.Intent{
			Attempt: 1, Business: "acct_b", Since: ago(time.Hour),
			Refusal: &scope.Refusal{At: ago(time.Minute), Generation: 7, Request: "please"},
		},
	}
	if next, err := attempt(in, noon); err != nil || next.Attempt != 2 {
		t.Errorf("attempt %d, %v", next.Attempt, err)
	}
}
