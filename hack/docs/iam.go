package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
)

// The resources that the operator writes. Everything that has a name begins with coach-.
const (
	anything      = "*"
	keys          = "arn:*:kms:*:*:key/*"
	aliases       = "arn:*:kms:*:*:alias/coach-*"
	groups        = "arn:*:ec2:*:*:security-group/*"
	networks      = "arn:*:ec2:*:*:vpc/*"
	databases     = "arn:*:rds:*:*:db:coach-*"
	subnetGroups  = "arn:*:rds:*:*:subgrp:coach-*"
	parameters    = "arn:*:rds:*:*:pg:coach-*"
	optionGroups  = "arn:*:rds:*:*:og:default:*"
	logGroups     = "arn:*:logs:*:*:log-group:/aws/rds/instance/coach-*"
	callerTag     = "${aws:PrincipalTag/%s}"
	maxPolicySize = 6144 // of a customer managed policy, without white space
)

// The managed policies of a class's role, by purpose. A new wing has its own: tenant-edge, tenant-media.
const (
	forReads = "reads"
	forCore  = "tenant-core"
	forClass = "class"
)

// purposes are all policies in their order, and what each is for.
var purposes = []struct{ name, about string }{
	{forReads, "the reads of all steps"},
	{forCore, "the writes for one tenant: key, security group, log groups, database"},
	{forClass, "the writes for resources that the platforms of a class share: subnet group, parameter groups"},
}

// grant is one statement about writes: in which policy it is, which actions it allows, on what, and how they are
// bound to the owner that the session's tags name.
type grant struct {
	policy    string
	sid       string
	resources []string
	bind      func(owner []string) condition
	actions   []string
}

type condition map[string]map[string]any

// created binds to what the request tags as the owner's.
func created(owner []string) condition {
	return condition{"StringEquals": equal("aws:RequestTag/", owner)}
}

// tagged binds the tagging that is a part of creating: the new resource has no tags yet, and one that has
// must have the owner's.
func tagged(owner []string) condition {
	c := created(owner)
	c["StringEqualsIfExists"] = equal("aws:ResourceTag/", owner)
	return c
}

// taggedGroup is tagged for EC2, which names the call that the tagging is a part of.
func taggedGroup(owner []string) condition {
	c := created(owner)
	c["StringEquals"]["ec2:CreateAction"] = "CreateSecurityGroup"
	return c
}

// owned binds to what carries the owner's tags.
func owned(owner []string) condition {
	return condition{"StringEquals": equal("aws:ResourceTag/", owner)}
}

// ownedThroughRDS is owned, for calls that RDS sends in the operator's name.
func ownedThroughRDS(owner []string) condition {
	c := owned(owner)
	c["StringLike"] = map[string]any{"kms:ViaService": "rds.*.amazonaws.com"}
	return c
}

// named binds to nothing but the resource's name: it has no tags, or it is shared by the class.
func named([]string) condition { return nil }

func equal(prefix string, tags []string) map[string]any {
	pairs := map[string]any{}
	for _, tag := range tags {
		pairs[prefix+tag] = fmt.Sprintf(callerTag, tag)
	}
	return pairs
}

// The tags that identify an owner.
var (
	tenantTags = []string{naming.TagInstallation, naming.TagNamespaceUID, naming.TagName}
	classTags  = []string{naming.TagInstallation, naming.TagClass}
)

