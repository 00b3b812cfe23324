package firewall_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestWhatIsNotAdmittedStaysClosedWhileTheRestConverges(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		// ask changes what the platform requests and returns a word that the message must have.
		ask    func(t *testing.T, w *world) string
		class  fault.Class
		reason string
		// open are the peers that must be open; nil is everyone that newWorld has.
		open func(w *world) []string
	}{
		"a security group that is neither listed nor tagged": {
			ask: func(t *testing.T, w *world) string {
				t.Helper()
				id := makeGroup(t, w.account, "unlisted", nil)
				w.spec.Database.AllowFrom.SecurityGroupIDs = append(w.spec.Database.AllowFrom.SecurityGroupIDs, id)
				return id
			},
			class: fault.Invalid, reason: v1alpha1.ReasonNotAccepted,
		},
		"a security group with another tenant's tags": {
			ask: func(t *testing.T, w *world) string {
				t.Helper()
				other := w.tenant
				other.NamespaceUID = "another"
				id := makeGroup(t, w.account, "another", other.Tags())
				w.spec.Database.AllowFrom.SecurityGroupIDs = append(w.spec.Database.AllowFrom.SecurityGroupIDs, id)
				return id
			},
			class: fault.Invalid, reason: v1alpha1.ReasonNotAccepted,
		},
		"an instance that is no longer listed": {
			ask: func(_ *testing.T, w *world) string {
				w.class.Spec.Accepted.InstanceIDs = nil
				return w.account.Instances[0].ID
			},
			class: fault.Invalid, reason: v1alpha1.ReasonNotAccepted,
			open: func(w *world) []string { return without(w.everyone(), w.account.Instances[0].PrivateIP+"/32") },
		},
		"a range that is wider than the class allows": {
			ask: func(_ *testing.T, w *world) string {
				w.spec.Database.AllowFrom.CIDRs = []string{"10.0.0.0/8", allowed}
				return "10.0.0.0/8"
			},
			class: fault.Invalid, reason: v1alpha1.ReasonInvalidSpec,
		},
		"a listed instance that does not exist": {
			ask: func(_ *testing.T, w *world) string {
				w.class.Spec.Accepted.InstanceIDs = append(w.class.Spec.Accepted.InstanceIDs, "i-0123456789abcdef0")
				w.spec.Database.AllowFrom.InstanceIDs = append(w.spec.Database.AllowFrom.InstanceIDs, "i-0123456789abcdef0")
				return "i-0123456789abcdef0"
			},
			class: fault.Waiting, reason: v1alpha1.ReasonInstanceNotFound,
		},
		"an instance that was terminated": {
			ask: func(t *testing.T, w *world) string {
				t.Helper()
				_, err := administer(t, w.account).TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{
					InstanceIds: []string{w.account.Instances[1].ID},
				})
				check(t, "terminating the instance", err)
				return w.account.Instances[1].ID
			},
			class: fault.Waiting, reason: v1alpha1.ReasonInstanceNotFound,
			open: func(w *world) []string { return without(w.everyone(), w.account.Instances[1].PrivateIP+"/32") },
		},
		"a listed security group that does not exist": {
			ask: func(_ *testing.T, w *world) string {
				w.class.Spec.Accepted.SecurityGroupIDs = append(w.class.Spec.Accepted.SecurityGroupIDs, "sg-0123456789abcdef0")
				w.spec.Database.AllowFrom.SecurityGroupIDs = append(w.spec.Database.AllowFrom.SecurityGroupIDs, "sg-0123456789abcdef0")
				return "sg-0123456789abcdef0"
			},
			class: fault.Waiting, reason: v1alpha1.ReasonSecurityGroupNotFound,
		},
		"workload groups that the class names and that do not exist": {
			ask: func(_ *testing.T, w *world) string {
				w.class.Spec.Network.WorkloadSecurityGroups = v1alpha1.Selector{Tags: []v1alpha1.Tag{{Key: "no", Value: "such"}}}
				return "workload"
			},
			class: fault.Waiting, reason: v1alpha1.ReasonClassNotReady,
			open: func(w *world) []string { return without(w.everyone(), w.account.WorkloadSecurityGroup) },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, env.StartSandbox(t).Account(t))
			w.settle(t)
			openTo("0.0.0.0/0", 22)(t, w.account, &scope.Platform{Firewall: scope.Firewall{GroupID: w.group}})
			word := test.ask(t, w)

			out := w.settle(t)
			f := fault.As(out.Err)
			if f.Class != test.class || f.Reason != test.reason || !strings.Contains(f.Message, word) {
				t.Errorf("degraded %v (%v), want %s (%v) that names %s", out.Err, f.Class, test.reason, test.class, word)
			}
			open := w.everyone()
			if test.open != nil {
				open = test.open(w)
			}
			w.mustBeOpenTo(t, open)
			if verdict := out.Findings[0]; verdict.Verdict != converge.Verified {
				t.Errorf("%s is %v after the repair: %s", verdict.Control, verdict.Verdict, verdict.Seen)
			}
			w.mustBeQuiet(t)
		})
	}
}

func without(all []string, one string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return s == one })
}

// mustBeQuiet checks that further passes, though they degraded, neither write nor read single things.
func (w *world) mustBeQuiet(t *testing.T) {
	t.Helper()
	w.run(t, converge.Mode{Write: true})
	before := w.account.Mark(t)
	w.run(t, converge.Mode{Write: true})
	counts := map[string]int{}
	for _, c := range w.account.Calls(t, before) {
		if strings.Contains(c.Principal, ":assumed-role/") {
			counts[c.Action()]++
		}
	}
	// The listing of the operator's groups, the tenants' peers and the class's two selectors.
	want := map[string]int{
		"ec2:DescribeInstances": 1, "ec2:DescribeRouteTables": 1, "ec2:DescribeSecurityGroups": 4, "ec2:DescribeSubnets": 1,
		"ec2:DescribeVpcs": 1, "rds:DescribeDBInstances": 1,
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("calls of a quiet pass (-want +got):\n%s", diff)
	}
}
