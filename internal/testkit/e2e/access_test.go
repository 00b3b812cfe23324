//go:build e2e

package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// leader is the identity that holds the operator's lease.
func (d demo) leader(t *testing.T) string {
	t.Helper()
	var lease coordinationv1.Lease
	key := client.ObjectKey{Namespace: system, Name: "coach-operator.payouts.coachplatform.io"}
	if err := d.Get(t.Context(), key, &lease); err != nil {
		t.Fatal(err)
	}
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// podOf returns the pod of a lease holder, whose identity is the pod's name and a random part.
func podOf(identity string) string {
	pod, _, _ := strings.Cut(identity, "_")
	return pod
}

func asPgError(err error, into **pgconn.PgError) bool { return errors.As(err, into) }

// may reports what the API server allows a user.
func (d demo) may(ctx context.Context, t *testing.T, user, verb, group, resource, namespace string) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Group: group, Resource: resource, Namespace: namespace,
		},
	}}
	if err := d.Create(ctx, review); err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

func TestTheOperatorCannotReadSecretsOfTenants(t *testing.T) {
	d := running(t)
	const operator = "system:serviceaccount:coach-system:coach-operator"
	for name, c := range map[string]struct {
		verb, group, resource, namespace string
		want                             bool
	}{
		"it reads master credentials in its own namespace":   {"get", "", "secrets", system, true},
		"it keeps secrets where that was granted":            {"patch", "", "secrets", "tenant-acme", true},
		"it watches no secrets, even there":                  {"watch", "", "secrets", "tenant-acme", false},
		"it cannot read secrets where nothing was granted":   {"get", "", "secrets", "default", false},
		"it cannot list secrets of the whole cluster":        {"list", "", "secrets", "", false},
		"it cannot overwrite a master credential":            {"update", "", "secrets", system, false},
		"it cannot create roles":                             {"create", "rbac.authorization.k8s.io", "roles", "tenant-acme", false},
		"it cannot run commands in pods":                     {"create", "", "pods/exec", system, false},
		"it patches the status of platforms":                 {"patch", "payouts.coachplatform.io", "coachplatforms/status", "tenant-acme", true},
		"it cannot delete platforms":                         {"delete", "payouts.coachplatform.io", "coachplatforms", "tenant-acme", false},
		"it cannot write classes other than their finalizer": {"create", "payouts.coachplatform.io", "platformclasses", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := d.may(t.Context(), t, operator, c.verb, c.group, c.resource, c.namespace); got != c.want {
				t.Errorf("may %s %s in %q: %v, want %v", c.verb, c.resource, c.namespace, got, c.want)
			}
		})
	}
}
