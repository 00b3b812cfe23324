package stripe

import (
	"regexp"
	"slices"
	"time"
	"unique"

	"github.com/coachplatform/coach-operator/internal/naming"
)

const (
	// strange stands for a word of Stripe's that does not look like one.
	strange = "unknown"
	// maxFields bounds a list of what Stripe wants to know.
	maxFields = 200
	// maxText bounds texts that the business wrote itself, and values of metadata.
	maxText = 4096
)

var (
	wordPattern    = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)
	pathPattern    = regexp.MustCompile(`^[a-zA-Z0-9_.\[\]-]{1,160}$`)
	countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)
	failurePattern = regexp.MustCompile(`^[a-z_]{1,64}$`)
)

// metaKeys are all that is read of metadata.
var metaKeys = []string{
	naming.MetaManagedBy, naming.MetaInstallation, naming.MetaMode, naming.MetaTenant, naming.MetaPlace, naming.MetaCoach,
	naming.MetaObject, naming.MetaAttempt, naming.MetaReleased, naming.MetaOnboarding, naming.MetaOpened, naming.MetaSuspended,
}

// word lets a value of an enumeration through, also one that nobody knew when this was written.
func word(s string) string { return match(wordPattern, s) }

// path lets the name of a field through.
func path(s string) string { return match(pathPattern, s) }

// match lets a text through that repeats from account to account, so that ten thousand accounts share one copy.
func match(pattern *regexp.Regexp, s string) string {
	if s == "" || pattern.MatchString(s) {
		return unique.Make(s).Value()
	}
	return strange
}

// identifier lets the ID of one account through, which no other repeats.
func identifier(s string) string {
	if s == "" || wordPattern.MatchString(s) {
		return s
	}
	return strange
}

func paths(all []string) []string {
	var kept []string
	for _, s := range all[:min(len(all), maxFields)] {
		kept = append(kept, path(s))
	}
	return slices.Clip(kept)
}

// ours returns the metadata whose keys are ours.
func ours(metadata map[string]string) map[string]string {
	kept := map[string]string{}
	for _, key := range metaKeys {
		if value, ok := metadata[key]; ok {
			kept[key] = unique.Make(text(value)).Value()
		}
	}
	return kept
}

func text(s string) string { return s[:min(len(s), maxText)] }

// at returns a time of Stripe's; there is none if it is 0.
func at(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
