package acceptance

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

func (a *account) newGroup(name string) *string {
	a.t.Helper()
	out, err := a.ec2.CreateSecurityGroup(a.t.Context(), &ec2.CreateSecurityGroupInput{
		GroupName: aws.String(name), Description: aws.String(name), VpcId: aws.String(a.seeded.VPC),
		TagSpecifications: []ec2types.TagSpecification{{
			ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: []ec2types.Tag{{Key: aws.String("name"), Value: aws.String(name)}},
		}},
	})
	wantCode(a.t, err, "")
	return out.GroupId
}

func cidrs(list ...string) []ec2types.IpPermission {
	p := ec2types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(6432), ToPort: aws.Int32(6432)}
	for _, cidr := range list {
		p.IpRanges = append(p.IpRanges, ec2types.IpRange{CidrIp: aws.String(cidr), Description: aws.String("why")})
	}
	return []ec2types.IpPermission{p}
}

func fromGroup(id string) []ec2types.IpPermission {
	return []ec2types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(6432), ToPort: aws.Int32(6432),
		UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String(id)}},
	}}
}

// peers is who may enter a group, in order.
func (a *account) peers(group *string) []string {
	a.t.Helper()
	var list []string
	paginator := ec2.NewDescribeSecurityGroupRulesPaginator(a.ec2, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{*group}}}, MaxResults: aws.Int32(5),
	})
	for paginator.HasMorePages() {
		page, err := paginator.NextPage(a.t.Context())
		wantCode(a.t, err, "")
		for _, rule := range page.SecurityGroupRules {
			if !aws.ToBool(rule.IsEgress) {
				list = append(list, aws.ToString(rule.CidrIpv4)+aws.ToString(referenced(rule)))
			}
		}
	}
	slices.Sort(list)
	return list
}

func referenced(rule ec2types.SecurityGroupRule) *string {
	if rule.ReferencedGroupInfo == nil {
		return nil
	}
	return rule.ReferencedGroupInfo.GroupId
}

func TestRulesChangeAllOrNothing(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	ctx, group := t.Context(), a.newGroup("firewall")
	authorize := func(p []ec2types.IpPermission) ([]ec2types.SecurityGroupRule, string) {
		t.Helper()
		out, err := a.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: group, IpPermissions: p})
		if err != nil {
			return nil, code(err)
		}
		return out.SecurityGroupRules, ""
	}
	revoke := func(in ec2.RevokeSecurityGroupIngressInput) string {
		t.Helper()
		in.GroupId = group
		_, err := a.ec2.RevokeSecurityGroupIngress(ctx, &in)
		return code(err)
	}
	rules, got := authorize(append(cidrs("10.0.0.0/8", "192.0.2.7/24"), fromGroup(a.seeded.WorkloadSecurityGroup)...))
	if got != "" || len(rules) != 3 {
		t.Fatalf("%d rules made, %q", len(rules), got)
	}
	want := []string{"10.0.0.0/8", "192.0.2.0/24", a.seeded.WorkloadSecurityGroup}
	if got := a.peers(group); !slices.Equal(got, want) {
		t.Errorf("peers %v, want %v: host bits are not kept", got, want)
	}
	for name, step := range map[string]struct{ got, want string }{
		"one of two is there already":  {second(authorize(cidrs("198.51.100.0/24", "10.1.2.3/8"))), "InvalidPermission.Duplicate"},
		"a group is there already":     {second(authorize(fromGroup(a.seeded.WorkloadSecurityGroup))), "InvalidPermission.Duplicate"},
		"the same twice":               {second(authorize(cidrs("203.0.113.0/24", "203.0.113.9/24"))), "InvalidParameterValue"},
		"a CIDR that is none":          {second(authorize(cidrs("10.0.0.0/64"))), "InvalidParameterValue"},
		"a group that does not exist":  {second(authorize(fromGroup("sg-0123456789abcdef0"))), "InvalidGroup.NotFound"},
		"revoking one that is missing": {revoke(ec2.RevokeSecurityGroupIngressInput{IpPermissions: cidrs("10.0.0.0/8", "198.51.100.0/24")}), "InvalidPermission.NotFound"},
		"revoking an unknown ID":       {revoke(ec2.RevokeSecurityGroupIngressInput{SecurityGroupRuleIds: []string{"sgr-0123456789abcdef0"}}), "InvalidSecurityGroupRuleId.NotFound"},
	} {
		if step.got != step.want {
			t.Errorf("%s: %q, want %q", name, step.got, step.want)
		}
	}
	if got := a.peers(group); !slices.Equal(got, want) {
		t.Errorf("after refusals peers are %v, want %v", got, want)
	}
	// A revocation need not repeat the description, nor the CIDR as it was written.
	bare := cidrs("192.0.2.200/24")
	bare[0].IpRanges[0].Description = nil
	if got := revoke(ec2.RevokeSecurityGroupIngressInput{IpPermissions: bare}); got != "" {
		t.Errorf("revoking by value: %q", got)
	}
	if got := revoke(ec2.RevokeSecurityGroupIngressInput{SecurityGroupRuleIds: []string{aws.ToString(rules[0].SecurityGroupRuleId)}}); got != "" {
		t.Errorf("revoking by ID: %q", got)
	}
	if got := len(a.peers(group)); got != 1 {
		t.Errorf("%d rules left, want 1", got)
	}
}

