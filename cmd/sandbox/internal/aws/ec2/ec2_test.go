package ec2

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/beevik/etree"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// network is an account with a VPC, a subnet and an instance.
type network struct {
	t                     *testing.T
	account               Account
	vpc, subnet, instance string
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	service := New(setting.New(setting.Values{}), func(string, string, string) bool { return false }, time.Now)
	n := &network{t: t, account: service.As("111122223333", "eu-central-1")}
	n.vpc = n.text(".//vpcId", "CreateVpc", "CidrBlock", "10.0.0.0/16")
	n.subnet = n.text(".//subnetId", "CreateSubnet", "VpcId", n.vpc, "CidrBlock", "10.0.1.0/24")
	n.instance = n.text(".//instanceId", "RunInstances", "ImageId", "ami-1", "SubnetId", n.subnet)
	return n
}

func (n *network) call(operation string, pairs ...string) *etree.Element {
	n.t.Helper()
	root, err := n.account.Call(n.t.Context(), operation, pairs...)
	if err != nil {
		n.t.Fatalf("%s: %v", operation, err)
	}
	return root
}

// texts is what an answer holds at a path.
func (n *network) texts(path, operation string, pairs ...string) []string {
	n.t.Helper()
	var found []string
	for _, e := range n.call(operation, pairs...).FindElements(path) {
		found = append(found, e.Text())
	}
	return found
}

func (n *network) text(path, operation string, pairs ...string) string {
	n.t.Helper()
	found := n.texts(path, operation, pairs...)
	if len(found) == 0 {
		n.t.Fatalf("%s answers nothing at %s", operation, path)
	}
	return found[0]
}

func (n *network) refused(want, operation string, pairs ...string) {
	n.t.Helper()
	if _, err := n.account.Call(n.t.Context(), operation, pairs...); err == nil || wire.AsError(err).Code != want {
		n.t.Errorf("%s %v: %v, want %s", operation, pairs, err, want)
	}
}

func TestAnInstanceHasTheAddressesOfItsInterfaces(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	addresses := func() []string {
		t.Helper()
		return n.texts(".//privateIpAddressesSet/item/privateIpAddress", "DescribeInstances", "InstanceId.1", n.instance)
	}
	if got := addresses(); !slices.Equal(got, []string{"10.0.1.4"}) {
		t.Errorf("at first it has %v", got)
	}
	added := n.text(".//networkInterfaceId", "CreateNetworkInterface", "SubnetId", n.subnet, "PrivateIpAddress", "10.0.1.77")
	n.refused("InvalidParameterValue", "CreateNetworkInterface", "SubnetId", n.subnet, "PrivateIpAddress", "10.9.0.1")
	n.refused("InvalidIPAddress.InUse", "CreateNetworkInterface", "SubnetId", n.subnet, "PrivateIpAddress", "10.0.1.77")
	link := n.text(".//attachmentId", "AttachNetworkInterface", "NetworkInterfaceId", added, "InstanceId", n.instance, "DeviceIndex", "1")
	n.refused("InvalidNetworkInterface.InUse", "AttachNetworkInterface",
		"NetworkInterfaceId", added, "InstanceId", n.instance, "DeviceIndex", "2")
	if got := addresses(); !slices.Equal(got, []string{"10.0.1.4", "10.0.1.77"}) {
		t.Errorf("with another interface it has %v", got)
	}
	n.call("DetachNetworkInterface", "AttachmentId", link)
	n.refused("InvalidAttachmentID.NotFound", "DetachNetworkInterface", "AttachmentId", link)
	if got := addresses(); !slices.Equal(got, []string{"10.0.1.4"}) {
		t.Errorf("without it, it has %v", got)
	}
	n.call("TerminateInstances", "InstanceId.1", n.instance)
	state := n.text(".//instanceState/name", "DescribeInstances", "InstanceId.1", n.instance)
	if got := addresses(); len(got) != 0 || state != "terminated" {
		t.Errorf("%s, it has %v", state, got)
	}
}

