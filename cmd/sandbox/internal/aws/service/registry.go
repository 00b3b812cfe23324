package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// Registry is every service of the sandbox. It is safe for concurrent use.
type Registry struct {
	order    []string
	services map[string]Service // by signing name
	facts    map[string]Facts

	mu      sync.Mutex
	refused map[Unknown]int
}

// NewRegistry registers services. It panics when two have the same name.
func NewRegistry(services ...Service) *Registry {
	r := &Registry{services: map[string]Service{}, facts: map[string]Facts{}, refused: map[Unknown]int{}}
	for _, s := range services {
		r.Register(s)
	}
	return r
}

// Register adds a service before the first call. It panics when its name is taken.
func (r *Registry) Register(s Service) {
	facts := s.Facts()
	if _, taken := r.services[facts.Name]; taken {
		panic("service " + facts.Name + " is registered twice")
	}
	r.order = append(r.order, facts.Name)
	r.services[facts.Name], r.facts[facts.Name] = s, facts
}

// Unknown is a call that was refused because something about it is not registered.
type Unknown struct {
	Account   string `json:"account"`
	Service   string `json:"service"`
	Operation string `json:"operation"`
	// Missing is what is not registered: "service", "operation" or "needs".
	Missing string `json:"missing"`
}

// Refused is an unknown call and how often it was made.
type Refused struct {
	Unknown
	Count int `json:"count"`
}

// Find returns the service that carries out a call. An unknown call is recorded and refused as AWS
// refuses an operation that it does not have.
func (r *Registry) Find(call identity.Call) (Service, error) {
	missing := r.missing(call)
	if missing == "" {
		return r.services[call.Service], nil
	}
	r.mu.Lock()
	r.refused[Unknown{call.Caller.Account, call.Service, call.Operation, missing}]++
	r.mu.Unlock()
	return nil, unknownOperation(call, missing)
}

func (r *Registry) missing(call identity.Call) string {
	facts, registered := r.facts[call.Service]
	declared, known := facts.Operations[call.Operation]
	switch {
	case !registered:
		return "service"
	case !known:
		return "operation"
	case !declared:
		return "needs"
	}
	return ""
}

// unknownOperation is how the protocols refuse an operation they do not have.
func unknownOperation(call identity.Call, missing string) error {
	message := fmt.Sprintf("The action %s is not valid for this web service: the sandbox has no %s of %s:%s.",
		call.Operation, missing, call.Service, call.Operation)
	switch call.Protocol {
	case wire.JSON, wire.CBOR:
		return wire.Errorf(http.StatusBadRequest, "UnknownOperationException", "%s", message)
	case wire.REST:
		return wire.Errorf(http.StatusNotFound, "UnknownOperationException", "%s", message)
	case wire.Query, wire.EC2Query:
	}
	return wire.Errorf(http.StatusBadRequest, "InvalidAction", "%s", message)
}

// Refused is every unknown call of an account, or of all when account is "", sorted.
func (r *Registry) Refused(account string) []Refused {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []Refused{}
	for unknown, count := range r.refused {
		if account == "" || unknown.Account == account {
			list = append(list, Refused{unknown, count})
		}
	}
	slices.SortFunc(list, func(a, b Refused) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Operation, b.Operation))
	})
	return list
}

// ForgetRefused drops the unknown calls of an account, or all when account is "". Forget keeps them, so
// that a suite that resets its accounts can still fail on them.
func (r *Registry) ForgetRefused(account string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.refused, func(u Unknown, _ int) bool { return account == "" || u.Account == account })
}

// Needs is every permission that a call needs; none for an unknown call, which is refused anyway.
func (r *Registry) Needs(call identity.Call) []Need {
	if r.missing(call) != "" {
		return nil
	}
	return r.services[call.Service].Needs(call)
}

// Codes is the error codes of a service; the zero Codes for one that is not registered.
func (r *Registry) Codes(name string) Codes { return r.facts[name].Codes }

// Limit is the rate at which AWS lets an account make a call; published is false where there is none.
func (r *Registry) Limit(call identity.Call) (limit Limit, published bool) {
	of := r.facts[call.Service].Limit
	if of == nil {
		return Limit{}, false
	}
	return of(call.Operation), true
}

// Tags is the tags of the resource that an ARN of the service names, nil when there is none.
func (r *Registry) Tags(ctx context.Context, name, account, region, arn string) (map[string]string, error) {
	s, ok := r.services[name]
	if !ok {
		return nil, nil
	}
	return s.Tags(ctx, account, region, arn)
}

// Tagged is the tagged resources of the services that wanted admits.
func (r *Registry) Tagged(
	ctx context.Context, account, region string, view versions.View, wanted func(name string) bool,
) ([]Resource, error) {
	var all []Resource
	for name, s := range r.services {
		if !wanted(name) {
			continue
		}
		found, err := s.Tagged(ctx, account, region, view)
		if err != nil {
			return nil, fmt.Errorf("list tagged resources of %s: %w", name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// Inventory is everything an account holds in a region, by the names of the lists.
func (r *Registry) Inventory(ctx context.Context, account, region string) (map[string]any, error) {
	all := map[string]any{}
	for name, s := range r.services {
		lists, err := s.Inventory(ctx, account, region)
		if err != nil {
			return nil, fmt.Errorf("inventory of %s: %w", name, err)
		}
		maps.Copy(all, lists)
	}
	return all, nil
}

// Forget drops everything an account holds, in the order of registration: a service that makes another
// one hold something comes first.
func (r *Registry) Forget(ctx context.Context, account string) error {
	var problems []error
	for _, name := range r.order {
		if err := r.services[name].Forget(ctx, account); err != nil {
			problems = append(problems, fmt.Errorf("forget %s: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

// Registration is what the admin API shows of a service.
type Registration struct {
	Name       string      `json:"name"`
	Operations []Declaring `json:"operations"`
	Inventory  []string    `json:"inventory"`
	Codes      Codes       `json:"codes"`
}

// Declaring is an operation and whether what it needs is declared.
type Declaring struct {
	Name  string `json:"name"`
	Needs bool   `json:"needs"`
}

// Registrations is every service, sorted.
func (r *Registry) Registrations() []Registration {
	all := make([]Registration, 0, len(r.facts))
	for _, name := range slices.Sorted(maps.Keys(r.facts)) {
		facts := r.facts[name]
		one := Registration{Name: name, Operations: []Declaring{}, Inventory: append([]string{}, facts.Holds...), Codes: facts.Codes}
		for _, operation := range slices.Sorted(maps.Keys(facts.Operations)) {
			one.Operations = append(one.Operations, Declaring{operation, facts.Operations[operation]})
		}
		all = append(all, one)
	}
	return all
}
