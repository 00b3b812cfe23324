package access

import (
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// need is one permission a call needs: an action on every one of the resources.
type need struct {
	action    string
	resources []string
}

// everything is the resource of calls that are about none in particular.
var everything = []string{"*"}

// needs is every permission a call needs, that for the operation itself first.
// Calls of REST services carry no operation name and are not checked.
func (g *Guard) needs(call identity.Call) []need {
	switch call.Service {
	case "rds":
		return rdsNeeds(call, g.keyARN)
	case "ec2":
		return ec2Needs(call)
	case "kms":
		return g.kmsNeeds(call)
	case "iam":
		return iamNeeds(call)
	case "sts":
		return stsNeeds(call)
	case "tagging":
		return []need{{"tag:" + call.Operation, everything}}
	}
	return nil
}

func orEverything(resources []string) []string {
	if len(resources) == 0 {
		return everything
	}
	return resources
}

// rdsResources are the parameters that name resources, by the kind in their ARN.
var rdsResources = []struct{ parameter, kind string }{
	{"DBInstanceIdentifier", "db"}, {"DBSnapshotIdentifier", "snapshot"}, {"DBSubnetGroupName", "subgrp"}, {"DBParameterGroupName", "pg"},
}

// rdsNeeds follows the service authorization reference: tags on creation need
// AddTagsToResource, a key of the customer's needs what RDS does with it.
func rdsNeeds(call identity.Call, keyARN func(identity.Call, string) string) []need {
	prefix := "arn:aws:rds:" + call.Region + ":" + call.Caller.Account + ":"
	var resources []string
	if arn := call.Form.Get("ResourceName"); arn != "" {
		resources = append(resources, arn)
	}
	for _, r := range rdsResources {
		switch name := call.Form.Lower(r.parameter); {
		case strings.HasPrefix(name, "arn:"):
			resources = append(resources, name)
		case name != "":
			resources = append(resources, prefix+r.kind+":"+name)
		}
	}
	if call.Operation == "DescribeDBInstances" && resources == nil {
		resources = []string{prefix + "db:*"}
	}
	all := []need{{"rds:" + call.Operation, orEverything(resources)}}
	if call.Form.HasAny("Tags") && call.Operation != "AddTagsToResource" && len(resources) > 0 {
		all = append(all, need{"rds:AddTagsToResource", resources[:1]})
	}
	if final := call.Form.Lower("FinalDBSnapshotIdentifier"); final != "" {
		all[0].resources = append(all[0].resources, prefix+"snapshot:"+final)
	}
	if key := call.Form.Get("KmsKeyId"); key != "" {
		arn := []string{keyARN(call, key)}
		all = append(all, need{"kms:DescribeKey", arn}, need{"kms:CreateGrant", arn})
	}
	if role := call.Form.Get("MonitoringRoleArn"); role != "" {
		all = append(all, need{"iam:PassRole", []string{role}})
	}
	return all
}

// ec2Kinds are the resource types of EC2 by the prefix of their IDs.
var ec2Kinds = map[string]string{
	"sg": "security-group", "sgr": "security-group-rule", "subnet": "subnet", "vpc": "vpc", "i": "instance", "rtb": "route-table",
	"igw": "internet-gateway",
}

func ec2ARN(call identity.Call, id string) string {
	prefix, _, _ := strings.Cut(id, "-")
	kind, known := ec2Kinds[prefix]
	if !known {
		return "*"
	}
	return "arn:aws:ec2:" + call.Region + ":" + call.Caller.Account + ":" + kind + "/" + id
}

func ec2Needs(call identity.Call) []need {
	action := "ec2:" + call.Operation
	if call.ReadOnly() {
		return []need{{action, everything}} // EC2 has no permissions on what is described
	}
	var resources []string
	for _, name := range []string{"GroupId", "VpcId", "SubnetId", "InstanceId"} {
		if id := call.Form.Get(name); id != "" {
			resources = append(resources, ec2ARN(call, id))
		}
	}
	for _, id := range call.Form.Strings("ResourceId") {
		resources = append(resources, ec2ARN(call, id))
	}
	all := []need{}
	created := "arn:aws:ec2:" + call.Region + ":" + call.Caller.Account + ":"
	if call.Operation == "CreateSecurityGroup" {
		resources = append([]string{created + "security-group/*"}, resources...)
	}
	all = append(all, need{action, orEverything(resources)})
	for _, spec := range call.Form.Structs("TagSpecification") {
		all = append(all, need{"ec2:CreateTags", []string{created + spec.Get("ResourceType") + "/*"}})
	}
	return all
}

// keyARN resolves any name of a key; one that does not exist keeps its place.
func (g *Guard) keyARN(call identity.Call, name string) string {
	if key, ok := g.Keys.Find(call.Caller.Account, call.Region, name); ok {
		return key.ARN
	}
	prefix := "arn:aws:kms:" + call.Region + ":" + call.Caller.Account + ":"
	switch {
	case strings.HasPrefix(name, "arn:"):
		return name
	case strings.HasPrefix(name, "alias/"):
		return prefix + name
	}
	return prefix + "key/" + name
}

func (g *Guard) kmsNeeds(call identity.Call) []need {
	var in struct {
		KeyID       string `json:"KeyId"`
		TargetKeyID string `json:"TargetKeyId"`
		AliasName   string
		Tags        []any
	}
	if call.Decode(&in) != nil {
		return nil // the service refuses what cannot be read
	}
	var resources []string
	for _, name := range []string{in.KeyID, in.TargetKeyID} {
		if name != "" {
			resources = append(resources, g.keyARN(call, name))
		}
	}
	if in.AliasName != "" {
		resources = append(resources, "arn:aws:kms:"+call.Region+":"+call.Caller.Account+":"+in.AliasName)
		if key, ok := g.Keys.Find(call.Caller.Account, call.Region, in.AliasName); ok {
			resources = append(resources, key.ARN)
		}
	}
	all := []need{{"kms:" + call.Operation, orEverything(resources)}}
	if call.Operation == "CreateKey" && len(in.Tags) > 0 {
		all = append(all, need{"kms:TagResource", everything})
	}
	return all
}

// iamKinds are the parameters that name IAM resources.
var iamKinds = []struct{ parameter, kind string }{
	{"RoleName", "role"}, {"UserName", "user"}, {"GroupName", "group"}, {"InstanceProfileName", "instance-profile"},
}

func iamNeeds(call identity.Call) []need {
	prefix := "arn:aws:iam::" + call.Caller.Account + ":"
	path := strings.TrimPrefix(call.Form.Get("Path"), "/")
	var resources []string
	for _, k := range iamKinds {
		if name := call.Form.Get(k.parameter); name != "" {
			resources = append(resources, prefix+k.kind+"/"+path+name)
		}
	}
	switch {
	case len(resources) > 0: // policies of a role are authorized on the role
	case call.Form.Has("PolicyArn"):
		resources = append(resources, call.Form.Get("PolicyArn"))
	case call.Form.Has("PolicyName"):
		resources = append(resources, prefix+"policy/"+path+call.Form.Get("PolicyName"))
	}
	all := []need{{"iam:" + call.Operation, orEverything(resources)}}
	if kind, creates := strings.CutPrefix(call.Operation, "Create"); creates && call.Form.HasAny("Tags") {
		all = append(all, need{"iam:Tag" + kind, orEverything(resources)})
	}
	return all
}

func stsNeeds(call identity.Call) []need {
	switch call.Operation {
	case "AssumeRole":
		return []need{{"sts:AssumeRole", []string{call.Form.Get("RoleArn")}}}
	case "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetCallerIdentity", "GetSessionToken":
		return nil // needs no permission
	}
	return []need{{"sts:" + call.Operation, everything}}
}

// isQuery reports whether parameters are in the form.
func isQuery(call identity.Call) bool {
	return call.Protocol == wire.Query || call.Protocol == wire.EC2Query
}
