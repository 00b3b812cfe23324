package logs

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
)

// Facts describe the service.
// Codes: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/CommonErrors.html
func (*Service) Facts() service.Facts {
	return service.Facts{
		Name: "logs", Operations: service.Declared(operations), Holds: []string{"logGroups"},
		Codes: service.Codes{
			Throttled: "ThrottlingException", Internal: "ServiceUnavailableException", Denied: "AccessDeniedException",
			Invalid: "InvalidParameterException", Quota: "LimitExceededException", Busy: "OperationAbortedException",
		},
		Limit: limit,
	}
}

// limit is that of each operation: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
func limit(operation string) service.Limit {
	if slices.Contains([]string{"CreateLogGroup", "DeleteLogGroup", "DescribeLogGroups"}, operation) {
		return service.Limit{Operations: operation, PerSecond: 10, Burst: 10}
	}
	return service.Limit{Operations: operation, PerSecond: 5, Burst: 5}
}

// Needs is what a call needs permission for.
func (s *Service) Needs(call identity.Call) []service.Need {
	return operations[call.Operation].Needs(s, call)
}

func groupARN(call identity.Call, name string) string {
	return "arn:aws:logs:" + call.Region + ":" + call.Caller.Account + ":log-group:" + name
}

// onGroup is the needs of an operation on a log group. Policies name it with a trailing ":*":
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
func onGroup(_ *Service, call identity.Call) []service.Need {
	var in input
	if call.Decode(&in) != nil {
		return nil // the service refuses what cannot be read
	}
	arn := in.ResourceIdentifier
	if arn == "" {
		arn = groupARN(call, in.LogGroupName)
	}
	return []service.Need{{Action: "logs:" + call.Operation, Resources: []string{arn + ":*"}}}
}

// creating is the needs of a new log group: tags need a permission of their own.
func creating(s *Service, call identity.Call) []service.Need {
	all := onGroup(s, call)
	var in input
	if call.Decode(&in) == nil && len(in.Tags) > 0 {
		all = append(all, service.Need{Action: "logs:TagResource", Resources: []string{groupARN(call, in.LogGroupName)}})
	}
	return all
}

// onTags is the needs of an operation on tags. Policies name the log group without ":*" there.
func onTags(_ *Service, call identity.Call) []service.Need {
	var in input
	if call.Decode(&in) != nil {
		return nil // the service refuses what cannot be read
	}
	return []service.Need{{Action: "logs:" + call.Operation, Resources: []string{in.ResourceARN}}}
}

// listing is the needs of DescribeLogGroups, which is about no group in particular.
func listing(_ *Service, call identity.Call) []service.Need {
	return []service.Need{{Action: "logs:" + call.Operation, Resources: []string{groupARN(call, ":log-stream:")}}}
}

// Tags is the tags of the log group that an ARN names.
func (s *Service) Tags(_ context.Context, account, name, arn string) (map[string]string, error) {
	r := s.region(account, name)
	group, _ := r.groups.Get(strings.TrimSuffix(strings.TrimPrefix(arn, r.arn("")), ":*"), versions.View{})
	return group.Tags, nil
}

// Tagged is every log group.
func (s *Service) Tagged(_ context.Context, account, name string, view versions.View) ([]service.Resource, error) {
	var all []service.Resource
	for _, group := range s.region(account, name).groups.All(view) {
		all = append(all, service.Resource{ARN: group.ARN, Tags: maps.Clone(group.Tags)})
	}
	return all, nil
}

// entry is a log group in the inventory.
type entry struct {
	Name          string            `json:"name"`
	ARN           string            `json:"arn"`
	Class         string            `json:"class"`
	KeyARN        string            `json:"keyARN"`        // "" for a key of AWS
	RetentionDays int               `json:"retentionDays"` // 0: for ever
	Tags          map[string]string `json:"tags"`
}

// Inventory lists an account and region as it is now.
func (s *Service) Inventory(_ context.Context, account, name string) (map[string]any, error) {
	entries := []entry{}
	for _, group := range s.region(account, name).groups.All(versions.View{}) {
		entries = append(entries, entry{
			Name: group.Name, ARN: group.ARN, Class: group.Class, KeyARN: group.KeyARN, RetentionDays: group.Retention, Tags: group.Tags,
		})
	}
	return map[string]any{"logGroups": entries}, nil
}
