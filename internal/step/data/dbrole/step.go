// Package dbrole is the step that owns who may log in to a tenant's database, and what each login may do
// there. It observes as a login that can do nothing and writes as the master. What the database holds is the
// tenant's: nothing that a tenant can create is ever run or trusted. It must not import other steps.
package dbrole

import (
	"context"
	"net"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step.
const Name = "dbrole"

// Options of the step.
type Options struct {
	// Dial opens connections to databases; nil is an ordinary one.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Freshness is how old the proof of a login may be.
	Freshness time.Duration
	// Clock is the time.
	Clock clock.PassiveClock
}

// New returns the step.
func New(o Options) converge.Step[*scope.Platform] {
	return converge.Of[*scope.Platform, State]{
		ID:        Name,
		Condition: v1alpha1.ConditionRolesReady,
		About: "The logins of the tenant's database: one owner that cannot log in, a login that reads and writes, one that " +
			"reads, those of the spec, and one that can do nothing, by which the operator observes.",
		Desire: Desire,
		Resource: &resource{
			Options: o, proofs: newRecent[proof](o.Freshness), contents: newRecent[readContents](o.Freshness), locking: map[string]bool{},
		},
		Fields:    Fields,
		Controls:  Controls,
		Constrain: constrain,
		Degraded:  degraded,
		Proven:    proven,
		Publish:   publish,
	}
}

// resource talks to the tenant's database.
type resource struct {
	Options

	// proofs are the logins that succeeded, by login and fingerprint of the password.
	proofs *recent[proof]
	// contents are those of the other databases, by database.
	contents *recent[readContents]

	mu sync.Mutex
	// locking are the IAM logins whose grant locked the master out, and was taken back.
	locking map[string]bool
}

// publish hands on the logins that work.
func publish(in *scope.Platform, s State) {
	for _, l := range loginsOf(in.Spec) {
		if !l.hidden && s.works(l) {
			in.Roles.Logins = append(in.Roles.Logins, scope.RoleLogin{Name: l.name, Binding: l.binding, IAM: l.iam})
		}
	}
}

// Release implements converge.Resource: what is kept keeps its logins.
func (r *resource) Release(context.Context, *scope.Platform) (bool, error) { return true, nil }
