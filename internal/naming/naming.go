// Package naming gives every external resource its name, its tags and its ownership test. Names come
// from the installation, the namespace's UID and the object's name, and from nothing that can be
// lost or rewritten: no object UID, no label, no status. It is pure.
package naming

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"strings"
)

// Tags on everything we create. Together the first four identify the owner.
const (
	TagInstallation = "coach:installation"
	TagNamespace    = "coach:namespace"
	TagNamespaceUID = "coach:namespace-uid"
	TagName         = "coach:name"
	TagManagedBy    = "coach:managed-by"
	// TagReleased is set when a resource is released; its value is the deletion policy.
	TagReleased = "coach:released"
	// TagDatabase, on a tenant's KMS key, is the account, region and resource ID of the one database
	// that the key has ever protected. It outlives the object and its status.
	TagDatabase = "coach:database"
	// TagCredential, on a database, fingerprints the master password that was last set.
	TagCredential = "coach:credential"
	// TagClass, on what tenants share, is the class it belongs to.
	TagClass = "coach:class"
)

// LabelManagedBy is on everything the operator creates in the cluster, with the value ManagedBy.
const LabelManagedBy = "app.kubernetes.io/managed-by"

// AnnotationTenant is namespace/name, on what the operator keeps for a tenant in its own namespace.
const AnnotationTenant = "payouts.coachplatform.io/tenant"

// Values of tags.
const (
	// ManagedBy is the value of TagManagedBy.
	ManagedBy = "coach-operator"
	// ReleasedRetain is the value of TagReleased under the deletion policy Retain.
	ReleasedRetain = "retain"
)

// maxReadable bounds the readable part of a name: the tightest limit is RDS's 63 characters.
const maxReadable = 30

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Owner is what external resources belong to.
type Owner interface {
	// Resource is the one name of the owner's resources, unique in an AWS account and region: at most
	// 63 characters, lower case letters, digits and single hyphens, a letter first.
	Resource() string
	// Tags are the ownership tags.
	Tags() map[string]string
}

// Tenant identifies one platform.
type Tenant struct {
	Installation, Namespace, NamespaceUID, Name string
}

// Class identifies what the tenants of one class share.
type Class struct {
	Installation, Name string
}

// Resource implements Owner.
func (t Tenant) Resource() string {
	return join(t.Name, t.Installation, t.NamespaceUID, t.Name)
}

// Alias is the name of the tenant's KMS key.
func (t Tenant) Alias() string { return "alias/" + t.Resource() }

// Tags implements Owner.
func (t Tenant) Tags() map[string]string {
	return map[string]string{
		TagInstallation: t.Installation,
		TagNamespace:    t.Namespace,
		TagNamespaceUID: t.NamespaceUID,
		TagName:         t.Name,
		TagManagedBy:    ManagedBy,
	}
}

// Resource implements Owner.
func (c Class) Resource() string { return join(c.Name, c.Installation, "class", c.Name) }

// Tags implements Owner.
func (c Class) Tags() map[string]string {
	return map[string]string{TagInstallation: c.Installation, TagClass: c.Name, TagManagedBy: ManagedBy}
}

// Owns says whether tags name the owner, all of them and exactly.
func Owns(o Owner, tags map[string]string) bool {
	for k, v := range o.Tags() {
		if tags[k] != v {
			return false
		}
	}
	return true
}

// With returns the owner's tags and the given further ones.
func With(o Owner, more map[string]string) map[string]string {
	all := o.Tags()
	maps.Copy(all, more)
	return all
}

// join returns coach-<readable>-<hash>; the hash alone is unique.
func join(readable string, identity ...string) string {
	h := sha256.New()
	for _, part := range identity {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return "coach-" + legible(readable) + "-" + base32Lower.EncodeToString(h.Sum(nil))[:14]
}

// legible keeps what every AWS name allows: RDS refuses dots and two hyphens in a row.
func legible(s string) string {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '-' || r == '.' })
	s = strings.Join(parts, "-")
	if len(s) > maxReadable {
		s = strings.TrimRight(s[:maxReadable], "-")
	}
	return s
}
