package flip_test

import (
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// Addresses for documentation (RFC 5737): an unmanaged one, and ranges that platforms of these tests request.
const (
	unmanaged = "198.51.100.7/32"
	office    = "203.0.113.0/28"
	branch    = "203.0.113.64/26"
)

// Controls that are often broken together.
const (
	allowed, world1, egress = "CP-NET-01", "CP-NET-02", "CP-NET-03"
	oneGroup                = "CP-DB-15"
)

// network are breaches of the platform's own security group.
var network = family{
	name: "network", major: "16",
	change: func(s *v1alpha1.CoachPlatformSpec) { s.Database.AllowFrom.CIDRs = []string{office, branch} },
	breaches: []breach{
		open("the database's port opened to 0.0.0.0/0", tcp(5433, 5433, v4("0.0.0.0/0")), allowed, world1),
		open("the database's port opened to ::/0", tcp(5433, 5433, v6("::/0")), allowed, world1),
		open("all ports and protocols opened to 0.0.0.0/0", every(v4("0.0.0.0/0")), allowed, world1),
		open("all ports and protocols opened to ::/0", every(v6("::/0")), allowed, world1),
		open("a range of ports around the database's opened to 0.0.0.0/0", tcp(1, 65535, v4("0.0.0.0/0")), allowed, world1),
		open("another port opened to 0.0.0.0/0", tcp(22, 22, v4("0.0.0.0/0")), allowed, world1),
		open("UDP opened to 0.0.0.0/0", permission("udp", 5433, 5433, v4("0.0.0.0/0")), allowed, world1),
		open("ICMP opened to 0.0.0.0/0", permission("icmp", -1, -1, v4("0.0.0.0/0")), allowed, world1),
		{
			what: "a rule that was allowed widened to 0.0.0.0/0", by: byAWS, controls: []string{allowed, world1}, do: widen,
		},
		{
			what: "the internet let in by the sandbox, past AWS's API", by: bySabotage, controls: []string{allowed, world1},
			do: sabotage("open-firewall"),
		},
		{
			what: "the database's port opened to 0.0.0.0/1 and 128.0.0.0/1", by: byAWS, controls: []string{allowed, world1}, do: openHalves,
		},
		open("the database's port opened to one unmanaged address", tcp(5433, 5433, v4(unmanaged)), allowed),
		open("the database's port opened to one unmanaged IPv6 address", tcp(5433, 5433, v6("2001:db8::7/128")), allowed),
		open("an allowed range opened on another port", tcp(22, 22, v4(office)), allowed),
		open("an allowed range opened on all ports", every(v4(office)), allowed),
		open("a range around an allowed one opened", tcp(5433, 5433, v4("203.0.113.0/24")), allowed),
		{what: "an unmanaged security group let in", by: byAWS, controls: []string{allowed}, do: letGroupIn},
		{what: "a prefix list let in", by: byAWS, controls: []string{allowed}, do: letListIn},
		{
			what: "an allowed range taken out of the spec, its rule still there", by: byKubernetes, controls: []string{allowed},
			do: func(w *world) {
				w.edit(func(p *v1alpha1.CoachPlatform) { p.Spec.Database.AllowFrom.CIDRs = []string{office} })
			},
		},
		{
			what: "an allowed range that the class does not allow any more", by: byKubernetes, controls: []string{allowed},
			do: func(w *world) {
				w.editClass(func(c *v1alpha1.PlatformClassSpec) { c.Database.WidestCIDRPrefix = 30 })
			},
			repair: func(w *world) {
				w.editClass(func(c *v1alpha1.PlatformClassSpec) { c.Database.WidestCIDRPrefix = 24 })
			},
		},
		leak("egress to 0.0.0.0/0 opened", every(v4("0.0.0.0/0"))),
		leak("egress to ::/0 opened", every(v6("::/0"))),
		leak("egress to one unmanaged address opened", tcp(443, 443, v4(unmanaged))),
		leak("egress over UDP opened", permission("udp", 53, 53, v4(unmanaged))),
		{what: "egress to a security group opened", by: byAWS, controls: []string{egress}, do: letGroupOut},
		{what: "egress to a prefix list opened", by: byAWS, controls: []string{egress}, do: letListOut},
		{what: "a second security group attached", by: byAWS, controls: []string{oneGroup}, do: attach},
		{what: "the security group replaced by another", by: byAWS, controls: []string{oneGroup}, do: replaceGroup},
		{what: "the security group replaced by the VPC's default one", by: byAWS, controls: []string{oneGroup}, do: useDefault},
		{what: "the class's workload group attached", by: byAWS, controls: []string{oneGroup}, do: attachWorkload},
		{
			what: "a second security group attached that lets the internet in", by: byAWS, controls: []string{world1, allowed},
			do: attachOpen,
		},
		{
			what: "a second security group attached that has egress", by: byAWS, controls: []string{egress}, do: attach,
		},
	},
	refusals: []refusal{
		{
			what: "the whole internet in the spec", by: byKubernetes, controls: []string{allowed, world1}, answer: "never allowed",
			do: func(w *world) error {
				return w.tryEdit(func(p *v1alpha1.CoachPlatform) { p.Spec.Database.AllowFrom.CIDRs = []string{"0.0.0.0/0"} })
			},
		},
		{
			what: "the whole IPv6 internet in the spec", by: byKubernetes, controls: []string{allowed, world1}, answer: "IPv4",
			do: func(w *world) error {
				return w.tryEdit(func(p *v1alpha1.CoachPlatform) { p.Spec.Database.AllowFrom.CIDRs = []string{"::/0"} })
			},
		},
		{
			what: "all security groups detached", by: byAWS, controls: []string{oneGroup}, answer: "Invalid security group",
			do: refusedModify(rds.ModifyDBInstanceInput{VpcSecurityGroupIds: []string{""}}),
		},
	},
}

// openHalves opens the port to two ranges that are the whole internet together.
func openHalves(w *world) {
	w.Helper()
	ingress(w, tcp(5433, 5433, v4("0.0.0.0/1")))
	ingress(w, tcp(5433, 5433, v4("128.0.0.0/1")))
}

type peer func(*ec2types.IpPermission)

func v4(cidr string) peer {
	return func(p *ec2types.IpPermission) { p.IpRanges = []ec2types.IpRange{{CidrIp: &cidr}} }
}

func v6(cidr string) peer {
	return func(p *ec2types.IpPermission) { p.Ipv6Ranges = []ec2types.Ipv6Range{{CidrIpv6: &cidr}} }
}

func group(id string) peer {
	return func(p *ec2types.IpPermission) { p.UserIdGroupPairs = []ec2types.UserIdGroupPair{{GroupId: &id}} }
}

func list(id string) peer {
	return func(p *ec2types.IpPermission) { p.PrefixListIds = []ec2types.PrefixListId{{PrefixListId: &id}} }
}

func permission(protocol string, from, to int32, who peer) ec2types.IpPermission {
	p := ec2types.IpPermission{IpProtocol: &protocol, FromPort: &from, ToPort: &to}
	who(&p)
	return p
}

func tcp(from, to int32, who peer) ec2types.IpPermission { return permission("tcp", from, to, who) }

func every(who peer) ec2types.IpPermission {
	p := ec2types.IpPermission{IpProtocol: awssdk.String("-1")}
	who(&p)
	return p
}

func open(what string, p ec2types.IpPermission, controls ...string) breach {
	return breach{what: what, by: byAWS, controls: controls, do: func(w *world) { ingress(w, p) }}
}

func leak(what string, p ec2types.IpPermission) breach {
	return breach{what: what, by: byAWS, controls: []string{egress}, do: func(w *world) { outgress(w, p) }}
}

func ingress(w *world, p ec2types.IpPermission) {
	w.Helper()
	letIn(w, w.group(), p)
}

func letIn(w *world, group string, p ec2types.IpPermission) {
	w.Helper()
	_, err := w.ec2().AuthorizeSecurityGroupIngress(w.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &group, IpPermissions: []ec2types.IpPermission{p},
	})
	w.must("opening a security group", err)
}

