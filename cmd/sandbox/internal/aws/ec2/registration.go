package ec2

import (
	"context"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

// Facts describe the service.
// Codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
func (*Service) Facts() service.Facts {
	return service.Facts{
		Name: "ec2", Operations: service.Declared(operations), Holds: []string{"securityGroups"},
		Codes: service.Codes{
			Throttled: "RequestLimitExceeded", Internal: "InternalError", Denied: "UnauthorizedOperation",
			Invalid: "InvalidParameterValue", Quota: "SecurityGroupLimitExceeded", Busy: "DependencyViolation",
		},
		Limit: limit,
	}
}

// limit is that of each operation by itself, of non-mutating and of mutating ones:
// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
func limit(operation string) service.Limit {
	if strings.HasPrefix(operation, "Describe") {
		return service.Limit{Operations: operation, PerSecond: 20, Burst: 100}
	}
	return service.Limit{Operations: operation, PerSecond: 5, Burst: 50}
}

// Needs is what a call needs permission for.
func (s *Service) Needs(call identity.Call) []service.Need {
	return operations[call.Operation].Needs(s, call)
}

// describing is the needs of a read: EC2 has no permissions on what is described.
func describing(_ *Service, call identity.Call) []service.Need {
	return []service.Need{{Action: "ec2:" + call.Operation, Resources: service.Everything()}}
}

// changing is the needs of a write: on everything it names, and CreateTags on what it tags.
func changing(_ *Service, call identity.Call) []service.Need { return changes(call) }

// creatingGroup is the needs of a write that makes a security group, too.
func creatingGroup(_ *Service, call identity.Call) []service.Need {
	return changes(call, arnPrefix(call)+"security-group/*")
}

func changes(call identity.Call, resources ...string) []service.Need {
	for _, name := range []string{"GroupId", "VpcId", "SubnetId", "InstanceId"} {
		if id := call.Form.Get(name); id != "" {
			resources = append(resources, arnOf(call, id))
		}
	}
	for _, id := range call.Form.Strings("ResourceId") {
		resources = append(resources, arnOf(call, id))
	}
	all := []service.Need{{Action: "ec2:" + call.Operation, Resources: service.OrEverything(resources)}}
	for _, spec := range call.Form.Structs("TagSpecification") {
		all = append(all, service.Need{Action: "ec2:CreateTags", Resources: []string{arnPrefix(call) + spec.Get("ResourceType") + "/*"}})
	}
	return all
}

// kinds are the resource types by the prefix of their IDs.
var kinds = map[string]string{
	"sg": "security-group", "sgr": "security-group-rule", "subnet": "subnet", "vpc": "vpc", "i": "instance", "rtb": "route-table",
	"igw": "internet-gateway", "eni": "network-interface", "acl": "network-acl", "pl": "prefix-list",
}

func arnPrefix(call identity.Call) string {
	return "arn:aws:ec2:" + call.Region + ":" + call.Caller.Account + ":"
}

func arnOf(call identity.Call, id string) string {
	prefix, _, _ := strings.Cut(id, "-")
	kind, known := kinds[prefix]
	if !known {
		return "*"
	}
	return arnPrefix(call) + kind + "/" + id
}

// Tags is the tags of the resource that an ARN names.
func (s *Service) Tags(ctx context.Context, account, name, arn string) (map[string]string, error) {
	return s.moto.As(account, name).EC2Tags(ctx, arn[strings.LastIndexByte(arn, '/')+1:])
}

// Tagged is every tagged resource, as it is now: moto keeps no past.
func (s *Service) Tagged(ctx context.Context, account, name string, _ versions.View) ([]service.Resource, error) {
	found, err := s.moto.As(account, name).Call(ctx, "ec2", "DescribeTags")
	if err != nil {
		return nil, err
	}
	tags := map[string]map[string]string{}
	for _, item := range found.FindElements("./tagSet/item") {
		arn := "arn:aws:ec2:" + name + ":" + account + ":" + moto.Text(item, "resourceType") + "/" + moto.Text(item, "resourceId")
		if tags[arn] == nil {
			tags[arn] = map[string]string{}
		}
		tags[arn][moto.Text(item, "key")] = moto.Text(item, "value")
	}
	var all []service.Resource
	for arn, held := range tags {
		all = append(all, service.Resource{ARN: arn, Tags: held})
	}
	return all, nil
}
