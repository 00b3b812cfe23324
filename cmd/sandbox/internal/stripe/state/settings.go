package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
)

// What is answered to a read of an account that was deleted; Stripe does not say.
const (
	AnswerDeleted   = "deleted"   // 200 {"deleted":true}
	AnswerForbidden = "forbidden" // 403 account_invalid
	AnswerMissing   = "missing"   // 404 resource_missing
)

// Settings are what tests may turn.
type Settings struct {
	// ListLag is how far the list of accounts is behind writes.
	ListLag setting.Duration `json:"listLag"`
	// Latency is the least time from a call to its answer.
	Latency       setting.Duration `json:"latency"`
	DeletedAnswer string           `json:"deletedAnswer"`
	// ReadsPerSecond and WritesPerSecond hold for a platform and mode; 0 is
	// Stripe's own limit.
	ReadsPerSecond  int `json:"readsPerSecond"`
	WritesPerSecond int `json:"writesPerSecond"`
	// CrossMode sends events of test mode to live endpoints too.
	CrossMode bool `json:"crossMode"`
	// Retry is the first wait after a failed delivery; it doubles.
	Retry setting.Duration `json:"retry"`
	// Resolve are addresses of hosts that events go to.
	Resolve  map[string]string `json:"resolve"`
	Delivery Delivery          `json:"delivery"`
}

// Delivery is what goes wrong with events on their way.
type Delivery struct {
	// Duplicate is how many more times each event is sent.
	Duplicate int              `json:"duplicate"`
	Delay     setting.Duration `json:"delay"`
	// Reorder sends the next two events of an endpoint swapped, then is off.
	Reorder bool `json:"reorder"`
	// Drop sends nothing, and never will.
	Drop bool `json:"drop"`
}

// DefaultSettings are those of a new sandbox.
func DefaultSettings(latency time.Duration) Settings {
	return Settings{
		Latency: setting.Duration(latency), DeletedAnswer: AnswerForbidden,
		Retry: setting.Duration(time.Second), Resolve: map[string]string{},
	}
}

// SettingsOf are what holds for a platform, or for all others when it is "".
func (w *World) SettingsOf(platform string) Settings {
	if own, ok := w.own[platform]; ok {
		return own
	}
	return w.settings
}

// Set changes the settings of a platform, or those of all that have none of
// their own when it is "". What the patch leaves out stays.
func (w *World) Set(platform string, patch json.RawMessage) (Settings, error) {
	next := w.SettingsOf(platform)
	next.Resolve = maps.Clone(next.Resolve)
	if err := strictly(patch, &next); err != nil {
		return next, err
	}
	switch {
	case !slices.Contains([]string{AnswerDeleted, AnswerForbidden, AnswerMissing}, next.DeletedAnswer):
		return next, fmt.Errorf("deletedAnswer %q is none of deleted, forbidden, missing", next.DeletedAnswer)
	case next.ReadsPerSecond < 0 || next.WritesPerSecond < 0 || next.Delivery.Duplicate < 0:
		return next, fmt.Errorf("a number must not be negative")
	}
	if platform == "" {
		w.settings = next
	} else {
		w.own[platform] = next
	}
	return next, nil
}
