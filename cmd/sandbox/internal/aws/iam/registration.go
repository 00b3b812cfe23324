package iam

import (
	"context"
	"fmt"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

type operation func(*Roles, context.Context, identity.Call) (*wire.Answer, error)

var operations = map[string]service.Operation[operation, *Roles]{
	"AttachRolePolicy":              {Handle: (*Roles).write, Needs: needs},
	"CreatePolicy":                  {Handle: (*Roles).write, Needs: needs},
	"CreatePolicyVersion":           {Handle: (*Roles).write, Needs: needs},
	"CreateRole":                    {Handle: (*Roles).write, Needs: needs},
	"DeletePolicy":                  {Handle: (*Roles).write, Needs: needs},
	"DeletePolicyVersion":           {Handle: (*Roles).write, Needs: needs},
	"DeleteRole":                    {Handle: (*Roles).write, Needs: needs},
	"DeleteRolePermissionsBoundary": {Handle: (*Roles).write, Needs: needs},
	"DeleteRolePolicy":              {Handle: (*Roles).write, Needs: needs},
	"DetachRolePolicy":              {Handle: (*Roles).write, Needs: needs},
	"GetPolicy":                     {Handle: (*Roles).read, Needs: needs},
	"GetPolicyVersion":              {Handle: (*Roles).read, Needs: needs},
	"GetRole":                       {Handle: (*Roles).read, Needs: needs},
	"GetRolePolicy":                 {Handle: (*Roles).read, Needs: needs},
	"ListAttachedRolePolicies":      {Handle: (*Roles).read, Needs: needs},
	"ListPolicies":                  {Handle: (*Roles).read, Needs: needs},
	"ListPolicyVersions":            {Handle: (*Roles).read, Needs: needs},
	"ListRolePolicies":              {Handle: (*Roles).read, Needs: needs},
	"ListRoleTags":                  {Handle: (*Roles).read, Needs: needs},
	"ListRoles":                     {Handle: (*Roles).read, Needs: needs},
	"PutRolePermissionsBoundary":    {Handle: (*Roles).write, Needs: needs},
	"PutRolePolicy":                 {Handle: (*Roles).write, Needs: needs},
	"SetDefaultPolicyVersion":       {Handle: (*Roles).write, Needs: needs},
	"TagPolicy":                     {Handle: (*Roles).write, Needs: needs},
	"TagRole":                       {Handle: (*Roles).write, Needs: needs},
	"UntagPolicy":                   {Handle: (*Roles).write, Needs: needs},
	"UntagRole":                     {Handle: (*Roles).write, Needs: needs},
	"UpdateAssumeRolePolicy":        {Handle: (*Roles).write, Needs: needs},
	"UpdateRole":                    {Handle: (*Roles).write, Needs: needs},
}

// Facts describe the service.
// Codes: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
func (*Roles) Facts() service.Facts {
	return service.Facts{
		Name: "iam", Operations: service.Declared(operations), Holds: []string{"roles", "policies"},
		Codes: service.Codes{
			Throttled: "Throttling", Internal: "ServiceFailure", Denied: "AccessDenied", Invalid: "ValidationError",
			Quota: "LimitExceeded", Busy: "ConcurrentModification",
		},
	}
}

// Serve lets moto answer.
func (r *Roles) Serve(ctx context.Context, call identity.Call) (any, error) {
	return operations[call.Operation].Handle(r, ctx, call)
}

func (r *Roles) read(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	if err := r.move(ctx, call.Caller.Account); err != nil {
		return nil, err
	}
	return r.moto.Forward(ctx, call.Request, call.Caller.Account)
}

func (r *Roles) write(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	defer r.Changed(call.Caller.Account)
	return r.read(ctx, call)
}

// Needs is what a call needs permission for.
func (r *Roles) Needs(call identity.Call) []service.Need {
	return operations[call.Operation].Needs(r, call)
}

// kinds are the parameters that name resources.
var kinds = []struct{ parameter, kind string }{{"RoleName", "role"}, {"InstanceProfileName", "instance-profile"}}

func needs(_ *Roles, call identity.Call) []service.Need {
	prefix := "arn:aws:iam::" + call.Caller.Account + ":"
	path := strings.TrimPrefix(call.Form.Get("Path"), "/")
	var resources []string
	for _, k := range kinds {
		if name := call.Form.Get(k.parameter); name != "" {
			resources = append(resources, prefix+k.kind+"/"+path+name)
		}
	}
	switch {
	case len(resources) > 0: // policies of a role are authorized on the role
	case call.Form.Has("PolicyArn"):
		resources = append(resources, call.Form.Get("PolicyArn"))
	case call.Form.Has("PolicyName"):
		resources = append(resources, prefix+"policy/"+path+call.Form.Get("PolicyName"))
	}
	all := []service.Need{{Action: "iam:" + call.Operation, Resources: service.OrEverything(resources)}}
	if kind, creates := strings.CutPrefix(call.Operation, "Create"); creates && call.Form.HasAny("Tags") {
		all = append(all, service.Need{Action: "iam:Tag" + kind, Resources: service.OrEverything(resources)})
	}
	return all
}

// Tags is the tags of the role that an ARN names.
func (r *Roles) Tags(ctx context.Context, account, _, arn string) (map[string]string, error) {
	role, err := r.Get(ctx, account, arn[strings.LastIndexByte(arn, '/')+1:])
	if IsMissing(err) {
		return nil, nil
	}
	return role.Tags, err
}

// Tagged is empty: the Resource Groups Tagging API lists no roles, and no policies outside us-east-1.
func (*Roles) Tagged(context.Context, string, string, versions.View) ([]service.Resource, error) {
	return nil, nil
}

// Inventory lists an account, whatever the region: IAM has none.
func (r *Roles) Inventory(ctx context.Context, account, _ string) (map[string]any, error) {
	if seeded, _, known := r.here(account); known {
		found := []entry{}
		if seeded != nil {
			found = append(found, seeded.entry(account))
		}
		return map[string]any{"roles": found, "policies": []managedPolicy{}}, nil
	}
	as := r.moto.As(account, region)
	foundRoles, err := roles(ctx, as)
	if err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	foundPolicies, err := policies(ctx, as)
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	return map[string]any{"roles": foundRoles, "policies": foundPolicies}, nil
}

// Forget drops everything an account holds.
func (r *Roles) Forget(ctx context.Context, account string) error {
	h := r.home(account)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.inMoto {
		if err := r.moto.Reset(ctx, account); err != nil {
			return err
		}
	}
	h.inMoto, h.role = false, nil
	r.Changed(account)
	return nil
}
