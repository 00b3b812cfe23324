package ec2

import (
	"net/http"
	"regexp"
	"slices"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// group is a security group with its rules, in the order in which they came.
type group struct {
	ID          string `xml:"groupId"`
	Name        string `xml:"groupName"`
	Description string `xml:"groupDescription"`
	ARN         string `xml:"securityGroupArn"`
	VPC         string `xml:"vpcId"`
	Owner       string `xml:"ownerId"`
	meta
	rules []standing
}

func (g group) id() string { return g.ID }

func (g group) values(filter string) ([]string, bool) {
	switch filter {
	case "group-id":
		return []string{g.ID}, true
	case "group-name":
		return []string{g.Name}, true
	case "description":
		return []string{g.Description}, true
	case "vpc-id":
		return []string{g.VPC}, true
	case "owner-id":
		return []string{g.Owner}, true
	}
	return nil, false
}

func (r *region) newGroup(name, description, vpcID string, given tags) group {
	id := newID("sg")
	return group{
		ID: id, Name: name, Description: description, ARN: r.arn("security-group", id), VPC: vpcID, Owner: r.account, meta: meta{given},
	}
}

// groupText is what names and descriptions of groups are made of.
var groupText = regexp.MustCompile(`^[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}$`)

func (r *region) createGroup(call identity.Call, given tags) (*wire.Answer, error) {
	name, description := call.Form.Get("GroupName"), call.Form.Get("GroupDescription")
	switch {
	case !groupText.MatchString(name) || !groupText.MatchString(description):
		return nil, invalidValue("Value (%s, %s) for parameters groupName and groupDescription is invalid.", name, description)
	case len(name) > 3 && name[:3] == "sg-" || name == "default":
		return nil, invalidValue("Invalid security group name: %s", name)
	}
	v, err := r.vpcs.named(call, "VpcId")
	if err != nil {
		return nil, err
	}
	for _, other := range r.groups.All(versions.View{}) {
		if other.VPC == v.ID && other.Name == name {
			return nil, wire.Errorf(http.StatusBadRequest, "InvalidGroup.Duplicate",
				"The security group '%s' already exists for VPC '%s'", name, v.ID)
		}
	}
	g := r.newGroup(name, description, v.ID, given)
	g.rules = []standing{r.newRule(g.ID, true, anywhere)}
	r.groups.put(g)
	return answer(call, element{"return", true}, element{"groupId", g.ID}, element{"tagSet", list[tag]{g.Tags}},
		element{"securityGroupArn", g.ARN})
}

// deleteGroup refuses what AWS refuses: a default group, one that a rule of another names, or that an
// instance or a database uses.
func (r *region) deleteGroup(call identity.Call) (*wire.Answer, error) {
	g, err := r.groups.named(call, "GroupId")
	if err != nil {
		return nil, err
	}
	if g.Name == "default" {
		return nil, wire.Errorf(http.StatusBadRequest, "CannotDelete",
			"the specified group: %q name: \"default\" cannot be deleted by a user", g.ID)
	}
	names := func(s standing) bool { return s.Group != g.ID && s.peer == g.ID }
	uses := func(n networkInterface) bool { return slices.Contains(groupIDs(n.Groups), g.ID) }
	if slices.ContainsFunc(r.rules(versions.View{}), names) || slices.ContainsFunc(r.interfaces.All(versions.View{}), uses) ||
		r.inUse(r.account, r.place.region, g.ID) {
		return nil, dependent(g.ID)
	}
	r.groups.remove(g.ID)
	return done(call)
}

// rules is every rule of every group.
func (r *region) rules(view versions.View) []standing {
	var all []standing
	for _, g := range r.groups.All(view) {
		all = append(all, g.rules...)
	}
	return all
}

func (r *region) describeRules(call identity.Call) (*wire.Answer, error) {
	found := r.rules(versions.View{Stale: call.Stale})
	if ids := call.Form.Strings("SecurityGroupRuleId"); len(ids) > 0 {
		found = slices.DeleteFunc(found, func(s standing) bool { return !slices.Contains(ids, s.ID) })
		if len(found) < len(ids) {
			return nil, noRule(ids[0])
		}
	}
	found, err := filtered(found, readFilters(call.Form))
	if err != nil {
		return nil, err
	}
	return answerPage(call, "securityGroupRuleSet", found)
}

func noRule(id string) error {
	return wire.Errorf(http.StatusBadRequest, "InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist", id)
}

// ruleTags are the rules of all groups, for what changes and lists tags.
type ruleTags struct{ *region }

func (t ruleTags) find(id string) (g group, at int) {
	for _, g := range t.groups.All(versions.View{}) {
		if i := slices.IndexFunc(g.rules, func(s standing) bool { return s.ID == id }); i >= 0 {
			return g, i
		}
	}
	return group{}, -1
}

func (t ruleTags) has(id string) bool {
	_, at := t.find(id)
	return at >= 0
}

func (ruleTags) notFound(id string) error { return noRule(id) }

func (t ruleTags) tagsOf(id string) tags {
	g, at := t.find(id)
	if at < 0 {
		return nil
	}
	return g.rules[at].Tags
}

func (t ruleTags) setTags(id string, change func(tags) tags) {
	g, at := t.find(id)
	if at < 0 {
		return
	}
	g.rules = slices.Clone(g.rules)
	g.rules[at].Tags = change(g.rules[at].Tags)
	t.groups.put(g)
}

func (t ruleTags) eachTagged(view versions.View, visit func(id string, held tags)) {
	for _, s := range t.rules(view) {
		visit(s.ID, s.Tags)
	}
}

// shown is a group as a listing shows it.
type shown struct {
	group
	Ingress []permission `xml:"ipPermissions>item"`
	Egress  []permission `xml:"ipPermissionsEgress>item"`
}

func (s shown) values(filter string) ([]string, bool) {
	if known, ok := s.group.values(filter); ok {
		return known, true
	}
	switch filter {
	case "ip-permission.cidr":
		return peersOf(s.Ingress, func(p permission) []permissionPeer { return p.CIDRs }), true
	case "egress.ip-permission.cidr":
		return peersOf(s.Egress, func(p permission) []permissionPeer { return p.CIDRs }), true
	case "ip-permission.group-id":
		return peersOf(s.Ingress, func(p permission) []permissionPeer { return p.Groups }), true
	}
	return nil, false
}

// permission is rules of one direction, protocol and ports.
type permission struct {
	Protocol string           `xml:"ipProtocol"`
	From     *int             `xml:"fromPort"`
	To       *int             `xml:"toPort"`
	Groups   []permissionPeer `xml:"groups>item"`
	CIDRs    []permissionPeer `xml:"ipRanges>item"`
	CIDR6s   []permissionPeer `xml:"ipv6Ranges>item"`
	Lists    []permissionPeer `xml:"prefixListIds>item"`
}

// permissionPeer is a peer of any kind.
type permissionPeer struct {
	User        string `xml:"userId,omitempty"`
	Group       string `xml:"groupId,omitempty"`
	CIDR        string `xml:"cidrIp,omitempty"`
	CIDR6       string `xml:"cidrIpv6,omitempty"`
	List        string `xml:"prefixListId,omitempty"`
	Description string `xml:"description,omitempty"`
}

func peersOf(permissions []permission, of func(permission) []permissionPeer) []string {
	var peers []string
	for _, p := range permissions {
		for _, peer := range of(p) {
			peers = append(peers, peer.CIDR+peer.Group)
		}
	}
	return peers
}

// permissions puts the rules of one direction together as EC2 shows them.
func permissions(rules []standing, egress bool) []permission {
	var all []permission
	for _, s := range rules {
		if s.Egress != egress {
			continue
		}
		of := permission{Protocol: s.Protocol}
		if s.Protocol != "-1" { // EC2 shows no ports for all protocols
			of.From, of.To = s.From, s.To
		}
		i := slices.IndexFunc(all, func(p permission) bool {
			return p.Protocol == of.Protocol && same(p.From, of.From) && same(p.To, of.To)
		})
		if i < 0 {
			i, all = len(all), append(all, of)
		}
		s.addTo(&all[i])
	}
	return all
}

func same(a, b *int) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// describeGroups shows groups named by ID as they are; a listing lags.
func (r *region) describeGroups(call identity.Call) (*wire.Answer, error) {
	view := r.listing(call)
	if call.Form.HasAny("GroupId") {
		view.Lag = 0
	}
	groups := r.groups.All(view)
	if ids := call.Form.Strings("GroupId"); len(ids) > 0 {
		groups = nil
		for _, id := range ids {
			g, ok := r.groups.Get(id, view)
			if !ok {
				return nil, r.groups.notFound(id)
			}
			groups = append(groups, g)
		}
	}
	if names := call.Form.Strings("GroupName"); len(names) > 0 {
		groups = slices.DeleteFunc(groups, func(g group) bool { return !slices.Contains(names, g.Name) })
	}
	found := make([]shown, 0, len(groups))
	for _, g := range groups {
		found = append(found, shown{group: g, Ingress: permissions(g.rules, false), Egress: permissions(g.rules, true)})
	}
	found, err := filtered(found, readFilters(call.Form))
	if err != nil {
		return nil, err
	}
	return answerPage(call, r.groups.list, found)
}
