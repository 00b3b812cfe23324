// Package loggroup is the step that owns the CloudWatch log groups of a tenant's database: RDS creates a
// missing one without a key of ours, without an end and without tags. It must not import other steps.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Concepts.PostgreSQL.html
package loggroup

import (
	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step.
const Name = "loggroup"

// New returns the step.
func New(sessions *aws.Sessions) converge.Step[*scope.Platform] {
	return converge.Of[*scope.Platform, State]{
		ID:        Name,
		Condition: v1alpha1.ConditionDatabaseReady,
		About:     "The log groups of the tenant's database, with the tenant's key, an end and the tenant's tags.",
		Desire:    Desire,
		Resource:  &resource{sessions: sessions},
		Fields:    Fields,
		Controls:  Controls,
		Constrain: constrain,
		Reads:     reads,
		Writes:    writes,
	}
}

// resource talks to CloudWatch Logs.
type resource struct {
	sessions *aws.Sessions
}

// The IAM actions behind the calls.
var (
	reads = []string{
		"logs:DescribeLogGroups", "logs:ListTagsForResource", "sts:GetCallerIdentity", "tag:GetResources",
	}
	writes = []string{
		"logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource",
	}
)
