// Package tenantdata is the step that searches for bank, card and identity numbers, and for secrets of Stripe's,
// in a tenant's objects: the platform and its payout accounts, as the API server has them. It owns nothing and
// writes nothing, and never repeats what it found. It must not import other steps.
package tenantdata

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step.
const Name = "tenantdata"

// API is what the step asks of the API server, or of a cache in its place.
type API interface{ client.Reader }

// Options are what the step works with.
type Options struct {
	// Kube answers from what the operator watches anyway.
	Kube API
	// Clock is the source of time.
	Clock clock.PassiveClock
}

// New returns the step.
func New(o Options) converge.Step[*scope.Platform] {
	return converge.Of[*scope.Platform, State]{
		ID:        Name,
		Condition: v1alpha1.ConditionPayoutsReady,
		About: "Nothing of its own: it searches for bank, card and identity numbers, and for secrets of Stripe's, in the platform's object " +
			"and those of its payout accounts, which have no place there.",
		Desire:   func(*scope.Platform) (State, error) { return State{}, nil },
		Resource: &resource{Options: o, clean: map[string]map[types.UID]string{}},
		Controls: Controls,
	}
}

// resource reads a tenant's objects.
type resource struct {
	Options

	mu sync.Mutex
	// clean are the objects in which nothing was found, by platform, each with the version that was observed.
	clean map[string]map[types.UID]string
}

// Apply implements converge.Resource: there is nothing to write.
func (*resource) Apply(context.Context, *scope.Platform, State, converge.Observation[State], []converge.Change) error {
	return nil
}

// Release implements converge.Resource: there is nothing to release but what is remembered.
func (r *resource) Release(_ context.Context, in *scope.Platform) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.clean, in.Owner)
	return true, nil
}
