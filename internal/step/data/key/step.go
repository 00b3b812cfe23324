// Package key is the step that owns a tenant's KMS key: the key with its policy and rotation, and
// the alias that names it. It must not import other steps.
package key

import (
	"sync"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step.
const Name = "key"

// New returns the step. Users are those who use the key.
func New(sessions *aws.Sessions, users ...scope.KeyUser) converge.Step[*scope.Platform] {
	return converge.Of[*scope.Platform, State]{
		ID:        Name,
		Condition: v1alpha1.ConditionKeyReady,
		About:     "The tenant's own KMS key, with rotation, a tight policy and an alias.",
		Desire:    Desire(users...),
		Resource:  &resource{sessions: sessions, users: users, pendingCreates: map[string]*pendingCreate{}},
		Fields:    Fields,
		Controls:  Controls,
		Publish:   publish,
		Reads:     reads,
		Writes:    writes,
	}
}

// resource talks to KMS.
type resource struct {
	sessions *aws.Sessions
	users    []scope.KeyUser

	mu             sync.Mutex
	pendingCreates map[string]*pendingCreate
}

// pendingCreate is what this process remembers of a key that is about to be created: CreateKey has no
// idempotency token and listings lag, so a key is only created once none was listed for long enough, or where
// the intent to create it is the first.
type pendingCreate struct {
	// since is when the key was first found missing, or when a create last ended in the unknown.
	since time.Time
	// listed is when the last listing without the key was taken.
	listed time.Time
	// declared says that the intent to create it was kept, by this process or an earlier one.
	declared bool
	// created are the keys that this process created and that a listing may not show yet.
	created []string
}

func publish(in *scope.Platform, s State) {
	in.Key = scope.Key{ID: s.ID, ARN: s.ARN, Recorded: scope.ParseRecord(s.Recorded)}
}
