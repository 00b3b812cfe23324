// Package service is what the sandbox knows of each AWS service. A service is registered once; what a
// call needs permission for, the tags of resources, the inventory and forgetting an account all come
// from that registration. What is not registered is refused and reported.
package service

import (
	"context"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
)

// Service is one AWS service. It is safe for concurrent use.
type Service interface {
	// Facts is what does not depend on a call or an account.
	Facts() Facts
	// Serve answers a declared operation. A result that is a *wire.Answer is sent as it is, any other is
	// encoded in the protocol of the request; an error that is no *wire.Error becomes an InternalFailure.
	Serve(ctx context.Context, call identity.Call) (any, error)
	// Needs is every permission that a declared operation needs, its own action's first.
	Needs(call identity.Call) []Need
	// Tags is the tags of the resource that an ARN names, nil when there is none.
	Tags(ctx context.Context, account, region, arn string) (map[string]string, error)
	// Tagged is every resource that can have tags and that the Resource Groups Tagging API lists.
	Tagged(ctx context.Context, account, region string, view versions.View) ([]Resource, error)
	// Inventory is everything an account holds, sorted and without times: a list for each of Facts().Holds.
	Inventory(ctx context.Context, account, region string) (map[string]any, error)
	// Forget drops everything an account holds.
	Forget(ctx context.Context, account string) error
}

// Facts describe a service.
type Facts struct {
	// Name is the signing name, which is also that in ARNs: "rds".
	Name string
	// Operations are those that the service carries out, and whether what they need is declared.
	Operations map[string]bool
	// Holds are the lists in the inventory: none for a service without resources.
	Holds []string
	// Codes are the errors of the service, by what went wrong.
	Codes Codes
	// Limit is the rate at which AWS lets an account make a call in a region; nil where AWS publishes none.
	Limit func(operation string) Limit
}

// Limit is a published rate: a bucket of Burst calls that PerSecond calls a second refill.
type Limit struct {
	// Operations names those that share the bucket: one operation, or a group of them.
	Operations       string
	PerSecond, Burst float64
}

// Codes are the error codes of a service by kind of failure, from the Errors section of its API
// reference. "" is a failure that the service does not have.
type Codes struct {
	Throttled string `json:"throttled"`
	Internal  string `json:"internal"`
	Denied    string `json:"denied"`
	Invalid   string `json:"invalid"`
	Quota     string `json:"quota,omitempty"`
	Busy      string `json:"busy,omitempty"`
}

// Resource is a resource and its tags.
type Resource struct {
	ARN  string
	Tags map[string]string
}

// Need is one permission: an action on every one of the resources.
type Need struct {
	Action    string
	Resources []string
}

// Everything is the resource of calls that are about none in particular.
func Everything() []string { return []string{"*"} }

// OrEverything is the resources, or everything if there are none.
func OrEverything(resources []string) []string {
	if len(resources) == 0 {
		return Everything()
	}
	return resources
}

// Operation is a row of the table of a service S: what carries an operation out and what it needs
// permission for. Without Needs the operation is refused.
type Operation[H, S any] struct {
	Handle H
	Needs  func(S, identity.Call) []Need
}

// Declared is the operations of a table, and whether what they need is declared.
func Declared[H, S any](table map[string]Operation[H, S]) map[string]bool {
	declared := make(map[string]bool, len(table))
	for name, operation := range table {
		declared[name] = operation.Needs != nil
	}
	return declared
}
