package firewall_test

import (
	"os"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/data/firewall"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
	"github.com/coachplatform/coach-operator/internal/testkit/steptest"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

// allowed is a range that the platforms of these tests request.
const allowed = "203.0.113.0/28"

func TestConformance(t *testing.T) {
	steptest.Run(t, steptest.Suite[*scope.Platform]{
		New:   firewall.New,
		Input: func(t *testing.T, a *env.Account) func() *scope.Platform { t.Helper(); return newWorld(t, a).input },
		Unmanaged: func(t *testing.T, a *env.Account, in *scope.Platform) {
			t.Helper()
			makeGroup(t, a, in.Tenant.Resource(), nil)
		},
		Drifts: []steptest.Drift[*scope.Platform]{
			{Path: "ingress", Name: "opened to the internet", Do: openTo("0.0.0.0/0", 22)},
			{Path: "ingress", Name: "opened to the IPv6 internet", Do: openTo("::/0", 22)},
			{Path: "ingress", Name: "opened to an unmanaged range", Do: openTo("198.51.100.0/24", 5433)},
			{Path: "ingress", Name: "opened to a right peer on a wrong port", Do: openTo(allowed, 22)},
			{Path: "ingress", Name: "opened to a prefix list", Do: openToPrefixList},
			{Path: "ingress", Name: "opened to an unmanaged group", Do: openToGroup},
			{Path: "ingress", Name: "closed", Do: closeAll},
			{Path: "egress", Name: "opened", Do: openEgress},
			{Path: "released", Name: "marked", Do: markReleased},
		},
		Breaks: []steptest.Break[*scope.Platform]{
			{Control: "CP-NET-01", Name: "an unmanaged range", Do: openTo("198.51.100.0/24", 5433)},
			{Control: "CP-NET-01", Name: "an unmanaged group", Do: openToGroup},
			{Control: "CP-NET-02", Name: "the internet on the database's port", Do: openTo("0.0.0.0/0", 5433)},
			{Control: "CP-NET-02", Name: "the internet on another port", Do: openTo("0.0.0.0/0", 22)},
			{Control: "CP-NET-02", Name: "the IPv6 internet", Do: openTo("::/0", 5433)},
			{Control: "CP-NET-03", Name: "egress", Do: openEgress},
		},
		Quiet: []string{
			"ec2:DescribeInstances", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
			"ec2:DescribeVpcs", "rds:DescribeDBInstances",
		},
		Least: steptest.Coverage{Boundaries: 22, Drifts: 9, Breaks: 6, Failures: 70},
	})
}

// administer makes calls as the account's administrator.
func administer(t *testing.T, a *env.Account) *ec2.Client {
	t.Helper()
	return ec2.NewFromConfig(a.Administrator(t))
}

// check ends the test when an administrator's call failed.
func check(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// makeGroup creates a security group and returns its ID.
func makeGroup(t *testing.T, a *env.Account, name string, tags map[string]string) string {
	t.Helper()
	in := &ec2.CreateSecurityGroupInput{GroupName: &name, Description: awssdk.String("of a test"), VpcId: &a.VPC}
	if len(tags) > 0 {
		in.TagSpecifications = []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: pairs(tags)}}
	}
	out, err := administer(t, a).CreateSecurityGroup(t.Context(), in)
	check(t, "creating a security group", err)
	return *out.GroupId
}

func tag(t *testing.T, a *env.Account, id string, tags map[string]string) {
	t.Helper()
	_, err := administer(t, a).CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{id}, Tags: pairs(tags)})
	check(t, "tagging "+id, err)
}

func pairs(tags map[string]string) []ec2types.Tag {
	var list []ec2types.Tag
	for k, v := range tags {
		list = append(list, ec2types.Tag{Key: awssdk.String(k), Value: awssdk.String(v)})
	}
	return list
}

// allow opens the platform's own group as an administrator would.
func allow(t *testing.T, a *env.Account, in *scope.Platform, p ec2types.IpPermission, port int32) {
	t.Helper()
	p.IpProtocol, p.FromPort, p.ToPort = awssdk.String("tcp"), &port, &port
	_, err := administer(t, a).AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &in.Firewall.GroupID, IpPermissions: []ec2types.IpPermission{p},
	})
	check(t, "opening the security group", err)
}

func openTo(cidr string, port int32) steptest.Mutation[*scope.Platform] {
	return func(t *testing.T, a *env.Account, in *scope.Platform) {
		t.Helper()
		p := ec2types.IpPermission{IpRanges: []ec2types.IpRange{{CidrIp: &cidr}}}
		if cidr == "::/0" {
			p = ec2types.IpPermission{Ipv6Ranges: []ec2types.Ipv6Range{{CidrIpv6: &cidr}}}
		}
		allow(t, a, in, p, port)
	}
}

func openToPrefixList(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	list, err := administer(t, a).CreateManagedPrefixList(t.Context(), &ec2.CreateManagedPrefixListInput{
		PrefixListName: awssdk.String("everywhere"), AddressFamily: awssdk.String("IPv4"), MaxEntries: awssdk.Int32(1),
		Entries: []ec2types.AddPrefixListEntry{{Cidr: awssdk.String("0.0.0.0/0")}},
	})
	check(t, "creating a prefix list", err)
	allow(t, a, in, ec2types.IpPermission{
		PrefixListIds: []ec2types.PrefixListId{{PrefixListId: list.PrefixList.PrefixListId}},
	}, in.Spec.Database.Port)
}

func openToGroup(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	id := makeGroup(t, a, "unmanaged", nil)
	allow(t, a, in, ec2types.IpPermission{UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: &id}}}, in.Spec.Database.Port)
}

func openEgress(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	_, err := administer(t, a).AuthorizeSecurityGroupEgress(t.Context(), &ec2.AuthorizeSecurityGroupEgressInput{
		GroupId: &in.Firewall.GroupID, IpPermissions: []ec2types.IpPermission{{
			IpProtocol: awssdk.String("-1"), IpRanges: []ec2types.IpRange{{CidrIp: awssdk.String("0.0.0.0/0")}},
		}},
	})
	check(t, "opening egress", err)
}

func closeAll(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	var ids []string
	for _, r := range rules(t, a, in.Firewall.GroupID) {
		if !*r.IsEgress {
			ids = append(ids, *r.SecurityGroupRuleId)
		}
	}
	_, err := administer(t, a).RevokeSecurityGroupIngress(t.Context(), &ec2.RevokeSecurityGroupIngressInput{
		GroupId: &in.Firewall.GroupID, SecurityGroupRuleIds: ids,
	})
	check(t, "closing the security group", err)
}

func markReleased(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	tag(t, a, in.Firewall.GroupID, map[string]string{naming.TagReleased: naming.ReleasedRetain})
}

// rules are the live rules of a group.
func rules(t *testing.T, a *env.Account, group string) []ec2types.SecurityGroupRule {
	t.Helper()
	out, err := administer(t, a).DescribeSecurityGroupRules(t.Context(), &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{{Name: awssdk.String("group-id"), Values: []string{group}}},
	})
	check(t, "reading the rules of "+group, err)
	return out.SecurityGroupRules
}