func outgress(w *world, p ec2types.IpPermission) {
	w.Helper()
	_, err := w.ec2().AuthorizeSecurityGroupEgress(w.Context(), &ec2.AuthorizeSecurityGroupEgressInput{
		GroupId: awssdk.String(w.group()), IpPermissions: []ec2types.IpPermission{p},
	})
	w.must("opening egress", err)
}

func letGroupIn(w *world) { ingress(w, tcp(5433, 5433, group(w.newGroup("visitor")))) }

func letGroupOut(w *world) { outgress(w, tcp(443, 443, group(w.newGroup("destination")))) }

func letListIn(w *world) { ingress(w, tcp(5433, 5433, list(w.newList("everywhere")))) }

func letListOut(w *world) { outgress(w, tcp(443, 443, list(w.newList("anywhere")))) }

func (w *world) newList(name string) string {
	w.Helper()
	out, err := w.ec2().CreateManagedPrefixList(w.Context(), &ec2.CreateManagedPrefixListInput{
		PrefixListName: &name, AddressFamily: awssdk.String("IPv4"), MaxEntries: awssdk.Int32(1),
		Entries: []ec2types.AddPrefixListEntry{{Cidr: awssdk.String("0.0.0.0/0")}},
	})
	w.must("creating a prefix list", err)
	return *out.PrefixList.PrefixListId
}

