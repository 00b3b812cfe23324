package iam

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

// entry is a role in the inventory.
type entry struct {
	Name     string            `json:"name"`
	ARN      string            `json:"arn"`
	Trust    string            `json:"trust"`
	Inline   map[string]string `json:"inline"`
	Attached []string          `json:"attached"`
	Boundary string            `json:"boundary"`
	Tags     map[string]string `json:"tags"`
}

// managedPolicy is a policy in the inventory.
type managedPolicy struct {
	Name     string            `json:"name"`
	ARN      string            `json:"arn"`
	Document string            `json:"document"`
	Tags     map[string]string `json:"tags"`
}

func roles(ctx context.Context, as moto.Account) ([]entry, error) {
	listed, err := as.Call(ctx, "iam", "ListRoles", "MaxItems", "1000")
	if err != nil {
		return nil, err
	}
	all := []entry{}
	for _, name := range moto.Texts(listed, ".//Roles/member/RoleName") {
		one, err := readRole(ctx, as, name)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

func readRole(ctx context.Context, as moto.Account, name string) (entry, error) {
	found, err := as.Call(ctx, "iam", "GetRole", "RoleName", name)
	if err != nil {
		return entry{}, err
	}
	one := entry{
		Name: name, ARN: moto.Text(found, ".//Role/Arn"), Trust: plain(moto.Text(found, ".//AssumeRolePolicyDocument")),
		Boundary: moto.Text(found, ".//PermissionsBoundaryArn"), Inline: map[string]string{},
		Tags: tags(found),
	}
	inline, err := as.Call(ctx, "iam", "ListRolePolicies", "RoleName", name)
	if err != nil {
		return entry{}, err
	}
	for _, policy := range moto.Texts(inline, ".//PolicyNames/member") {
		document, err := as.Call(ctx, "iam", "GetRolePolicy", "RoleName", name, "PolicyName", policy)
		if err != nil {
			return entry{}, err
		}
		one.Inline[policy] = plain(moto.Text(document, ".//PolicyDocument"))
	}
	attached, err := as.Call(ctx, "iam", "ListAttachedRolePolicies", "RoleName", name)
	if err != nil {
		return entry{}, err
	}
	one.Attached = append([]string{}, slices.Sorted(slices.Values(moto.Texts(attached, ".//PolicyArn")))...)
	return one, nil
}

func policies(ctx context.Context, as moto.Account) ([]managedPolicy, error) {
	listed, err := as.Call(ctx, "iam", "ListPolicies", "Scope", "Local", "MaxItems", "1000")
	if err != nil {
		return nil, err
	}
	all := []managedPolicy{}
	for _, arn := range moto.Texts(listed, ".//Policies/member/Arn") {
		found, err := as.Call(ctx, "iam", "GetPolicy", "PolicyArn", arn)
		if err != nil {
			return nil, err
		}
		version, err := as.Call(ctx, "iam", "GetPolicyVersion", "PolicyArn", arn, "VersionId", moto.Text(found, ".//DefaultVersionId"))
		if err != nil {
			return nil, err
		}
		all = append(all, managedPolicy{
			Name: moto.Text(found, ".//PolicyName"), ARN: arn, Document: plain(moto.Text(version, ".//Document")),
			Tags: tags(found),
		})
	}
	slices.SortFunc(all, func(a, b managedPolicy) int { return strings.Compare(a.ARN, b.ARN) })
	return all, nil
}

// plain decodes a policy document as IAM gives it out.
func plain(document string) string {
	if decoded, err := url.PathUnescape(document); err == nil {
		return decoded
	}
	return document
}
