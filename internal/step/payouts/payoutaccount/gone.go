package payoutaccount

import (
	"context"
	"sync"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// confirm is how long after the first observation that did not find an account a second one counts: a key that
// is being changed gives the same answer.
const (
	confirm = 2 * time.Second
	// missing is how long the first observation counts: later it says nothing of now.
	missing = 10 * time.Minute
)

// gone says that an account that was there cannot be seen any more. Nothing is made in its place.
func (l reader) gone(ctx context.Context, id string, deleted bool) error {
	if _, _, err := l.client.Platform(ctx, true); err != nil {
		return stripe.Classify(err) // it is the key that is wrong
	}
	if !l.missed.twice(id, l.Clock.Now()) {
		return fault.Wait(v1alpha1.ReasonConfirmingAbsence, confirm, "the account %s was not found; the operator searches for it again", id)
	}
	if deleted {
		return fault.New(fault.Conflict, v1alpha1.ReasonDeletedOutOfBand,
			"the account %s was deleted at Stripe; nothing is made in its place: delete this object, and make one with a new coachID", id)
	}
	return fault.New(fault.Conflict, v1alpha1.ReasonAccessRevokedOrDeleted,
		"Stripe does not show the account %s any more: the coach has disconnected it, or it was deleted; nothing is made in its place", id)
}

// misses remembers when accounts were first not found. It is safe for concurrent use.
type misses struct {
	mu    sync.Mutex
	first map[string]time.Time
}

// maxMisses bounds what is remembered; more than that at once has one cause.
const maxMisses = 10_000

func newMisses() *misses { return &misses{first: map[string]time.Time{}} }

// twice notes that an account was not found, and says whether that was so a while ago already.
func (m *misses) twice(id string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	first, known := m.first[id]
	if known && now.Sub(first) > missing {
		known = false
	}
	if !known && len(m.first) < maxMisses {
		m.first[id] = now
	}
	return known && now.Sub(first) >= confirm
}

func (m *misses) forget(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.first, id)
}
