// Package tagging answers for the Resource Groups Tagging API: one listing of the
// tagged resources of all services, which lags behind them.
package tagging

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// Resources lists the tagged resources of the services that wanted admits, by their names in ARNs.
type Resources func(
	ctx context.Context, account, region string, view versions.View, wanted func(name string) bool,
) ([]service.Resource, error)

// Service answers for the tagging API.
type Service struct {
	resources Resources
	lag       func(account string) time.Duration
}

// New returns the service; lag is how far the listings of an account are behind.
func New(resources Resources, lag func(account string) time.Duration) *Service {
	return &Service{resources: resources, lag: lag}
}

// operation answers one operation.
type operation func(*Service, context.Context, identity.Call) (any, error)

var operations = map[string]service.Operation[operation, *Service]{
	"GetResources": {Handle: (*Service).getResources, Needs: func(_ *Service, call identity.Call) []service.Need {
		return []service.Need{{Action: "tag:" + call.Operation, Resources: service.Everything()}}
	}},
}

// Facts describe the service, which has no resources of its own.
// Codes: https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
func (*Service) Facts() service.Facts {
	return service.Facts{Name: "tagging", Operations: service.Declared(operations), Codes: service.Codes{
		Throttled: "ThrottledException", Internal: "InternalServiceException", Denied: "AccessDeniedException",
		Invalid: "InvalidParameterException",
	}, Limit: limit}
}

// limit is that of each operation: https://docs.aws.amazon.com/general/latest/gr/arg.html
func limit(operation string) service.Limit {
	return service.Limit{Operations: operation, PerSecond: 15, Burst: 15}
}

// Needs is what a call needs permission for.
func (s *Service) Needs(call identity.Call) []service.Need {
	return operations[call.Operation].Needs(s, call)
}

// Tags is empty: the service has no resources of its own.
func (*Service) Tags(context.Context, string, string, string) (map[string]string, error) {
	return nil, nil
}

// Tagged is empty: the service has no resources of its own.
func (*Service) Tagged(context.Context, string, string, versions.View) ([]service.Resource, error) {
	return nil, nil
}

// Inventory is empty: the service has no resources of its own.
func (*Service) Inventory(context.Context, string, string) (map[string]any, error) { return nil, nil }

// Forget has nothing to forget.
func (*Service) Forget(context.Context, string) error { return nil }

type input struct {
	ResourceARNList     []string `json:",omitempty"`
	ResourceTypeFilters []string `json:",omitempty"`
	TagFilters          []filter `json:",omitempty"`
	ResourcesPerPage    int      `json:",omitempty"`
	PaginationToken     string   `json:",omitempty"`
}

type filter struct {
	Key    string
	Values []string
}

type tag struct{ Key, Value string }

type mapping struct {
	ResourceARN string
	Tags        []tag
}

// Serve answers one call.
func (s *Service) Serve(ctx context.Context, call identity.Call) (any, error) {
	return operations[call.Operation].Handle(s, ctx, call)
}

func (s *Service) getResources(ctx context.Context, call identity.Call) (any, error) {
	var in input
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	view := versions.View{Lag: s.lag(call.Caller.Account), Stale: call.Stale}
	resources, err := s.resources(ctx, call.Caller.Account, call.Region, view, in.includes)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(resources, func(a, b service.Resource) int { return strings.Compare(a.ARN, b.ARN) })
	var found []mapping
	for _, resource := range resources {
		if in.wants(resource) {
			found = append(found, render(resource))
		}
	}
	page, next, err := in.page(found)
	return output{page, next}, err
}

type output struct {
	ResourceTagMappingList []mapping
	PaginationToken        string
}

// includes reports whether resources of a service may be among the requested types.
func (in input) includes(service string) bool {
	return len(in.ResourceTypeFilters) == 0 || slices.ContainsFunc(in.ResourceTypeFilters, func(kind string) bool {
		return kind == service || strings.HasPrefix(kind, service+":")
	})
}

func (in input) wants(resource service.Resource) bool {
	if len(resource.Tags) == 0 || len(in.ResourceARNList) > 0 && !slices.Contains(in.ResourceARNList, resource.ARN) {
		return false
	}
	ofType := func(kind string) bool { return is(resource.ARN, kind) }
	if len(in.ResourceTypeFilters) > 0 && !slices.ContainsFunc(in.ResourceTypeFilters, ofType) {
		return false
	}
	for _, f := range in.TagFilters {
		value, tagged := resource.Tags[f.Key]
		if !tagged || len(f.Values) > 0 && !slices.Contains(f.Values, value) {
			return false
		}
	}
	return true
}

// is reports whether a resource is of a type such as "kms", "kms:key" or "rds:db".
func is(arn, kind string) bool {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return false
	}
	service, sort, detailed := strings.Cut(kind, ":")
	return parts[2] == service && (!detailed || strings.HasPrefix(parts[5], sort+"/") || strings.HasPrefix(parts[5], sort+":"))
}

func render(resource service.Resource) mapping {
	m := mapping{ResourceARN: resource.ARN}
	for key, value := range resource.Tags {
		m.Tags = append(m.Tags, tag{key, value})
	}
	slices.SortFunc(m.Tags, func(a, b tag) int { return strings.Compare(a.Key, b.Key) })
	return m
}

// page cuts the list by ResourcesPerPage and PaginationToken.
func (in input) page(list []mapping) (page []mapping, next string, err error) {
	size := in.ResourcesPerPage
	if size == 0 {
		size = 50
	}
	if size < 1 || size > 100 {
		return nil, "", wire.Errorf(http.StatusBadRequest, "InvalidParameterException", "ResourcesPerPage must be between 1 and 100")
	}
	start := 0
	if in.PaginationToken != "" {
		raw, err := base64.RawURLEncoding.DecodeString(in.PaginationToken)
		if err == nil {
			start, err = strconv.Atoi(string(raw))
		}
		if err != nil || start < 0 {
			return nil, "", wire.Errorf(http.StatusBadRequest, "PaginationTokenExpiredException", "The token is not valid")
		}
	}
	start = min(start, len(list))
	end := min(start+size, len(list))
	if end < len(list) {
		next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end)))
	}
	return append([]mapping{}, list[start:end]...), next, nil
}
