// Package parameters is the step that owns a class's DB parameter groups: one for each PostgreSQL
// major and least TLS version, since the quotas of an account forbid one per tenant. It must not
// import other steps.
package parameters

import (
	"context"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step: all groups share it, their fields tell them apart.
const Name = "parameters"

// All returns one step for every group that a class can have.
func All(sessions *aws.Sessions) []converge.Step[*scope.Class] {
	var steps []converge.Step[*scope.Class]
	for _, major := range Majors {
		for _, minTLS := range []string{tls12, tls13} {
			if Supported(major, minTLS) {
				steps = append(steps, New(sessions, major, minTLS))
			}
		}
	}
	return steps
}

// New returns the step of one group: for a PostgreSQL major, such as "16", and a least TLS version,
// such as "TLSv1.2". It applies to classes that offer the major, if RDS has that TLS version for it.
func New(sessions *aws.Sessions, major, minTLS string) converge.Step[*scope.Class] {
	p := pair{major: major, minTLS: minTLS}
	return step{converge.Of[*scope.Class, State]{
		ID:    Name,
		About: "The DB parameter group of the class for PostgreSQL " + major + " with " + minTLS + " or newer.",
		When: func(in *scope.Class) bool {
			return Supported(major, minTLS) && slices.Contains(in.Class.Spec.Database.EngineVersions, major)
		},
		Desire:   p.Desire,
		Resource: resource{sessions: sessions, pair: p},
		Fields:   p.fields(),
		Reads:    reads,
		Writes:   writes,
	}}
}

// step is the engine's step but for its Release.
type step struct {
	converge.Of[*scope.Class, State]
}

// Release lets go of the group also when the class does not offer its major any more: it may have.
func (s step) Release(ctx context.Context, in *scope.Class) (bool, error) {
	return s.Resource.Release(ctx, in)
}

// pair is what tells the groups of a class apart.
type pair struct {
	major, minTLS string
}

// family is the parameter group family of RDS.
func (p pair) family() string { return "postgres" + p.major }

// path is the path of a field: pg16-tls12/rds.force_ssl.
func (p pair) path(field string) string {
	return "pg" + p.major + "-tls" + strings.ReplaceAll(strings.TrimPrefix(p.minTLS, "TLSv"), ".", "") + "/" + field
}

// resource talks to RDS about one group.
type resource struct {
	sessions *aws.Sessions
	pair     pair
}
