// Package telemetry names what the operator measures. No metric has an object's name as a label.
package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the operator's own metrics.
type Metrics struct {
	requests *prometheus.CounterVec
	outcomes *prometheus.CounterVec
	changes  *prometheus.CounterVec
	duration *prometheus.HistogramVec
	flips    *prometheus.CounterVec
	standing *prometheus.CounterVec
	events   *prometheus.CounterVec
	strange  *prometheus.CounterVec
	controls *controls
	orphans  *orphans
}

// New returns the metrics, registered.
func New(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "coach_cloud_requests_total", Help: "Calls to AWS and Stripe by service, operation and error code (OK for none).",
		}, []string{"service", "operation", "code"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "coach_step_outcome_total", Help: "Runs of steps by kind, step and class of outcome (converged for none).",
		}, []string{"kind", "step", "class"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "coach_step_changes_total", Help: "Differences that runs of steps found, by effect.",
		}, []string{"kind", "step", "effect"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "coach_step_duration_seconds", Help: "How long runs of steps took.",
			Buckets: []float64{.001, .01, .05, .1, .5, 1, 5, 15, 60},
		}, []string{"kind", "step"}),
		flips: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "coach_security_flips_total", Help: "Security controls of any platform that changed their status, by the new one.",
		}, []string{"control", "to"}),
		standing: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "coach_payout_standings_total", Help: "Transitions of payout accounts to another phase or reason, by the new ones.",
		}, []string{"phase", "reason"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "coach_stripe_events_total", Help: "Deliveries to the receiver of Stripe's events, by result.",
		}, []string{"result"}),
		strange: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "coach_stripe_unknown_states_total",
			Help: "Transitions of payout accounts to a state that the operator does not know, by Stripe's disabled_reason.",
		}, []string{"reason"}),
		controls: newControls(),
		orphans:  newOrphans(),
	}
	for _, c := range []prometheus.Collector{
		m.requests, m.outcomes, m.changes, m.duration, m.flips, m.standing, m.events, m.strange, m.controls, m.orphans,
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Request counts one call to AWS or Stripe.
func (m *Metrics) Request(service, operation, code string) {
	if code == "" {
		code = "OK"
	}
	m.requests.WithLabelValues(service, operation, code).Inc()
}

// Standing counts one transition of a payout account to another phase or reason.
func (m *Metrics) Standing(phase, reason string) { m.standing.WithLabelValues(phase, reason).Inc() }

// Unknown counts one transition of a payout account to an unknown state. Only metrics, which no tenant reads, show
// Stripe's disabled_reason.
func (m *Metrics) Unknown(reason string) { m.strange.WithLabelValues(reason).Inc() }

// Event counts one delivery to the receiver of Stripe's events.
func (m *Metrics) Event(result string) { m.events.WithLabelValues(result).Inc() }

// Step counts one run of a step.
func (m *Metrics) Step(kind, step, class string, effects []string, took time.Duration) {
	m.outcomes.WithLabelValues(kind, step, class).Inc()
	m.duration.WithLabelValues(kind, step).Observe(took.Seconds())
	for _, effect := range effects {
		m.changes.WithLabelValues(kind, step, effect).Inc()
	}
}
