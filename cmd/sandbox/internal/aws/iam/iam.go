// Package iam reads the roles and policies that moto keeps, for decisions of
// the sandbox, and forwards IAM calls.
package iam

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/beevik/etree"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/policy"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

// region is where moto keeps IAM, which has no regions.
const region = "us-east-1"

// defaultSession is the longest session of a role that says nothing else, in seconds.
const defaultSession = 3600

// Role is what a role allows and who may assume it.
type Role struct {
	ARN        string
	ID         string
	MaxSession int // seconds
	Trust      policy.Document
	Identity   []policy.Document
	Boundary   []policy.Document // none, or one
	Tags       map[string]string
}

// Roles loads roles, once until something in the account's IAM changes. It is
// safe for concurrent use.
type Roles struct {
	moto   *moto.Server
	mu     sync.Mutex
	cached map[string]map[string]Role // by account and name
	homes  map[string]*home           // by account
}

// NewRoles reads roles from moto.
func NewRoles(server *moto.Server) *Roles {
	return &Roles{moto: server, cached: map[string]map[string]Role{}, homes: map[string]*home{}}
}

// Changed makes the next use of the account's roles read them again.
func (r *Roles) Changed(account string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.cached, account)
}

// Get is a role by name. A role that does not exist is a NoSuchEntity.
func (r *Roles) Get(ctx context.Context, account, name string) (Role, error) {
	r.mu.Lock()
	names, ok := r.cached[account]
	if !ok {
		names = map[string]Role{}
		r.cached[account] = names
	}
	role, known := names[name]
	r.mu.Unlock()
	if known {
		return role, nil
	}
	role, err := r.load(ctx, account, name)
	if err != nil {
		return Role{}, fmt.Errorf("load role %s: %w", name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	names[name] = role // of a map dropped meanwhile, this is dropped too
	return role, nil
}

func (r *Roles) load(ctx context.Context, account, name string) (Role, error) {
	if seeded, id, known := r.here(account); known {
		if seeded == nil || seeded.Name != name {
			return Role{}, missing(name)
		}
		return seeded.roleOf(account, id)
	}
	as := r.moto.As(account, region)
	found, err := as.Call(ctx, "iam", "GetRole", "RoleName", name)
	if err != nil {
		return Role{}, err
	}
	role := Role{
		ARN:        moto.Text(found, ".//Role/Arn"),
		ID:         moto.Text(found, ".//Role/RoleId"),
		MaxSession: defaultSession,
		Tags:       tags(found),
	}
	if _, err := fmt.Sscan(moto.Text(found, ".//Role/MaxSessionDuration"), &role.MaxSession); err != nil {
		return Role{}, fmt.Errorf("read the longest session: %w", err)
	}
	if role.Trust, err = parse(moto.Text(found, ".//Role/AssumeRolePolicyDocument")); err != nil {
		return Role{}, err
	}
	if boundary := moto.Text(found, ".//PermissionsBoundaryArn"); boundary != "" {
		if role.Boundary, err = Managed(ctx, as, []string{boundary}); err != nil {
			return Role{}, err
		}
	}
	role.Identity, err = identityPolicies(ctx, as, name)
	return role, err
}

func identityPolicies(ctx context.Context, as moto.Account, role string) ([]policy.Document, error) {
	listed, err := as.Call(ctx, "iam", "ListRolePolicies", "RoleName", role)
	if err != nil {
		return nil, err
	}
	var documents []policy.Document
	for _, name := range moto.Texts(listed, ".//PolicyNames/member") {
		found, err := as.Call(ctx, "iam", "GetRolePolicy", "RoleName", role, "PolicyName", name)
		if err != nil {
			return nil, err
		}
		document, err := parse(moto.Text(found, ".//PolicyDocument"))
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
	attached, err := as.Call(ctx, "iam", "ListAttachedRolePolicies", "RoleName", role)
	if err != nil {
		return nil, err
	}
	managed, err := Managed(ctx, as, moto.Texts(attached, ".//AttachedPolicies/member/PolicyArn"))
	return append(documents, managed...), err
}

// Managed reads the default version of managed policies.
func Managed(ctx context.Context, as moto.Account, arns []string) ([]policy.Document, error) {
	var documents []policy.Document
	for _, arn := range arns {
		found, err := as.Call(ctx, "iam", "GetPolicy", "PolicyArn", arn)
		if err != nil {
			return nil, err
		}
		version, err := as.Call(ctx, "iam", "GetPolicyVersion", "PolicyArn", arn,
			"VersionId", moto.Text(found, ".//Policy/DefaultVersionId"))
		if err != nil {
			return nil, err
		}
		document, err := parse(moto.Text(version, ".//Document"))
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
	return documents, nil
}

// Managed reads managed policies of an account by ARN.
func (r *Roles) Managed(ctx context.Context, account string, arns []string) ([]policy.Document, error) {
	if len(arns) == 0 {
		return nil, nil
	}
	if err := r.move(ctx, account); err != nil {
		return nil, err
	}
	return Managed(ctx, r.moto.As(account, region), arns)
}

// parse reads a document as IAM gives it out, URL-encoded.
func parse(text string) (policy.Document, error) {
	plain, err := url.PathUnescape(text)
	if err != nil {
		return policy.Document{}, fmt.Errorf("decode policy: %w", err)
	}
	return policy.Parse(plain)
}

func tags(element *etree.Element) map[string]string {
	found := map[string]string{}
	for _, member := range element.FindElements(".//Tags/member") {
		found[moto.Text(member, "Key")] = moto.Text(member, "Value")
	}
	return found
}

// IsMissing reports whether an error says that a role or policy does not exist.
func IsMissing(err error) bool {
	failure, ok := errors.AsType[*wire.Error](err)
	return ok && failure.Code == "NoSuchEntity"
}