func TestARuleIsModifiedInPlaceOrNotAtAll(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	group := n.text(".//groupId", "CreateSecurityGroup", "GroupName", "one", "GroupDescription", "one", "VpcId", n.vpc)
	rule := n.text(".//securityGroupRuleId", "AuthorizeSecurityGroupIngress", "GroupId", group, "IpProtocol", "tcp",
		"FromPort", "5432", "ToPort", "5432", "CidrIp", "10.0.0.0/8")
	modify := func(id, cidr string) []string {
		return []string{
			"GroupId", group, "SecurityGroupRule.1.SecurityGroupRuleId", id, "SecurityGroupRule.1.SecurityGroupRule.IpProtocol", "tcp",
			"SecurityGroupRule.1.SecurityGroupRule.FromPort", "5432", "SecurityGroupRule.1.SecurityGroupRule.ToPort", "5432",
			"SecurityGroupRule.1.SecurityGroupRule.CidrIpv4", cidr,
		}
	}
	n.refused("InvalidParameterValue", "ModifySecurityGroupRules", modify(rule, "10.0.0.0/64")...)
	n.refused("InvalidSecurityGroupRuleId.NotFound", "ModifySecurityGroupRules", modify("sgr-0", "0.0.0.0/0")...)
	n.refused("InvalidParameterValue", "ModifySecurityGroupRules", modify(rule, "")...)
	n.call("AuthorizeSecurityGroupIngress", "GroupId", group, "IpProtocol", "tcp", "FromPort", "5432", "ToPort", "5432", "CidrIp", "192.0.2.0/24")
	n.refused("InvalidPermission.Duplicate", "ModifySecurityGroupRules", modify(rule, "192.0.2.9/24")...)
	n.call("ModifySecurityGroupRules", modify(rule, "0.0.0.0/0")...)
	if got := n.texts(".//cidrIpv4", "DescribeSecurityGroupRules", "SecurityGroupRuleId.1", rule); !slices.Equal(got, []string{"0.0.0.0/0"}) {
		t.Errorf("it admits %v", got)
	}
}

func TestASubnetFollowsTheRouteTableItIsGiven(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	tables := func() []string {
		t.Helper()
		return n.texts(".//routeTableSet/item/routeTableId", "DescribeRouteTables", "Filter.1.Name", "association.subnet-id", "Filter.1.Value.1", n.subnet)
	}
	first, second := n.text(".//routeTableId", "CreateRouteTable", "VpcId", n.vpc), n.text(".//routeTableId", "CreateRouteTable", "VpcId", n.vpc)
	link := n.text(".//associationId", "AssociateRouteTable", "RouteTableId", first, "SubnetId", n.subnet)
	n.refused("Resource.AlreadyAssociated", "AssociateRouteTable", "RouteTableId", second, "SubnetId", n.subnet)
	if got := tables(); !slices.Equal(got, []string{first}) {
		t.Errorf("tables %v, want %s", got, first)
	}
	link = n.text(".//newAssociationId", "ReplaceRouteTableAssociation", "AssociationId", link, "RouteTableId", second)
	if got := tables(); !slices.Equal(got, []string{second}) {
		t.Errorf("tables %v, want %s", got, second)
	}
	n.call("DisassociateRouteTable", "AssociationId", link)
	if got := tables(); len(got) != 0 {
		t.Errorf("tables %v, want none", got)
	}
	main := n.text(".//routeTableAssociationId", "DescribeRouteTables",
		"Filter.1.Name", "vpc-id", "Filter.1.Value.1", n.vpc, "Filter.2.Name", "association.main", "Filter.2.Value.1", "true")
	n.refused("InvalidParameterValue", "DisassociateRouteTable", "AssociationId", main)
	mains := n.texts(".//associationSet/item/main", "DescribeRouteTables", "Filter.1.Name", "vpc-id", "Filter.1.Value.1", n.vpc)
	if !slices.Equal(mains, []string{"true"}) {
		t.Errorf("main associations %v", mains)
	}
}

func TestAFilterThatTheSandboxDoesNotHaveIsRefused(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	for _, operation := range []string{
		"DescribeVpcs", "DescribeSubnets", "DescribeRouteTables", "DescribeInternetGateways", "DescribeSecurityGroups",
		"DescribeSecurityGroupRules", "DescribeInstances", "DescribeNetworkInterfaces", "DescribeManagedPrefixLists",
	} {
		n.refused("InvalidParameterValue", operation, "Filter.1.Name", "magic", "Filter.1.Value.1", "x")
		n.call(operation, "Filter.1.Name", "tag:any", "Filter.1.Value.1", "x")
	}
}

func TestAParameterThatTheSandboxDoesNotReadIsRefused(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	for name, operation := range operations {
		n.refused("NotImplemented", name, "Magic.1.Name", "x")
		if operation.Needs == nil {
			t.Errorf("%s does not declare its needs", name)
		}
	}
	n.refused("DryRunOperation", "DescribeVpcs", "DryRun", "true")
}

