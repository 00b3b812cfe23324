package report_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
)

var (
	flowing    = converge.Change{Step: "database", Path: "tags", From: "a", To: "b"}
	disruptive = converge.Change{Step: "database", Path: "class", From: "s", To: "m", Effect: converge.Disruptive, Held: true}
	replacing  = converge.Change{Step: "database", Path: "kms", From: "k", To: "l", Effect: converge.Replace, Held: true}

	settling  = fault.Wait(converge.ReasonSettling, 7*time.Second, "modifying")
	applied   = fault.Wait(converge.ReasonApplied, 2*time.Second, "sent")
	awaiting  = fault.Wait(v1alpha1.ReasonWaitingForKey, 0, "no key yet")
	errBroken = errors.New("dial tcp: request 4711 refused")
	denied    = fault.New(fault.Denied, v1alpha1.ReasonAccessDenied, "grant it")
	conflict  = fault.New(fault.Conflict, v1alpha1.ReasonConflict, "somebody else's")
	invalid   = fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec, "correct it")
	approval  = fault.New(fault.Held, converge.ReasonHeld, "approve it")
	refused   = fault.New(fault.Invalid, converge.ReasonReplacement, "set it back")
)

func of(step string, err error, changes ...converge.Change) converge.Outcome {
	return converge.Outcome{Step: step, Err: err, Changes: changes}
}

func sent(step string, changes ...converge.Change) converge.Outcome {
	o := of(step, applied, changes...)
	o.Applied, o.Exists = true, true
	return o
}

// brief is a condition as type=status/reason.
func brief(all ...metav1.Condition) []string {
	var out []string
	for _, c := range all {
		out = append(out, fmt.Sprintf("%s=%s/%s", c.Type, c.Status, c.Reason))
	}
	return out
}

