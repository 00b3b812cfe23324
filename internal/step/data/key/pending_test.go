package key

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAKeyIsOnlyCreatedOnceItWasMissingForLongEnough(t *testing.T) {
	const lag = 15 * time.Second
	start := time.Unix(1_000_000, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	r := &resource{pendingCreates: map[string]*pendingCreate{}}
	for _, step := range []struct {
		name     string
		listed   []string
		missed   int // second of a listing without the key; negative is found
		unlisted []string
		left     time.Duration
	}{
		{name: "no listing was read", missed: -1, left: lag},
		{name: "first missed", missed: 0, left: lag},
		{name: "missed again", missed: 10, left: 5 * time.Second},
		{name: "missed for as long as listings lag", missed: 15, left: 0},
		{name: "listed", listed: []string{"a"}, missed: -1, left: lag},
		{name: "listed and gone", listed: []string{"a"}, missed: 100, left: lag},
		{name: "missed after that", missed: 116, left: -time.Second},
	} {
		if diff := cmp.Diff(step.unlisted, r.unlisted("here", step.listed)); diff != "" {
			t.Errorf("%s: keys to add (-want +got):\n%s", step.name, diff)
		}
		if step.missed >= 0 {
			r.missed("here", at(step.missed), at(step.missed))
		}
		if got := r.uncertain("here", lag); got != step.left {
			t.Errorf("%s: %s left, want %s", step.name, got, step.left)
		}
		if got := r.uncertain("elsewhere", lag); got != lag {
			t.Errorf("%s: %s left in another account, want %s", step.name, got, lag)
		}
	}
}

func TestACreatedKeyIsKnownBeforeItIsListed(t *testing.T) {
	r := &resource{pendingCreates: map[string]*pendingCreate{"here": {created: []string{"a"}}}}
	for _, step := range []struct {
		name         string
		listed, want []string
	}{
		{"not listed yet", nil, []string{"a"}},
		{"another is listed", []string{"b"}, []string{"a"}},
		{"listed", []string{"b", "a"}, nil},
		{"and not remembered for ever", nil, nil},
	} {
		got := r.unlisted("here", step.listed)
		if len(got) != len(step.want) || len(got) > 0 && got[0] != step.want[0] {
			t.Errorf("%s: keys to add %v, want %v", step.name, got, step.want)
		}
	}
	if len(r.pendingCreates) != 0 {
		t.Errorf("pending creates that are over are remembered: %v", r.pendingCreates)
	}
}
