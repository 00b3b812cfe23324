package aws_test

import (
	"fmt"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestGroupsAndHostsInTheSandbox(t *testing.T) {
	sandbox := env.StartSandbox(t)
	t.Run("groups are listed for all and read alone", func(t *testing.T) { listedAndAlone(t, sandbox.Account(t)) })
	t.Run("unknown IDs do not hide the others", func(t *testing.T) { unknownIDs(t, sandbox.Account(t)) })
}

func listedAndAlone(t *testing.T, world *env.Account) {
	t.Helper()
	admin := ec2.NewFromConfig(world.Administrator(t))
	created, err := admin.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{
		GroupName: awssdk.String("ours"), Description: awssdk.String("of a test"), VpcId: &world.VPC,
		TagSpecifications: []ec2types.TagSpecification{{
			ResourceType: ec2types.ResourceTypeSecurityGroup,
			Tags:         []ec2types.Tag{{Key: awssdk.String(naming.TagManagedBy), Value: awssdk.String(naming.ManagedBy)}},
		}},
	})
	if err != nil {
		t.Fatalf("creating a group: %v", err)
	}
	_, err = admin.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: created.GroupId, IpPermissions: []ec2types.IpPermission{
			{
				IpProtocol: awssdk.String("tcp"), FromPort: awssdk.Int32(5433), ToPort: awssdk.Int32(5433),
				IpRanges:         []ec2types.IpRange{{CidrIp: awssdk.String("10.0.0.0/24")}, {CidrIp: awssdk.String("0.0.0.0/0")}},
				UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: &world.WorkloadSecurityGroup}},
			},
			{IpProtocol: awssdk.String("-1"), Ipv6Ranges: []ec2types.Ipv6Range{{CidrIpv6: awssdk.String("::/0")}}},
		},
	})
	if err != nil {
		t.Fatalf("opening the group: %v", err)
	}
	clock := testclock.NewFakePassiveClock(time.Now())
	account := world.Sessions(t, aws.Options{Clock: clock, Sweep: 50 * time.Second}).Account(world.Class())

	alone, _, err := account.Group(t.Context(), world.VPC, "ours", true)
	if err != nil || alone == nil || len(alone.Ingress) != 4 || len(alone.Egress) != 1 {
		t.Fatalf("the read of one group: %+v %v", alone, err)
	}
	for _, r := range alone.Ingress {
		if r.ID == "" {
			t.Errorf("a rule without its ID: %+v", r)
		}
	}
	listed, _, err := account.Group(t.Context(), world.VPC, "ours", false)
	if err != nil {
		t.Fatalf("the listing: %v", err)
	}
	noID := cmpopts.IgnoreFields(aws.Rule{}, "ID")
	anyOrder := cmpopts.SortSlices(func(x, y aws.Rule) bool { return fmt.Sprint(x.Peer, x.From) < fmt.Sprint(y.Peer, y.From) })
	if diff := cmp.Diff(alone, listed, noID, anyOrder); diff != "" {
		t.Errorf("the listing and the read of one group differ (-alone +listed):\n%s", diff)
	}

	before := world.Mark(t)
	if _, _, err := account.Group(t.Context(), world.VPC, "ours", false); err != nil {
		t.Fatalf("the listing again: %v", err)
	}
	if calls := world.Calls(t, before); len(calls) != 0 {
		t.Errorf("a second cached read called %v", calls)
	}
	account.GroupWritten(world.VPC, "ours")
	after, _, err := account.Group(t.Context(), world.VPC, "ours", false)
	if err != nil || after == nil || len(after.Ingress) == 0 || after.Ingress[0].ID == "" {
		t.Errorf("after a write the group must be read alone: %+v %v", after, err)
	}
	if got, _, err := account.Group(t.Context(), world.VPC, "no-such-group", false); got != nil || err != nil {
		t.Errorf("a group that does not exist: %+v %v", got, err)
	}
}

func unknownIDs(t *testing.T, world *env.Account) {
	t.Helper()
	account := world.Sessions(t, aws.Options{Share: 1000}).Account(world.Class())
	var groups, hosts []string
	for i := range 450 {
		groups = append(groups, fmt.Sprintf("sg-%017x", i))
		hosts = append(hosts, fmt.Sprintf("i-%017x", i))
	}
	groups = append(groups, world.WorkloadSecurityGroup)
	hosts = append(hosts, world.Instances[0].ID)

	before := world.Mark(t)
	gotGroups, _, err := account.GroupsByID(t.Context(), groups, false)
	if err != nil || len(gotGroups) != 1 || gotGroups[world.WorkloadSecurityGroup].VPCID != world.VPC {
		t.Errorf("groups: %+v %v", gotGroups, err)
	}
	gotHosts, _, err := account.Hosts(t.Context(), hosts, false)
	want := map[string]aws.Host{world.Instances[0].ID: {VPCID: world.VPC, Addresses: []string{world.Instances[0].PrivateIP}}}
	if diff := cmp.Diff(want, gotHosts, cmpopts.IgnoreFields(aws.Host{}, "Tags")); diff != "" || err != nil {
		t.Errorf("hosts (-want +got):\n%s%v", diff, err)
	}
	counts := map[string]int{}
	for _, c := range world.Calls(t, before) {
		counts[c.Operation]++
	}
	if counts["DescribeSecurityGroups"] != 3 || counts["DescribeInstances"] != 3 {
		t.Errorf("451 IDs of each kind took %v calls, want 3 of each", counts)
	}
}