func TestConditions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		outcomes             []converge.Outcome
		steps                []string
		ready, moves, stalls string
	}{
		"nothing ran, so nothing is known": {
			nil, nil, "Ready=Unknown/Pending", "Reconciling=False/Pending", "Stalled=False/Pending",
		},
		"a pass that found nothing to do is ready": {
			[]converge.Outcome{of("key", nil), of("database", nil)},
			[]string{"KeyReady=True/Converged", "DatabaseReady=True/Converged"},
			"Ready=True/Converged", "Reconciling=False/Converged", "Stalled=False/Converged",
		},
		"a pass that wrote is never ready": {
			[]converge.Outcome{of("key", nil), sent("database", flowing)},
			[]string{"KeyReady=True/Converged", "DatabaseReady=False/Applied"},
			"Ready=False/Applied", "Reconciling=True/Applied", "Stalled=False/Applied",
		},
		"what settles is on its way": {
			[]converge.Outcome{of("database", settling)},
			[]string{"DatabaseReady=False/Settling"},
			"Ready=False/Settling", "Reconciling=True/Settling", "Stalled=False/Settling",
		},
		"a held change leaves readiness as it was observed": {
			[]converge.Outcome{of("database", approval, disruptive)},
			[]string{"DatabaseReady=True/ApprovalNeeded"},
			"Ready=True/ApprovalNeeded", "Reconciling=False/ApprovalNeeded", "Stalled=False/ApprovalNeeded",
		},
		"a held change does not hide one that this mode does not make": {
			[]converge.Outcome{of("database", approval, disruptive, flowing)},
			[]string{"DatabaseReady=False/Pending"},
			"Ready=False/Pending", "Reconciling=False/Pending", "Stalled=False/Pending",
		},
		"a difference that this mode does not repair is not ready": {
			[]converge.Outcome{of("database", nil, flowing)},
			[]string{"DatabaseReady=False/Pending"},
			"Ready=False/Pending", "Reconciling=False/Pending", "Stalled=False/Pending",
		},
		"a refused replacement needs a person": {
			[]converge.Outcome{of("database", refused, replacing)},
			[]string{"DatabaseReady=False/ReplacementRefused"},
			"Ready=False/ReplacementRefused", "Reconciling=False/ReplacementRefused", "Stalled=True/ReplacementRefused",
		},
		"a call that failed leaves the state unknown": {
			[]converge.Outcome{of("key", nil), of("database", errBroken)},
			[]string{"KeyReady=True/Converged", "DatabaseReady=Unknown/TransientError"},
			"Ready=Unknown/TransientError", "Reconciling=True/TransientError", "Stalled=False/TransientError",
		},
		"what is known not to be ready outweighs what is unknown": {
			[]converge.Outcome{of("database", awaiting), of("key", errBroken)},
			[]string{"DatabaseReady=False/WaitingForKey", "KeyReady=Unknown/TransientError"},
			"Ready=False/TransientError", "Reconciling=True/TransientError", "Stalled=False/TransientError",
		},
		"a denied permission needs a person, whatever else moves": {
			[]converge.Outcome{of("database", settling), of("key", denied), of("firewall", errBroken)},
			[]string{"DatabaseReady=False/Settling", "KeyReady=False/AccessDenied", "NetworkReady=Unknown/TransientError"},
			"Ready=False/AccessDenied", "Reconciling=False/AccessDenied", "Stalled=True/AccessDenied",
		},
		"of two that need a person the first speaks": {
			[]converge.Outcome{of("key", conflict), of("database", invalid)},
			[]string{"KeyReady=False/Conflict", "DatabaseReady=False/InvalidSpec"},
			"Ready=False/Conflict", "Reconciling=False/Conflict", "Stalled=True/Conflict",
		},
		"outcomes of one step share a condition, the worst speaks": {
			[]converge.Outcome{of("parameters", nil), of("parameters", settling), of("parameters", nil)},
			[]string{"ParametersReady=False/Settling"},
			"Ready=False/Settling", "Reconciling=True/Settling", "Stalled=False/Settling",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.steps, brief(passOf(c.outcomes).Conditions()...), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			want := []string{c.ready, c.moves, c.stalls}
			if diff := cmp.Diff(want, brief(summary(c.outcomes)...)); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsOnlyObservedIsNotOnItsWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		outcomes []converge.Outcome
		cause    error
		want     []string
	}{
		"what waits for what nobody creates": {
			[]converge.Outcome{of("database", awaiting)},
			nil,
			[]string{"Ready=False/Observing", "Reconciling=False/Observing", "Stalled=False/Observing"},
		},
		"what waits for its class": {
			nil, awaiting, []string{"Ready=False/Observing", "Reconciling=False/Observing", "Stalled=False/Observing"},
		},
		"what AWS is at work on": {
			[]converge.Outcome{of("database", settling)},
			nil,
			[]string{"Ready=False/Settling", "Reconciling=True/Settling", "Stalled=False/Settling"},
		},
		"a call that failed": {
			[]converge.Outcome{of("database", errBroken)},
			nil,
			[]string{"Ready=Unknown/TransientError", "Reconciling=True/TransientError", "Stalled=False/TransientError"},
		},
		"what needs a person": {
			[]converge.Outcome{of("database", denied)},
			nil,
			[]string{"Ready=False/AccessDenied", "Reconciling=False/AccessDenied", "Stalled=True/AccessDenied"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := passOf(c.outcomes)
			p.Cause, p.Still = c.cause, v1alpha1.ReasonObserving
			ready, reconciling, stalls := p.Summary()
			if diff := cmp.Diff(c.want, brief(ready, reconciling, stalls)); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
		})
	}
}

// passOf is a pass with the conditions of these tests' steps.
func passOf(outcomes []converge.Outcome) report.Pass {
	return report.Pass{Outcomes: outcomes, Types: map[string]string{
		"key": v1alpha1.ConditionKeyReady, "firewall": v1alpha1.ConditionNetworkReady, "database": v1alpha1.ConditionDatabaseReady,
		"parameters": v1alpha1.ConditionParametersReady, "stripe": v1alpha1.ConditionPayoutsReady, "webhook": v1alpha1.ConditionPayoutsReady,
	}}
}

