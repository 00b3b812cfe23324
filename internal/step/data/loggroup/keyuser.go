package loggroup

import (
	"context"
	"fmt"
	"strings"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// KeyUser declares CloudWatch Logs as a user of the tenant's key, for the tenant's log groups only.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
func KeyUser(sessions *aws.Sessions) scope.KeyUser {
	return scope.KeyUser{
		Service: "logs", Statements: keyStatements,
		Uses: func(ctx context.Context, in *scope.Platform) ([]string, error) {
			found, _, err := (&resource{sessions: sessions}).find(ctx, in, true, func(map[string]string) bool { return true })
			var arns []string
			for _, g := range found {
				if g.key != "" {
					arns = append(arns, g.key)
				}
			}
			return arns, err
		},
	}
}

func keyStatements(in *scope.Platform) []scope.KeyStatement {
	return []scope.KeyStatement{{
		Sid:       "LogGroupsUse",
		Principal: map[string]string{"Service": fmt.Sprintf("logs.%s.amazonaws.com", in.Class.Spec.Region)},
		Actions:   []string{"kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"},
		Condition: map[string]map[string]string{"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arnOf(in.Class, prefix(in.Tenant)+"*")}},
	}}
}

// arnOf is the ARN of a log group, as the calls about tags take it.
func arnOf(class *v1alpha1.PlatformClass, name string) string {
	partition, _, _ := strings.Cut(strings.TrimPrefix(class.Spec.Identity.RoleARN, "arn:"), ":")
	return fmt.Sprintf("arn:%s:logs:%s:%s:log-group:%s", partition, class.Spec.Region, class.Spec.AccountID, name)
}