func second[A, B any](_ A, b B) B { return b }

func TestAGroupInUseIsNotDeleted(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	ctx, used, naming := t.Context(), a.newGroup("used"), a.newGroup("naming")
	remove := func(id *string) string {
		t.Helper()
		_, err := a.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: id})
		return code(err)
	}
	_, err := a.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: naming, IpPermissions: fromGroup(*used)})
	wantCode(t, err, "")
	a.available("user", func(in *rds.CreateDBInstanceInput) { in.VpcSecurityGroupIds = []string{*naming} })
	for name, id := range map[string]*string{
		"named by a rule": used, "used by a database": naming, "used by an instance": aws.String(a.seeded.WorkloadSecurityGroup),
	} {
		if got := remove(id); got != "DependencyViolation" {
			t.Errorf("%s: %q", name, got)
		}
	}
	_, err = a.rds.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("user"), SkipFinalSnapshot: aws.Bool(true)})
	wantCode(t, err, "")
	a.gone("user")
	if first, then := remove(naming), remove(used); first != "" || then != "" {
		t.Errorf("deleting what is free: %q, %q", first, then)
	}
	if got := remove(used); got != "InvalidGroup.NotFound" {
		t.Errorf("deleting it again: %q", got)
	}
}

func TestNewGroupsAreListedLate(t *testing.T) {
	t.Parallel()
	a := newAccount(t, map[string]any{"lag": "1h"}).seed()
	id := a.newGroup("late")
	byName := &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{{Name: aws.String("group-name"), Values: []string{"late"}}}}
	out, err := a.ec2.DescribeSecurityGroups(t.Context(), byName)
	wantCode(t, err, "")
	if len(out.SecurityGroups) != 0 {
		t.Error("a listing shows the group at once")
	}
	out, err = a.ec2.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{*id}})
	wantCode(t, err, "")
	if len(out.SecurityGroups) != 1 || len(out.SecurityGroups[0].IpPermissionsEgress) != 1 {
		t.Errorf("by ID: %+v", out.SecurityGroups)
	}
	_, err = a.ec2.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("late"), Description: aws.String("again"), VpcId: aws.String(a.seeded.VPC),
	})
	wantCode(t, err, "InvalidGroup.Duplicate")
	a.post("/settings?account="+a.id, map[string]any{"lag": "0s"}, nil)
	out, err = a.ec2.DescribeSecurityGroups(t.Context(), byName)
	wantCode(t, err, "")
	if len(out.SecurityGroups) != 1 {
		t.Error("without lag the listing does not show the group")
	}
}
