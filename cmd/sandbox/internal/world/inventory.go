package world

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/kms"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/rds"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

// inventory is what an account holds in a region, and its IAM.
type inventory struct {
	databases
	keys
	SecurityGroups []securityGroup `json:"securityGroups"`
	Roles          []role          `json:"roles"`
	Policies       []managedPolicy `json:"policies"`
}

type (
	databases = rds.Inventory
	keys      = kms.Inventory
)

type securityGroup struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	VPC         string            `json:"vpc"`
	Rules       []string          `json:"rules"` // "ingress tcp 5432-5432 10.0.0.0/8 (why)"
	Tags        map[string]string `json:"tags"`
}

type role struct {
	Name     string            `json:"name"`
	ARN      string            `json:"arn"`
	Trust    string            `json:"trust"`
	Inline   map[string]string `json:"inline"`
	Attached []string          `json:"attached"`
	Boundary string            `json:"boundary"`
	Tags     map[string]string `json:"tags"`
}

type managedPolicy struct {
	Name     string            `json:"name"`
	ARN      string            `json:"arn"`
	Document string            `json:"document"`
	Tags     map[string]string `json:"tags"`
}

// Inventory lists an account and region in a stable order.
func (w *World) Inventory(ctx context.Context, account, region string) (any, error) {
	found := inventory{databases: w.Databases.Inventory(account, region), keys: w.Keys.Inventory(account, region)}
	var err error
	if found.SecurityGroups, err = securityGroups(ctx, w.Moto.As(account, region)); err != nil {
		return nil, fmt.Errorf("list security groups: %w", err)
	}
	iam := w.Moto.As(account, "us-east-1")
	if found.Roles, err = roles(ctx, iam); err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	if found.Policies, err = policies(ctx, iam); err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	return found, nil
}

func securityGroups(ctx context.Context, as moto.Account) ([]securityGroup, error) {
	found, err := as.Call(ctx, "ec2", "DescribeSecurityGroups")
	if err != nil {
		return nil, err
	}
	listed, err := as.Call(ctx, "ec2", "DescribeSecurityGroupRules")
	if err != nil {
		return nil, err
	}
	rules := map[string][]string{}
	for _, item := range listed.FindElements("./securityGroupRuleSet/item") {
		group := moto.Text(item, "groupId")
		rules[group] = append(rules[group], ruleText(item))
	}
	groups := []securityGroup{}
	for _, item := range found.FindElements("./securityGroupInfo/item") {
		group := securityGroup{
			ID: moto.Text(item, "groupId"), Name: moto.Text(item, "groupName"), Description: moto.Text(item, "groupDescription"),
			VPC: moto.Text(item, "vpcId"), Tags: tagsOf(item, "tagSet/item", "key", "value"),
		}
		group.Rules = append([]string{}, slices.Sorted(slices.Values(rules[group.ID]))...)
		groups = append(groups, group)
	}
	slices.SortFunc(groups, func(a, b securityGroup) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	return groups, nil
}

func ruleText(item *etree.Element) string {
	direction := "ingress"
	if moto.Text(item, "isEgress") == "true" {
		direction = "egress"
	}
	peer := cmp.Or(moto.Text(item, "cidrIpv4"), moto.Text(item, "cidrIpv6"), moto.Text(item, "referencedGroupInfo/groupId"),
		moto.Text(item, "prefixListId"))
	text := fmt.Sprintf("%s %s %s-%s %s", direction, moto.Text(item, "ipProtocol"), moto.Text(item, "fromPort"),
		moto.Text(item, "toPort"), peer)
	if why := moto.Text(item, "description"); why != "" {
		text += " (" + why + ")"
	}
	return text
}

func tagsOf(element *etree.Element, path, key, value string) map[string]string {
	tags := map[string]string{}
	for _, item := range element.FindElements(path) {
		tags[moto.Text(item, key)] = moto.Text(item, value)
	}
	return tags
}

func roles(ctx context.Context, as moto.Account) ([]role, error) {
	listed, err := as.Call(ctx, "iam", "ListRoles", "MaxItems", "1000")
	if err != nil {
		return nil, err
	}
	all := []role{}
	for _, name := range moto.Texts(listed, ".//Roles/member/RoleName") {
		one, err := readRole(ctx, as, name)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b role) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

func readRole(ctx context.Context, as moto.Account, name string) (role, error) {
	found, err := as.Call(ctx, "iam", "GetRole", "RoleName", name)
	if err != nil {
		return role{}, err
	}
	one := role{
		Name: name, ARN: moto.Text(found, ".//Role/Arn"), Trust: plain(moto.Text(found, ".//AssumeRolePolicyDocument")),
		Boundary: moto.Text(found, ".//PermissionsBoundaryArn"), Inline: map[string]string{},
		Tags: tagsOf(found, ".//Tags/member", "Key", "Value"),
	}
	inline, err := as.Call(ctx, "iam", "ListRolePolicies", "RoleName", name)
	if err != nil {
		return role{}, err
	}
	for _, policy := range moto.Texts(inline, ".//PolicyNames/member") {
		document, err := as.Call(ctx, "iam", "GetRolePolicy", "RoleName", name, "PolicyName", policy)
		if err != nil {
			return role{}, err
		}
		one.Inline[policy] = plain(moto.Text(document, ".//PolicyDocument"))
	}
	attached, err := as.Call(ctx, "iam", "ListAttachedRolePolicies", "RoleName", name)
	if err != nil {
		return role{}, err
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
			Tags: tagsOf(found, ".//Tags/member", "Key", "Value"),
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
