package key

import (
	"encoding/json"
	"fmt"
	"slices"
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
	// Users are the services that the wanted policy admits.
	Users []string
	// Extras are the IDs of further keys of the tenant that are not awaiting deletion.
	Extras []string
}

const enabled = "Enabled"

// Desire returns the wanted key of a platform, for those who use it.
func Desire(users ...scope.KeyUser) func(*scope.Platform) (State, error) {
	return func(in *scope.Platform) (State, error) {
		policy, err := policyFor(in, users)
		if err != nil {
			return State{}, fmt.Errorf("building the key policy: %w", err)
		}
		want := State{
			KeyState:     enabled,
			Alias:        in.Tenant.Alias(),
			Policy:       policy,
			RotationDays: in.Spec.Encryption.RotationDays,
		}
		for _, u := range users {
			want.Users = append(want.Users, u.Service)
		}
		return want, nil
	}
}

// statement is one statement of a key policy.
type statement map[string]any

// policyFor lets the account administer the key and never use it, and lets the declared users use it (FSBP KMS.5).
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
func policyFor(in *scope.Platform, users []scope.KeyUser) (string, error) {
	class := in.Class.Spec
	partition, _, _ := strings.Cut(strings.TrimPrefix(class.Identity.RoleARN, "arn:"), ":")
	statements := []statement{{
		"Sid": "AccountAdministers", "Effect": "Allow", "Resource": "*",
		"Principal": map[string]string{"AWS": fmt.Sprintf("arn:%s:iam::%s:root", partition, class.AccountID)},
		"Action": []string{
			"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:Describe*", "kms:Disable*", "kms:Enable*",
			"kms:Get*", "kms:List*", "kms:Put*", "kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource",
			"kms:UntagResource", "kms:Update*",
		},
	}}
	for _, u := range users {
		for _, s := range u.Statements(in) {
			if !bound(s) {
				return "", fmt.Errorf("statement %s of %s admits more than one service's use of the tenant's data", s.Sid, u.Service)
			}
			statements = append(statements, admit(s))
		}
	}
	return canonical(map[string]any{"Version": "2012-10-17", "Statement": statements})
}

// binding are the operators that bind a call; those with IfExists let pass one without the condition key.
var binding = []string{"StringEquals", "ArnEquals", "ArnLike"}

// bound says that a statement admits named principals, through one service or for the data of one context.
func bound(s scope.KeyStatement) bool {
	if len(s.Principal) == 0 {
		return false
	}
	for _, name := range s.Principal {
		if strings.Contains(name, "*") {
			return false
		}
	}
	for operator, conditions := range s.Condition {
		if slices.Contains(binding, operator) && binds(conditions) {
			return true
		}
	}
	return false
}

// binds says that one of the conditions names a service or a context.
func binds(conditions map[string]string) bool {
	for key, value := range conditions {
		if (key == "kms:ViaService" || strings.HasPrefix(key, "kms:EncryptionContext:")) && value != "" && value != "*" {
			return true
		}
	}
	return false
}

func admit(s scope.KeyStatement) statement {
	var actions any = s.Actions
	if len(s.Actions) == 1 {
		actions = s.Actions[0] // as KMS returns it
	}
	return statement{
		"Sid": s.Sid, "Effect": "Allow", "Resource": "*", "Principal": s.Principal, "Action": actions, "Condition": s.Condition,
	}
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
