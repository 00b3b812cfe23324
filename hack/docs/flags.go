package main

import (
	"flag"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coachplatform/coach-operator/internal/config"
	"github.com/coachplatform/coach-operator/internal/telemetry"
)

// flags documents the flags of the operator.
func flags() (string, error) {
	p := newPage("Flags of the operator", "internal/config", "The defaults suit most installations. AWS itself is configured the way "+
		"the AWS SDK is everywhere: `AWS_ENDPOINT_URL`, `AWS_CA_BUNDLE`, `HTTPS_PROXY`, IRSA and EKS Pod Identity all work.")
	p.line("")
	p.table("flag", "default", "what it is")
	fs := flag.NewFlagSet("manager", flag.ContinueOnError)
	config.Bind(fs, "")
	fs.VisitAll(func(f *flag.Flag) { p.row(code("--"+f.Name), code(f.DefValue), f.Usage) })
	return p.String(), nil
}

// metrics documents the operator's own metrics, by taking one sample of each.
func metrics() (string, error) {
	registry := prometheus.NewRegistry()
	m, err := telemetry.New(registry)
	if err != nil {
		return "", err
	}
	m.Request("RDS", "DescribeDBInstances", "")
	m.Step("CoachPlatform", "database", "converged", []string{"in-place"}, 0)
	m.Flip("CP-DB-01", "Violated")
	m.Standing("Enabled", "PayoutsEnabled")
	m.Event("stored")
	m.Unknown("other")
	m.Orphans("uid", 0)
	m.Controls(func() map[telemetry.Control]int {
		return map[telemetry.Control]int{{ID: "CP-DB-01", Status: "Violated"}: 1}
	})
	families, err := registry.Gather()
	if err != nil {
		return "", err
	}
	p := newPage("Metrics", "internal/telemetry", "The operator's own metrics, beside those of controller-runtime. No metric has an "+
		"object's name as a label, so their number does not grow with the number of tenants.")
	p.line("")
	p.table("metric", "type", "labels", "what it counts")
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		p.row(code(f.GetName()), strings.ToLower(f.GetType().String()), code(labels...), f.GetHelp())
	}
	return p.String(), nil
}
