package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/yaml"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/evidence"
)

// formats are how evidence can be shown.
var formats = map[string]func(io.Writer, *v1alpha1.SecurityReport, time.Time) error{
	"table": evidenceTable, "json": evidenceJSON, "yaml": evidenceYAML,
}

func evidenceCommand(a app) *cobra.Command {
	var format string
	command := &cobra.Command{
		Use:   "evidence NAME",
		Short: "Show which security claims hold for a platform, and the evidence",
		Long: `Show the SecurityReport of a platform as of now: each claim with its controls, what was observed, and when. An observation
that is too old counts as Unknown. All controls are Unknown once the report has expired.

Exit codes: 0 when every control that applies is verified, 1 when one is violated, 2 when one is unknown, the report
has expired, or there was an error.`,
		Example: "  kubectl coach evidence acme -n tenant-acme\n  kubectl coach evidence acme -o json",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return a.evidence(command.Context(), args[0], format)
		},
	}
	command.Flags().StringVarP(&format, "output", "o", "table", "table, json or yaml")
	return command
}

func (a app) evidence(ctx context.Context, name, format string) error {
	show, ok := formats[format]
	if !ok {
		return fmt.Errorf("-o %s: one of table, json, yaml", format)
	}
	cluster, err := a.connect()
	if err != nil {
		return err
	}
	report, err := cluster.report(ctx, name)
	if err != nil {
		return err
	}
	now := a.now()
	report.Report = *evidence.Read(&report.Report, now)
	if err := show(a.out, report, now); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	switch n := report.Report.Summary; {
	case n.Violated > 0:
		return exit(codeViolated)
	case n.Unknown > 0 || evidence.Ended(&report.Report, now):
		return exit(codeUnknown)
	}
	return nil
}

// evidenceJSON writes the report as of now, as a SecurityReport object.
func evidenceJSON(to io.Writer, report *v1alpha1.SecurityReport, _ time.Time) error {
	typed(report)
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

func evidenceYAML(to io.Writer, report *v1alpha1.SecurityReport, _ time.Time) error {
	typed(report)
	text, err := yaml.Marshal(report)
	if err != nil {
		return err
	}
	_, err = to.Write(text)
	return err
}

// typed sets apiVersion and kind and drops managedFields.
func typed(report *v1alpha1.SecurityReport) {
	report.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("SecurityReport"))
	report.ManagedFields = nil
}

func evidenceTable(to io.Writer, report *v1alpha1.SecurityReport, now time.Time) error {
	r, n := &report.Report, report.Report.Summary
	t := &table{}
	t.line("%s in %s: %s verified, %d violated, %d unknown, %d exempt; %d attested by others",
		report.Name, report.Namespace, n.Text, n.Violated, n.Unknown, n.Exempt, n.Attested)
	if evidence.Ended(r, now) {
		t.line("EXPIRED %s ago: %s", age(now, r.ValidUntil.Time), evidence.Expired)
	} else {
		t.line("written %s ago, valid until %s", age(now, r.ObservedAt.Time), r.ValidUntil.UTC().Format(time.RFC3339))
	}
	t.line("")
	t.row("STATUS", "CONTROL", "WHAT HOLDS", "OBSERVED", "SEEN")
	for _, claim := range r.Claims {
		t.line("\n%s: %s (%s)", claim.Status, plain(claim.Statement), claim.ID)
		for _, c := range r.Controls {
			if c.Claim == claim.ID {
				t.row(string(c.Status), c.ID, c.Statement, observed(now, c.ObservedAt.Time), seen(c))
			}
		}
		for _, s := range r.Attestations {
			if s.Claim == claim.ID {
				t.row(string(s.Status), s.ID, s.Statement, observed(now, s.ReadAt.Time), s.Source+", to be reviewed by "+day(s.ReviewBy.Time))
			}
		}
	}
	return t.write(to)
}

func day(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// seen is what was observed of a control, and why that is accepted.
func seen(c v1alpha1.ReportedControl) string {
	if c.Status != evidence.Exempt {
		return c.Seen
	}
	return fmt.Sprintf("%s (exempt until %s: %s)", c.Seen, day(c.ExemptionExpiresAt.Time), c.ExemptionReason)
}

func observed(now, at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return age(now, at) + " ago"
}

func age(now, at time.Time) string { return duration.HumanDuration(max(0, now.Sub(at))) }
