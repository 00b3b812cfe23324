package database

import (
	"context"
	"fmt"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// KeyUser declares RDS as a user of the tenant's key: the class's role may use the key through RDS only, and
// let RDS itself use it by grants.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html
func KeyUser(sessions *aws.Sessions) scope.KeyUser {
	return scope.KeyUser{
		Service: "rds", Statements: keyStatements,
		Uses: func(ctx context.Context, in *scope.Platform) ([]string, error) {
			return snapshotKeys(ctx, sessions, in)
		},
	}
}

func keyStatements(in *scope.Platform) []scope.KeyStatement {
	class := in.Class.Spec
	role := map[string]string{"AWS": class.Identity.RoleARN}
	throughRDS := map[string]string{
		"kms:CallerAccount": class.AccountID,
		"kms:ViaService":    fmt.Sprintf("rds.%s.amazonaws.com", class.Region),
	}
	return []scope.KeyStatement{
		{
			Sid: "DatabaseUses", Principal: role, Condition: map[string]map[string]string{"StringEquals": throughRDS},
			Actions: []string{"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"},
		},
		{
			Sid: "DatabaseGrants", Principal: role, Actions: []string{"kms:CreateGrant"},
			Condition: map[string]map[string]string{
				"Bool": {"kms:GrantIsForAWSResource": "true"}, "StringEquals": throughRDS,
			},
		},
	}
}

// snapshotKeys returns the keys of all snapshots of the tenant's database, manual and automated, also those of an
// instance of the same name that is gone.
func snapshotKeys(ctx context.Context, sessions *aws.Sessions, in *scope.Platform) ([]string, error) {
	var arns []string
	pages := rds.NewDescribeDBSnapshotsPaginator(sessions.Account(in.Class).RDS, &rds.DescribeDBSnapshotsInput{
		DBInstanceIdentifier: awssdk.String(in.Tenant.Resource()),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, aws.Classify(err)
		}
		for i := range page.DBSnapshots {
			arns = append(arns, awssdk.ToString(page.DBSnapshots[i].KmsKeyId))
		}
	}
	return arns, nil
}
