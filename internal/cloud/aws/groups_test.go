package aws

import (
	"errors"
	"fmt"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// TestBothCallsReadARuleAlike holds because what one read calls surplus must be found by the next.
func TestBothCallsReadARuleAlike(t *testing.T) {
	a := &Account{id: identity{account: "111111111111"}}
	port := awssdk.Int32(5433)
	tests := map[string]struct {
		listed ec2types.IpPermission
		single ec2types.SecurityGroupRule
		want   Rule
	}{
		"a range": {
			ec2types.IpPermission{
				IpProtocol: new("tcp"), FromPort: port, ToPort: port, IpRanges: []ec2types.IpRange{{CidrIp: new("10.0.0.7/24")}},
			},
			ec2types.SecurityGroupRule{IpProtocol: new("tcp"), FromPort: port, ToPort: port, CidrIpv4: new("10.0.0.0/24")},
			Rule{Peer: "10.0.0.0/24", Protocol: "tcp", From: 5433, To: 5433},
		},
		"the IPv6 internet, written in two ways, for all traffic": {
			ec2types.IpPermission{IpProtocol: new("-1"), Ipv6Ranges: []ec2types.Ipv6Range{{CidrIpv6: new("0:0::0/0")}}},
			ec2types.SecurityGroupRule{
				IpProtocol: new("-1"), FromPort: awssdk.Int32(-1), ToPort: awssdk.Int32(-1), CidrIpv6: new("::/0"),
			},
			Rule{Peer: "::/0", Protocol: "-1", From: -1, To: -1},
		},
		"a prefix list": {
			ec2types.IpPermission{
				IpProtocol: new("udp"), FromPort: port, ToPort: port,
				PrefixListIds: []ec2types.PrefixListId{{PrefixListId: new("pl-1")}},
			},
			ec2types.SecurityGroupRule{IpProtocol: new("udp"), FromPort: port, ToPort: port, PrefixListId: new("pl-1")},
			Rule{Peer: "pl-1", Protocol: "udp", From: 5433, To: 5433},
		},
		"a group of the account": {
			ec2types.IpPermission{
				IpProtocol: new("tcp"), FromPort: port, ToPort: port,
				UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: new("sg-1"), UserId: new("111111111111")}},
			},
			ec2types.SecurityGroupRule{
				IpProtocol: new("tcp"), FromPort: port, ToPort: port,
				ReferencedGroupInfo: &ec2types.ReferencedSecurityGroup{GroupId: new("sg-1")},
			},
			Rule{Peer: "sg-1", Protocol: "tcp", From: 5433, To: 5433},
		},
		"a group of another account": {
			ec2types.IpPermission{
				IpProtocol: new("tcp"), FromPort: port, ToPort: port,
				UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: new("sg-1"), UserId: new("222222222222")}},
			},
			ec2types.SecurityGroupRule{
				IpProtocol: new("tcp"), FromPort: port, ToPort: port,
				ReferencedGroupInfo: &ec2types.ReferencedSecurityGroup{GroupId: new("sg-1"), UserId: new("222222222222")},
			},
			Rule{Peer: "222222222222/sg-1", Protocol: "tcp", From: 5433, To: 5433},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff([]Rule{test.want}, a.flatten([]ec2types.IpPermission{test.listed})); diff != "" {
				t.Errorf("from the listing (-want +got):\n%s", diff)
			}
			test.single.SecurityGroupRuleId = new("sgr-1")
			test.want.ID = "sgr-1"
			if diff := cmp.Diff(test.want, a.ruleOf(&test.single)); diff != "" {
				t.Errorf("from the single read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPermissionIsTakenApart(t *testing.T) {
	got := (&Account{}).flatten([]ec2types.IpPermission{{
		IpProtocol: new("tcp"), FromPort: awssdk.Int32(1), ToPort: awssdk.Int32(2),
		IpRanges:         []ec2types.IpRange{{CidrIp: new("10.0.0.1/32")}, {CidrIp: new("10.0.0.2/32")}},
		UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: new("sg-1")}},
	}, {
		IpProtocol: new("-1"), IpRanges: []ec2types.IpRange{{CidrIp: new("10.0.0.3/32")}},
	}})
	want := []Rule{
		{Peer: "10.0.0.1/32", Protocol: "tcp", From: 1, To: 2},
		{Peer: "10.0.0.2/32", Protocol: "tcp", From: 1, To: 2},
		{Peer: "sg-1", Protocol: "tcp", From: 1, To: 2},
		{Peer: "10.0.0.3/32", Protocol: "-1", From: -1, To: -1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestAHostHasTheAddressesOfItsInterfaces(t *testing.T) {
	face := func(vpc string, addresses ...string) ec2types.InstanceNetworkInterface {
		n := ec2types.InstanceNetworkInterface{VpcId: &vpc}
		for _, address := range addresses {
			n.PrivateIpAddresses = append(n.PrivateIpAddresses, ec2types.InstancePrivateIpAddress{PrivateIpAddress: &address})
		}
		return n
	}
	in := func(state ec2types.InstanceStateName) *ec2types.Instance {
		return &ec2types.Instance{
			VpcId: new("vpc-1"), PrivateIpAddress: new("10.0.0.9"), State: &ec2types.InstanceState{Name: state},
			NetworkInterfaces: []ec2types.InstanceNetworkInterface{
				face("vpc-1", "10.0.0.9", "10.0.0.10"), face("vpc-1", "10.0.0.3"), face("vpc-2", "10.0.0.4"),
			},
		}
	}
	all := []string{"10.0.0.10", "10.0.0.3", "10.0.0.9"}
	for state, want := range map[ec2types.InstanceStateName][]string{
		ec2types.InstanceStateNamePending: all, ec2types.InstanceStateNameRunning: all,
		ec2types.InstanceStateNameStopping: all, ec2types.InstanceStateNameStopped: all,
		ec2types.InstanceStateNameShuttingDown: nil, ec2types.InstanceStateNameTerminated: nil,
	} {
		t.Run(fmt.Sprintf("%s: %d addresses", state, len(want)), func(t *testing.T) {
			if diff := cmp.Diff(want, hostOf(in(state)).Addresses); diff != "" {
				t.Errorf("addresses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIsRuleGone(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"a rule ID that is not there":    {&smithy.GenericAPIError{Code: "InvalidSecurityGroupRuleId.NotFound"}, true},
		"a permission that is not there": {&smithy.GenericAPIError{Code: "InvalidPermission.NotFound"}, true},
		"a missing permission of ours":   {&smithy.GenericAPIError{Code: "UnauthorizedOperation"}, false},
		"no answer":                      {errors.New("connection reset"), false},
		"no error":                       {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := IsRuleGone(test.err); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}