func TestTagsAreRefusedAsByAWS(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.refused("InvalidParameterValue", "CreateVpc", "CidrBlock", "10.1.0.0/16", "TagSpecification.1.ResourceType", "subnet")
	n.refused("InvalidParameterValue", "CreateVpc", "CidrBlock", "10.1.0.0/16",
		"TagSpecification.1.ResourceType", "vpc", "TagSpecification.1.Tag.1.Key", "aws:x")
	if got := len(n.texts(".//vpcSet/item/vpcId", "DescribeVpcs")); got != 2 {
		t.Errorf("%d VPCs after refusals, want the default one and one", got)
	}
	n.refused("InvalidID", "CreateTags", "ResourceId.1", "what-1", "Tag.1.Key", "k")
	n.refused("InvalidGroup.NotFound", "CreateTags", "ResourceId.1", n.vpc, "ResourceId.2", "sg-1", "Tag.1.Key", "k")
	n.refused("InvalidParameterValue", "CreateTags", "ResourceId.1", n.vpc, "Tag.1.Key", "k", "Tag.2.Key", "k")
	n.refused("InvalidParameterValue", "CreateTags", "ResourceId.1", n.vpc, "Tag.1.Key", "aws:k")
	pairs := []string{"ResourceId.1", n.vpc}
	for i := range mostTags + 1 {
		pairs = append(pairs, fmt.Sprintf("Tag.%d.Key", i+1), fmt.Sprint(i))
	}
	n.refused("TagLimitExceeded", "CreateTags", pairs...)
	if got := n.texts(".//tagSet/item/key", "DescribeVpcs", "VpcId.1", n.vpc); len(got) != 0 {
		t.Errorf("after refusals the tags are %v", got)
	}
	n.call("CreateTags", pairs[:len(pairs)-2]...)
	n.refused("TagLimitExceeded", "CreateTags", "ResourceId.1", n.vpc, "Tag.1.Key", "more")
	n.call("DeleteTags", "ResourceId.1", n.vpc, "Tag.1.Key", "0", "Tag.1.Value", "another", "Tag.2.Key", "1")
	if got := n.texts(".//tagSet/item/key", "DescribeVpcs", "VpcId.1", n.vpc); len(got) != mostTags-1 || slices.Contains(got, "1") {
		t.Errorf("tags are removed by key and, where one is given, value: %v", got)
	}
}

func TestWhatIsOfAnotherNetworkIsRefused(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	other := n.text(".//vpcId", "CreateVpc", "CidrBlock", "10.1.0.0/16")
	group := n.text(".//groupId", "CreateSecurityGroup", "GroupName", "one", "GroupDescription", "one", "VpcId", other)
	n.refused("InvalidParameterValue", "CreateNetworkInterface", "SubnetId", n.subnet, "SecurityGroupId.1", group)
	n.refused("InvalidParameterValue", "CreateSubnet", "VpcId", n.vpc, "CidrBlock", "10.0.2.0/24", "AvailabilityZone", "eu-west-1a")
}

func TestASubnetRunsOutOfAddresses(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	small := n.text(".//subnetId", "CreateSubnet", "VpcId", n.vpc, "CidrBlock", "10.0.2.0/28")
	free := func() string {
		t.Helper()
		return n.text(".//availableIpAddressCount", "DescribeSubnets", "SubnetId.1", small)
	}
	if got := free(); got != "11" {
		t.Errorf("%s addresses are free at first, want 11", got)
	}
	n.call("CreateNetworkInterface", "SubnetId", small, "PrivateIpAddress", "10.0.2.5")
	for range 10 {
		n.call("CreateNetworkInterface", "SubnetId", small)
	}
	n.refused("InsufficientFreeAddressesInSubnet", "CreateNetworkInterface", "SubnetId", small)
	if got := free(); got != "0" {
		t.Errorf("%s addresses are free in the end", got)
	}
}

func TestAStaleReadShowsWhatWasBeforeTheLastWrite(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	group := n.text(".//groupId", "CreateSecurityGroup", "GroupName", "one", "GroupDescription", "one", "VpcId", n.vpc)
	serve := func(stale bool, operation string, pairs ...string) *etree.Element {
		t.Helper()
		values := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			values.Set(pairs[i], pairs[i+1])
		}
		result, err := n.account.service.Serve(t.Context(), identity.Call{
			Request: &wire.Request{
				Service: "ec2", Region: "eu-central-1", Operation: operation, Protocol: wire.EC2Query, Form: wire.NewForm(values), Stale: stale,
			},
			Caller: identity.Administrator("111122223333"),
		})
		if err != nil {
			t.Fatalf("%s: %v", operation, err)
		}
		document := etree.NewDocument()
		answered, ok := result.(*wire.Answer)
		if !ok {
			t.Fatalf("%s answers %T", operation, result)
		}
		if err := document.ReadFromBytes(answered.Body); err != nil {
			t.Fatal(err)
		}
		return document.Root()
	}
	for _, cidr := range []string{"10.0.0.0/8", "192.0.2.0/24"} {
		serve(false, "AuthorizeSecurityGroupIngress", "GroupId", group, "IpProtocol", "tcp", "FromPort", "5432", "ToPort", "5432", "CidrIp", cidr)
	}
	for stale, want := range map[bool]int{false: 3, true: 2} { // the rule that lets everything out, too
		rules := serve(stale, "DescribeSecurityGroupRules", "Filter.1.Name", "group-id", "Filter.1.Value.1", group).FindElements(".//cidrIpv4")
		if len(rules) != want {
			t.Errorf("stale %v: %d rules, want %d", stale, len(rules), want)
		}
	}
	if subnets := serve(true, "DescribeSubnets", "SubnetId.1", n.subnet).FindElements(".//subnetSet/item"); len(subnets) != 1 {
		t.Errorf("a stale read shows %d subnets that the sandbox itself created, want 1", len(subnets))
	}
}
