// Package tagging answers for the Resource Groups Tagging API: one listing of the
// tagged resources of all services, which lags behind them.
package tagging

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

// Resource is a tagged resource.
type Resource struct {
	ARN  string
	Tags map[string]string
}

// Source lists the tagged resources of one service that the sandbox models.
type Source func(account, region string, view versions.View) []Resource

// Lag is how far the listings of an account are behind.
type Lag func(account string) versions.View

// Service answers for the tagging API.
type Service struct {
	sources map[string]Source // by service name in ARNs: "kms", "rds"
	lag     Lag
	moto    *moto.Server
}

// New returns the service. The resources of all other services are read from moto.
func New(sources map[string]Source, lag Lag, server *moto.Server) *Service {
	return &Service{sources: sources, lag: lag, moto: server}
}

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
	if call.Operation != "GetResources" {
		return nil, wire.Errorf(http.StatusNotImplemented, "NotImplemented", "the sandbox does not do tag:%s", call.Operation)
	}
	var in input
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	resources, err := s.resources(ctx, call, in)
	if err != nil {
		return nil, err
	}
	var found []mapping
	for _, resource := range resources {
		if in.wants(resource) {
			found = append(found, render(resource))
		}
	}
	page, next, err := in.page(found)
	return output{page, next}, err
}

// resources is every tagged resource that the requested types may include.
func (s *Service) resources(ctx context.Context, call identity.Call, in input) ([]Resource, error) {
	view := s.lag(call.Caller.Account)
	view.Stale = call.Stale
	var all []Resource
	for name, list := range s.sources {
		if in.includes(name) {
			all = append(all, list(call.Caller.Account, call.Region, view)...)
		}
	}
	if len(in.ResourceTypeFilters) == 0 || slices.ContainsFunc(in.ResourceTypeFilters, s.isElsewhere) {
		others, err := s.elsewhere(ctx, call)
		if err != nil {
			return nil, err
		}
		all = append(all, others...)
	}
	slices.SortFunc(all, func(a, b Resource) int { return strings.Compare(a.ARN, b.ARN) })
	return all, nil
}

// isElsewhere reports whether a type such as "ec2:security-group" is one of moto's.
func (s *Service) isElsewhere(kind string) bool {
	service, _, _ := strings.Cut(kind, ":")
	_, own := s.sources[service]
	return !own
}

// elsewhere is what moto knows.
func (s *Service) elsewhere(ctx context.Context, call identity.Call) ([]Resource, error) {
	var all []Resource
	for token := ""; ; {
		page, err := s.ask(ctx, call, token)
		if err != nil {
			return nil, fmt.Errorf("list tagged resources: %w", err)
		}
		for _, m := range page.ResourceTagMappingList {
			if s.isElsewhere(strings.TrimPrefix(m.ResourceARN, "arn:aws:")) {
				all = append(all, m.resource())
			}
		}
		if token = page.PaginationToken; token == "" {
			return all, nil
		}
	}
}

type output struct {
	ResourceTagMappingList []mapping
	PaginationToken        string
}

// ask gets one page from moto.
func (s *Service) ask(ctx context.Context, call identity.Call, token string) (output, error) {
	body, err := json.Marshal(input{ResourcesPerPage: 100, PaginationToken: token})
	if err != nil {
		return output{}, err
	}
	answer, err := s.moto.As(call.Caller.Account, call.Region).
		JSON(ctx, "tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", body)
	if err != nil {
		return output{}, err
	}
	var page output
	err = json.Unmarshal(answer, &page)
	return page, err
}

func (m mapping) resource() Resource {
	resource := Resource{ARN: m.ResourceARN, Tags: map[string]string{}}
	for _, t := range m.Tags {
		resource.Tags[t.Key] = t.Value
	}
	return resource
}

// includes reports whether resources of a service may be among the requested types.
func (in input) includes(service string) bool {
	return len(in.ResourceTypeFilters) == 0 || slices.ContainsFunc(in.ResourceTypeFilters, func(kind string) bool {
		return kind == service || strings.HasPrefix(kind, service+":")
	})
}

func (in input) wants(resource Resource) bool {
	if len(resource.Tags) == 0 || len(in.ResourceARNList) > 0 && !slices.Contains(in.ResourceARNList, resource.ARN) {
		return false
	}
	if len(in.ResourceTypeFilters) > 0 && !slices.ContainsFunc(in.ResourceTypeFilters, resource.is) {
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

// is reports whether the resource is of a type such as "kms", "kms:key" or "rds:db".
func (r Resource) is(kind string) bool {
	parts := strings.SplitN(r.ARN, ":", 6)
	if len(parts) < 6 {
		return false
	}
	service, sort, detailed := strings.Cut(kind, ":")
	return parts[2] == service && (!detailed || strings.HasPrefix(parts[5], sort+"/") || strings.HasPrefix(parts[5], sort+":"))
}

func render(resource Resource) mapping {
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
