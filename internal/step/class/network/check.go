package network

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// leastZones is what RDS requires of a DB subnet group, and what a standby needs.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html
const leastZones = 2

// check says what is wrong with a class's network, all of it at once, and what to do.
func check(spec *v1alpha1.ClassNetwork, n aws.Network) error {
	problems := slices.Concat(
		missing(spec, n),
		subnets("are outside "+n.VPCID+": take subnets of that VPC", n, func(s aws.Subnet) bool { return s.VPCID != n.VPCID }),
		subnets("are public, since a route leads to an internet gateway: take private ones, or remove the route", n,
			func(s aws.Subnet) bool { return s.VPCID == n.VPCID && !s.Private }),
		zones(n),
	)
	if len(problems) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, v1alpha1.ReasonNetworkInvalid, "%s", strings.Join(problems, "; "))
}

// missing names what the selectors name and AWS does not have.
func missing(spec *v1alpha1.ClassNetwork, n aws.Network) []string {
	var problems []string
	for _, s := range []struct {
		field    string
		selector v1alpha1.Selector
		found    []string
	}{
		{"subnets", spec.Subnets, subnetIDs(n)},
		{"workloadSecurityGroups", spec.WorkloadSecurityGroups, n.WorkloadGroups},
		{"operatorSecurityGroup", spec.OperatorSecurityGroup, n.OperatorGroups},
	} {
		absent := slices.DeleteFunc(slices.Sorted(slices.Values(s.selector.IDs)), func(id string) bool {
			return slices.Contains(s.found, id)
		})
		if len(absent) > 0 {
			problems = append(problems, fmt.Sprintf("network.%s names %s, which %s does not have: correct the ids",
				s.field, strings.Join(absent, ", "), n.VPCID))
		}
		if len(s.selector.Tags) > 0 && len(s.found) == 0 {
			problems = append(problems, fmt.Sprintf("network.%s selects nothing: correct its tags, or tag what it should select",
				s.field))
		}
	}
	return problems
}

// subnets names the selected subnets that are wrong in one way.
func subnets(problem string, n aws.Network, wrong func(aws.Subnet) bool) []string {
	var ids []string
	for _, s := range n.Subnets {
		if wrong(s) {
			ids = append(ids, s.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the subnets %s %s", strings.Join(ids, ", "), problem)}
}

func zones(n aws.Network) []string {
	seen := map[string]bool{}
	for _, s := range n.Subnets {
		seen[s.Zone] = true
	}
	if len(seen) >= leastZones {
		return nil
	}
	return []string{fmt.Sprintf(
		"network.subnets selects %d subnets in %d zones and must select two or more in two or more zones: add private "+
			"subnets in other zones", len(n.Subnets), len(seen))}
}
