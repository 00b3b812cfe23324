package telemetry

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// orphans counts, platform by platform, accounts at Stripe that no object claims.
type orphans struct {
	total *prometheus.Desc

	mu     sync.Mutex
	counts map[string]int
}

func newOrphans() *orphans {
	return &orphans{
		total: prometheus.NewDesc("coach_stripe_orphan_accounts",
			"Stripe accounts with a platform's metadata that were not released and that no PayoutAccount claims.", nil, nil),
		counts: map[string]int{},
	}
}

// Describe implements prometheus.Collector.
func (o *orphans) Describe(to chan<- *prometheus.Desc) { to <- o.total }

// Collect implements prometheus.Collector. Until a platform was observed there is nothing to report.
func (o *orphans) Collect(to chan<- prometheus.Metric) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.counts) == 0 {
		return
	}
	sum := 0
	for _, n := range o.counts {
		sum += n
	}
	to <- prometheus.MustNewConstMetric(o.total, prometheus.GaugeValue, float64(sum))
}

// Orphans sets how many accounts of a platform, named by its UID, no object claims.
func (m *Metrics) Orphans(platform string, n int) {
	m.orphans.mu.Lock()
	defer m.orphans.mu.Unlock()
	m.orphans.counts[platform] = n
}

// NoOrphans forgets a platform.
func (m *Metrics) NoOrphans(platform string) {
	m.orphans.mu.Lock()
	defer m.orphans.mu.Unlock()
	delete(m.orphans.counts, platform)
}
