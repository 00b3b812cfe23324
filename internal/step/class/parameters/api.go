package parameters

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// API is what the step writes to RDS.
type API interface {
	CreateDBParameterGroup(context.Context, *rds.CreateDBParameterGroupInput, ...func(*rds.Options)) (*rds.CreateDBParameterGroupOutput, error)
	ModifyDBParameterGroup(context.Context, *rds.ModifyDBParameterGroupInput, ...func(*rds.Options)) (*rds.ModifyDBParameterGroupOutput, error)
	DeleteDBParameterGroup(context.Context, *rds.DeleteDBParameterGroupInput, ...func(*rds.Options)) (*rds.DeleteDBParameterGroupOutput, error)
	AddTagsToResource(context.Context, *rds.AddTagsToResourceInput, ...func(*rds.Options)) (*rds.AddTagsToResourceOutput, error)
	RemoveTagsFromResource(context.Context, *rds.RemoveTagsFromResourceInput, ...func(*rds.Options)) (*rds.RemoveTagsFromResourceOutput, error)
}

var _ API = (*rds.Client)(nil)

// The IAM actions behind the calls.
var (
	reads = []string{
		"rds:DescribeDBParameterGroups", "rds:DescribeDBParameters", "rds:ListTagsForResource", "sts:GetCallerIdentity",
	}
	writes = []string{
		"rds:AddTagsToResource", "rds:CreateDBParameterGroup", "rds:DeleteDBParameterGroup", "rds:ModifyDBParameterGroup",
		"rds:RemoveTagsFromResource",
	}
)
