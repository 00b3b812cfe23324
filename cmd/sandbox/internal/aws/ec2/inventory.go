package ec2

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

// entry is a security group in the inventory.
type entry struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	VPC         string            `json:"vpc"`
	Rules       []string          `json:"rules"` // "ingress tcp 5432-5432 10.0.0.0/8 (why)"
	Tags        map[string]string `json:"tags"`
}

// Inventory lists the security groups of an account and region: the rest of a network is not changed by
// what the sandbox is for.
func (s *Service) Inventory(ctx context.Context, account, name string) (map[string]any, error) {
	groups, err := securityGroups(ctx, s.moto.As(account, name))
	return map[string]any{"securityGroups": groups}, err
}

func securityGroups(ctx context.Context, as moto.Account) ([]entry, error) {
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
	groups := []entry{}
	for _, item := range found.FindElements("./securityGroupInfo/item") {
		group := entry{
			ID: moto.Text(item, "groupId"), Name: moto.Text(item, "groupName"), Description: moto.Text(item, "groupDescription"),
			VPC: moto.Text(item, "vpcId"), Tags: readTags(item),
		}
		group.Rules = append([]string{}, slices.Sorted(slices.Values(rules[group.ID]))...)
		groups = append(groups, group)
	}
	slices.SortFunc(groups, func(a, b entry) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
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
