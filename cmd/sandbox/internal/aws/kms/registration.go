package kms

import (
	"context"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
)

// Facts describe the service.
// Codes: https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html
func (*Service) Facts() service.Facts {
	return service.Facts{
		Name: "kms", Operations: service.Declared(operations), Holds: []string{"keys", "aliases"},
		Codes: service.Codes{
			Throttled: "ThrottlingException", Internal: "KMSInternalException", Denied: "AccessDeniedException",
			Invalid: "ValidationException", Quota: "LimitExceededException", Busy: "KMSInvalidStateException",
		},
		Limit: limit,
	}
}

// rates are how many calls of an operation a second KMS admits, each by itself, and usualRate is that of the others:
// https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html
var rates = map[string]float64{
	"DescribeKey": 2000, "EnableKeyRotation": 15, "GetKeyPolicy": 1000, "GetKeyRotationStatus": 1000, "ListAliases": 500,
	"ListKeyPolicies": 100, "ListKeys": 500, "ListResourceTags": 2000, "PutKeyPolicy": 15, "ScheduleKeyDeletion": 15,
	"TagResource": 10,
}

const usualRate = 5

func limit(operation string) service.Limit {
	rate, ok := rates[operation]
	if !ok {
		rate = usualRate
	}
	return service.Limit{Operations: operation, PerSecond: rate, Burst: rate}
}

// Needs is what a call needs permission for.
func (s *Service) Needs(call identity.Call) []service.Need {
	return operations[call.Operation].Needs(s, call)
}

// needs is the operation's own action on the keys and aliases that the call names.
func needs(s *Service, call identity.Call) []service.Need {
	var in input
	if call.Decode(&in) != nil {
		return nil // the service refuses what cannot be read
	}
	var resources []string
	for _, name := range []string{in.KeyID, in.TargetKeyID} {
		if name != "" {
			resources = append(resources, s.ARN(call.Caller.Account, call.Region, name))
		}
	}
	if in.AliasName != "" {
		resources = append(resources, "arn:aws:kms:"+call.Region+":"+call.Caller.Account+":"+in.AliasName)
		if key, ok := s.Find(call.Caller.Account, call.Region, in.AliasName); ok {
			resources = append(resources, key.ARN)
		}
	}
	return []service.Need{{Action: "kms:" + call.Operation, Resources: service.OrEverything(resources)}}
}

// creationNeeds is what a new key needs: tags need a permission of their own.
func creationNeeds(s *Service, call identity.Call) []service.Need {
	all := needs(s, call)
	var in struct{ Tags []any }
	if call.Decode(&in) == nil && len(in.Tags) > 0 {
		all = append(all, service.Need{Action: "kms:TagResource", Resources: service.Everything()})
	}
	return all
}

// ARN resolves any name of a key; one that does not exist keeps its place.
func (s *Service) ARN(account, region, name string) string {
	if key, ok := s.Find(account, region, name); ok {
		return key.ARN
	}
	prefix := "arn:aws:kms:" + region + ":" + account + ":"
	switch {
	case strings.HasPrefix(name, "arn:"):
		return name
	case strings.HasPrefix(name, "alias/"):
		return prefix + name
	}
	return prefix + "key/" + name
}

// Tags is the tags of the key that an ARN names.
func (s *Service) Tags(_ context.Context, account, region, arn string) (map[string]string, error) {
	key, _ := s.Exact(account, region, arn)
	return key.TagMap(), nil
}

// Tagged is every key.
func (s *Service) Tagged(_ context.Context, account, region string, view versions.View) ([]service.Resource, error) {
	var all []service.Resource
	for _, key := range s.Keys(account, region, view) {
		all = append(all, service.Resource{ARN: key.ARN, Tags: key.TagMap()})
	}
	return all, nil
}
