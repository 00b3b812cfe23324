package rds

import (
	"context"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
)

// Facts describe the service.
// Codes: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html
func (*Service) Facts() service.Facts {
	return service.Facts{
		Name: "rds", Operations: service.Declared(operations),
		Holds: []string{"instances", "snapshots", "subnetGroups", "parameterGroups"},
		Codes: service.Codes{
			Throttled: "Throttling", Internal: "InternalFailure", Denied: "AccessDenied", Invalid: "InvalidParameterValue",
			Quota: "InstanceQuotaExceeded", Busy: "InvalidDBInstanceState",
		},
		// The rate: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-api-throttling.html. Of a new
		// account: AWS admits longer bursts to some.
		Limit: func(string) service.Limit { return service.Limit{PerSecond: 12, Burst: 24} },
	}
}

// Needs is what a call needs permission for.
func (s *Service) Needs(call identity.Call) []service.Need {
	return operations[call.Operation].Needs(s, call)
}

// named are the parameters that name resources, by the kind in their ARN.
var named = []struct{ parameter, kind string }{
	{"DBInstanceIdentifier", "db"}, {"DBSnapshotIdentifier", "snapshot"}, {"DBSubnetGroupName", "subgrp"}, {"DBParameterGroupName", "pg"},
}

// needs follows the service authorization reference: tags on creation need AddTagsToResource, a key of
// the customer's needs what RDS does with it.
func needs(s *Service, call identity.Call) []service.Need {
	prefix := "arn:aws:rds:" + call.Region + ":" + call.Caller.Account + ":"
	resources := resourcesOf(call, prefix)
	all := []service.Need{{Action: "rds:" + call.Operation, Resources: service.OrEverything(resources)}}
	if call.Form.HasAny("Tags") && call.Operation != "AddTagsToResource" && len(resources) > 0 {
		all = append(all, service.Need{Action: "rds:AddTagsToResource", Resources: resources[:1]})
	}
	if final := call.Form.Lower("FinalDBSnapshotIdentifier"); final != "" {
		all[0].Resources = append(all[0].Resources, prefix+"snapshot:"+final)
	}
	if key := call.Form.Get("KmsKeyId"); key != "" {
		arn := []string{s.Keys.ARN(call.Caller.Account, call.Region, key)}
		all = append(all, service.Need{Action: "kms:DescribeKey", Resources: arn}, service.Need{Action: "kms:CreateGrant", Resources: arn})
	}
	if role := call.Form.Get("MonitoringRoleArn"); role != "" {
		all = append(all, service.Need{Action: "iam:PassRole", Resources: []string{role}})
	}
	return all
}

// resourcesOf is the resources that a call names.
func resourcesOf(call identity.Call, prefix string) []string {
	var resources []string
	if arn := call.Form.Get("ResourceName"); arn != "" {
		resources = append(resources, arn)
	}
	for _, r := range named {
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
	return resources
}

// Tags is the tags of the resource that an ARN names.
func (s *Service) Tags(_ context.Context, account, name, arn string) (map[string]string, error) {
	tags, err := s.region(account, name).tagsOf(arn, versions.View{})
	if err != nil {
		return nil, nil //nolint:nilerr // a resource that does not exist has no tags
	}
	return tagMap(tags), nil
}

// Tagged is every instance, snapshot and group.
func (s *Service) Tagged(_ context.Context, account, name string, view versions.View) ([]service.Resource, error) {
	r := s.region(account, name)
	var all []service.Resource
	add := func(arn string, tags []Tag) { all = append(all, service.Resource{ARN: arn, Tags: tagMap(tags)}) }
	for _, inst := range r.instances.All(view) {
		add(inst.DBInstanceARN, inst.TagList)
	}
	for _, snapshot := range r.snapshots.All(view) {
		add(snapshot.DBSnapshotARN, snapshot.TagList)
	}
	for _, group := range r.subnetGroups.All(view) {
		add(group.DBSubnetGroupARN, group.tags)
	}
	for _, group := range r.groups.All(view) {
		add(group.DBParameterGroupARN, group.tags)
	}
	return all, nil
}
