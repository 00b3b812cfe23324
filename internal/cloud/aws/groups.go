package aws

import (
	"context"
	"net/netip"
	"slices"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/coachplatform/coach-operator/internal/naming"
)

const (
	// maxFilterValues is how many values one filter of an EC2 call takes.
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
	maxFilterValues = 200
	// groupPage is the largest page of the EC2 calls used here.
	groupPage = 1000
	// codeRuleGone is how EC2 answers a revocation of a rule that is not there any more.
	codeRuleGone = "InvalidSecurityGroupRuleId.NotFound"
)

// Group is a security group with its rules.
type Group struct {
	ID, VPCID       string
	Tags            map[string]string
	Ingress, Egress []Rule
}

// Rule is one rule of a security group: one peer, one protocol, one range of ports.
type Rule struct {
	// ID is known from a read of this one group only.
	ID string
	// Peer is a CIDR in canonical form, a prefix list (pl-…), or a security group (sg-…, after the
	// account's ID and a slash when it is another account's).
	Peer string
	// Protocol is tcp, udp, icmp, icmpv6, a number, or -1 for all.
	Protocol string
	// From and To are the ports, or the ICMP type and code; -1 is all of them.
	From, To int32
}

// IsRuleGone says that AWS answered that a rule does not exist (any more).
func IsRuleGone(err error) bool { return IsNotFound(err) || codeOf(err) == codeRuleGone }

// Group returns the security group of that name, which is unique in a VPC, nil if there is none, and
// when it was observed. A cached read is answered from one paged listing of all groups that operators
// created. Only a fresh read, which calls for this one group, counts for absence.
func (a *Account) Group(ctx context.Context, vpc, name string, fresh bool) (*Group, time.Time, error) {
	key := groupKey(vpc, name)
	if !fresh && !a.groups.Behind(key) {
		got, listed, at, err := a.groups.Get(ctx, key, a.sessions.options.Sweep)
		if err != nil || !listed {
			return nil, at, err
		}
		return &got, at, nil
	}
	return a.written.groups.Get(ctx, key, fresh, func(ctx context.Context) (*Group, error) { return a.readGroup(ctx, vpc, name) })
}

func (a *Account) readGroup(ctx context.Context, vpc, name string) (*Group, error) {
	var found *Group
	err := a.eachGroup(ctx, func(_ string, g Group) { found = &g }, oneOf("vpc-id", vpc), oneOf("group-name", name))
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return nil, a.Prove(ctx, false)
	}
	found.Ingress, found.Egress, err = a.rulesOf(ctx, found.ID)
	return found, err
}

// GroupWritten notes a write to a security group: answers older than it are not used any more.
func (a *Account) GroupWritten(vpc, name string) {
	a.groups.Written(groupKey(vpc, name))
	a.written.groups.Forget(groupKey(vpc, name))
}

// GroupsByID returns those of the security groups that exist, without the IDs of their rules, and
// when they were observed. Unless fresh, the answer comes from a read that serves all platforms.
func (a *Account) GroupsByID(ctx context.Context, ids []string, fresh bool) (map[string]Group, time.Time, error) {
	return a.peers.Get(ctx, ids, fresh)
}

// rulesOf reads the rules of one group, with their IDs.
func (a *Account) rulesOf(ctx context.Context, id string) (ingress, egress []Rule, err error) {
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(a.EC2, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{oneOf("group-id", id)}, MaxResults: awssdk.Int32(groupPage),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, Classify(err)
		}
		for i := range page.SecurityGroupRules {
			live := &page.SecurityGroupRules[i]
			if awssdk.ToBool(live.IsEgress) {
				egress = append(egress, a.ruleOf(live))
			} else {
				ingress = append(ingress, a.ruleOf(live))
			}
		}
	}
	return ingress, egress, nil
}

