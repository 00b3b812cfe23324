package database

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// API is what the step asks of RDS to write.
type API interface {
	CreateDBInstance(context.Context, *rds.CreateDBInstanceInput, ...func(*rds.Options)) (*rds.CreateDBInstanceOutput, error)
	ModifyDBInstance(context.Context, *rds.ModifyDBInstanceInput, ...func(*rds.Options)) (*rds.ModifyDBInstanceOutput, error)
	RebootDBInstance(context.Context, *rds.RebootDBInstanceInput, ...func(*rds.Options)) (*rds.RebootDBInstanceOutput, error)
	AddTagsToResource(context.Context, *rds.AddTagsToResourceInput, ...func(*rds.Options)) (*rds.AddTagsToResourceOutput, error)
	RemoveTagsFromResource(context.Context, *rds.RemoveTagsFromResourceInput, ...func(*rds.Options)) (
		*rds.RemoveTagsFromResourceOutput, error)
}

// Keys is what the step asks of KMS: to write the record on the tenant's key.
type Keys interface {
	TagResource(context.Context, *kms.TagResourceInput, ...func(*kms.Options)) (*kms.TagResourceOutput, error)
}

var (
	_ API  = (*rds.Client)(nil)
	_ Keys = (*kms.Client)(nil)
)

// The IAM actions behind the calls.
var (
	reads = []string{
		"ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
		"kms:ListResourceTags", "rds:DescribeDBInstances", "rds:DescribeDBParameters",
		"rds:DescribeDBSnapshots", "sts:GetCallerIdentity",
	}
	// CreateDBInstance calls KMS with the operator's own rights.
	// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html
	writes = []string{
		"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*",
		"kms:TagResource", "rds:AddTagsToResource", "rds:CreateDBInstance", "rds:ModifyDBInstance",
		"rds:RebootDBInstance", "rds:RemoveTagsFromResource",
	}
)
