package iam

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/policy"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// Seeded is the role that the sandbox gives an account, with one inline policy.
type Seeded struct{ Name, Trust, Policy, Document string }

// home is where an account's IAM is: here, as long as there is only the seeded role, and in moto from the
// first call of IAM on. Most accounts never make one, and moto is slow.
type home struct {
	mu     sync.Mutex
	inMoto bool
	role   *Seeded
	id     string
}

func (r *Roles) home(account string) *home {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, ok := r.homes[account]
	if !ok {
		h = &home{id: "AROA" + rand.Text()[:17]}
		r.homes[account] = h
	}
	return h
}

// move brings an account's IAM to moto.
func (r *Roles) move(ctx context.Context, account string) error {
	h := r.home(account)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.inMoto {
		return nil
	}
	if h.role != nil {
		if err := r.create(ctx, account, *h.role); err != nil {
			return fmt.Errorf("create the seeded role in moto: %w", err)
		}
	}
	h.inMoto, h.role = true, nil
	r.Changed(account)
	return nil
}

func (r *Roles) create(ctx context.Context, account string, s Seeded) error {
	as := r.moto.As(account, region)
	if _, err := as.Call(ctx, "iam", "CreateRole", "RoleName", s.Name, "AssumeRolePolicyDocument", s.Trust); err != nil {
		return err
	}
	_, err := as.Call(ctx, "iam", "PutRolePolicy", "RoleName", s.Name, "PolicyName", s.Policy, "PolicyDocument", s.Document)
	return err
}

// Seed gives an account the role, unless it has one of that name, and returns its ARN.
func (r *Roles) Seed(ctx context.Context, account string, s Seeded) (arn string, err error) {
	h := r.home(account)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.inMoto && h.role == nil:
		h.role = &s
	case h.inMoto:
		_, err := r.moto.As(account, region).Call(ctx, "iam", "GetRole", "RoleName", s.Name)
		if IsMissing(err) {
			err = r.create(ctx, account, s)
		}
		if err != nil {
			return "", err
		}
	}
	return arnOf(account, s.Name), nil
}

func arnOf(account, name string) string { return "arn:aws:iam::" + account + ":role/" + name }

// SetPolicy replaces the inline policy of the seeded role.
func (r *Roles) SetPolicy(ctx context.Context, account, name, policyName, document string) error {
	defer r.Changed(account)
	h := r.home(account)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.inMoto:
		_, err := r.moto.As(account, region).Call(ctx, "iam", "PutRolePolicy",
			"RoleName", name, "PolicyName", policyName, "PolicyDocument", document)
		return err
	case h.role == nil || h.role.Name != name:
		return missing(name)
	}
	changed := *h.role
	changed.Policy, changed.Document = policyName, document
	h.role = &changed
	return nil
}

func missing(name string) error {
	return wire.Errorf(http.StatusNotFound, "NoSuchEntity", "The role with name %s cannot be found.", name)
}

// here is the seeded role while the account's IAM is not in moto, in which case known is true.
func (r *Roles) here(account string) (role *Seeded, id string, known bool) {
	h := r.home(account)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.role, h.id, !h.inMoto
}

// roleOf is what the seeded role allows.
func (s Seeded) roleOf(account, id string) (Role, error) {
	trust, err := policy.Parse(s.Trust)
	if err != nil {
		return Role{}, err
	}
	document, err := policy.Parse(s.Document)
	return Role{
		ARN: arnOf(account, s.Name), ID: id, MaxSession: defaultSession, Trust: trust, Identity: []policy.Document{document},
		Tags: map[string]string{},
	}, err
}

// entry is the seeded role in the inventory.
func (s Seeded) entry(account string) entry {
	return entry{
		Name: s.Name, ARN: arnOf(account, s.Name), Trust: strings.TrimSpace(s.Trust), Inline: map[string]string{s.Policy: s.Document},
		Attached: []string{}, Tags: map[string]string{},
	}
}
