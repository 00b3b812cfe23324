package firewall

// The IAM actions behind the calls.
var (
	reads = []string{
		"ec2:DescribeInstances", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroupRules",
		"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "rds:DescribeDBInstances",
	}
	writes = []string{
		"ec2:AuthorizeSecurityGroupIngress", "ec2:CreateSecurityGroup", "ec2:CreateTags", "ec2:DeleteTags",
		"ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
	}
)
