// Package parameters is the step that owns a class's DB parameter groups: one for each PostgreSQL
// major and least TLS version, since the quotas of an account forbid one per tenant. It must not
// import other steps.
package parameters

import (
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step: all groups share it, their fields differ.
const Name = "parameters"

// New returns the step of one group: for a PostgreSQL major, such as "16", and a least TLS version,
// such as "TLSv1.2". It applies if RDS has that TLS version for the major. The group is created for classes
// that offer the major. Once created it is maintained, and released, also when the class offers it no more.
func New(sessions *aws.Sessions, major, minTLS string) converge.Step[*scope.Class] {
	p := pair{major: major, minTLS: minTLS}
	return converge.Of[*scope.Class, State]{
		ID:        Name,
		Condition: v1alpha1.ConditionParametersReady,
		About:     "The DB parameter group of the class for PostgreSQL " + major + " with " + minTLS + " or newer.",
		When:      func(*scope.Class) bool { return Supported(major, minTLS) },
		Desire:    p.Desire,
		Resource:  resource{sessions: sessions, pair: p},
		Fields:    p.fields(),
		Reads:     reads,
		Writes:    writes,
	}
}

// pair distinguishes the groups of a class.
type pair struct {
	major, minTLS string
}

// family is the parameter group family of RDS.
func (p pair) family() string { return "postgres" + p.major }

// offered says whether platforms of the class may ask for the major.
func (p pair) offered(in *scope.Class) bool {
	return slices.Contains(in.Class.Spec.Database.EngineVersions, p.major)
}

// path is the path of a field: pg16-tls12/rds.force_ssl.
func (p pair) path(field string) string {
	return "pg" + p.major + "-tls" + strings.ReplaceAll(strings.TrimPrefix(p.minTLS, "TLSv"), ".", "") + "/" + field
}

// resource talks to RDS about one group.
type resource struct {
	sessions *aws.Sessions
	pair     pair
}
