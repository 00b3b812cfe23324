package network

import (
	"strings"
	"testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const vpc = "vpc-00000001"

func private(id, zone string) aws.Subnet {
	return aws.Subnet{ID: id, Zone: zone, VPCID: vpc, Private: true}
}

func public(id, zone string) aws.Subnet {
	return aws.Subnet{ID: id, Zone: zone, VPCID: vpc}
}

func ids(ids ...string) v1alpha1.Selector { return v1alpha1.Selector{IDs: ids} }

func tagged(value string) v1alpha1.Selector {
	return v1alpha1.Selector{Tags: []v1alpha1.Tag{{Key: "use", Value: value}}}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	abroad := private("subnet-0000000c", "c")
	abroad.VPCID = "vpc-00000002"
	two := []aws.Subnet{private("subnet-0000000a", "a"), private("subnet-0000000b", "b")}
	for name, c := range map[string]struct {
		spec    v1alpha1.ClassNetwork
		network aws.Network
		// want are parts of the message; none is no fault.
		want []string
	}{
		"private subnets in two zones are right": {
			v1alpha1.ClassNetwork{Subnets: tagged("db")}, aws.Network{Subnets: two}, nil,
		},
		"so are those that were named": {
			v1alpha1.ClassNetwork{Subnets: ids("subnet-0000000b", "subnet-0000000a")}, aws.Network{Subnets: two}, nil,
		},
		"no subnet at all is wrong": {
			v1alpha1.ClassNetwork{Subnets: tagged("db")},
			aws.Network{},
			[]string{"network.subnets selects nothing", "selects 0 subnets in 0 zones"},
		},
		"one zone is not enough for a standby": {
			v1alpha1.ClassNetwork{Subnets: tagged("db")},
			aws.Network{Subnets: []aws.Subnet{private("subnet-0000000a", "a"), private("subnet-0000000b", "a")}},
			[]string{"selects 2 subnets in 1 zones", "add private subnets in other zones"},
		},
		"a public subnet is named, with the way out": {
			v1alpha1.ClassNetwork{Subnets: tagged("db")},
			aws.Network{Subnets: append([]aws.Subnet{public("subnet-0000000f", "c")}, two...)},
			[]string{"the subnets subnet-0000000f are public", "internet gateway", "take private ones"},
		},
		"a subnet of another VPC is named": {
			v1alpha1.ClassNetwork{Subnets: tagged("db")},
			aws.Network{Subnets: append([]aws.Subnet{abroad}, two...)},
			[]string{"the subnets subnet-0000000c are outside " + vpc},
		},
		"a subnet that does not exist is named": {
			v1alpha1.ClassNetwork{Subnets: ids("subnet-0000000a", "subnet-0000000b", "subnet-0000dead")},
			aws.Network{Subnets: two},
			[]string{"network.subnets names subnet-0000dead", "correct the ids"},
		},
		"a security group that does not exist is named": {
			v1alpha1.ClassNetwork{Subnets: tagged("db"), WorkloadSecurityGroups: ids("sg-0000dead")},
			aws.Network{Subnets: two},
			[]string{"network.workloadSecurityGroups names sg-0000dead"},
		},
		"tags that select no security group are named": {
			v1alpha1.ClassNetwork{Subnets: tagged("db"), OperatorSecurityGroup: tagged("op")},
			aws.Network{Subnets: two},
			[]string{"network.operatorSecurityGroup selects nothing"},
		},
		"everything that is wrong is said at once": {
			v1alpha1.ClassNetwork{Subnets: ids("subnet-0000000f", "subnet-0000dead")},
			aws.Network{Subnets: []aws.Subnet{public("subnet-0000000f", "c")}},
			[]string{"subnet-0000dead", "are public", "selects 1 subnets in 1 zones"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.network.VPCID = vpc
			err := check(&c.spec, c.network)
			if len(c.want) == 0 {
				if err != nil {
					t.Errorf("got %v, want none", err)
				}
				return
			}
			f := fault.As(err)
			if f.Class != fault.Invalid || f.Reason != v1alpha1.ReasonNetworkInvalid {
				t.Errorf("got %s %s, want an invalid network", f.Class, f.Reason)
			}
			for _, part := range c.want {
				if !strings.Contains(f.Message, part) {
					t.Errorf("%q does not say %q", f.Message, part)
				}
			}
		})
	}
}

func TestCompared(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		selector     v1alpha1.Selector
		wanted, live []string
		want         string
	}{
		"the same set in any order is the selector": {ids("b", "a"), []string{"a", "b"}, []string{"b", "a"}, "a b"},
		"what is missing is named":                  {ids("a", "b"), []string{"a", "b"}, []string{"a"}, "a b, without b"},
		"what is too much is named":                 {tagged("db"), []string{"a"}, []string{"a", "x"}, "tagged use=db, with x"},
		"both are":                                  {tagged("db"), []string{"a", "b"}, []string{"b", "x"}, "tagged use=db, without a, with x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := compared(selected(c.selector), c.wanted, c.live); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestDesireNeedsNoObservation(t *testing.T) {
	t.Parallel()
	class := &v1alpha1.PlatformClass{}
	class.Spec.Network.Subnets = tagged("db")
	owner := naming.Class{Installation: "i", Name: "standard"}
	got, err := Desire(&scope.Class{Owner: owner, Class: class})
	if err != nil || got.Name != naming.SubnetGroup(owner) || got.Subnets != "tagged use=db" || got.Released != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}
