package ec2

import (
	"net/http"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// mostRules is how many rules of one direction a group may have.
const mostRules = 60

// authorize adds all rules or, when one is there already, none.
func (r *region) authorize(call identity.Call, given tags) (*wire.Answer, error) {
	g, err := r.groups.named(call, "GroupId")
	if err != nil {
		return nil, err
	}
	egress := strings.HasSuffix(call.Operation, "Egress")
	wanted, err := readRules(call.Form)
	if err != nil {
		return nil, err
	}
	if err := checkNew(wanted, g.rules, egress); err != nil {
		return nil, err
	}
	for _, w := range wanted {
		if err := r.checkContent(w); err != nil {
			return nil, err
		}
	}
	var added []standing
	for _, w := range wanted {
		s := r.newRule(g.ID, egress, w.rule)
		s.Description, s.Tags = w.description, given
		added = append(added, s)
	}
	g.rules = slices.Concat(g.rules, added)
	r.groups.put(g)
	return answer(call, element{"return", true}, element{"securityGroupRuleSet", list[standing]{added}})
}

// checkContent refuses a rule for a group or a prefix list that does not exist, and one with a description
// that AWS does not take.
func (r *region) checkContent(of requestedRule) error {
	if of.description != "" && !groupText.MatchString(of.description) {
		return invalidValue("Invalid rule description. Valid descriptions are strings less than 256 characters from the following set: " +
			" a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")
	}
	if strings.HasPrefix(of.peer, "sg-") && !r.groups.has(of.peer) {
		return r.groups.notFound(of.peer)
	}
	if strings.HasPrefix(of.peer, "pl-") && !r.lists.has(of.peer) {
		return r.lists.notFound(of.peer)
	}
	return nil
}

func checkNew(wanted []requestedRule, before []standing, egress bool) error {
	if len(wanted) == 0 {
		return wire.Errorf(http.StatusBadRequest, "MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.")
	}
	count := 0
	for _, s := range before {
		if s.Egress == egress {
			count++
		}
	}
	if count+len(wanted) > mostRules {
		return wire.Errorf(http.StatusBadRequest, "RulesPerSecurityGroupLimitExceeded",
			"The maximum number of rules per security group has been reached.")
	}
	for i, w := range wanted {
		if slices.ContainsFunc(wanted[:i], func(other requestedRule) bool { return other.rule == w.rule }) {
			return wire.Errorf(http.StatusBadRequest, "InvalidParameterValue", "The same permission must not appear multiple times")
		}
		if slices.ContainsFunc(before, func(s standing) bool { return s.Egress == egress && s.rule == w.rule }) {
			return duplicate(w.rule)
		}
	}
	return nil
}

func duplicate(of rule) error {
	return wire.Errorf(http.StatusBadRequest, "InvalidPermission.Duplicate", "the specified rule %q already exists", of)
}

// revoke removes all rules or, when one is not there, none.
func (r *region) revoke(call identity.Call) (*wire.Answer, error) {
	g, err := r.groups.named(call, "GroupId")
	if err != nil {
		return nil, err
	}
	egress, before := strings.HasSuffix(call.Operation, "Egress"), g.rules
	ids := call.Form.Strings("SecurityGroupRuleId")
	for _, id := range ids {
		if !slices.ContainsFunc(before, func(s standing) bool { return s.Egress == egress && s.ID == id }) {
			return nil, noRule(id)
		}
	}
	if len(ids) == 0 {
		wanted, err := readRules(call.Form)
		if err != nil {
			return nil, err
		}
		if ids, err = idsOf(wanted, before, egress); err != nil {
			return nil, err
		}
	}
	g.rules = slices.DeleteFunc(slices.Clone(before), func(s standing) bool { return slices.Contains(ids, s.ID) })
	r.groups.put(g)
	return done(call)
}

func idsOf(wanted []requestedRule, before []standing, egress bool) ([]string, error) {
	var ids []string
	for _, w := range wanted {
		i := slices.IndexFunc(before, func(s standing) bool { return s.Egress == egress && s.rule == w.rule })
		if i < 0 {
			return nil, wire.Errorf(http.StatusBadRequest, "InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		ids = append(ids, before[i].ID)
	}
	if len(ids) == 0 {
		return nil, wire.Errorf(http.StatusBadRequest, "MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.")
	}
	return ids, nil
}

// modifyRules changes all rules that a request names, or none.
func (r *region) modifyRules(call identity.Call) (*wire.Answer, error) {
	g, err := r.groups.named(call, "GroupId")
	if err != nil {
		return nil, err
	}
	g.rules = slices.Clone(g.rules)
	for _, update := range call.Form.Structs("SecurityGroupRule") {
		id := update.Get("SecurityGroupRuleId")
		at := slices.IndexFunc(g.rules, func(s standing) bool { return s.ID == id })
		if at < 0 {
			return nil, noRule(id)
		}
		of, err := readUpdate(update)
		if err == nil {
			err = r.checkContent(of)
		}
		if err != nil {
			return nil, err
		}
		twin := func(s standing) bool { return s.ID != id && s.Egress == g.rules[at].Egress && s.rule == of.rule }
		if slices.ContainsFunc(g.rules, twin) {
			return nil, duplicate(of.rule)
		}
		g.rules[at] = g.rules[at].saying(of.rule, r.account)
		g.rules[at].Description = of.description
	}
	r.groups.put(g)
	return done(call)
}

// readUpdate reads the new content of a rule, which has exactly one peer.
func readUpdate(update wire.Form) (requestedRule, error) {
	field := func(name string) string { return update.Get("SecurityGroupRule." + name) }
	of := requestedRule{rule: rule{protocol: protocol(field("IpProtocol")), from: -1, to: -1}, description: field("Description")}
	if of.protocol != "-1" {
		var err error
		if of.from, of.to, err = portsOf(field("FromPort"), field("ToPort"), of.protocol); err != nil {
			return of, err
		}
	}
	peers := slices.DeleteFunc([]string{field("CidrIpv4"), field("CidrIpv6"), field("PrefixListId"), field("ReferencedGroupId")},
		func(peer string) bool { return peer == "" })
	if len(peers) != 1 {
		return of, invalidValue("Exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId has to be given.")
	}
	of.peer = peers[0]
	if field("CidrIpv4")+field("CidrIpv6") == "" {
		return of, nil
	}
	var err error
	of.peer, err = shortest(of.peer)
	return of, err
}
