package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

func planCommand(a app) *cobra.Command {
	return &cobra.Command{
		Use:   "plan NAME",
		Short: "Show the differences between a platform's spec and AWS, and when each change is made",
		Long: `Show the differences that the operator last observed between the spec of a platform and AWS, the effect of each change,
and which changes wait for an approval. It prints the command that approves them and approves nothing itself.`,
		Example: "  kubectl coach plan acme -n tenant-acme",
		Args:    cobra.ExactArgs(1),
		RunE:    func(command *cobra.Command, args []string) error { return a.plan(command.Context(), args[0]) },
	}
}

func (a app) plan(ctx context.Context, name string) error {
	cluster, err := a.connect()
	if err != nil {
		return err
	}
	p, err := cluster.platform(ctx, name)
	if err != nil {
		return err
	}
	if p.Status.ObservedGeneration == 0 {
		return fmt.Errorf("the platform %s was not reconciled yet: is the operator running? "+
			"(kubectl -n coach-system get deployment coach-operator)", name)
	}
	if err := planTable(p).write(a.out); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

func planTable(p *v1alpha1.CoachPlatform) *table {
	t := &table{}
	t.line("%s in %s: %s", p.Name, p.Namespace, summary(&p.Status))
	if p.Status.ObservedGeneration < p.Generation {
		t.line("The spec was edited since: the plan is of generation %d, the spec of generation %d.",
			p.Status.ObservedGeneration, p.Generation)
	}
	if len(p.Status.Plan) > 0 {
		t.line("")
		t.row("STEP", "FIELD", "IS", "BECOMES", "EFFECT", "WHEN")
	}
	waits := false
	for _, c := range p.Status.Plan {
		when := when(p, c)
		waits = waits || when == approval
		t.row(c.Step, c.Path, shown(c.From), shown(c.To), c.Effect, when)
	}
	if waits && p.Status.Approval != "" {
		t.line("\nTo approve the changes that wait for an approval:\n")
		t.line("  kubectl -n %s annotate --overwrite cp %s %s=%s", p.Namespace, p.Name, v1alpha1.AnnotationApprove, p.Status.Approval)
	}
	return t
}

func summary(s *v1alpha1.CoachPlatformStatus) string {
	if len(s.Plan) == 0 {
		return "nothing differs from the spec"
	}
	return s.PlanSummary
}

func shown(value string) string {
	if value == "" {
		return "-"
	}
	return value
}

// approval is for a change that interrupts the tenant.
const approval = "waits for an approval"

// when says when a change is made.
func when(p *v1alpha1.CoachPlatform, c v1alpha1.PlannedChange) string {
	switch {
	case c.Effect == "replace":
		return "never: it would lose data"
	case p.Spec.ManagementPolicy == v1alpha1.ManagementObserve:
		return "not while managementPolicy is Observe"
	case v1alpha1.Paused(p):
		return "not while the platform is paused"
	case c.Held:
		return approval
	}
	return "at once"
}
