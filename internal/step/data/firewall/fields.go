package firewall

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
)

const (
	// nobody is the text of no rules at all.
	nobody = "nobody"
	// maxShown is how many rules a finding quotes.
	maxShown = 3
	// unlisted is what is known while RDS does not list the database's security groups.
	unlisted = "it cannot be seen which security groups the database has"
)

// Fields are what the step owns.
var Fields = []converge.Field[State]{
	{Path: "ingress", About: "who may connect to the database", Get: func(s State) string { return list(s.Ingress) }},
	{Path: "egress", About: "where the database may connect to", Get: func(s State) string { return list(s.Egress) }},
	{Path: "released", About: "the mark of a released group", Get: func(s State) string { return s.Released }},
}

// Controls are what the step verifies.
var Controls = []converge.Control[State]{
	{ID: "CP-NET-01", Check: checkAllowed},
	{ID: "CP-NET-02", Check: checkWorld},
	{ID: "CP-NET-03", Check: checkEgress},
}

// checkAllowed holds when every live rule was requested (FSBP EC2.18), those of all attached groups included.
func checkAllowed(_, got State) (converge.Verdict, string) {
	surplus, inbound := got.Surplus, got.Inbound
	for _, o := range got.Others {
		surplus, inbound = slices.Concat(surplus, o.Surplus), slices.Concat(inbound, o.Inbound)
	}
	switch {
	case len(surplus) > 0:
		return converge.Violated, "open and not requested: " + some(surplus) + got.besides()
	case len(got.Unjudged) > 0:
		return converge.Unknown, "it cannot be seen whose these are: " + some(got.Unjudged)
	case got.Hidden != nil:
		return converge.Unknown, unlisted
	}
	return converge.Verified, fmt.Sprintf("%d rules, each of them requested", len(inbound)) + got.besides()
}

// checkWorld holds when no rule of any attached group admits the internet, on any port (FSBP EC2.19). What is in a
// prefix list is not read, so a rule with one is no evidence.
func checkWorld(_, got State) (converge.Verdict, string) {
	inbound := got.Inbound
	for _, o := range got.Others {
		inbound = slices.Concat(inbound, o.Inbound)
	}
	var world, lists []aws.Rule
	for _, r := range inbound {
		if isWorld(r.Peer) {
			world = append(world, r)
		}
		if isPrefixList(r.Peer) {
			lists = append(lists, r)
		}
	}
	switch {
	case len(world) > 0:
		return converge.Violated, "open to the internet: " + some(world) + got.besides()
	case len(lists) > 0:
		return converge.Unknown, "it is not known what these hold: " + some(lists) + got.besides()
	case got.Hidden != nil:
		return converge.Unknown, unlisted
	}
	return converge.Verified, fmt.Sprintf("%d rules, none for 0.0.0.0/0 or ::/0", len(inbound)) + got.besides()
}

// checkEgress holds when the database can open no connection by itself.
func checkEgress(_, got State) (converge.Verdict, string) {
	outbound := got.Outbound
	for _, o := range got.Others {
		outbound = slices.Concat(outbound, o.Outbound)
	}
	switch {
	case len(outbound) > 0:
		return converge.Violated, "open to the outside: " + some(outbound) + got.besides()
	case got.Hidden != nil:
		return converge.Unknown, unlisted
	}
	return converge.Verified, "no egress rule" + got.besides()
}

// besides names the other groups, whose rules count as well.
func (s State) besides() string {
	var ids []string
	for _, o := range s.Others {
		ids = append(ids, o.ID)
	}
	if len(ids) == 0 {
		return ""
	}
	return ", with those of " + strings.Join(set(ids), ", ") + ", which the database has as well"
}

func list(texts []string) string {
	if len(texts) == 0 {
		return nobody
	}
	return strings.Join(texts, "; ")
}

// some quotes the first of the rules.
func some(rules []aws.Rule) string {
	texts := describeAll(rules)
	if len(texts) > maxShown {
		return fmt.Sprintf("%s; and %d more", list(texts[:maxShown]), len(texts)-maxShown)
	}
	return list(texts)
}

// describeAll returns the rules as what they are, sorted.
func describeAll(rules []aws.Rule) []string {
	var texts []string
	for _, r := range rules {
		texts = append(texts, describe(r))
	}
	return set(texts)
}
