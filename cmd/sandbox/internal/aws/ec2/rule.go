package ec2

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
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

// requestedRule is one rule of a request and where in the form its CIDR stands.
type requestedRule struct {
	rule
	cidr string // parameter name, "" if the peer is no CIDR
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
		if base.from, base.to, err = ports(p, base.protocol); err != nil {
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
			r.peer = member.Get(list.field)
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
		r := requestedRule{rule: base, cidr: member.Name(field)}
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

func ports(p wire.Form, protocol string) (from, to int, err error) {
	from, errFrom := strconv.Atoi(p.Get("FromPort"))
	to, errTo := strconv.Atoi(p.Get("ToPort"))
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

func readStanding(item *etree.Element, account string) (standing, error) {
	if item.SelectElement("groupOwnerId") == nil {
		item.CreateElement("groupOwnerId").SetText(account)
	}
	text, err := encode(item)
	s := standing{
		id: moto.Text(item, "securityGroupRuleId"), group: moto.Text(item, "groupId"),
		egress: moto.Text(item, "isEgress") == "true", tags: readTags(item), xml: text,
	}
	s.protocol, s.from, s.to = protocol(moto.Text(item, "ipProtocol")), -1, -1
	if from, err := strconv.Atoi(moto.Text(item, "fromPort")); err == nil {
		s.from = from
	}
	if to, err := strconv.Atoi(moto.Text(item, "toPort")); err == nil {
		s.to = to
	}
	for _, path := range []string{"cidrIpv4", "cidrIpv6", "referencedGroupInfo/groupId", "prefixListId"} {
		if text := moto.Text(item, path); text != "" {
			s.peer = text
		}
	}
	if short, err := shortest(s.peer); err == nil {
		s.peer = short
	}
	return s, err
}