// tenantGrants is how each write of a platform's steps is bound. Which keys each action knows:
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var tenantGrants = []grant{
	// A key that is being created has no ARN yet.
	{forCore, "TenantCreatesKey", []string{anything}, tagged, []string{"kms:CreateKey", "kms:TagResource"}},
	{forCore, "TenantCreates", []string{groups, databases}, created, []string{"ec2:CreateSecurityGroup", "rds:CreateDBInstance"}},
	{forCore, "TenantTagsNewDatabase", []string{databases}, tagged, []string{"rds:AddTagsToResource"}},
	{forCore, "TenantCreatesLogGroup", []string{logGroups}, tagged, []string{"logs:CreateLogGroup", "logs:TagResource"}},
	{
		forCore, "TenantChangesOwnLogGroup",
		[]string{logGroups},
		owned,
		[]string{"logs:AssociateKmsKey", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource"},
	},
	{forCore, "TenantTagsNewGroup", []string{groups}, taggedGroup, []string{"ec2:CreateTags"}},
	{
		forCore,
		"TenantChangesOwn",
		[]string{keys, groups, databases},
		owned,
		[]string{
			"ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags", "ec2:DeleteTags", "ec2:RevokeSecurityGroupEgress",
			"ec2:RevokeSecurityGroupIngress", "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:EnableKey",
			"kms:EnableKeyRotation", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
			"kms:UpdateAlias", "rds:AddTagsToResource", "rds:ModifyDBInstance", "rds:RebootDBInstance",
			"rds:RemoveTagsFromResource",
		},
	},
	{
		forCore,
		"TenantUsesKeyThroughRDS",
		[]string{keys},
		ownedThroughRDS,
		[]string{
			"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*",
		},
	},
	{
		forCore,
		"TenantNames",
		[]string{aliases, networks, subnetGroups, parameters, optionGroups},
		named,
		[]string{
			"ec2:CreateSecurityGroup", "kms:CreateAlias", "kms:UpdateAlias", "rds:CreateDBInstance", "rds:ModifyDBInstance",
		},
	},
}

// classGrants is the same for a class's steps.
var classGrants = []grant{
	{forClass, "ClassCreates", []string{subnetGroups, parameters}, created, []string{"rds:CreateDBParameterGroup", "rds:CreateDBSubnetGroup"}},
	{forClass, "ClassTagsNew", []string{subnetGroups, parameters}, tagged, []string{"rds:AddTagsToResource"}},
	{
		forClass,
		"ClassChangesOwn",
		[]string{subnetGroups, parameters},
		owned,
		[]string{
			"rds:AddTagsToResource", "rds:DeleteDBParameterGroup", "rds:DeleteDBSubnetGroup", "rds:ModifyDBParameterGroup",
			"rds:ModifyDBSubnetGroup", "rds:RemoveTagsFromResource",
		},
	},
}

// statement of an IAM policy; its fields are in the order of the text.
type statement struct {
	Sid       string
	Effect    string
	Principal map[string]string `json:",omitempty"`
	Action    []string
	Resource  []string  `json:",omitempty"`
	Condition condition `json:",omitempty"`
}

// iamPolicies are the least policies of a class's role, by purpose: together they are the union of what the steps
// declare. An action that no grant covers is a failure: its binding has to be stated.
func iamPolicies() (map[string][]statement, error) {
	reads := map[string]bool{}
	for _, d := range append(platformSteps(), classSteps()...) {
		for _, action := range d.Reads {
			reads[action] = true
		}
	}
	all := map[string][]statement{forReads: {{
		Sid: "Reads", Effect: "Allow", Action: slices.Sorted(maps.Keys(reads)), Resource: []string{anything},
	}}}
	for _, part := range []struct {
		grants []grant
		owner  []string
		steps  []converge.Description
	}{{tenantGrants, tenantTags, platformSteps()}, {classGrants, classTags, classSteps()}} {
		writes, err := bound(part.grants, part.owner, part.steps)
		if err != nil {
			return nil, err
		}
		for name, statements := range writes {
			all[name] = append(all[name], statements...)
		}
	}
	return all, fits(all)
}

// fits says which policies IAM would not take, and which have no page.
func fits(policies map[string][]statement) error {
	for name, statements := range policies {
		if size := compact(statements); size > maxPolicySize {
			return fmt.Errorf("the policy %s has %d characters and IAM takes %d: give a part of it a purpose of its own",
				name, size, maxPolicySize)
		}
		if !slices.ContainsFunc(purposes, func(p struct{ name, about string }) bool { return p.name == name }) {
			return fmt.Errorf("the policy %s has no entry in purposes", name)
		}
	}
	return nil
}

// policyFiles are the policies as they are generated, by the name of the file.
func policyFiles() map[string]func() (string, error) {
	files := map[string]func() (string, error){}
	for _, p := range purposes {
		files[policyFile(p.name)] = func() (string, error) {
			all, err := iamPolicies()
			if err != nil {
				return "", err
			}
			return document(all[p.name])
		}
	}
	return files
}

func policyFile(purpose string) string { return "iam-policy-" + purpose + ".json" }

// bound returns the statements of those grants whose actions the steps declare, by policy.
func bound(grants []grant, owner []string, steps []converge.Description) (map[string][]statement, error) {
	missing := map[string]bool{}
	for _, d := range steps {
		for _, action := range d.Writes {
			missing[action] = true
		}
	}
	declared := maps.Clone(missing)
	all := map[string][]statement{}
	for _, g := range grants {
		var actions []string
		for _, action := range g.actions {
			if declared[action] {
				actions = append(actions, action)
				delete(missing, action)
			}
		}
		if len(actions) > 0 {
			all[g.policy] = append(all[g.policy], statement{
				Sid: g.sid, Effect: "Allow", Action: actions, Resource: g.resources, Condition: g.bind(owner),
			})
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("no grant binds %s: say in hack/docs/iam.go how it is bound to its owner",
			strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
	return all, nil
}

// iamTrust is the trust policy of a class's role.
func iamTrust() (string, error) {
	operator := map[string]string{"AWS": "OPERATOR_ROLE_ARN"}
	tags := slices.Sorted(maps.Keys(naming.Tenant{}.Tags()))
	for tag := range (naming.Class{}).Tags() {
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return document([]statement{
		{
			Sid: "Assume", Effect: "Allow", Principal: operator, Action: []string{"sts:AssumeRole"},
			Condition: condition{"StringEquals": {"sts:ExternalId": "EXTERNAL_ID"}},
		},
		{
			Sid: "Tag", Effect: "Allow", Principal: operator, Action: []string{"sts:TagSession"},
			Condition: condition{
				"StringEquals":              {"aws:RequestTag/" + naming.TagManagedBy: naming.ManagedBy},
				"ForAllValues:StringEquals": {"aws:TagKeys": tags},
			},
		},
	})
}

// iamOperator is the policy of the operator's own role.
func iamOperator() (string, error) {
	return document([]statement{{
		Sid: "BecomeTheClasses", Effect: "Allow", Action: []string{"sts:AssumeRole", "sts:TagSession"},
		Resource: []string{"CLASS_ROLE_ARN"},
	}})
}

func document(all []statement) (string, error) {
	text, err := json.MarshalIndent(map[string]any{"Version": "2012-10-17", "Statement": all}, "", "  ")
	return string(text) + "\n", err
}

// compact is the size of the policy as IAM counts it.
func compact(all []statement) int {
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": all})
	if err != nil {
		return maxPolicySize + 1
	}
	return len(text)
}

// iamPage explains the policies.
func iamPage() (string, error) {
	operator, err := iamOperator()
	if err != nil {
		return "", err
	}
	policies, err := iamPolicies()
	if err != nil {
		return "", err
	}
	p := newPage("IAM", "what the steps declare and hack/docs/iam.go", `The operator needs three things to work in an AWS account. Each
grants the least that the steps of this version need. make generate writes this page and the policies from the steps.

1. **The class's role**, in the account of the class (`+"`spec.identity.roleARN`"+`), has all managed policies
   [below](#the-policies-of-the-classs-role). There is nothing to fill in.
2. **Its trust policy**, [iam-trust-policy.json](iam-trust-policy.json), lets only the operator assume the role, and only with the
   external ID of the class. Fill in OPERATOR_ROLE_ARN and EXTERNAL_ID (`+"`spec.identity.externalID`"+`).
3. **The operator's own role** (IRSA or EKS Pod Identity on its service account) may assume the roles of the classes. Fill in
   CLASS_ROLE_ARN, one for each class:`)
	p.line("\n```json\n%s```", operator)
	p.heading(2, "The policies of the class's role")
	p.line("A managed policy has at most %d characters, so there is one for each purpose. A role can have ten.\n", maxPolicySize)
	p.line("| policy | purpose | characters |\n| --- | --- | --- |")
	names := make([]string, 0, len(purposes))
	for _, of := range purposes {
		p.line("| [%[1]s](%[1]s) | %[2]s | %[3]d |", policyFile(of.name), of.about, compact(policies[of.name]))
		names = append(names, of.name)
	}
	p.line("\nTo create and attach them, replace ROLE by the name of the role and run in the folder of this page:\n\n```sh\n"+
		"for purpose in %s; do\n"+
		"  arn=$(aws iam create-policy --policy-name coach-$purpose \\\n"+
		"    --policy-document file://iam-policy-$purpose.json --query Policy.Arn --output text)\n"+
		"  aws iam attach-role-policy --role-name ROLE --policy-arn \"$arn\"\n"+
		"done\n```", strings.Join(names, " "))
	p.line("\nIf an upgrade of the operator changes a policy, run `aws iam create-policy-version --set-as-default`.")
	p.heading(2, "How writes are bound to their tenant")
	p.line("%s", `The operator writes for one tenant at a time, in a session that carries the tenant's tags
(`+code(tenantTags...)+`; `+code(classTags...)+` for resources that the platforms of a class share). The policies compare them:

- A new resource must be tagged with the tags of the session (aws:RequestTag).
- A changed resource must have the tags of the session (aws:ResourceTag). So a session of one tenant cannot change the resources of
  another, even if the operator has a bug.
- The role may use the tenant's key through RDS only (kms:ViaService).
- Resources that cannot be bound by tags are bound by name: aliases, and the subnet and parameter groups that the platforms of a
  class share. All these names begin with `+"`coach-`"+`. A VPC is named only to create a security group in it.

Reads need no tags. Sweeps run in a separate session whose session policy allows reads only.

Limitation: a session can put its tenant's tags on a key, on a database named coach-… or on a log group of such a database if the
resource has no coach: tags. No IAM condition key distinguishes this from the tagging of a new resource.`)
	p.heading(2, "Before the first database of an account")
	p.line("%s", "RDS needs its service-linked role. In an account that has never used RDS, create it once: "+
		"`aws iam create-service-linked-role --aws-service-name rds.amazonaws.com`. The operator has no permission to do so.")
	return p.String(), nil
}
