package key

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/coachplatform/coach-operator/internal/scope"
)

// State is a KMS key as far as we own or judge it.
type State struct {
	// ID and ARN are observed.
	ID, ARN string
	// KeyState is the key's state as KMS names it.
	KeyState string
	// Alias is the alias of ours that names the key, or "".
	Alias string
	// Policy is the key policy as canonical JSON.
	Policy string
	// RotationDays is the rotation period; zero is off.
	RotationDays int32
	// Released is the value of the tag that says the key was released, or "".
	Released string
	// Recorded is the database that the key's tag records; the step database owns that tag.
	Recorded string
	// Extras are the IDs of further keys of the tenant that are not awaiting deletion.
	Extras []string
}

const enabled = "Enabled"

// Desire returns the wanted key.
func Desire(in *scope.Platform) (State, error) {
	policy, err := policyFor(in)
	if err != nil {
		return State{}, fmt.Errorf("building the key policy: %w", err)
	}
	return State{
		KeyState:     enabled,
		Alias:        in.Tenant.Alias(),
		Policy:       policy,
		RotationDays: in.Spec.Encryption.RotationDays,
	}, nil
}

// statement is one statement of a key policy; its fields are in the order of the canonical text.
type statement map[string]any

// policyFor lets the account administer the key and never use it, and lets the class's role use it
// through RDS only (FSBP KMS.5).
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html
func policyFor(in *scope.Platform) (string, error) {
	class := in.Class.Spec
	partition, _, _ := strings.Cut(strings.TrimPrefix(class.Identity.RoleARN, "arn:"), ":")
	role := map[string]string{"AWS": class.Identity.RoleARN}
	throughRDS := map[string]any{
		"kms:CallerAccount": class.AccountID,
		"kms:ViaService":    fmt.Sprintf("rds.%s.amazonaws.com", class.Region),
	}
	return canonical(map[string]any{
		"Version": "2012-10-17",
		"Statement": []statement{
			{
				"Sid": "AccountAdministers", "Effect": "Allow", "Resource": "*",
				"Principal": map[string]string{"AWS": fmt.Sprintf("arn:%s:iam::%s:root", partition, class.AccountID)},
				"Action": []string{
					"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:Describe*", "kms:Disable*", "kms:Enable*",
					"kms:Get*", "kms:List*", "kms:Put*", "kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource",
					"kms:UntagResource", "kms:Update*",
				},
			},
			{
				"Sid": "DatabaseUses", "Effect": "Allow", "Resource": "*", "Principal": role,
				"Action": []string{
					"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*",
				},
				"Condition": map[string]any{"StringEquals": throughRDS},
			},
			{
				"Sid": "DatabaseGrants", "Effect": "Allow", "Resource": "*", "Principal": role,
				"Action": "kms:CreateGrant",
				"Condition": map[string]any{
					"Bool": map[string]string{"kms:GrantIsForAWSResource": "true"}, "StringEquals": throughRDS,
				},
			},
		},
	})
}

// canonical returns JSON with sorted keys and no spaces.
func canonical(document any) (string, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return "", err
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return "", err
	}
	text, err = json.Marshal(plain)
	return string(text), err
}
