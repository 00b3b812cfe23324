package bench_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/internal/testkit/bench"
)

func report() *bench.Report {
	r := &bench.Report{
		Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Platforms: 7, Cores: 3, MemoryGiB: 15.6,
		Waited: map[string]float64{"key: Throttled": 0.25, "database: Settling": 0.75},
		Calls:  []bench.Calls{{Operation: "kms:CreateKey", Ready: 7, Rate: 3.957, Quiet: 0.333, Restart: 2}},
	}
	r.Add(
		bench.Figure{Name: "memory", Value: 128.4, Unit: "MiB", Meaning: "resident", Target: "256"},
		bench.Figure{Name: "calls", Value: 12.34, Meaning: "of all"},
	)
	return r
}

func TestTheTablesShowEverythingThatWasMeasured(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	if err := report().Print(&text); err != nil {
		t.Fatalf("printing: %v", err)
	}
	want := `
7 platforms on 3 cores and 16 GiB, which the API server, etcd and the sandbox share

FIGURE  VALUE    TARGET  MEANING
memory  128 MiB  256     resident
calls   12.3     -       of all

CALL           UNTIL READY  A SECOND  QUIET RESYNC  RESTART
kms:CreateKey  7            3.96      0.33          2

A platform waited, until it was Ready
75 %  database: Settling
25 %  key: Throttled
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("the tables (-want +got):\n%s", diff)
	}
}

func TestTheTablesOfAccountsShowNoWaitsOfPlatforms(t *testing.T) {
	t.Parallel()
	r := report()
	r.Platforms, r.Accounts, r.Waited = 0, 700, nil
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Fatalf("printing: %v", err)
	}
	want := `
700 payout accounts of one platform on 3 cores and 16 GiB, which the API server, etcd and the sandbox share

FIGURE  VALUE    TARGET  MEANING
memory  128 MiB  256     resident
calls   12.3     -       of all

CALL           UNTIL READY  A SECOND  QUIET RESYNC  RESTART
kms:CreateKey  7            3.96      0.33          2
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("the tables (-want +got):\n%s", diff)
	}
}

func TestASavedReportIsWhole(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "figures.json")
	if err := report().Save(file); err != nil {
		t.Fatalf("saving: %v", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got bench.Report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("reading what was saved: %v", err)
	}
	if diff := cmp.Diff(report(), &got); diff != "" {
		t.Errorf("what was saved (-want +got):\n%s", diff)
	}
}
