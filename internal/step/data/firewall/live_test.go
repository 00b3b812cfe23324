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
	"github.com/coachplatform/coach-operator/internal/step/data/firewall"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// sweep is longer than the operator's cached reads are kept.
const sweep = time.Minute

// world is one account with a platform that requests peers of every kind, and its operator.
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

// settle runs passes until one has nothing to write, and returns it.
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

// everyone are the live peers of the platform as newWorld creates it.
func (w *world) everyone() []string {
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

func TestAPlatformIsOpenToThePeersItNamesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env.StartSandbox(t).Account(t))
	out := w.settle(t)
	if out.Err != nil {
		t.Fatalf("not converged: %v", out.Err)
	}
	w.mustBeOpenTo(t, w.everyone())
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
	w.mustBeOpenTo(t, w.everyone())
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
	if fault.As(out.Err).Reason != v1alpha1.ReasonNotAccepted {
		t.Errorf("a plan must say what is refused: %v", out.Err)
	}
	for _, c := range w.account.Calls(t, before) {
		if !c.ReadOnly {
			t.Errorf("a plan wrote: %s", c.Action())
		}
	}
}

func TestAReadRightAfterAWriteSeesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env.StartSandbox(t).Account(t))
	w.settle(t)
	openTo("0.0.0.0/0", 22)(t, w.account, &scope.Platform{Firewall: scope.Firewall{GroupID: w.group}})
	if out := w.run(t, converge.Mode{Write: true}); !out.Applied {
		t.Fatalf("nothing was written: %+v", out)
	}
	w.clock.SetTime(w.clock.Now().Add(2 * time.Second)) // the list of all groups is much younger than a sweep
	if out := w.step.Run(t.Context(), w.input(), converge.Mode{}); out.Err != nil || len(out.Changes) > 0 {
		t.Errorf("the observation shows what was before the write: %v %+v", out.Err, out.Changes)
	}
}

func TestRulesFollowTheAddressesOfAnInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env.StartSandbox(t).Account(t))
	w.settle(t)
	client := administer(t, w.account)
	added, err := client.CreateNetworkInterface(t.Context(), &ec2.CreateNetworkInterfaceInput{
		SubnetId: &w.account.PrivateSubnets[2], PrivateIpAddress: awssdk.String("10.42.3.77"),
	})
	check(t, "creating an interface", err)
	attached, err := client.AttachNetworkInterface(t.Context(), &ec2.AttachNetworkInterfaceInput{
		DeviceIndex: awssdk.Int32(1), InstanceId: &w.account.Instances[0].ID,
		NetworkInterfaceId: added.NetworkInterface.NetworkInterfaceId,
	})
	check(t, "attaching the interface", err)
	w.settle(t)
	w.mustBeOpenTo(t, append(w.everyone(), "10.42.3.77/32"))

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
	w.mustBeOpenTo(t, w.everyone())
}

func TestAFailedObservationKeepsNothingOpenThatIsTooOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env.StartSandbox(t).Account(t))
	w.settle(t)
	openTo("0.0.0.0/0", 22)(t, w.account, &scope.Platform{Firewall: scope.Firewall{GroupID: w.group}})
	openTo("10.9.0.0/16", w.spec.Database.Port)(t, w.account, &scope.Platform{Firewall: scope.Firewall{GroupID: w.group}})
	w.account.InjectFault(t, env.InjectedFault{
		Service: "ec2", Operation: "DescribeInstances", Kind: env.Failure, Code: "UnauthorizedOperation", Status: 403,
	})

	out := w.settle(t)
	if f := fault.As(out.Err); f.Class != fault.Denied || strings.Count(f.Message, "ec2:DescribeInstances") != 1 {
		t.Errorf("degraded %v, want once that ec2:DescribeInstances is refused", out.Err)
	}
	w.mustBeOpenTo(t, w.everyone())
	want := []converge.Verdict{converge.Unknown, converge.Verified, converge.Verified}
	for i, f := range out.Findings {
		if f.Verdict != want[i] {
			t.Errorf("%s is %v: %s", f.Control, f.Verdict, f.Seen)
		}
	}
	w.account.ClearInjectedFaults(t)
	if out := w.settle(t); out.Err != nil || out.Findings[0].Verdict != converge.Verified {
		t.Errorf("after the failure: %v, %+v", out.Err, out.Findings[0])
	}
}

func TestAGroupThatLostATagIsNotOwned(t *testing.T) {
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
			t.Errorf("%s is %v of an unmanaged group", f.Control, f.Verdict)
		}
	}
	for _, c := range w.account.Calls(t, before) {
		if !c.ReadOnly && strings.Contains(c.Principal, ":assumed-role/") {
			t.Errorf("wrote to an unmanaged group: %s", c.Action())
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
	w.mustBeOpenTo(t, w.everyone())
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
	sweepAll() // listings taken before the last write are over
	before := w.account.Mark(t)
	sweepAll()
	var calls []string
	for _, c := range w.account.Calls(t, before) {
		calls = append(calls, c.Action())
	}
	if len(calls) != 9 { // VPC, subnets, routes, two class selectors, groups, peers, instances, databases
		t.Errorf("a sweep over %d platforms cost %d calls: %v", len(tenants), len(calls), calls)
	}
}
