package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
)

// missingPoll is how soon a peer that does not exist is read again.
const missingPoll = 30 * time.Second

// view is what was seen of the peers of one platform.
type view struct {
	tenant naming.Tenant
	// class is the name of the platform's class.
	class   string
	network aws.Network
	groups  map[string]aws.Group
	hosts   map[string]aws.Host
	// others are the groups that are attached to the database beside the tenant's own, and hidden is why they are not
	// known.
	others []aws.Group
	hidden error
	// unseen are the kinds of peers that could not be read, and why.
	unseen map[string]*fault.Error
}

// judge compares a live group with the wanted one, and names its rules as the spec does: a rule for
// an instance's present address reads "instance i-…".
func (v view) judge(want State, group *aws.Group) State {
	s := State{
		GroupID: group.ID, VPCID: group.VPCID, Port: want.Port, Released: group.Tags[naming.TagReleased],
		Inbound: group.Ingress, Outbound: group.Egress, Egress: describeAll(group.Egress), Hidden: v.hidden,
	}
	live, wanted := map[aws.Rule]bool{}, map[aws.Rule]bool{}
	for _, r := range group.Ingress {
		live[plain(r)] = true
	}
	for _, p := range want.Peers {
		targets, problem := v.resolve(p)
		if problem != nil {
			s.Problems = append(s.Problems, Problem{Peer: want.entry(p), Fault: problem})
			continue
		}
		there := 0
		for _, target := range targets {
			rule := aws.Rule{Peer: target, Protocol: "tcp", From: want.Port, To: want.Port}
			if live[rule] {
				there++
			} else if !wanted[rule] {
				s.Missing = append(s.Missing, rule)
			}
			wanted[rule] = true
		}
		s.Ingress = append(s.Ingress, shown(want.entry(p), there, len(targets))...)
	}
	for _, r := range group.Ingress {
		switch {
		case wanted[plain(r)]:
		case v.perhaps(want, r):
			s.Unjudged = append(s.Unjudged, r)
		default:
			s.Surplus = append(s.Surplus, r)
			s.Ingress = append(s.Ingress, describe(r))
		}
	}
	s.Ingress = set(s.Ingress)
	for _, g := range v.others {
		surplus := slices.DeleteFunc(slices.Clone(g.Ingress), func(r aws.Rule) bool { return wanted[plain(r)] })
		s.Others = append(s.Others, Other{ID: g.ID, Inbound: g.Ingress, Outbound: g.Egress, Surplus: surplus})
	}
	return s
}

// perhaps says that a rule may be that of a wanted peer which cannot be seen now. It stays: a database
// that its coaches cannot reach is no remedy for a read that fails. A range is never an unseen peer.
func (v view) perhaps(want State, r aws.Rule) bool {
	if r.Protocol != "tcp" || r.From != want.Port || r.To != want.Port {
		return false
	}
	if isGroup(r.Peer) {
		return v.unseen[kindGroup] != nil && slices.Contains(want.ids(kindGroup), r.Peer)
	}
	p, err := netip.ParsePrefix(r.Peer)
	return err == nil && p.IsSingleIP() && v.unseen[kindInstance] != nil && len(want.ids(kindInstance)) > 0
}

// plain is a rule without its ID: what it does.
func plain(r aws.Rule) aws.Rule {
	r.ID = ""
	return r
}

// shown is how a peer reads of which so many rules are there.
func shown(entry string, there, all int) []string {
	switch there {
	case 0:
		return nil
	case all:
		return []string{entry}
	}
	return []string{fmt.Sprintf("%s (%d of %d rules)", entry, there, all)}
}

// resolve returns what a peer stands for at present: ranges or security groups, at least one; or why
// it is not admitted.
func (v view) resolve(p Peer) ([]string, *fault.Error) {
	if f := v.unseen[p.Kind]; f != nil {
		return nil, f
	}
	switch p.Kind {
	case kindCIDR:
		return []string{p.ID}, nil
	case kindGroup:
		return v.group(p)
	case kindInstance:
		return v.instance(p)
	}
	groups := v.network.WorkloadGroups
	if p.ID == classOperator {
		groups = v.network.OperatorGroups
	}
	if len(groups) == 0 {
		return nil, fault.Wait(v1alpha1.ReasonClassNotReady, missingPoll,
			"the %s security groups that class %s names are not in its VPC, so they are not opened; correct their ids or tags "+
				"in the class", p.ID, v.class)
	}
	return groups, nil
}

