package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/evidence"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var now = time.Date(2026, time.December, 1, 12, 0, 0, 0, time.UTC)

// holding is a cluster that holds at most one object of each kind.
type holding struct {
	client.Reader
	platform *v1alpha1.CoachPlatform
	report   *v1alpha1.SecurityReport
	err      error
}

// Get implements client.Reader.
func (h holding) Get(_ context.Context, key client.ObjectKey, to client.Object, _ ...client.GetOption) error {
	if h.err != nil {
		return h.err
	}
	switch to := to.(type) {
	case *v1alpha1.CoachPlatform:
		if h.platform != nil && h.platform.Name == key.Name && h.platform.Namespace == key.Namespace {
			h.platform.DeepCopyInto(to)
			return nil
		}
	case *v1alpha1.SecurityReport:
		if h.report != nil && h.report.Name == key.Name && h.report.Namespace == key.Namespace {
			h.report.DeepCopyInto(to)
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "things"}, key.Name)
}

// call runs a command at a moment and returns what it wrote and its exit code.
func call(t *testing.T, h holding, at time.Time, args ...string) (out, errs string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := app{
		out: &stdout, errs: &stderr, now: func() time.Time { return at },
		connect: func() (cluster, error) { return cluster{Reader: h, namespace: "tenant-acme"}, nil },
	}
	code = run(t.Context(), a, args)
	return stdout.String(), stderr.String(), code
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// reported is a report in which the verdicts are as given and all others are verified.
func reported(verdicts map[string]converge.Verdict, exemptions ...v1alpha1.Exemption) *v1alpha1.SecurityReport {
	var findings []converge.Finding
	for _, c := range evidence.Catalogue {
		f := converge.Finding{Control: c.ID, Verdict: converge.Verified, Seen: "as it should be", At: now}
		if v, ok := verdicts[c.ID]; ok {
			f.Verdict, f.Seen = v, "not as it should be"
			if v == converge.Unknown {
				f.Seen = "could not be observed"
			}
		}
		findings = append(findings, f)
	}
	r := &v1alpha1.SecurityReport{ObjectMeta: metav1.ObjectMeta{
		Namespace: "tenant-acme", Name: "acme", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "manager"}},
	}}
	r.Report = evidence.Report(evidence.Judge(findings, exemptions, false, now), nil, now)
	return r
}

var exemption = v1alpha1.Exemption{
	Control: "CP-DB-08", Reason: "a demonstration needs no standby", ExpiresAt: metav1.NewTime(now.Add(48 * time.Hour)),
}

// mixed has a control of every status.
func mixed() *v1alpha1.SecurityReport {
	return reported(map[string]converge.Verdict{
		"CP-NET-01": converge.Violated, "CP-TLS-01": converge.Unknown, "CP-DB-08": converge.Violated,
	}, exemption)
}

func TestEvidenceIsShown(t *testing.T) {
	for name, c := range map[string]struct {
		report *v1alpha1.SecurityReport
		args   []string
		after  time.Duration
		code   int
	}{
		"verified.txt": {reported(nil), nil, 40 * time.Second, codeFine},
		"mixed.txt":    {mixed(), nil, 40 * time.Second, codeViolated},
		"mixed.json":   {mixed(), []string{"-o", "json"}, 40 * time.Second, codeViolated},
		"mixed.yaml":   {mixed(), []string{"-o", "yaml"}, 40 * time.Second, codeViolated},
		"expired.txt":  {mixed(), nil, 15 * time.Minute, codeUnknown},
		"expired.json": {mixed(), []string{"--output=json"}, 15 * time.Minute, codeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := call(t, holding{report: c.report}, now.Add(c.after), append([]string{"evidence", "acme"}, c.args...)...)
			if code != c.code || errs != "" {
				t.Errorf("exit code %d, want %d: %s", code, c.code, errs)
			}
			golden(t, name, out)
		})
	}
}

func TestTheExitCodeIsOfTheWorst(t *testing.T) {
	for name, c := range map[string]struct {
		verdicts   map[string]converge.Verdict
		exemptions []v1alpha1.Exemption
		after      time.Duration
		code       int
	}{
		"all are verified":            {nil, nil, 0, codeFine},
		"what is exempt is no matter": {map[string]converge.Verdict{"CP-DB-08": converge.Violated}, []v1alpha1.Exemption{exemption}, 0, codeFine},
		"one is violated":             {map[string]converge.Verdict{"CP-DB-08": converge.Violated}, nil, 0, codeViolated},
		"one is unknown":              {map[string]converge.Verdict{"CP-DB-08": converge.Unknown}, nil, 0, codeUnknown},
		"violated outweighs unknown": {
			map[string]converge.Verdict{"CP-DB-08": converge.Unknown, "CP-DB-01": converge.Violated}, nil, 0, codeViolated,
		},
		"verified long ago is unknown": {nil, nil, evidence.ReportBound, codeUnknown},
		"violated long ago is unknown": {map[string]converge.Verdict{"CP-DB-01": converge.Violated}, nil, evidence.ReportBound, codeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, code := call(t, holding{report: reported(c.verdicts, c.exemptions...)}, now.Add(c.after), "evidence", "acme")
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
		})
	}
}

func TestNothingThatWasSeenMovesTheCursor(t *testing.T) {
	report := reported(nil)
	report.Report.Controls[0].Seen = "red \x1b[31m\nand\tmore \u009b1m"
	out, _, _ := call(t, holding{report: report}, now, "evidence", "acme")
	if strings.ContainsAny(out, "\x1b\u009b\t") || !strings.Contains(out, "red [31m and more 1m") {
		t.Errorf("got %q", out)
	}
}

