package rds

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

func TestWindows(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		backup, maintenance string
		want                string
	}{
		"apart":                                  {"03:00-03:30", "sun:05:00-sun:05:30", ""},
		"next to each other":                     {"04:30-05:00", "sun:05:00-sun:05:30", ""},
		"the same":                               {"05:00-05:30", "sun:05:00-sun:05:30", "InvalidParameterCombination"},
		"overlapping at the end":                 {"04:45-05:15", "mon:05:00-mon:06:00", "InvalidParameterCombination"},
		"a backup window past midnight":          {"23:45-00:30", "tue:00:00-tue:00:45", "InvalidParameterCombination"},
		"a maintenance window over a week's end": {"00:00-00:30", "sun:23:50-mon:00:20", "InvalidParameterCombination"},
		"a backup window too short":              {"03:00-03:20", "sun:05:00-sun:05:30", "InvalidParameterValue"},
		"a maintenance window too short":         {"03:00-03:30", "sun:05:00-sun:05:20", "InvalidParameterValue"},
		"a maintenance window of two days":       {"03:00-03:30", "sun:05:00-tue:05:20", "InvalidParameterValue"},
		"an hour that is none":                   {"24:00-24:30", "sun:05:00-sun:05:30", "InvalidParameterValue"},
		"a day that is none":                     {"03:00-03:30", "son:05:00-son:05:30", "InvalidParameterValue"},
	} {
		got := ""
		if err := checkWindows(test.backup, test.maintenance); err != nil {
			got = wire.AsError(err).Code
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestEngineVersions(t *testing.T) {
	t.Parallel()
	for requested, want := range map[string]string{"16": "16.10", "16.8": "16.8", "": "17.6", "16.99": "", "9.6": "", "x": "", "16.x": ""} {
		if got, err := engineVersion(requested); got != want || (err == nil) != (want != "") {
			t.Errorf("%q becomes %q (%v), want %q", requested, got, err, want)
		}
	}
	if targets := upgrades("16.9"); !slices.Contains(targets, "16.10") || !slices.Contains(targets, "17.6") ||
		slices.Contains(targets, "16.8") || slices.Contains(targets, "17.5") {
		t.Errorf("16.9 is upgraded to %v", targets)
	}
	if compareVersions("16.9", "16.10") >= 0 || compareVersions("17.1", "16.10") <= 0 {
		t.Error("versions are compared as text")
	}
}

func TestEveryParameterIsWellFormed(t *testing.T) {
	t.Parallel()
	if lines := strings.Count(parametersTSV, "\n") - 1; len(catalogue) != lines || lines < 60 {
		t.Errorf("%d parameters are read from %d lines", len(catalogue), lines)
	}
	seen := map[string]bool{}
	for _, p := range catalogue {
		if seen[p.name] {
			t.Errorf("%s is there twice", p.name)
		}
		seen[p.name] = true
		if p.usual != "" && !p.accepts(p.usual) {
			t.Errorf("%s does not accept its own default %q", p.name, p.usual)
		}
		if p.about == "" {
			t.Errorf("%s has no description", p.name)
		}
	}
}

func TestParametersAcceptWhatTheyAllow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, value string
		want        bool
	}{
		{"rds.force_ssl", "1", true},
		{"rds.force_ssl", "on", false},
		{"statement_timeout", "0", true},
		{"statement_timeout", "-1", false},
		{"log_min_duration_statement", "-1", true},
		{"log_min_duration_statement", "-2", false},
		{"log_min_duration_statement", "fast", false},
		{"max_connections", "LEAST({DBInstanceClassMemory/9531392},5000)", true},
		{"shared_preload_libraries", "pgaudit,pg_stat_statements", true},
		{"shared_preload_libraries", "pgaudit,evil", false},
		{"log_transaction_sample_rate", "0.5", true},
		{"log_transaction_sample_rate", "1.5", false},
		{"deadlock_timeout", "1.5", false},
		{"search_path", "anything", true},
	} {
		if p, ok := find(test.name, "16"); !ok || p.accepts(test.value) != test.want {
			t.Errorf("%s = %q: accepted %t, want %t", test.name, test.value, !test.want, test.want)
		}
	}
}

func TestParametersChangeBetweenMajors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, major, usual, accepts, refuses string
	}{
		{"rds.force_ssl", "14", "0", "1", "2"},
		{"rds.force_ssl", "15", "1", "0", "2"},
		{"log_connections", "17", "0", "1", "all"},
		{"log_connections", "18", "", "receipt,authorization", "1"},
	} {
		p, _ := find(test.name, test.major)
		if p.usual != test.usual || !p.accepts(test.accepts) || p.accepts(test.refuses) {
			t.Errorf("%s of %s: default %q, allowed %q", test.name, test.major, p.usual, p.allowed)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	list := make([]int, 45)
	for i := range list {
		list[i] = i
	}
	var got []int
	pages := 0
	for marker := ""; pages == 0 || marker != ""; pages++ {
		q := query{Form: wire.NewForm(url.Values{"MaxRecords": {"20"}, "Marker": {marker}})}
		page, next, err := paginate(q, list, 100)
		if err != nil {
			t.Fatal(err)
		}
		got, marker = append(got, page...), next
	}
	if !slices.Equal(got, list) || pages != 3 {
		t.Errorf("%d pages with %v", pages, got)
	}
	if _, _, err := paginate(query{Form: wire.NewForm(url.Values{"Marker": {"!"}})}, list, 100); err == nil {
		t.Error("a broken marker was read")
	}
}