func (v view) group(p Peer) ([]string, *fault.Error) {
	g, exists := v.groups[p.ID]
	switch {
	case !p.Accepted && !v.owned(g.Tags, g.VPCID):
		return nil, v.refuse("security group", "accepted.securityGroupIDs", p.ID)
	case !exists:
		return nil, fault.Wait(v1alpha1.ReasonSecurityGroupNotFound, missingPoll,
			"security group %s does not exist, so it is not opened; create it, or remove it from spec.database.allowFrom", p.ID)
	}
	return []string{p.ID}, nil
}

// instance resolves to addresses, which mean something in one network only: an instance of another
// VPC is admitted only where the class vouches for it.
func (v view) instance(p Peer) ([]string, *fault.Error) {
	h := v.hosts[p.ID]
	var targets []string
	for _, address := range h.Addresses {
		a, err := netip.ParseAddr(address)
		if err == nil && a.Is4() {
			targets = append(targets, netip.PrefixFrom(a, a.BitLen()).String())
		}
	}
	// An instance that was terminated keeps its tags for a while, but neither its VPC nor an address.
	terminated := h.VPCID == "" && len(targets) == 0 && naming.Owns(v.tenant, h.Tags)
	switch {
	case !p.Accepted && !v.owned(h.Tags, h.VPCID) && !terminated:
		return nil, v.refuse("instance", "accepted.instanceIDs", p.ID)
	case len(targets) == 0:
		return nil, fault.Wait(v1alpha1.ReasonInstanceNotFound, missingPoll,
			"instance %s does not exist or has no private IPv4 address, so it is not opened; start it, or remove it from "+
				"spec.database.allowFrom", p.ID)
	}
	return targets, nil
}

// owned says that a thing carries the tenant's tags and is in the class's VPC.
func (v view) owned(tags map[string]string, vpc string) bool {
	return naming.Owns(v.tenant, tags) && vpc == v.network.VPCID
}

func (v view) refuse(what, list, id string) *fault.Error {
	return fault.New(fault.Invalid, v1alpha1.ReasonNotAccepted,
		"%s %s is not opened: it is neither in %s of class %s nor one of the class's VPC with this platform's tags; have it "+
			"listed in the class or tagged with %s, or remove it from spec.database.allowFrom",
		what, id, list, v.class, strings.Join(tagKeys(v.tenant), ", "))
}

func tagKeys(t naming.Tenant) []string {
	var keys []string
	for k := range t.Tags() {
		keys = append(keys, k)
	}
	return set(keys)
}

// constrain implements converge.Of.Constrain: it leaves out the peers with a problem.
func constrain(want, got State) State {
	var rest []string
	for _, entry := range want.Ingress {
		if !slices.ContainsFunc(got.Problems, func(p Problem) bool { return p.Peer == entry }) {
			rest = append(rest, entry)
		}
	}
	want.Ingress = rest
	return want
}

// degraded implements converge.Of.Degraded: one fault for all problems, with the class and reason of
// the gravest.
func degraded(want, got State) error {
	problems := slices.Concat(want.Problems, got.Problems)
	if got.Hidden != nil {
		problems = append(problems, Problem{Fault: fault.As(got.Hidden)})
	}
	if len(problems) == 0 {
		return nil
	}
	slices.SortFunc(problems, func(x, y Problem) int {
		if x.Fault.Class != y.Fault.Class {
			return int(y.Fault.Class) - int(x.Fault.Class)
		}
		return strings.Compare(x.Peer, y.Peer)
	})
	all := *problems[0].Fault
	for i, p := range problems[1:] {
		if p.Fault.Message != problems[i].Fault.Message {
			all.Message += ". " + p.Fault.Message
		}
	}
	return &all
}