func (a *Account) ruleOf(live *ec2types.SecurityGroupRule) Rule {
	r := newRule(live.IpProtocol, live.FromPort, live.ToPort)
	r.ID = awssdk.ToString(live.SecurityGroupRuleId)
	switch ref := live.ReferencedGroupInfo; {
	case live.CidrIpv4 != nil:
		r.Peer = canonicalCIDR(*live.CidrIpv4)
	case live.CidrIpv6 != nil:
		r.Peer = canonicalCIDR(*live.CidrIpv6)
	case live.PrefixListId != nil:
		r.Peer = *live.PrefixListId
	case ref != nil:
		r.Peer = a.groupPeer(ref.UserId, ref.GroupId)
	}
	return r
}

func (a *Account) listGroups(ctx context.Context) (map[string]Group, error) {
	found := map[string]Group{}
	err := a.eachGroup(ctx, func(name string, g Group) { found[groupKey(g.VPCID, name)] = g },
		oneOf("tag:"+naming.TagManagedBy, naming.ManagedBy))
	return found, err
}

func (a *Account) loadGroups(ctx context.Context, ids []string) (map[string]Group, error) {
	found := map[string]Group{}
	for some := range slices.Chunk(ids, maxFilterValues) {
		// A filter, unlike a list of IDs, does not fail for one that does not exist.
		err := a.eachGroup(ctx, func(_ string, g Group) { found[g.ID] = g }, oneOf("group-id", some...))
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// eachGroup visits all security groups that the filters let through.
func (a *Account) eachGroup(ctx context.Context, do func(name string, g Group), filters ...ec2types.Filter) error {
	pages := ec2.NewDescribeSecurityGroupsPaginator(a.EC2, &ec2.DescribeSecurityGroupsInput{
		Filters: filters, MaxResults: awssdk.Int32(groupPage),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return Classify(err)
		}
		for i := range page.SecurityGroups {
			live := &page.SecurityGroups[i]
			do(awssdk.ToString(live.GroupName), a.groupOf(live))
		}
	}
	return nil
}

func (a *Account) groupOf(live *ec2types.SecurityGroup) Group {
	return Group{
		ID: awssdk.ToString(live.GroupId), VPCID: awssdk.ToString(live.VpcId), Tags: tagMap(live.Tags),
		Ingress: a.flatten(live.IpPermissions), Egress: a.flatten(live.IpPermissionsEgress),
	}
}

// flatten takes apart what EC2 puts together: a permission holds all peers of one range of ports.
func (a *Account) flatten(permissions []ec2types.IpPermission) []Rule {
	var rules []Rule
	for _, p := range permissions {
		rule := newRule(p.IpProtocol, p.FromPort, p.ToPort)
		add := func(peer string) {
			rule.Peer = peer
			rules = append(rules, rule)
		}
		for _, r := range p.IpRanges {
			add(canonicalCIDR(awssdk.ToString(r.CidrIp)))
		}
		for _, r := range p.Ipv6Ranges {
			add(canonicalCIDR(awssdk.ToString(r.CidrIpv6)))
		}
		for _, l := range p.PrefixListIds {
			add(awssdk.ToString(l.PrefixListId))
		}
		for _, g := range p.UserIdGroupPairs {
			add(a.groupPeer(g.UserId, g.GroupId))
		}
	}
	return rules
}

// newRule returns a rule without its peer. EC2 shows "all ports" as -1 in one call and as nothing in
// another.
func newRule(protocol *string, from, to *int32) Rule {
	r := Rule{Protocol: awssdk.ToString(protocol), From: -1, To: -1}
	if from != nil && to != nil {
		r.From, r.To = *from, *to
	}
	return r
}

// groupPeer names a security group as the peer of a rule.
func (a *Account) groupPeer(owner, id *string) string {
	if o := awssdk.ToString(owner); o != "" && o != a.id.account {
		return o + "/" + awssdk.ToString(id)
	}
	return awssdk.ToString(id)
}

func groupKey(vpc, name string) string { return vpc + "/" + name }

// canonicalCIDR returns the one way to write a range; what is no range stays as it is.
func canonicalCIDR(s string) string {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return s
	}
	return p.Masked().String()
}

func oneOf(name string, values ...string) ec2types.Filter {
	return ec2types.Filter{Name: awssdk.String(name), Values: values}
}

func tagMap(tags []ec2types.Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[awssdk.ToString(t.Key)] = awssdk.ToString(t.Value)
	}
	return m
}
