// Package scope carries the typed inputs and outputs of one reconcile from the controller to the
// steps and from step to step. Inputs are read-only; an output is zero until its step has seen it.
package scope

import (
	"context"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
)

// Class is one reconcile of a PlatformClass.
type Class struct {
	// Owner names what the class's platforms share.
	Owner naming.Class
	// Class is the object; steps read its spec.
	Class *v1alpha1.PlatformClass

	// Network is set by the step network.
	Network ClassNetwork
	// Quotas are set by the step account.
	Quotas []v1alpha1.Quota
}

// ClassNetwork is what the step network saw.
type ClassNetwork struct {
	VPCID     string
	SubnetIDs []string
}

// Platform is one reconcile of a CoachPlatform.
type Platform struct {
	// Tenant names everything of the platform.
	Tenant naming.Tenant
	// Shared names what the platforms of the class share.
	Shared naming.Class
	// Class is the platform's class.
	Class *v1alpha1.PlatformClass
	// Spec is what the tenant asks for.
	Spec *v1alpha1.CoachPlatformSpec
	// Recorded is the database that the object's annotation records; zero when it records none.
	Recorded Record
	// MasterFingerprint is the fingerprint of the stored password of the database's master; empty when
	// none is stored.
	MasterFingerprint string
	// MasterPassword returns the password of the database's master, making and storing one first if
	// there is none. Nobody but the database step asks.
	MasterPassword func(context.Context) (string, error)

	// Key is set by the step key.
	Key Key
	// Firewall is set by the step firewall.
	Firewall Firewall
	// Database is set by the step database.
	Database Database
}

// Key is what the step key saw.
type Key struct {
	ID, ARN string
	// Recorded is the database that the key's tag records.
	Recorded Record
}

// Firewall is what the step firewall saw.
type Firewall struct {
	// GroupID is the tenant's security group.
	GroupID string
}

// Database is what the step database saw.
type Database struct {
	Identifier, Endpoint, EngineVersion, State string
	Port, AllocatedGiB                         int32
	// Record identifies this very database.
	Record Record
}
