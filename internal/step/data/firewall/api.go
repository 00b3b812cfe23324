package firewall

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// API is what the step asks of EC2 to write.
type API interface {
	CreateSecurityGroup(
		context.Context, *ec2.CreateSecurityGroupInput, ...func(*ec2.Options),
	) (*ec2.CreateSecurityGroupOutput, error)
	CreateTags(context.Context, *ec2.CreateTagsInput, ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error)
	DeleteTags(context.Context, *ec2.DeleteTagsInput, ...func(*ec2.Options)) (*ec2.DeleteTagsOutput, error)
	groupRules
}

type groupRules interface {
	AuthorizeSecurityGroupIngress(
		context.Context, *ec2.AuthorizeSecurityGroupIngressInput, ...func(*ec2.Options),
	) (*ec2.AuthorizeSecurityGroupIngressOutput, error)
	RevokeSecurityGroupIngress(
		context.Context, *ec2.RevokeSecurityGroupIngressInput, ...func(*ec2.Options),
	) (*ec2.RevokeSecurityGroupIngressOutput, error)
	RevokeSecurityGroupEgress(
		context.Context, *ec2.RevokeSecurityGroupEgressInput, ...func(*ec2.Options),
	) (*ec2.RevokeSecurityGroupEgressOutput, error)
}

var _ API = (*ec2.Client)(nil)

// The IAM actions behind the calls.
var (
	reads = []string{
		"ec2:DescribeInstances", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroupRules",
		"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
	}
	writes = []string{
		"ec2:AuthorizeSecurityGroupIngress", "ec2:CreateSecurityGroup", "ec2:CreateTags", "ec2:DeleteTags",
		"ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
	}
)
