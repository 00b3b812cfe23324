package account_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/class/account"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func run(t *testing.T, a *env.Account, in *scope.Class) converge.Outcome {
	t.Helper()
	clock := testclock.NewFakePassiveClock(time.Now())
	step := account.New(a.Sessions(t, aws.Options{Clock: clock, Share: 1000}))
	return step.Run(t.Context(), in, converge.Mode{Write: true})
}

func TestQuotasAreHandedOn(t *testing.T) {
	t.Parallel()
	a := env.StartSandbox(t).Account(t)
	in := input(a)
	if out := run(t, a, in); out.Err != nil || out.Applied || len(out.Changes) > 0 {
		t.Fatalf("got %+v", out)
	}
	var names []string
	for _, q := range in.Quotas {
		names = append(names, q.Name)
		if q.Limit <= 0 {
			t.Errorf("the quota %s has no limit", q.Name)
		}
	}
	for _, name := range []string{"AllocatedStorage", "DBInstances", "DBParameterGroups", "DBSubnetGroups"} {
		if !slices.Contains(names, name) {
			t.Errorf("the quota %s is missing from %v", name, names)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("the quotas are not in order: %v", names)
	}
}

func TestWhatIsWrongWithAnAccount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*testing.T, *env.Account, *scope.Class)
		class  fault.Class
		reason string
		says   string
	}{
		"the role is in another account": {
			func(_ *testing.T, _ *env.Account, in *scope.Class) { in.Class.Spec.AccountID = "999999999999" },
			fault.Denied, v1alpha1.ReasonWrongAccount, "correct identity.roleARN",
		},
		"the role wants another external ID": {
			func(_ *testing.T, _ *env.Account, in *scope.Class) { in.Class.Spec.Identity.ExternalID = "another" },
			fault.Denied, v1alpha1.ReasonAccessDenied, "trusts the operator with the class's external ID",
		},
		"the role cannot be assumed for writing": {
			func(t *testing.T, a *env.Account, _ *scope.Class) {
				t.Helper()
				// The session for reading is opened first.
				a.InjectFault(t, env.InjectedFault{
					Service: "sts", Operation: "AssumeRole", Nth: 2, Kind: env.Failure, Code: "AccessDenied", Status: 403,
				})
			},
			fault.Denied, v1alpha1.ReasonAccessDenied, "sts:TagSession",
		},
		"the region does not answer": {
			func(t *testing.T, a *env.Account, _ *scope.Class) {
				t.Helper()
				a.InjectFault(t, env.InjectedFault{Service: "rds", Kind: env.Drop})
			},
			fault.Transient, v1alpha1.ReasonTransientError, "in region " + env.Region,
		},
		"AWS asks for fewer calls": {
			func(t *testing.T, a *env.Account, _ *scope.Class) {
				t.Helper()
				a.InjectFault(t, env.InjectedFault{Service: "rds", Kind: env.Throttle})
			},
			fault.Transient, v1alpha1.ReasonThrottled, "rds:DescribeAccountAttributes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := env.StartSandbox(t).Account(t)
			in := input(a)
			c.change(t, a, in)
			out := run(t, a, in)
			f := fault.As(out.Err)
			if f.Class != c.class || f.Reason != c.reason || !strings.Contains(f.Message, c.says) {
				t.Errorf("got %s %v, want %s %s that says %q", f.Class, out.Err, c.class, c.reason, c.says)
			}
			if in.Quotas != nil {
				t.Errorf("quotas were published that were not observed: %v", in.Quotas)
			}
		})
	}
}
