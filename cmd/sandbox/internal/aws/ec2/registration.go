package ec2

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
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

// reading is the needs of a read: EC2 has no permissions on what is described.
func reading(_ *Service, call identity.Call) []service.Need {
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
func (s *Service) Tags(_ context.Context, account, name, arn string) (map[string]string, error) {
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	in, known := s.region(account, name).of(id)
	if !known {
		return nil, nil
	}
	return in.tagsOf(id).asMap(), nil
}

// Tagged is every resource that has tags.
func (s *Service) Tagged(_ context.Context, account, name string, view versions.View) ([]service.Resource, error) {
	r := s.region(account, name)
	var all []service.Resource
	for prefix, in := range r.all() {
		in.eachTagged(view, func(id string, held tags) {
			if len(held) > 0 {
				all = append(all, service.Resource{ARN: r.arn(kinds[prefix], id), Tags: held.asMap()})
			}
		})
	}
	return all, nil
}

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
func (s *Service) Inventory(_ context.Context, account, name string) (map[string]any, error) {
	r := s.region(account, name)
	entries := []entry{}
	for _, g := range r.groups.All(versions.View{}) {
		one := entry{ID: g.ID, Name: g.Name, Description: g.Description, VPC: g.VPC, Rules: []string{}, Tags: g.Tags.asMap()}
		for _, s := range g.rules {
			one.Rules = append(one.Rules, s.text())
		}
		slices.Sort(one.Rules)
		entries = append(entries, one)
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	return map[string]any{"securityGroups": entries}, nil
}

func (s standing) text() string {
	direction := "ingress"
	if s.Egress {
		direction = "egress"
	}
	text := fmt.Sprintf("%s %s %d-%d %s", direction, s.protocol, s.from, s.to, s.peer)
	if s.Description != "" {
		text += " (" + s.Description + ")"
	}
	return text
}