func summary(outcomes []converge.Outcome) []metav1.Condition {
	ready, reconciling, stalls := passOf(outcomes).Summary()
	return []metav1.Condition{ready, reconciling, stalls}
}

func TestSummaryMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		outcomes []converge.Outcome
		want     string
	}{
		"says which step and who else": {
			[]converge.Outcome{of("key", nil), of("database", awaiting), of("firewall", denied)},
			"firewall: grant it (not ready either: database)",
		},
		"counts what is not made": {
			[]converge.Outcome{of("key", nil, flowing, flowing)},
			"key: 2 changes are not made in this mode; status.plan lists them",
		},
		"holds nothing of an unclassified error": {
			[]converge.Outcome{of("key", errBroken)},
			"key: " + fault.As(errBroken).Message,
		},
		"is short when all is well": {[]converge.Outcome{of("key", nil)}, "as desired"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := summary(c.outcomes)[0].Message; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	first := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	later := first.Add(time.Hour)
	status := func(s metav1.ConditionStatus, message string) metav1.Condition {
		return metav1.Condition{Type: "KeyReady", Status: s, Reason: "Any", Message: message}
	}
	for name, c := range map[string]struct {
		second     metav1.Condition
		transition time.Time
		message    string
	}{
		"the same status keeps its transition time": {status("True", "other words"), first, "other words"},
		"another status moves it":                   {status("False", "errBroken"), later, "errBroken"},
		"a long message is cut": {
			status("True", strings.Repeat("ü", 2000)), first, strings.Repeat("ü", 1023) + "…",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var conditions []metav1.Condition
			report.Set(&conditions, 1, first, status("True", "well"))
			report.Set(&conditions, 2, later, c.second)
			want := []metav1.Condition{{
				Type: "KeyReady", Status: c.second.Status, Reason: "Any", Message: c.message,
				ObservedGeneration: 2, LastTransitionTime: metav1.NewTime(c.transition),
			}}
			if diff := cmp.Diff(want, conditions); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	many := slices.Repeat([]converge.Change{flowing}, 70)
	long := converge.Change{Step: "key", Path: strings.Repeat("p", 200), From: strings.Repeat("ß", 1024), To: strings.Repeat("ß", 1025)}
	for name, c := range map[string]struct {
		outcomes []converge.Outcome
		summary  string
		check    func(*testing.T, []v1alpha1.PlannedChange)
	}{
		"no change is no plan": {[]converge.Outcome{of("key", nil)}, "None", func(t *testing.T, got []v1alpha1.PlannedChange) {
			t.Helper()
			if got != nil {
				t.Errorf("got %v", got)
			}
		}},
		"held changes come first and keep their values": {
			[]converge.Outcome{of("database", approval, flowing, disruptive, replacing)},
			"3 changes, 2 held",
			func(t *testing.T, got []v1alpha1.PlannedChange) {
				t.Helper()
				want := []v1alpha1.PlannedChange{
					{Step: "database", Path: "class", From: "s", To: "m", Effect: "disruptive", Held: true},
					{Step: "database", Path: "kms", From: "k", To: "l", Effect: "replace", Held: true},
					{Step: "database", Path: "tags", From: "a", To: "b", Effect: "in-place"},
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("plan (-want +got):\n%s", diff)
				}
			},
		},
		"a long plan ends in how many are left out, and no held change is": {
			[]converge.Outcome{of("database", nil, many...), of("database", approval, disruptive)},
			"71 changes, 1 held",
			func(t *testing.T, got []v1alpha1.PlannedChange) {
				t.Helper()
				if len(got) != 64 || !got[0].Held || got[63].Path != "and 8 more" {
					t.Errorf("got %d lines, first %v, last %v", len(got), got[0], got[len(got)-1])
				}
			},
		},
		"64 changes all fit": {
			[]converge.Outcome{of("database", nil, many[:64]...)},
			"64 changes",
			func(t *testing.T, got []v1alpha1.PlannedChange) {
				t.Helper()
				if len(got) != 64 || got[63].Path != "tags" {
					t.Errorf("got %d lines, last %v", len(got), got[len(got)-1])
				}
			},
		},
		"long values are cut to what the API holds": {
			[]converge.Outcome{of("key", nil, long)},
			"1 change",
			func(t *testing.T, got []v1alpha1.PlannedChange) {
				t.Helper()
				c := got[0]
				if len([]rune(c.Path)) != 128 || c.From != long.From || c.To != strings.Repeat("ß", 1023)+"…" {
					t.Errorf("got path of %d, from of %d, to of %d", len(c.Path), len(c.From), len(c.To))
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t, report.Plan(c.outcomes))
			if got := report.PlanSummary(c.outcomes); got != c.summary {
				t.Errorf("summary %q, want %q", got, c.summary)
			}
		})
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 40, 0, time.UTC)
	for name, c := range map[string]struct {
		outcomes []converge.Outcome
		jitter   float64
		after    time.Duration
		retries  bool
	}{
		"nothing ran":                          {nil, 0, 20 * time.Second, false},
		"quiet, at the next beat":              {[]converge.Outcome{of("key", nil)}, 0, 20 * time.Second, false},
		"quiet, at the end of its window":      {[]converge.Outcome{of("key", nil)}, 1, 23 * time.Second, false},
		"a wait names its own delay":           {[]converge.Outcome{of("key", nil), of("database", settling)}, 0.5, 7 * time.Second, false},
		"the soonest wins":                     {[]converge.Outcome{of("database", settling), sent("key", flowing)}, 0.5, 2 * time.Second, false},
		"a wait without a delay looks in 10 s": {[]converge.Outcome{of("database", awaiting)}, 0.5, 10 * time.Second, false},
		"what a person must repair is slow":    {[]converge.Outcome{of("database", denied)}, 0.5, 2 * time.Minute, false},
		"and does not slow down the others":    {[]converge.Outcome{of("key", nil), of("database", denied)}, 0, 20 * time.Second, false},
		"an approval is waited for quietly":    {[]converge.Outcome{of("database", approval, disruptive)}, 0, 20 * time.Second, false},
		"a failed call goes back to the queue": {[]converge.Outcome{of("key", errBroken), of("database", denied)}, 0, 0, true},
		"nor does it delay what verifies a write": {
			[]converge.Outcome{of("key", errBroken), sent("database", flowing)}, 0, 2 * time.Second, false,
		},
		"nor what AWS is at work on":      {[]converge.Outcome{of("key", errBroken), of("database", settling)}, 0, 7 * time.Second, false},
		"it delays what waits for others": {[]converge.Outcome{of("key", errBroken), of("database", awaiting)}, 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := report.Result(c.outcomes, time.Minute, now, func() float64 { return c.jitter })
			if got.RequeueAfter != c.after {
				t.Errorf("next pass in %v, want %v", got.RequeueAfter, c.after)
			}
			if errors.Is(err, errBroken) != c.retries || (err != nil) != c.retries {
				t.Errorf("error %v, want one: %v", err, c.retries)
			}
		})
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	spent := sent("database", disruptive, replacing, flowing)
	spent.Spent = true
	for name, c := range map[string]struct {
		before, now []converge.Outcome
		want        []report.Event
	}{
		"what stays is not reported again": {
			[]converge.Outcome{of("key", nil), of("database", denied)},
			[]converge.Outcome{of("key", nil), of("database", denied)},
			nil,
		},
		"a quiet pass emits nothing": {[]converge.Outcome{of("key", nil)}, []converge.Outcome{of("key", nil)}, nil},
		"a new failure that needs a person is a warning": {
			[]converge.Outcome{of("database", nil)},
			[]converge.Outcome{of("database", denied)},
			[]report.Event{{Type: "Warning", Reason: "AccessDenied", Action: "Reconcile", Note: "database: grant it"}},
		},
		"another reason is reported": {
			[]converge.Outcome{of("database", denied)},
			[]converge.Outcome{of("database", conflict)},
			[]report.Event{{Type: "Warning", Reason: "Conflict", Action: "Reconcile", Note: "database: somebody else's"}},
		},
		"a call that is tried again is no event": {
			[]converge.Outcome{of("database", nil)}, []converge.Outcome{of("database", errBroken)}, nil,
		},
		"what begins to wait for an approval is reported": {
			[]converge.Outcome{of("database", nil)},
			[]converge.Outcome{of("database", approval, disruptive)},
			[]report.Event{{Type: "Normal", Reason: "ApprovalNeeded", Action: "Reconcile", Note: "database: approve it"}},
		},
		"readiness that comes back is reported": {
			[]converge.Outcome{sent("key", flowing)},
			[]converge.Outcome{of("key", nil)},
			[]report.Event{{Type: "Normal", Reason: "Converged", Action: "Reconcile", Note: "ready: as desired"}},
		},
		"a write names what it changed, not what it held": {
			[]converge.Outcome{of("database", nil)},
			[]converge.Outcome{sent("database", flowing, disruptive)},
			[]report.Event{{Type: "Normal", Reason: "Applied", Action: "Apply", Note: "database: changed tags"}},
		},
		"a thing that was not there is reported in one word": {
			[]converge.Outcome{of("database", nil)},
			[]converge.Outcome{{Step: "database", Applied: true, Err: applied}},
			[]report.Event{{Type: "Normal", Reason: "Applied", Action: "Apply", Note: "database: created"}},
		},
		"writes of several steps are one event": {
			nil,
			[]converge.Outcome{{Step: "key", Applied: true, Err: applied}, sent("firewall", flowing), of("database", awaiting)},
			[]report.Event{{Type: "Normal", Reason: "Applied", Action: "Apply", Note: "key: created; firewall: changed tags"}},
		},
		"one cause of two steps is one event, and names the step that Ready names": {
			nil,
			[]converge.Outcome{of("key", denied), of("firewall", denied), of("database", awaiting)},
			[]report.Event{{Type: "Warning", Reason: "AccessDenied", Action: "Reconcile", Note: "key: grant it"}},
		},
		"an approved write names what was approved, never a replacement": {
			[]converge.Outcome{of("database", approval, disruptive)},
			[]converge.Outcome{spent},
			[]report.Event{{Type: "Normal", Reason: "Applied", Action: "Apply", Note: "database: changed class, tags"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var before []metav1.Condition
			report.Set(&before, 1, time.Unix(0, 0), summary(c.before)...)
			steps := passOf(c.before).Steps(nil, time.Unix(0, 0))
			if diff := cmp.Diff(c.want, passOf(c.now).Events(before, steps)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWritesOfEarlierPassesAreNamedOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		now  []converge.Outcome
		want report.Event
	}{
		"with those of a later pass": {
			[]converge.Outcome{sent("firewall", flowing)},
			report.Event{Type: "Normal", Reason: "Applied", Action: "Apply", Note: "key: created; firewall: changed tags"},
		},
		"with a pass that wrote nothing": {
			[]converge.Outcome{of("firewall", awaiting)},
			report.Event{Type: "Normal", Reason: "Applied", Action: "Apply", Note: "key: created"},
		},
		"with readiness": {
			[]converge.Outcome{of("firewall", nil)},
			report.Event{Type: "Normal", Reason: "Converged", Action: "Reconcile", Note: "ready: as desired; key: created"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := passOf(c.now)
			said.Earlier = []string{"key: created"}
			if diff := cmp.Diff([]report.Event{c.want}, said.Events(nil, nil)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// shown is a pass as its status shows it.
func shown(p report.Pass) []string {
	var all []string
	ready, reconciling, stalls := p.Summary()
	for _, c := range append(p.Conditions(), ready, reconciling, stalls) {
		all = append(all, fmt.Sprintf("%s=%s/%s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	for _, s := range p.Steps(nil, time.Unix(0, 0)) {
		all = append(all, fmt.Sprintf("%s %s/%s: %s", s.Name, s.State, s.Reason, s.Message))
	}
	return all
}

func TestOneCauseIsReportedOnce(t *testing.T) {
	t.Parallel()
	names := []string{"key", "stripe", "webhook"}
	refused := fault.New(fault.Invalid, v1alpha1.ReasonNamespaceNotAllowed, "the class does not admit it")
	for name, c := range map[string]struct {
		pass func() report.Pass
		want []string
	}{
		"inputs that are missing are told by Ready, and no step ran": {
			func() report.Pass {
				p := passOf(report.NotRun(names))
				p.Cause = fault.Wait(v1alpha1.ReasonClassNotFound, 0, "no such class")
				return p
			},
			[]string{
				"KeyReady=Unknown/NotRun: not run; Ready says why", "PayoutsReady=Unknown/NotRun: not run; Ready says why",
				"Ready=False/ClassNotFound: no such class", "Reconciling=True/ClassNotFound: no such class",
				"Stalled=False/ClassNotFound: no person has to act",
				"key NotRun/NotRun: ", "stripe NotRun/NotRun: ", "webhook NotRun/NotRun: ",
			},
		},
		"a pass that may not write says so, and the steps say what they saw": {
			func() report.Pass {
				p := passOf([]converge.Outcome{of("key", nil), of("stripe", denied), of("webhook", nil, flowing)})
				p.Cause, p.Still = refused, v1alpha1.ReasonPaused
				return p
			},
			[]string{
				"KeyReady=True/Converged: as desired", "PayoutsReady=False/AccessDenied: stripe: grant it",
				"Ready=False/NamespaceNotAllowed: the class does not admit it",
				"Reconciling=False/NamespaceNotAllowed: nothing is on its way",
				"Stalled=True/NamespaceNotAllowed: the class does not admit it",
				"key Converged/Converged: ", "stripe Stalled/AccessDenied: grant it",
				"webhook Pending/Paused: 1 change is not made in this mode; status.plan lists them",
			},
		},
		"steps that fail for the reason of the one that Ready names refer to it": {
			func() report.Pass {
				return passOf([]converge.Outcome{of("key", denied), of("stripe", denied), of("webhook", awaiting)})
			},
			[]string{
				"KeyReady=False/AccessDenied: grant it", "PayoutsReady=False/AccessDenied: stripe: waits for step key",
				"Ready=False/AccessDenied: key: grant it (not ready either: stripe, webhook)",
				"Reconciling=False/AccessDenied: nothing is on its way",
				"Stalled=True/AccessDenied: key: grant it (not ready either: stripe, webhook)",
				"key Stalled/AccessDenied: grant it", "stripe Stalled/AccessDenied: waits for step key",
				"webhook Waiting/WaitingForKey: no key yet",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, shown(c.pass())); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSinceMovesWithStateAndReasonOnly(t *testing.T) {
	t.Parallel()
	first := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	before := passOf([]converge.Outcome{of("key", nil), of("firewall", settling), of("database", awaiting)}).Steps(nil, first)
	other := fault.Wait(converge.ReasonSettling, time.Second, "other words")
	after := passOf([]converge.Outcome{of("key", denied), of("firewall", other), of("database", settling)}).Steps(before, first.Add(time.Hour))
	var moved []bool
	for _, s := range after {
		moved = append(moved, !s.Since.Time.Equal(first))
	}
	if diff := cmp.Diff([]bool{true, false, true}, moved); diff != "" || after[1].Message != "other words" {
		t.Errorf("moved (-want +got):\n%s\n%+v", diff, after)
	}
}

func TestBackoffStaysWithinAMinute(t *testing.T) {
	t.Parallel()
	limiter := report.Backoff()
	var delays []time.Duration
	for range 8 {
		delays = append(delays, limiter.When(reconcile.Request{}))
	}
	if delays[0] != time.Second || delays[1] != 2*time.Second || delays[7] != time.Minute {
		t.Errorf("delays %v", delays)
	}
}
