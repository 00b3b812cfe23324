package key

// The IAM actions behind the calls.
var (
	reads = []string{
		"kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases",
		"kms:ListResourceTags", "rds:DescribeDBInstances", "tag:GetResources",
	}
	writes = []string{
		"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:CreateKey", "kms:EnableKey", "kms:EnableKeyRotation",
		"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias",
	}
)
