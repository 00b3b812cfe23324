package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/step"
	"github.com/coachplatform/coach-operator/internal/step/payouts/payoutaccount"
)

// controls documents the evidence catalogue, claim by claim.
func controls() (string, error) {
	prover := map[string]string{}
	for _, d := range platformSteps() {
		for _, id := range d.Controls {
			prover[id] = d.Step
		}
	}
	p := newPage("Security controls", "the evidence catalogue", "What the operator claims of every platform, in plain words, and the "+
		"controls that verify each claim from live state on every pass. A control that could not be observed within its bound is "+
		"Unknown, never Verified. A claim has the worst status of its controls. The [SecurityReport](../kinds/securityreport.md) "+
		"of a platform shows them all, and `status.security` of a CoachPlatform counts them.\n\n"+
		"FSBP is AWS Foundational Security Best Practices, CIS the CIS AWS Foundations Benchmark 5.0.")
	for _, claim := range evidence.Claims {
		p.heading(2, claim.ID)
		p.line("%s.\n", claim.Statement)
		p.table("control", "statement", "source", "where it is observed", "step", "an observation is valid for")
		for _, c := range evidence.Catalogue {
			if c.Claim != claim.ID {
				continue
			}
			if prover[c.ID] == "" {
				return "", fmt.Errorf("no step proves the control %s", c.ID)
			}
			p.row(c.ID, c.Statement, strings.Join(c.Sources, ", "), c.Where, prover[c.ID], minutes(c.Bound.Minutes()))
			delete(prover, c.ID)
		}
	}
	for id, by := range prover {
		return "", fmt.Errorf("the control %s of step %s is not in the catalogue", id, by)
	}
	attested(p)
	return p.String(), nil
}

// attested documents the statements of others.
func attested(p *page) {
	p.heading(2, "Attested by others")
	p.line("What nobody can observe from outside. A statement counts as Attested until it is to be reviewed, then it reads Unknown; " +
		"it is never Verified, and in no count but its own.\n")
	p.table("statement", "what is stated", "claim", "source", "read", "review by")
	for _, a := range evidence.Report(nil, nil, time.Time{}).Attestations {
		p.row(a.ID, a.Statement, a.Claim, "<"+a.Source+">", a.ReadAt.UTC().Format(time.DateOnly), a.ReviewBy.UTC().Format(time.DateOnly))
	}
}

func minutes(n float64) string { return fmt.Sprintf("%g minutes", n) }

func platformSteps() []converge.Description {
	var all []converge.Description
	for _, s := range step.Platform(step.Parts{}) {
		all = append(all, s.Describe())
	}
	return all
}

// classSteps returns the descriptions of the class's steps. Steps that share a name are told apart by
// what they are about.
func classSteps() []converge.Description {
	var all []converge.Description
	for _, s := range step.Class(nil) {
		all = append(all, s.Describe())
	}
	return all
}

// steps documents what each step owns.
func steps() (string, error) {
	if err := step.Check(); err != nil {
		return "", err
	}
	p := newPage("Steps", "the steps' own statements", "A step owns one external thing. This is all that the operator compares "+
		"and writes: what has no row here is not the operator's, and is left as it is.\n\n"+
		"An *in-place* change is made at once. A *disruptive* one (reboot, failover) waits for an approval. A *replace* would lose "+
		"data and is never made. Some changes cost more in some situations; the plan in the status always shows the cost of now.")
	p.heading(2, "Steps of a CoachPlatform, in their order")
	for _, d := range platformSteps() {
		describe(p, d)
	}
	p.heading(2, "Steps of a PayoutAccount, in their order")
	for _, s := range step.Payout(payoutaccount.Options{}) {
		describe(p, s.Describe())
	}
	p.heading(2, "Steps of a PlatformClass, in their order")
	for _, d := range merge(classSteps()) {
		describe(p, d)
	}
	return p.String(), nil
}

func describe(p *page, d converge.Description) {
	p.heading(3, d.Step)
	p.line("%s\n", d.About)
	if len(d.Fields) > 0 {
		p.table("field", "what it is", "a change is")
		for _, f := range d.Fields {
			p.row(code(f.Path), f.About, f.Effect.String())
		}
		p.line("")
	}
	if len(d.Controls) > 0 {
		p.line("Proves %s ([controls](controls.md)).\n", strings.Join(d.Controls, ", "))
	}
	if len(d.Reads) > 0 {
		p.line("Reads with %s.", code(d.Reads...))
	}
	if len(d.Writes) > 0 {
		p.line("Writes with %s.", code(d.Writes...))
	}
}

// merge joins the descriptions of steps that share a name: a class has one step for each parameter
// group, and each owns the same kind of fields under a prefix of its own.
func merge(all []converge.Description) []converge.Description {
	var merged []converge.Description
	variants := map[string]int{}
	for _, d := range all {
		variants[d.Step]++
		if variants[d.Step] == 1 {
			merged = append(merged, d)
		}
	}
	for i, d := range merged {
		if n := variants[d.Step]; n > 1 {
			merged[i].About = fmt.Sprintf("One of %d that differ only in the prefix of their fields: %s", n, d.About)
		}
	}
	return merged
}
