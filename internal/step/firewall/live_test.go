package firewall_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/firewall"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// sweep is longer than the operator's shared looks are kept.
const sweep = time.Minute

// world is one account with a platform that asks for peers of every kind, and its operator.
type world struct {
	account *env.Account
	tenant  naming.Tenant
	class   *v1alpha1.PlatformClass
	spec    *v1alpha1.CoachPlatformSpec
	// listed and tagged are security groups that the class's list and the tenant's tags admit.
	listed, tagged string

	clock *testclock.FakePassiveClock
	step  converge.Step[*scope.Platform]
	// group is what the step published last.
	group string
}

func newWorld(t *testing.T, a *env.Account) *world {
	t.Helper()
	w := &world{
		account: a, tenant: env.Tenant(), class: a.Class(), spec: &env.Platform(t).Spec,
		clock: testclock.NewFakePassiveClock(time.Now()),
	}
	w.step = firewall.New(a.Sessions(t, aws.Options{Clock: w.clock, Share: 1000}))
	w.listed = makeGroup(t, a, "listed", nil)
	w.tagged = makeGroup(t, a, "tagged", w.tenant.Tags())
	tag(t, a, a.Instances[1].ID, w.tenant.Tags())
	w.class.Spec.Accepted = v1alpha1.ClassAccepted{
		SecurityGroupIDs: []string{w.listed}, InstanceIDs: []string{a.Instances[0].ID},
	}
	w.spec.Database.AllowFrom = v1alpha1.AllowFrom{
		CIDRs:            []string{allowed},
		SecurityGroupIDs: []string{w.listed, w.tagged},
		InstanceIDs:      []string{a.Instances[0].ID, a.Instances[1].ID},
	}
	return w
}

// input is the input of one reconcile.
func (w *world) input() *scope.Platform {
	return &scope.Platform{Tenant: w.tenant, Class: w.class.DeepCopy(), Spec: w.spec.DeepCopy()}
}

// run is one pass, a sweep after the last.
func (w *world) run(t *testing.T, mode converge.Mode) converge.Outcome {
	t.Helper()
	w.clock.SetTime(w.clock.Now().Add(sweep))
	in := w.input()
	out := w.step.Run(t.Context(), in, mode)
	w.group = in.Firewall.GroupID
	return out
}

// settle makes passes until one has nothing to write, and returns it.
func (w *world) settle(t *testing.T) converge.Outcome {
	t.Helper()
	var out converge.Outcome
	for range 20 {
		if out = w.run(t, converge.Mode{Write: true}); !out.Applied && len(out.Changes) == 0 {
			return out
		}
	}
	t.Fatalf("still at work after 20 passes: %+v", out)
	return out
}

// open returns the live ingress rules, each as "peer from-to".
func (w *world) open(t *testing.T) []string {
	t.Helper()
	var open []string
	for _, r := range rules(t, w.account, w.group) {
		if *r.IsEgress {
			t.Errorf("there is egress: %s", *r.SecurityGroupRuleId)
			continue
		}
		peer := awssdk.ToString(r.CidrIpv4) + awssdk.ToString(r.CidrIpv6)
		if r.ReferencedGroupInfo != nil {
			peer = *r.ReferencedGroupInfo.GroupId
		}
		if *r.IpProtocol != "tcp" || *r.FromPort != w.spec.Database.Port || *r.ToPort != w.spec.Database.Port {
			t.Errorf("%s is open for more than the database's port: %s %d-%d", peer, *r.IpProtocol, *r.FromPort, *r.ToPort)
		}
		open = append(open, peer)
	}
	slices.Sort(open)
	return open
}

// everybody are the live peers of the platform as newWorld makes it.
func (w *world) everybody() []string {
	peers := []string{
		allowed, w.listed, w.tagged, w.account.WorkloadSecurityGroup, w.account.OperatorSecurityGroup,
		w.account.Instances[0].PrivateIP + "/32", w.account.Instances[1].PrivateIP + "/32",
	}
	slices.Sort(peers)
	return peers
}

func (w *world) mustBeOpenTo(t *testing.T, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, w.open(t), cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("who may connect (-want +got):\n%s", diff)
	}
}

func TestAPlatformIsOpenToWhomItNamesAndNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env.StartSandbox(t).Account(t))
	out := w.settle(t)
	if out.Err != nil {
		t.Fatalf("not converged: %v", out.Err)
	}
	w.mustBeOpenTo(t, w.everybody())
	for _, f := range out.Findings {
		if f.Verdict != converge.Verified || f.At.IsZero() {
			t.Errorf("%s: %v %q at %v", f.Control, f.Verdict, f.Seen, f.At)
		}
	}
	groups, err := administer(t, w.account).DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{
		GroupIds: []string{w.group},
	})
	check(t, "reading the group", err)
	live, tags := groups.SecurityGroups[0], map[string]string{}
	for _, tag := range live.Tags {
		tags[*tag.Key] = *tag.Value
	}
	if diff := cmp.Diff(w.tenant.Tags(), tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if *live.VpcId != w.account.VPC || *live.GroupName != w.tenant.Resource() {
		t.Errorf("the group is %s in %s", *live.GroupName, *live.VpcId)
	}
}

func TestAnotherPortMovesAllRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env.StartSandbox(t).Account(t))
	w.settle(t)
	w.spec.Database.Port = 6000
	if out := w.settle(t); out.Err != nil {
		t.Fatalf("not converged: %v", out.Err)
	}
	w.mustBeOpenTo(t, w.everybody())
}

func TestWhatIsNotAdmittedStaysClosedWhileTheRestConverges(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		// ask changes what the platform asks for and returns a word that the message must have.
		ask    func(t *testing.T, w *world) string
		class  fault.Class
		reason string
		// open are the peers that must be open; nil is everybody that newWorld has.
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
			open: func(w *world) []string { return without(w.everybody(), w.account.Instances[0].PrivateIP+"/32") },
		},
		"a range that is wider than the class allows": {
			ask: func(_ *testing.T, w *world) string {
				w.spec.Database.AllowFrom.CIDRs = []string{"10.0.0.0/8", allowed}
				return "10.0.0.0/8"
			},
			class: fault.Invalid, reason: v1alpha1.ReasonInvalidSpec,
		},
		"an instance that does not exist": {
			ask: func(_ *testing.T, w *world) string {
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
			open: func(w *world) []string { return without(w.everybody(), w.account.Instances[1].PrivateIP+"/32") },
		},
		"a listed security group that does not exist": {
			ask: func(_ *testing.T, w *world) string {
				w.class.Spec.Accepted.SecurityGroupIDs = append(w.class.Spec.Accepted.SecurityGroupIDs, "sg-0123456789abcdef0")
				w.spec.Database.AllowFrom.SecurityGroupIDs = append(w.spec.Database.AllowFrom.SecurityGroupIDs, "sg-0123456789abcdef0")
				return "sg-0123456789abcdef0"
			},
			class: fault.Waiting, reason: v1alpha1.ReasonSecurityGroupNotFound,
		},
		"workload groups that the class names and nobody made": {
			ask: func(_ *testing.T, w *world) string {
				w.class.Spec.Network.WorkloadSecurityGroups = v1alpha1.Selector{Tags: []v1alpha1.Tag{{Key: "no", Value: "such"}}}
				return "workload"
			},
			class: fault.Waiting, reason: v1alpha1.ReasonClassNotReady,
			open: func(w *world) []string { return without(w.everybody(), w.account.WorkloadSecurityGroup) },
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
				t.Errorf("complains %v (%v), want %s (%v) that names %s", out.Err, f.Class, test.reason, test.class, word)
			}
			open := w.everybody()
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

// mustBeQuiet checks that further passes, though they complain, neither write nor look at single things.
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
		"ec2:DescribeVpcs": 1,
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("calls of a quiet pass (-want +got):\n%s", diff)
	}
}

func TestTheAnswerOfAPlanNamesWhatIsOpenAndWhatIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env.StartSandbox(t).Account(t))
	w.settle(t)
	openTo("0.0.0.0/0", 22)(t, w.account, &scope.Platform{Firewall: scope.Firewall{GroupID: w.group}})
	w.spec.Database.AllowFrom.InstanceIDs = append(w.spec.Database.AllowFrom.InstanceIDs, "i-0123456789abcdef0")
	before := w.account.Mark(t)
	out := w.run(t, converge.Mode{})
	if len(out.Changes) != 1 || !strings.HasPrefix(out.Changes[0].From, "0.0.0.0/0 tcp 22; ") ||
		strings.Contains(out.Changes[0].To, "0.0.0.0/0") || strings.Contains(out.Changes[0].To, "i-0123456789abcdef0") {
		t.Errorf("changes: %+v", out.Changes)
	}
	if fault.As(out.Err).Reason != v1alpha1.ReasonInstanceNotFound {
		t.Errorf("a plan must say what is refused: %v", out.Err)
	}
	for _, c := range w.account.Calls(t, before) {
		if !c.ReadOnly {
			t.Errorf("a plan wrote: %s", c.Action())
		}
	}
}

func TestRulesFollowTheAddressesOfAnInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env.StartSandbox(t).Account(t))
	w.settle(t)
	client := administer(t, w.account)
	made, err := client.CreateNetworkInterface(t.Context(), &ec2.CreateNetworkInterfaceInput{
		SubnetId: &w.account.PrivateSubnets[2], PrivateIpAddress: awssdk.String("10.42.3.77"),
	})
	check(t, "making an interface", err)
	attached, err := client.AttachNetworkInterface(t.Context(), &ec2.AttachNetworkInterfaceInput{
		DeviceIndex: awssdk.Int32(1), InstanceId: &w.account.Instances[0].ID,
		NetworkInterfaceId: made.NetworkInterface.NetworkInterfaceId,
	})
	check(t, "attaching the interface", err)
	w.settle(t)
	w.mustBeOpenTo(t, append(w.everybody(), "10.42.3.77/32"))

	_, err = client.DetachNetworkInterface(t.Context(), &ec2.DetachNetworkInterfaceInput{AttachmentId: attached.AttachmentId})
	check(t, "detaching the interface", err)
	out := w.run(t, converge.Mode{})
	if len(out.Changes) != 1 || !strings.Contains(out.Changes[0].From, "10.42.3.77/32 tcp 5433") {
		t.Errorf("the address that the instance lost must read as what it is: %+v", out.Changes)
	}
	if out.Findings[0].Verdict != converge.Violated {
		t.Errorf("%s is %v while a lost address is open", out.Findings[0].Control, out.Findings[0].Verdict)
	}
	w.settle(t)
	w.mustBeOpenTo(t, w.everybody())
}

func TestALostTagMakesTheGroupAStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env.StartSandbox(t).Account(t))
	w.settle(t)
	group := w.group
	tag(t, w.account, group, map[string]string{naming.TagNamespaceUID: "another"})
	before := w.account.Mark(t)
	out := w.run(t, converge.Mode{Write: true})
	if fault.ClassOf(out.Err) != fault.Conflict || !strings.Contains(fault.As(out.Err).Message, group) {
		t.Errorf("want a conflict that names %s: %v", group, out.Err)
	}
	for _, f := range out.Findings {
		if f.Verdict != converge.Unknown {
			t.Errorf("%s is %v of a stranger's group", f.Control, f.Verdict)
		}
	}
	for _, c := range w.account.Calls(t, before) {
		if !c.ReadOnly && strings.Contains(c.Principal, ":assumed-role/") {
			t.Errorf("wrote to a stranger's group: %s", c.Action())
		}
	}
}

func TestAReleasedGroupIsEmptyAndMarkedAndTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env.StartSandbox(t).Account(t))
	w.settle(t)
	var done bool
	for range 10 {
		var err error
		if done, err = w.step.Release(t.Context(), w.input()); err != nil {
			t.Fatalf("releasing: %v", err)
		}
		if done {
			break
		}
		w.clock.SetTime(w.clock.Now().Add(sweep))
	}
	if !done {
		t.Fatal("releasing does not end")
	}
	w.mustBeOpenTo(t, nil)
	out := w.run(t, converge.Mode{})
	var paths []string
	for _, c := range out.Changes {
		paths = append(paths, c.Path+" "+c.From)
	}
	if diff := cmp.Diff([]string{"ingress nobody", "released retain"}, paths); diff != "" {
		t.Errorf("changes of a platform that comes back (-want +got):\n%s", diff)
	}
	if out := w.settle(t); out.Err != nil {
		t.Fatalf("not converged: %v", out.Err)
	}
	w.mustBeOpenTo(t, w.everybody())
}

func TestOneSweepServesAllPlatforms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env.StartSandbox(t).Account(t))
	w.spec.Database.AllowFrom.SecurityGroupIDs = []string{w.listed}
	w.spec.Database.AllowFrom.InstanceIDs = []string{w.account.Instances[0].ID}
	var tenants []naming.Tenant
	for _, name := range []string{"one", "two", "three", "four"} {
		tenant := env.Tenant()
		tenant.Name = name
		w.tenant = tenant
		w.settle(t)
		tenants = append(tenants, tenant)
	}
	sweepAll := func() {
		w.clock.SetTime(w.clock.Now().Add(sweep))
		for _, tenant := range tenants {
			in := w.input()
			in.Tenant = tenant
			if out := w.step.Run(t.Context(), in, converge.Mode{Write: true}); out.Err != nil || len(out.Changes) > 0 {
				t.Errorf("%s is not quiet: %v %+v", tenant.Name, out.Err, out.Changes)
			}
		}
	}
	sweepAll() // lists made before the last write are over
	before := w.account.Mark(t)
	sweepAll()
	var calls []string
	for _, c := range w.account.Calls(t, before) {
		calls = append(calls, c.Action())
	}
	if len(calls) != 8 { // VPC, subnets, routes, two class selectors, groups, peers, instances
		t.Errorf("a sweep over %d platforms cost %d calls: %v", len(tenants), len(calls), calls)
	}
}
