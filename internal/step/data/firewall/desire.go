package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// State is a tenant's security group as far as we own or judge it.
type State struct {
	// GroupID and VPCID are observed.
	GroupID, VPCID string
	// Port is the one port that is open.
	Port int32
	// Peers are who may connect, as spec and class name them. An observed state has none.
	Peers []Peer
	// Ingress is who may connect, each as "<who> tcp <port>", sorted. A live rule that was not requested
	// reads as what it is, such as "0.0.0.0/0 tcp 22".
	Ingress []string
	// Egress is where the database may connect to, in the same form.
	Egress []string
	// Released is the value of the tag that says the group was released, or "".
	Released string
	// Inbound and Outbound are the live rules.
	Inbound, Outbound []aws.Rule
	// Surplus are live ingress rules that were not requested, Missing are rules that are not there yet, and
	// Unjudged are live ones of which neither can be said, since the peer could not be read.
	Surplus, Missing, Unjudged []aws.Rule
	// Others are the security groups that are attached to the database beside this one: what they open is open. Hidden
	// is why they cannot be known; nil if they are.
	Others []Other
	Hidden error
	// Problems are the peers that are not admitted, and why.
	Problems []Problem
}

// Other is a security group that is attached to the tenant's database and is not the tenant's.
type Other struct {
	ID string
	// Inbound and Outbound are its rules, Surplus those inbound that were not requested.
	Inbound, Outbound, Surplus []aws.Rule
}

// The kinds of peers.
const (
	kindCIDR     = "cidr"
	kindGroup    = "group"
	kindInstance = "instance"
	kindClass    = "class"
)

// The peers that a class gives to all its platforms.
const (
	classWorkload = "workload"
	classOperator = "operator"
)

// Peer may connect. It has the name that spec or class give; what it stands for at present
// is resolved by an observation.
type Peer struct {
	// Kind is cidr, group, instance or class.
	Kind string
	// ID is the range, the group's or instance's ID, or workload or operator.
	ID string
	// Accepted says that the class vouches for the peer; one without needs the tenant's tags.
	Accepted bool
}

// Problem is a peer that is not admitted.
type Problem struct {
	// Peer is the peer's entry in Ingress.
	Peer string
	// Fault says why, and the way out.
	Fault *fault.Error
}

// Desire returns the wanted security group. A range that the class does not allow is left out and is
// a problem; it never stops the rest.
func Desire(in *scope.Platform) (State, error) {
	s := State{Port: in.Spec.Database.Port}
	class, allow := &in.Class.Spec, &in.Spec.Database.AllowFrom
	if selects(class.Network.WorkloadSecurityGroups) {
		s.Peers = append(s.Peers, Peer{kindClass, classWorkload, true})
	}
	if selects(class.Network.OperatorSecurityGroup) {
		s.Peers = append(s.Peers, Peer{kindClass, classOperator, true})
	}
	for _, id := range allow.SecurityGroupIDs {
		s.Peers = append(s.Peers, Peer{kindGroup, id, slices.Contains(class.Accepted.SecurityGroupIDs, id)})
	}
	for _, id := range allow.InstanceIDs {
		s.Peers = append(s.Peers, Peer{kindInstance, id, slices.Contains(class.Accepted.InstanceIDs, id)})
	}
	for _, text := range allow.CIDRs {
		cidr, problem := narrow(text, in.Class)
		if problem != nil {
			s.Problems = append(s.Problems, Problem{Peer: s.entry(Peer{kindCIDR, text, true}), Fault: problem})
			continue
		}
		s.Peers = append(s.Peers, Peer{kindCIDR, cidr, true})
	}
	for _, p := range s.Peers {
		s.Ingress = append(s.Ingress, s.entry(p))
	}
	s.Ingress = set(s.Ingress)
	return s, nil
}

// narrow returns the canonical form of an IPv4 range that is no wider than the class allows.
func narrow(text string, class *v1alpha1.PlatformClass) (string, *fault.Error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || !p.Addr().Is4() || p.Masked() != p {
		return "", fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
			"%q in spec.database.allowFrom.cidrs is not opened: it is not an IPv4 range with its host bits zero; correct it", text)
	}
	if widest := int(class.Spec.Database.WidestCIDRPrefix); p.Bits() < widest || p.Bits() == 0 {
		return "", fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
			"%s in spec.database.allowFrom.cidrs is not opened: class %s allows no range wider than /%d; name narrower ranges",
			p, class.Name, max(widest, 1))
	}
	return p.String(), nil
}

func selects(s v1alpha1.Selector) bool { return len(s.IDs)+len(s.Tags) > 0 }

// entry is the text of a wanted peer.
func (s State) entry(p Peer) string { return fmt.Sprintf("%s %s tcp %d", p.Kind, p.ID, s.Port) }

// ids returns the IDs of all peers of a kind.
func (s State) ids(kind string) []string {
	var ids []string
	for _, p := range s.Peers {
		if p.Kind == kind {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// describe is the text of a live rule as what it is.
func describe(r aws.Rule) string {
	peer := r.Peer
	switch {
	case isPrefixList(peer):
		peer = "prefix list " + peer
	case isGroup(peer):
		peer = "group " + peer
	}
	switch {
	case r.Protocol == "-1":
		return peer + " all traffic"
	case r.From == -1 && r.To == -1:
		return fmt.Sprintf("%s %s", peer, r.Protocol)
	case r.From == r.To:
		return fmt.Sprintf("%s %s %d", peer, r.Protocol, r.From)
	}
	return fmt.Sprintf("%s %s %d-%d", peer, r.Protocol, r.From, r.To)
}

func isGroup(peer string) bool { return strings.Contains(peer, "sg-") }

func isPrefixList(peer string) bool { return strings.HasPrefix(peer, "pl-") }

// The narrowest ranges that count as the internet: two rules for half of the internet each are one for all of it,
// and no class can allow a range this wide.
const (
	worldBits4 = 7
	worldBits6 = 15
)

// isWorld says that a peer is the internet, or so much of it that it makes no difference, by IPv4 or IPv6.
func isWorld(peer string) bool {
	p, err := netip.ParsePrefix(peer)
	if err != nil {
		return false
	}
	if p.Addr().Is4() {
		return p.Bits() <= worldBits4
	}
	return p.Bits() <= worldBits6
}

// set returns the texts sorted and each once.
func set(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}
