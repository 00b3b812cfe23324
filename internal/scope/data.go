package scope

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Master is the master user name, neither admin nor postgres (FSBP RDS.25), and DatabaseName the database
// that RDS creates.
const (
	Master       = "coach_master"
	DatabaseName = "coach"
)

// Key is what the step key observed or created.
type Key struct {
	ID, ARN string
	// New says that the key was created in this pass: nothing is encrypted with it and nothing recorded on it.
	New bool
	// Recorded is the database that the key's tag records.
	Recorded Record
}

// Firewall is what the step firewall observed.
type Firewall struct {
	// GroupID is the tenant's security group.
	GroupID string
}

// Database is what the step database observed.
type Database struct {
	Identifier, Endpoint, EngineVersion, State string
	Port, AllocatedGiB                         int32
	// Connectable says that clients can connect, as far as AWS reports.
	Connectable bool
	// CredentialPending says that the master's stored password is not in force yet: it is being set.
	CredentialPending bool
	// Record identifies this database.
	Record Record
}

// Roles are the logins that the step dbrole observed in place, each with the desired rights and password.
type Roles struct {
	Logins []RoleLogin
}

// RoleLogin is one login that a tenant may use.
type RoleLogin struct {
	// Name of the role, and key of its password.
	Name string
	// Binding is what the name of its Secret ends in: "" for the platform's first, else such as -reader.
	Binding string
	// IAM says that the login has no password.
	IAM bool
}

// Record identifies one database for ever: the account and region it was observed in, and its resource
// ID, which AWS never gives twice.
type Record struct {
	AccountID, Region, ResourceID string
}

// String returns account/region/resource ID, or "" for the zero record.
func (r Record) String() string {
	if r == (Record{}) {
		return ""
	}
	return r.AccountID + "/" + r.Region + "/" + r.ResourceID
}

// ParseRecord reads what String wrote. A text that is not empty and not a record is kept whole as the
// resource ID: a damaged record must never read as "nothing was recorded".
func ParseRecord(s string) Record {
	parts := strings.Split(s, "/")
	if len(parts) != 3 || slices.Contains(parts, "") {
		return Record{ResourceID: s}
	}
	return Record{AccountID: parts[0], Region: parts[1], ResourceID: parts[2]}
}

// Fingerprint distinguishes passwords without showing them. It is only for generated passwords, whose
// entropy (at least 128 bits) no search can cover.
func Fingerprint(password string) string {
	sum := sha256.Sum256([]byte("coach-credential:" + password))
	return hex.EncodeToString(sum[:])[:32]
}

// KeyUser is an AWS service that uses the tenant's key. The step that has data encrypted with the key
// declares it, and the catalogue collects it: the key policy is composed of what is declared.
type KeyUser struct {
	// Service is the service as findings name it, such as rds.
	Service string
	// Statements are what the key policy has for the service. Each must bind what it allows to the service
	// by kms:ViaService, or to the tenant's data by an encryption context: an unbound one is refused.
	Statements func(*Platform) []KeyStatement
	// Uses returns the ARNs of the keys with which the service's data of this tenant is encrypted at present,
	// beyond the live databases, which the step key reads itself; nil is none. It is called only where a key
	// would be deleted otherwise. An error means that no key may be.
	Uses func(context.Context, *Platform) ([]string, error)
}

// KeyStatement is one statement of the key policy that allows something.
type KeyStatement struct {
	// Sid is unique in the policy.
	Sid string
	// Principal is who is admitted, by kind: AWS is the ARN of a role, Service the name of a service.
	Principal map[string]string
	// Actions are KMS actions.
	Actions []string
	// Condition is by operator and condition key.
	Condition map[string]map[string]string
}
