package telemetry

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

func newMetrics(t *testing.T) (*Metrics, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	m, err := New(registry)
	if err != nil {
		t.Fatalf("making metrics: %v", err)
	}
	return m, registry
}

// counted are all counters and gauges, and how many durations were observed, as one text each.
func counted(t *testing.T, registry *prometheus.Registry) []string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatalf("gathering metrics: %v", err)
	}
	var all []string
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, l := range metric.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			all = append(all, fmt.Sprintf("%s{%s} %g", family.GetName(), strings.Join(labels, ","), value))
		}
	}
	slices.Sort(all)
	return all
}

func TestCallsAreCountedByTheirCode(t *testing.T) {
	m, registry := newMetrics(t)
	m.Request("RDS", "DescribeDBInstances", "")
	m.Request("RDS", "DescribeDBInstances", "")
	m.Request("RDS", "DescribeDBInstances", "Throttling")
	want := []string{
		"coach_cloud_requests_total{code=OK,operation=DescribeDBInstances,service=RDS} 2",
		"coach_cloud_requests_total{code=Throttling,operation=DescribeDBInstances,service=RDS} 1",
	}
	if diff := cmp.Diff(want, counted(t, registry)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestARunOfAStepIsCountedWithItsDifferences(t *testing.T) {
	m, registry := newMetrics(t)
	m.Step("CoachPlatform", "database", "converged", nil, time.Second)
	m.Step("CoachPlatform", "database", "held", []string{"disruptive", "in-place", "in-place"}, time.Second)
	want := []string{
		"coach_step_changes_total{effect=disruptive,kind=CoachPlatform,step=database} 1",
		"coach_step_changes_total{effect=in-place,kind=CoachPlatform,step=database} 2",
		"coach_step_duration_seconds{kind=CoachPlatform,step=database} 2",
		"coach_step_outcome_total{class=converged,kind=CoachPlatform,step=database} 1",
		"coach_step_outcome_total{class=held,kind=CoachPlatform,step=database} 1",
	}
	if diff := cmp.Diff(want, counted(t, registry)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestMetricsAreNamedAsPrometheusAsks(t *testing.T) {
	m, registry := newMetrics(t)
	m.Request("RDS", "DescribeDBInstances", "")
	m.Step("CoachPlatform", "database", "converged", []string{"in-place"}, time.Second)
	m.Flip("CP-DB-01", "Violated")
	m.Controls(func() map[Control]int { return map[Control]int{{"CP-DB-01", "Violated"}: 1} })
	families, err := registry.Gather()
	if err != nil {
		t.Fatalf("gathering metrics: %v", err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(families) != 7 || len(problems) > 0 {
		t.Errorf("%d families: %v, %v", len(families), problems, err)
	}
}

func TestMetricsAreRegisteredOnce(t *testing.T) {
	_, registry := newMetrics(t)
	if _, err := New(registry); err == nil {
		t.Error("the same names were registered twice")
	}
}

func TestControlsAreCountedWhenTheMetricsAreRead(t *testing.T) {
	m, registry := newMetrics(t)
	m.Flip("CP-DB-01", "Violated")
	flipped := "coach_security_flips_total{control=CP-DB-01,to=Violated} 1"
	if diff := cmp.Diff([]string{flipped}, counted(t, registry)); diff != "" {
		t.Errorf("without anybody who counts (-want +got):\n%s", diff)
	}
	broken := 2
	m.Controls(func() map[Control]int {
		return map[Control]int{
			{"CP-DB-01", "Violated"}: broken, {"CP-DB-01", "Verified"}: 5, {"CP-DB-01", "Unknown"}: 0, {"CP-DB-01", "Exempt"}: 1,
			{"CP-DB-02", "Violated"}: 1, {"CP-DB-02", "Verified"}: 7, {"CP-DB-02", "Unknown"}: 0, {"CP-DB-02", "Exempt"}: 0,
		}
	})
	want := []string{
		"coach_control_failures{control=CP-DB-01,status=Unknown} 0",
		"coach_control_failures{control=CP-DB-01,status=Violated} 2",
		"coach_control_failures{control=CP-DB-02,status=Unknown} 0",
		"coach_control_failures{control=CP-DB-02,status=Violated} 1",
		"coach_controls{status=Exempt} 1",
		"coach_controls{status=Unknown} 0",
		"coach_controls{status=Verified} 12",
		"coach_controls{status=Violated} 3",
		flipped,
	}
	if diff := cmp.Diff(want, counted(t, registry)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	broken = 0
	if got := counted(t, registry); slices.Contains(got, want[1]) {
		t.Errorf("a count of earlier is shown: %v", got)
	}
	m.Controls(nil)
	if diff := cmp.Diff([]string{flipped}, counted(t, registry)); diff != "" {
		t.Errorf("once nothing counts any more (-want +got):\n%s", diff)
	}
}

func TestOrphansAreTheSumOverAllPlatforms(t *testing.T) {
	m, registry := newMetrics(t)
	for _, c := range []struct {
		platform string
		n        int
		want     string
	}{{"a", 2, "2"}, {"b", 1, "3"}, {"a", 1, "2"}, {"b", 0, "1"}} {
		m.Orphans(c.platform, c.n)
		if diff := cmp.Diff([]string{"coach_stripe_orphan_accounts{} " + c.want}, counted(t, registry)); diff != "" {
			t.Errorf("once %s has %d (-want +got):\n%s", c.platform, c.n, diff)
		}
	}
	m.NoOrphans("a")
	m.NoOrphans("b")
	if got := counted(t, registry); len(got) != 0 {
		t.Errorf("without a platform: %v", got)
	}
}