// widen changes the rule of an allowed range in place.
func widen(w *world) {
	w.Helper()
	id := w.group()
	out, err := w.ec2().DescribeSecurityGroupRules(w.Context(), &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{{Name: awssdk.String("group-id"), Values: []string{id}}},
	})
	w.must("reading the rules", err)
	for _, r := range out.SecurityGroupRules {
		if awssdk.ToString(r.CidrIpv4) != office {
			continue
		}
		_, err := w.ec2().ModifySecurityGroupRules(w.Context(), &ec2.ModifySecurityGroupRulesInput{
			GroupId: &id, SecurityGroupRules: []ec2types.SecurityGroupRuleUpdate{{
				SecurityGroupRuleId: r.SecurityGroupRuleId,
				SecurityGroupRule: &ec2types.SecurityGroupRuleRequest{
					IpProtocol: r.IpProtocol, FromPort: r.FromPort, ToPort: r.ToPort, CidrIpv4: awssdk.String("0.0.0.0/0"),
				},
			}},
		})
		w.must("widening a rule", err)
	}
}

func setGroups(w *world, ids ...string) {
	w.Helper()
	modify(rds.ModifyDBInstanceInput{VpcSecurityGroupIds: ids})(w)
}

func (w *world) another() string {
	w.Helper()
	return w.newGroup(strings.ReplaceAll(strings.ToLower(w.Name()[strings.LastIndex(w.Name(), "/")+1:]), "_", "-"))
}

func attach(w *world) { setGroups(w, w.group(), w.another()) }

func replaceGroup(w *world) { setGroups(w, w.another()) }

func attachWorkload(w *world) { setGroups(w, w.group(), w.account.WorkloadSecurityGroup) }

func attachOpen(w *world) {
	w.Helper()
	id := w.another()
	letIn(w, id, tcp(5433, 5433, v4("0.0.0.0/0")))
	setGroups(w, w.group(), id)
}

func useDefault(w *world) {
	w.Helper()
	out, err := w.ec2().DescribeSecurityGroups(w.Context(), &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{
		{Name: awssdk.String("group-name"), Values: []string{"default"}}, {Name: awssdk.String("vpc-id"), Values: []string{w.account.VPC}},
	}})
	w.must("finding the default security group", err)
	setGroups(w, *out.SecurityGroups[0].GroupId)
}

// networkOfClass are breaches of what the platform's network is made of.
var networkOfClass = family{
	name: "network of the class", major: "18",
	breaches: []breach{
		{
			what: "the class's workload groups taken out of the class, their rules still there", by: byKubernetes,
			controls: []string{allowed}, do: dropWorkload, repair: keepWorkload,
		},
		{
			what: "a route to the internet gateway added for IPv4", by: byAWS, controls: []string{"CP-DB-04"},
			do: openRoutes("0.0.0.0/0", ""), repair: ended,
		},
		{
			what: "a route to the internet gateway added for one network", by: byAWS, controls: []string{"CP-DB-04"},
			do: openRoutes("198.51.100.0/24", ""), repair: ended,
		},
		{
			what: "the route table of a public subnet given to the private ones", by: byAWS, controls: []string{"CP-DB-04"},
			do: publicTable, repair: ended,
		},
		{
			what: "a subnet that lost the tag of the class's private ones", by: byAWS, controls: []string{"CP-DB-04"},
			do: untag, repair: ended,
		},
		{
			what: "subnets of the class that are not those of the database any more", by: byKubernetes, controls: []string{"CP-DB-04"},
			do: otherSubnetsOfClass, repair: ended,
		},
		{
			// It comes last: the subnet cannot be taken away again.
			what: "a public subnet added to the subnet group", by: byAWS, controls: []string{"CP-DB-04"},
			do: addPublicSubnet, unseen: "the sandbox shows an instance the subnets that its group had when it was created; AWS shows them all",
		},
	},
}

func dropWorkload(w *world) {
	w.Helper()
	before := w.class.Spec.Network.WorkloadSecurityGroups
	w.later(func(w *world) {
		w.editClass(func(c *v1alpha1.PlatformClassSpec) { c.Network.WorkloadSecurityGroups = before })
	})
	w.editClass(func(c *v1alpha1.PlatformClassSpec) { c.Network.WorkloadSecurityGroups = v1alpha1.Selector{} })
}

func keepWorkload(w *world) { ended(w) }
