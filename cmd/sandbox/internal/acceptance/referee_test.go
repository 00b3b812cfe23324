package acceptance

import (
	"context"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/ec2"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

// refereed are the calls that both the sandbox and moto answer, one a line: what the tests of the operator do
// with EC2, and what they are refused. After "as" stands the name of what the answer holds at a path, for
// later calls.
const refereed = `
CreateVpc CidrBlock=10.42.0.0/16 as $vpc vpc/vpcId
DescribeVpcs VpcId.1=$vpc
DescribeVpcs VpcId.1=vpc-00000000000000000
DescribeAvailabilityZones
CreateSubnet VpcId=$vpc CidrBlock=10.42.1.0/24 AvailabilityZone=eu-central-1b as $subnet subnet/subnetId
CreateSubnet VpcId=$vpc CidrBlock=10.42.1.128/25
CreateSubnet VpcId=$vpc CidrBlock=10.43.0.0/24
DescribeSubnets Filter.1.Name=vpc-id Filter.1.Value.1=$vpc
DescribeSubnets SubnetId.1=subnet-00000000000000000
CreateInternetGateway as $igw internetGateway/internetGatewayId
AttachInternetGateway InternetGatewayId=$igw VpcId=$vpc
AttachInternetGateway InternetGatewayId=$igw VpcId=$vpc
DescribeInternetGateways Filter.1.Name=attachment.vpc-id Filter.1.Value.1=$vpc
CreateRouteTable VpcId=$vpc as $table routeTable/routeTableId
CreateRouteTable VpcId=$vpc as $other routeTable/routeTableId
CreateRoute RouteTableId=$table DestinationCidrBlock=0.0.0.0/0 GatewayId=$igw
CreateRoute RouteTableId=$table DestinationCidrBlock=0.0.0.0/0 GatewayId=$igw
CreateRoute RouteTableId=$table DestinationIpv6CidrBlock=::/0 GatewayId=$igw
CreateRoute RouteTableId=rtb-00000000000000000 DestinationCidrBlock=0.0.0.0/0 GatewayId=$igw
AssociateRouteTable RouteTableId=$table SubnetId=$subnet as $link associationId
DescribeRouteTables Filter.1.Name=association.subnet-id Filter.1.Value.1=$subnet
DescribeRouteTables Filter.1.Name=vpc-id Filter.1.Value.1=$vpc
ReplaceRouteTableAssociation AssociationId=$link RouteTableId=$other as $new newAssociationId
DescribeRouteTables RouteTableId.1=$other
DisassociateRouteTable AssociationId=$new
DisassociateRouteTable AssociationId=$new
DeleteRoute RouteTableId=$table DestinationCidrBlock=0.0.0.0/0
DeleteRoute RouteTableId=$table DestinationCidrBlock=0.0.0.0/0
DescribeRouteTables RouteTableId.1=$table
DescribeRouteTables RouteTableId.1=rtb-00000000000000000
CreateSecurityGroup VpcId=$vpc GroupName=one GroupDescription=first {tag} as $one groupId
CreateSecurityGroup VpcId=$vpc GroupName=one GroupDescription=again
CreateSecurityGroup VpcId=$vpc GroupName=two GroupDescription=second as $two groupId
AuthorizeSecurityGroupIngress GroupId=$one {tcp} {cidr} as $rule securityGroupRuleSet/item/securityGroupRuleId
AuthorizeSecurityGroupIngress GroupId=$one {tcp} {cidr}
AuthorizeSecurityGroupIngress GroupId=sg-00000000000000000 {tcp} {cidr}
AuthorizeSecurityGroupIngress GroupId=$one {tcp} IpPermissions.1.Groups.1.GroupId=$two
AuthorizeSecurityGroupIngress GroupId=$one {tcp} IpPermissions.1.Groups.1.GroupId=sg-00000000000000000
AuthorizeSecurityGroupIngress GroupId=$one IpPermissions.1.IpProtocol=-1 {cidr}
AuthorizeSecurityGroupIngress GroupId=$one IpPermissions.1.IpProtocol=-1 IpPermissions.1.Groups.1.GroupId=$two
AuthorizeSecurityGroupEgress GroupId=$one {tcp} IpPermissions.1.Ipv6Ranges.1.CidrIpv6=::/0
DescribeSecurityGroupRules Filter.1.Name=group-id Filter.1.Value.1=$one
DescribeSecurityGroupRules SecurityGroupRuleId.1=$rule
DescribeSecurityGroups GroupId.1=$one
DescribeSecurityGroups GroupId.1=sg-00000000000000000
DescribeSecurityGroups Filter.1.Name=tag:k Filter.1.Value.1=v*
DescribeSecurityGroups Filter.1.Name=vpc-id Filter.1.Value.1=$vpc Filter.2.Name=group-name Filter.2.Value.1=one
ModifySecurityGroupRules GroupId=$one {update}.IpProtocol=tcp {update}.FromPort=5433 {update}.ToPort=5433 {update}.CidrIpv4=192.0.2.0/24
DescribeSecurityGroupRules SecurityGroupRuleId.1=$rule
CreateTags ResourceId.1=$one Tag.1.Key=more Tag.1.Value=yes
DeleteTags ResourceId.1=$one Tag.1.Key=k
DescribeSecurityGroups GroupId.1=$one
RevokeSecurityGroupIngress GroupId=$one SecurityGroupRuleId.1=$rule
RevokeSecurityGroupIngress GroupId=$one {tcp} IpPermissions.1.Groups.1.GroupId=$two
RevokeSecurityGroupIngress GroupId=$one {tcp} IpPermissions.1.Groups.1.GroupId=$two
RevokeSecurityGroupIngress GroupId=$one IpPermissions.1.IpProtocol=-1 IpPermissions.1.Groups.1.GroupId=$two
DescribeSecurityGroupRules Filter.1.Name=group-id Filter.1.Value.1=$one
RunInstances ImageId=ami-0c0ac4000000d3e00 MinCount=1 MaxCount=1 InstanceType=t3.micro SubnetId=$subnet SecurityGroupId.1=$one as $instance instancesSet/item/instanceId
DescribeInstances Filter.1.Name=instance-id Filter.1.Value.1=$instance
DescribeInstances InstanceId.1=i-00000000000000000
DescribeNetworkInterfaces Filter.1.Name=group-id Filter.1.Value.1=$one
DescribeSubnets SubnetId.1=$subnet
CreateNetworkInterface SubnetId=$subnet PrivateIpAddress=10.42.1.77 SecurityGroupId.1=$one as $interface networkInterface/networkInterfaceId
AttachNetworkInterface NetworkInterfaceId=$interface InstanceId=$instance DeviceIndex=1 as $attachment attachmentId
DetachNetworkInterface AttachmentId=$attachment
CreateManagedPrefixList PrefixListName=list AddressFamily=IPv4 MaxEntries=1 as $list prefixList/prefixListId
DescribeManagedPrefixLists PrefixListId.1=$list
AuthorizeSecurityGroupIngress GroupId=$two {tcp} IpPermissions.1.PrefixListIds.1.PrefixListId=$list
DescribeSecurityGroups GroupId.1=$two
TerminateInstances InstanceId.1=$instance
DeleteSecurityGroup GroupId=$two
DeleteSecurityGroup GroupId=$two
`

// shorthand is what the calls say often.
var shorthand = strings.NewReplacer(
	"{tag}", "TagSpecification.1.ResourceType=security-group TagSpecification.1.Tag.1.Key=k TagSpecification.1.Tag.1.Value=v",
	"{tcp}", "IpPermissions.1.IpProtocol=tcp IpPermissions.1.FromPort=5432 IpPermissions.1.ToPort=5432",
	"{cidr}", "IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8",
	"{update}", "SecurityGroupRule.1.SecurityGroupRuleId=$rule SecurityGroupRule.1.SecurityGroupRule",
)

// anyID is an ID that no call has given a name.
var anyID = regexp.MustCompile(`\b([a-z-]+)-[0-9a-f]{17}\b`)

// unlike are the leaves of answers that the two need not have alike.
var unlike = regexp.MustCompile(
	// Times and numbers that each gives out, and IDs of zones, which AWS numbers differently in each account.
	`/(requestId|launchTime|attachTime|macAddress|clientToken|requesterId|availabilityZoneId|zoneId)\b` +
		// What AWS answers and moto does not.
		`|^/(return|tagSet)\b|/(groupOwnerId|securityGroupRuleArn)\b|^/securityGroupRuleSet/item/(from|to)Port -1$|/instancesSet/item/tagSet$` +
		// What moto answers and the sandbox does not have.
		`|/(cidrBlockAssociationSet|ipv6CidrBlockAssociationSet|dhcpOptionsId|messageSet|ipv6Native|assignIpv6AddressOnCreation)\b` +
		`|/(privateDnsNameOptionsOnLaunch|amiLaunchIndex|architecture|blockDeviceMapping|ebsOptimized|hibernationOptions)\b` +
		`|/(hypervisor|metadataOptions|monitoring|association|deleteOnTermination|networkCardIndex|interfaceType)\b` +
		`|/(ipv6AddressesSet|requesterManaged|sourceDestCheck|instanceOwnerId)\b` +
		`|/instancesSet/item/(privateDnsName|productCodes|reason|rootDevice(Name|Type)|sriovNetSupport|stateReason|virtualizationType)\b` +
		`|/placement/(groupName|tenancy)\b|/instancesSet/item/networkInterfaceSet/item/ownerId\b` +
		`|^/(reservationSet/item/)?groupSet$|/prefixList(Set/item)?/version\b|/networkInterfaceSet/item/(attachment|description)\b`)

// caller answers a call of EC2 with parameters given as name, value, name, value.
type caller func(ctx context.Context, operation string, pairs ...string) (*etree.Element, error)

// leaves is what an answer holds, as "path text".
func leaves(path string, e *etree.Element) []string {
	if len(e.ChildElements()) == 0 {
		return []string{strings.TrimSpace(path + " " + e.Text())}
	}
	var all []string
	for _, child := range e.ChildElements() {
		all = append(all, leaves(path+"/"+child.Tag, child)...)
	}
	return all
}

// play makes the calls and returns what each answered, with IDs named as the calls name them.
func play(t *testing.T, call caller) map[string][]string {
	t.Helper()
	var ids []string // an ID and its name, by turns
	answers := map[string][]string{}
	for line := range strings.Lines(strings.TrimSpace(refereed)) {
		line = strings.TrimSpace(line)
		said, as, named := strings.Cut(shorthand.Replace(line), " as ")
		operation, parameters, _ := strings.Cut(said, " ")
		var pairs []string
		for parameter := range strings.FieldsSeq(parameters) {
			name, value, _ := strings.Cut(parameter, "=")
			if at := slices.Index(ids, value); at > 0 {
				value = ids[at-1]
			}
			pairs = append(pairs, name, value)
		}
		for answers[line] != nil {
			line += " again"
		}
		answers[line] = []string{}
		root, err := call(t.Context(), operation, pairs...)
		if err != nil {
			answers[line] = []string{wire.AsError(err).Code}
			continue
		}
		if named {
			name, path, _ := strings.Cut(as, " ")
			ids = append(ids, moto.Text(root, path), name)
		}
		for _, leaf := range leaves("", root) {
			if unlike.MatchString(leaf) {
				continue
			}
			answers[line] = append(answers[line], anyID.ReplaceAllString(strings.NewReplacer(ids...).Replace(leaf), "$1-ID"))
		}
	}
	return answers
}

func TestTheSandboxAnswersForEC2AsMotoDoes(t *testing.T) {
	t.Parallel()
	const account = "111122223333"
	server, err := moto.New(running.moto, t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	nobody := func(string, string, string) bool { return false }
	own := play(t, ec2.New(setting.New(setting.Values{}), nobody, time.Now).As(account, region).Call)
	theirs := play(t, func(ctx context.Context, operation string, pairs ...string) (*etree.Element, error) {
		return server.As(account, region).Call(ctx, "ec2", operation, pairs...)
	})
	for line := range own {
		slices.Sort(own[line])
		slices.Sort(theirs[line])
		if diff := cmp.Diff(theirs[line], own[line]); diff != "" {
			t.Errorf("%s (-moto +sandbox):\n%s", line, diff)
		}
	}
}
