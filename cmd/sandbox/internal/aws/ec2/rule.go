package ec2

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// rule is what makes a security group rule the same as another: everything but
// its ID and description.
type rule struct {
	protocol string // "tcp", "udp", "icmp", "-1" or a number
	from, to int    // -1 for all
	peer     string // CIDR in its shortest form, group ID or prefix list ID
}

func (r rule) String() string {
	return fmt.Sprintf("peer: %s, %s, from port: %d, to port: %d, ALLOW", r.peer, strings.ToUpper(r.protocol), r.from, r.to)
}

// anywhere is the rule by which every new group lets everything out.
var anywhere = rule{protocol: "-1", from: -1, to: -1, peer: "0.0.0.0/0"}

// requestedRule is one rule of a request.
type requestedRule struct {
	rule
	description string
}

// protocols are the names of protocol numbers.
var protocols = map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "all": "-1"}

func protocol(text string) string {
	text = strings.ToLower(text)
	if name, ok := protocols[text]; ok {
		return name
	}
	return text
}

// readRules reads the rules of an authorize or revoke request; the short form,
// with one rule in top-level parameters, too.
func readRules(form wire.Form) ([]requestedRule, error) {
	var all []requestedRule
	permissions := form.Structs("IpPermissions")
	if len(permissions) == 0 && form.Has("IpProtocol") {
		permissions = []wire.Form{form}
	}
	for _, permission := range permissions {
		found, err := readPermission(permission)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func readPermission(p wire.Form) ([]requestedRule, error) {
	base := rule{protocol: protocol(p.Get("IpProtocol")), from: -1, to: -1}
	if base.protocol == "" {
		return nil, wire.Errorf(http.StatusBadRequest, "InvalidParameterValue",
			"Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.")
	}
	if base.protocol != "-1" {
		var err error
		if base.from, base.to, err = portsOf(p.Get("FromPort"), p.Get("ToPort"), base.protocol); err != nil {
			return nil, err
		}
	}
	all, err := readCIDRs(p, base)
	if err != nil {
		return nil, err
	}
	for _, list := range []struct{ name, field string }{{"Groups", "GroupId"}, {"PrefixListIds", "PrefixListId"}} {
		for _, member := range p.Structs(list.name) {
			r := requestedRule{rule: base}
			r.peer, r.description = member.Get(list.field), member.Get("Description")
			all = append(all, r)
		}
	}
	return all, nil
}

// readCIDRs reads the networks of a permission, also the one of the short form.
func readCIDRs(p wire.Form, base rule) ([]requestedRule, error) {
	var all []requestedRule
	add := func(member wire.Form, field string) error {
		if !member.Has(field) {
			return nil
		}
		r := requestedRule{rule: base, description: member.Get("Description")}
		var err error
		r.peer, err = shortest(member.Get(field))
		all = append(all, r)
		return err
	}
	problems := []error{add(p, "CidrIp"), add(p, "CidrIpv6")}
	for _, member := range p.Structs("IpRanges") {
		problems = append(problems, add(member, "CidrIp"))
	}
	for _, member := range p.Structs("Ipv6Ranges") {
		problems = append(problems, add(member, "CidrIpv6"))
	}
	return all, errors.Join(problems...)
}

func portsOf(first, last, protocol string) (from, to int, err error) {
	from, errFrom := strconv.Atoi(first)
	to, errTo := strconv.Atoi(last)
	outside := protocol != "icmp" && (from < 0 || to > 65535 || from > to)
	if errFrom != nil || errTo != nil || outside {
		return 0, 0, wire.Errorf(http.StatusBadRequest, "InvalidParameterValue",
			"Invalid value for portRange. Must specify both from and to ports with TCP/UDP.")
	}
	return from, to, nil
}

// shortest is a CIDR without host bits, as EC2 keeps it.
func shortest(cidr string) (string, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return "", wire.Errorf(http.StatusBadRequest, "InvalidParameterValue", "CIDR block %s is malformed", cidr)
	}
	return prefix.Masked().String(), nil
}

// standing is a rule that a group has.
type standing struct {
	ID          string      `xml:"securityGroupRuleId"`
	Group       string      `xml:"groupId"`
	Owner       string      `xml:"groupOwnerId"`
	Egress      bool        `xml:"isEgress"`
	Protocol    string      `xml:"ipProtocol"`
	From        *int        `xml:"fromPort"`
	To          *int        `xml:"toPort"`
	CIDR        string      `xml:"cidrIpv4,omitempty"`
	CIDR6       string      `xml:"cidrIpv6,omitempty"`
	List        string      `xml:"prefixListId,omitempty"`
	Referenced  *referenced `xml:"referencedGroupInfo"`
	Description string      `xml:"description,omitempty"`
	ARN         string      `xml:"securityGroupRuleArn"`
	meta
	rule
}

type referenced struct {
	Group string `xml:"groupId"`
	User  string `xml:"userId"`
}

func (s standing) id() string { return s.ID }

func (s standing) values(filter string) ([]string, bool) {
	switch filter {
	case "group-id":
		return []string{s.Group}, true
	case "security-group-rule-id":
		return []string{s.ID}, true
	}
	return nil, false
}

func (r *region) newRule(groupID string, egress bool, of rule) standing {
	id := newID("sgr")
	s := standing{ID: id, Group: groupID, Owner: r.account, Egress: egress, ARN: r.arn("security-group-rule", id)}
	return s.saying(of, r.account)
}

// saying is a rule with another content.
func (s standing) saying(of rule, account string) standing {
	s.rule, s.Protocol, s.From, s.To = of, of.protocol, &of.from, &of.to
	s.CIDR, s.CIDR6, s.List, s.Referenced = "", "", "", nil
	switch {
	case strings.HasPrefix(of.peer, "sg-"):
		s.Referenced = &referenced{of.peer, account}
	case strings.HasPrefix(of.peer, "pl-"):
		s.List = of.peer
	case strings.Contains(of.peer, ":"):
		s.CIDR6 = of.peer
	default:
		s.CIDR = of.peer
	}
	return s
}

// addTo adds the peer of a rule to the permission that it belongs to.
func (s standing) addTo(p *permission) {
	peer := permissionPeer{CIDR: s.CIDR, CIDR6: s.CIDR6, List: s.List, Description: s.Description}
	switch {
	case s.Referenced != nil:
		peer.Group, peer.User = s.Referenced.Group, s.Referenced.User
		p.Groups = append(p.Groups, peer)
	case s.List != "":
		p.Lists = append(p.Lists, peer)
	case s.CIDR6 != "":
		p.CIDR6s = append(p.CIDR6s, peer)
	default:
		p.CIDRs = append(p.CIDRs, peer)
	}
}
