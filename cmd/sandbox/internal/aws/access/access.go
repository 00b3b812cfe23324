// Package access decides whether a caller's policies allow a call, so that an
// undeclared call fails here as it would in AWS. An account's administrator may do
// everything; a role session what the role's policies, its permissions boundary
// and the session's own policies all allow. Keys have a say of their own.
package access

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/iam"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/kms"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/policy"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// Guard decides. Every field is needed.
type Guard struct {
	Roles    *iam.Roles
	Keys     *kms.Service
	Services *service.Registry
	Now      func() time.Time
}

// Resource names what a call is about: the first resource it needs permission for.
func (g *Guard) Resource(call identity.Call) string {
	needs := g.Services.Needs(call)
	if len(needs) == 0 || needs[0].Resources[0] == "*" {
		return ""
	}
	return needs[0].Resources[0]
}

// Check refuses what is not allowed.
func (g *Guard) Check(ctx context.Context, call identity.Call) error {
	if call.Caller.IsAdministrator() && call.Service != "kms" {
		return nil
	}
	rights := rights{all: call.Caller.IsAdministrator()}
	if !rights.all {
		role, err := g.Roles.Get(ctx, call.Caller.Account, call.Caller.Role)
		if err != nil && !iam.IsMissing(err) { // a deleted role leaves its sessions without rights
			return err
		}
		rights.role = role
	}
	for _, n := range g.Services.Needs(call) {
		for _, resource := range n.Resources {
			if err := g.checkOne(ctx, call, rights, n.Action, resource); err != nil {
				return err
			}
		}
	}
	return nil
}

// rights is what a caller brings along.
type rights struct {
	all  bool
	role iam.Role
}

func (g *Guard) checkOne(ctx context.Context, call identity.Call, has rights, action, resource string) error {
	keys := &conditions{guard: g, ctx: ctx, call: call, resource: resource}
	request := policy.Request{Action: action, Resource: resource, Principal: call.Caller.Names(), Keys: keys.values}
	decision, because := has.decide(call.Caller, request)
	if key, ok := g.keyOf(call, resource); ok && decision != policy.Deny {
		decision, because = withKeyPolicy(key, call.Caller, request, decision, because)
	}
	if keys.err != nil {
		return keys.err
	}
	if decision == policy.Allow {
		return nil
	}
	return refusal(call, g.Services.Codes(call.Service).Denied, action, resource, because)
}

// decide is what the caller's own policies say, and why not.
func (r rights) decide(caller identity.Principal, request policy.Request) (decision policy.Decision, because string) {
	if r.all {
		return policy.Allow, ""
	}
	layers := []struct {
		name      string
		documents []policy.Document
		applies   bool
	}{
		{"identity-based policy", r.role.Identity, true},
		{"permissions boundary", r.role.Boundary, len(r.role.Boundary) > 0},
		{"session policy", caller.SessionPolicies, caller.Narrowed},
	}
	decision = policy.Allow
	for _, layer := range layers {
		if !layer.applies {
			continue
		}
		switch policy.Any(layer.documents, request) {
		case policy.Deny:
			return policy.Deny, "with an explicit deny in a " + layer.name
		case policy.Silent:
			if decision == policy.Allow {
				decision, because = policy.Silent, "because no "+layer.name+" allows the "+request.Action+" action"
			}
		case policy.Allow:
		}
	}
	return decision, because
}

// keyOf is the key a resource ARN names, if it names one of the account's.
func (g *Guard) keyOf(call identity.Call, resource string) (kms.Key, bool) {
	if !strings.HasPrefix(resource, "arn:aws:kms:") {
		return kms.Key{}, false
	}
	return g.Keys.Exact(call.Caller.Account, call.Region, resource)
}

// withKeyPolicy adds what the key's policy says. It must allow the caller, by
// itself or through the account's root; named itself, the caller needs no policy
// of its own.
func withKeyPolicy(
	key kms.Key, caller identity.Principal, request policy.Request, own policy.Decision, because string,
) (policy.Decision, string) {
	document, err := policy.Parse(key.Policy)
	if err != nil {
		return policy.Deny, "because the key policy cannot be read"
	}
	request.Resource = key.ARN
	personal := request
	personal.Principal = []string{caller.ARN, caller.RoleARN}
	switch {
	case document.Evaluate(request) == policy.Deny:
		return policy.Deny, "with an explicit deny in a resource-based policy"
	case document.Evaluate(request) == policy.Silent:
		return policy.Silent, "because no resource-based policy allows the " + request.Action + " action"
	case document.Evaluate(personal) == policy.Allow && !caller.Narrowed:
		return policy.Allow, ""
	}
	return own, because
}

// refusal is how each service says no.
func refusal(call identity.Call, code, action, resource, because string) error {
	message := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", call.Caller.ARN, action, resource, because)
	switch call.Protocol {
	case wire.EC2Query:
		return wire.Errorf(http.StatusForbidden, code, "You are not authorized to perform this operation. %s", message)
	case wire.JSON, wire.CBOR:
		return wire.Errorf(http.StatusBadRequest, code, "%s", message)
	case wire.Query, wire.REST:
	}
	return wire.Errorf(http.StatusForbidden, code, "%s", message)
}