// planned is a platform with a plan.
func planned(change func(*v1alpha1.CoachPlatform)) holding {
	p := &v1alpha1.CoachPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-acme", Name: "acme", Generation: 3}}
	p.Status = v1alpha1.CoachPlatformStatus{
		ObservedGeneration: 3, PlanSummary: "3 changes, 2 held", Approval: "3f2a9c1b7d604e58",
		Plan: []v1alpha1.PlannedChange{
			{Step: "database", Path: "instanceClass", From: "db.t4g.medium", To: "db.m7g.large", Effect: "disruptive", Held: true},
			{Step: "database", Path: "kmsKey", From: "arn:one", To: "arn:two", Effect: "replace", Held: true},
			{Step: "firewall", Path: "ingress", To: "10.20.0.0/24", Effect: "in-place"},
		},
	}
	change(p)
	return holding{platform: p}
}

func TestThePlanIsShownWithWhatApprovesIt(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.CoachPlatform){
		"plan.txt": func(*v1alpha1.CoachPlatform) {},
		"plan-none.txt": func(p *v1alpha1.CoachPlatform) {
			p.Status.Plan, p.Status.PlanSummary, p.Status.Approval = nil, "None", ""
		},
		"plan-old.txt":     func(p *v1alpha1.CoachPlatform) { p.Generation = 4 },
		"plan-observe.txt": func(p *v1alpha1.CoachPlatform) { p.Spec.ManagementPolicy = v1alpha1.ManagementObserve },
		"plan-paused.txt":  func(p *v1alpha1.CoachPlatform) { p.Annotations = map[string]string{v1alpha1.AnnotationPaused: "true"} },
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := call(t, planned(change), now, "plan", "acme")
			if code != codeFine || errs != "" {
				t.Errorf("exit code %d: %s", code, errs)
			}
			golden(t, name, out)
		})
	}
}

func TestAGrantIsPrinted(t *testing.T) {
	out, errs, code := call(t, holding{}, now, "grant", "tenant-acme")
	if code != codeFine || errs != "" {
		t.Errorf("exit code %d: %s", code, errs)
	}
	golden(t, "grant.yaml", out)
}

func TestErrorsSayWhatFailedAndWhatToDo(t *testing.T) {
	things := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "securityreports"}
	unreported := planned(func(*v1alpha1.CoachPlatform) {})
	for name, c := range map[string]struct {
		holds holding
		args  []string
		want  string
	}{
		"the kind does not exist": {
			holding{err: &meta.NoKindMatchError{}}, []string{"evidence", "acme"}, "the cluster has no kind SecurityReport: install the operator",
		},
		"the platform does not exist":        {holding{}, []string{"evidence", "acme"}, "there is no CoachPlatform acme in the namespace tenant-acme"},
		"the platform has no report":         {unreported, []string{"evidence", "acme"}, "has no report yet: is the operator running?"},
		"no right to read":                   {holding{err: apierrors.NewForbidden(things, "acme", nil)}, []string{"evidence", "acme"}, "ask for the role view"},
		"not logged in":                      {holding{err: apierrors.NewUnauthorized("expired")}, []string{"plan", "acme"}, "log in again"},
		"no answer":                          {holding{err: context.DeadlineExceeded}, []string{"plan", "acme"}, "reading the CoachPlatform acme in the namespace tenant-acme: context"},
		"no such platform to plan for":       {holding{}, []string{"plan", "acme"}, "kubectl get cp -A"},
		"a platform that was not reconciled": {planned(func(p *v1alpha1.CoachPlatform) { p.Status = v1alpha1.CoachPlatformStatus{} }), []string{"plan", "acme"}, "not reconciled yet"},
		"a format that does not exist":       {holding{}, []string{"evidence", "acme", "-o", "xml"}, "-o xml: one of table, json, yaml"},
		"nor for an inventory":               {holding{}, []string{"inventory", "acme", "-o", "xml"}, "-o xml: one of table, json, yaml"},
		"no name":                            {holding{}, []string{"evidence"}, "accepts 1 arg(s), received 0"},
		"a name that is no namespace":        {holding{}, []string{"grant", "Tenant Acme"}, `"Tenant Acme" is not a valid namespace name`},
		"a command that does not exist":      {holding{}, []string{"approve"}, `unknown command "approve"`},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := call(t, c.holds, now, c.args...)
			if code != codeUnknown || !strings.HasPrefix(errs, "error: ") || !strings.Contains(errs, c.want) || out != "" {
				t.Errorf("exit code %d, said %q and %q, want %q", code, errs, out, c.want)
			}
		})
	}
}

func TestHelpSaysWhatThereIs(t *testing.T) {
	for args, want := range map[string][]string{
		"--help":                 {"kubectl coach", "evidence", "plan", "grant", "onboarding-link", "inventory"},
		"evidence --help":        {"kubectl coach evidence NAME", "Exit codes: 0", "--output"},
		"grant --help":           {"kubectl apply -f -", "Stripe"},
		"onboarding-link --help": {"kubectl coach onboarding-link NAME", "Exit codes: 0", "--return-url", "--refresh-url", "--installation-id"},
		"inventory --help":       {"kubectl coach inventory PLATFORM", "Exit codes: 0", "--output", "deletes nothing"},
	} {
		out, errs, code := call(t, holding{}, now, strings.Fields(args)...)
		if code != codeFine || errs != "" {
			t.Errorf("%s: exit code %d: %s", args, code, errs)
		}
		for _, part := range want {
			if !strings.Contains(out, part) {
				t.Errorf("%s does not say %q:\n%s", args, part, out)
			}
		}
	}
}
