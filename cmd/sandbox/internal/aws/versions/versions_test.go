package versions_test

import (
	"slices"
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
)

// clock is a time that moves when told to.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

func newStore() (*versions.Store[string], *clock) {
	c := &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	return versions.New[string](c.Now), c
}

func TestViews(t *testing.T) {
	t.Parallel()
	store, c := newStore()
	store.Put("key", "made", versions.Write)
	c.pass(time.Minute)
	store.Put("key", "changed", versions.Write)
	c.pass(time.Minute)
	store.Put("key", "settled", versions.Event)
	c.pass(time.Second)
	for name, test := range map[string]struct {
		view versions.View
		want string // "" is absent
	}{
		"now":                         {versions.View{}, "settled"},
		"a moment ago":                {versions.View{Lag: 30 * time.Second}, "changed"},
		"long ago":                    {versions.View{Lag: 90 * time.Second}, "made"},
		"before it was made":          {versions.View{Lag: time.Hour}, ""},
		"before the last write":       {versions.View{Stale: true}, "made"},
		"long before the last write":  {versions.View{Stale: true, Lag: time.Hour}, ""},
		"exactly when it was changed": {versions.View{Lag: 61 * time.Second}, "changed"},
		"just before it was changed":  {versions.View{Lag: 61*time.Second + 1}, "made"},
	} {
		got, ok := store.Get("key", test.view)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%s: %q %t, want %q", name, got, ok, test.want)
		}
		want := []string{}
		if test.want != "" {
			want = append(want, test.want)
		}
		if all := store.All(test.view); !slices.Equal(all, want) {
			t.Errorf("%s: listed %v, want %v", name, all, want)
		}
	}
}

func TestWhatIsSettledWasThereAllAlong(t *testing.T) {
	t.Parallel()
	store, _ := newStore()
	store.Put("key", "made", versions.Write)
	store.Put("key", "changed", versions.Write)
	store.Put("gone", "made", versions.Write)
	store.Remove("gone", versions.Write)
	store.Settle()
	for name, view := range map[string]versions.View{"long ago": {Lag: time.Hour}, "before the last write": {Stale: true}} {
		if all := store.All(view); !slices.Equal(all, []string{"changed"}) {
			t.Errorf("%s: listed %v", name, all)
		}
	}
}

func TestARemovedResourceLingersInListingsThatLag(t *testing.T) {
	t.Parallel()
	store, c := newStore()
	store.Put("b", "second", versions.Write)
	store.Put("a", "first", versions.Write)
	c.pass(time.Minute)
	store.Remove("a", versions.Write)
	if got := store.All(versions.View{Lag: time.Second}); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("late listing: %v", got)
	}
	if got := store.All(versions.View{}); !slices.Equal(got, []string{"second"}) || store.Len() != 1 {
		t.Errorf("listing: %v", got)
	}
	if got, ok := store.Get("a", versions.View{Stale: true}); got != "first" || !ok {
		t.Errorf("stale: %q %t", got, ok)
	}
	if got, ok := store.Get("b", versions.View{Stale: true}); ok {
		t.Errorf("what was just made is there in a stale read: %q", got)
	}
}

func TestTheOldIsForgottenButNotWhatViewsNeed(t *testing.T) {
	t.Parallel()
	store, c := newStore()
	store.Put("key", "first", versions.Write)
	store.Put("key", "written", versions.Write)
	for range 100 {
		c.pass(time.Minute)
		store.Put("key", "event", versions.Event)
	}
	if got := len(store.History("key")); got > 110 || got < 10 {
		t.Errorf("%d versions are kept", got)
	}
	if got, _ := store.Get("key", versions.View{Stale: true}); got != "first" {
		t.Errorf("before the last write it was %q", got)
	}
	store.Put("key", "written again", versions.Write)
	c.pass(time.Hour)
	store.Put("key", "last", versions.Write)
	if got := len(store.History("key")); got > 3 {
		t.Errorf("%d versions are kept after an hour", got)
	}
	if got, _ := store.Get("key", versions.View{Lag: 5 * time.Minute}); got != "written again" {
		t.Errorf("five minutes ago it was %q", got)
	}
}

func TestAnImportedResourceHasAlwaysBeenThere(t *testing.T) {
	t.Parallel()
	store, _ := newStore()
	store.Import("old", "as ever")
	for name, view := range map[string]versions.View{"late": {Lag: time.Hour}, "stale": {Stale: true}, "now": {}} {
		if got, ok := store.Get("old", view); got != "as ever" || !ok {
			t.Errorf("%s: %q %t", name, got, ok)
		}
	}
}
