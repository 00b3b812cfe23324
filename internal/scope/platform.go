// Package scope carries the typed inputs and outputs of one reconcile from the controller to the
// steps and from step to step. Inputs are read-only; an output is zero until its step has observed it. A file
// holds what the steps of one wing share, as internal/step has them.
package scope

import (
	"context"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
)

// Platform is one reconcile of a CoachPlatform.
type Platform struct {
	// Tenant names everything of the platform.
	Tenant naming.Tenant
	// Shared names what the platforms of the class share.
	Shared naming.Class
	// Class is the platform's class.
	Class *v1alpha1.PlatformClass
	// Spec is what the tenant requests.
	Spec *v1alpha1.CoachPlatformSpec
	// Recorded is the database that the object's annotation records; zero when it records none.
	Recorded Record
	// MasterFingerprint is the fingerprint of the stored password of the database's master; empty when
	// none is stored.
	MasterFingerprint string
	// Owner is the UID of the object: what is created for it in its namespace is deleted with it.
	Owner string
	// Passwords are those of the tenant's logins.
	Passwords Passwords
	// Intents are kept before what has no idempotency token is created; nil where the installation's ID was set
	// by hand: then whatever was kept before may be lost.
	Intents Intents
	// Business is the tenant's own Stripe account.
	Business Business

	// Key is set by the step key.
	Key Key
	// Firewall is set by the step firewall.
	Firewall Firewall
	// Database is set by the step database.
	Database Database
	// Roles are set by the step dbrole.
	Roles Roles
	// Binding is the name of the Secret with the first login's credentials, set by the step appsecret.
	Binding string
}

// Passwords keeps the passwords of a tenant's logins in the operator's own namespace, where no tenant can
// read them. They are generated, with at least 128 bits, from letters and digits.
type Passwords interface {
	// Ensure returns the password of a login. If there is none it generates and stores one first.
	Ensure(ctx context.Context, login string) (string, error)
	// Stored returns the stored password of a login, "" if there is none.
	Stored(ctx context.Context, login string) (string, error)
	// Forget deletes the password of a login; an absent one is no error.
	Forget(ctx context.Context, login string) error
}

// Intents keeps, in the operator's own namespace and for ever, what was about to be created for a tenant.
type Intents interface {
	// Declare keeps, before the call that creates it, that a resource is about to be created. It says whether this
	// is the first attempt: true only where this very call kept the intent and the tenant has no master password
	// yet. Otherwise an earlier attempt, perhaps of another process, may have created the resource already.
	Declare(ctx context.Context, resource string) (first bool, err error)
}
