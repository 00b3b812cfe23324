package telemetry

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Control is a security control in one of its statuses: Verified, Violated, Unknown or Exempt.
type Control struct{ ID, Status string }

// controls counts platforms by control and status whenever the metrics are read.
type controls struct {
	census           atomic.Pointer[func() map[Control]int]
	totals, failures *prometheus.Desc
}

func newControls() *controls {
	return &controls{
		totals: prometheus.NewDesc("coach_controls", "Security controls of all platforms, by status.", []string{"status"}, nil),
		failures: prometheus.NewDesc("coach_control_failures",
			"Platforms on which a security control is Violated or Unknown; what is exempt is not counted.", []string{"control", "status"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *controls) Describe(to chan<- *prometheus.Desc) {
	to <- c.totals
	to <- c.failures
}

// Collect implements prometheus.Collector.
func (c *controls) Collect(to chan<- prometheus.Metric) {
	census := c.census.Load()
	if census == nil {
		return
	}
	counted, totals := (*census)(), map[string]int{}
	for control, n := range counted {
		totals[control.Status] += n
		if control.Status == "Violated" || control.Status == "Unknown" {
			to <- prometheus.MustNewConstMetric(c.failures, prometheus.GaugeValue, float64(n), control.ID, control.Status)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(totals)) {
		to <- prometheus.MustNewConstMetric(c.totals, prometheus.GaugeValue, float64(totals[status]), status)
	}
}

// Controls sets who counts platforms by control and status, for gauges that are never out of date; nil
// for none, which shows no gauges. A count has zeroes for what no platform has.
func (m *Metrics) Controls(census func() map[Control]int) {
	if census == nil {
		m.controls.census.Store(nil)
		return
	}
	m.controls.census.Store(&census)
}

// Flip counts a control of some platform that changed its status.
func (m *Metrics) Flip(control, to string) { m.flips.WithLabelValues(control, to).Inc() }
