package stripe

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
)

// Limits per key and mode, a fifth below Stripe's: the operator is not alone with the account. Stripe
// counts reads and writes apart, so a write never waits for reads.
// https://docs.stripe.com/rate-limits
const (
	liveLimit rate.Limit = 80
	testLimit rate.Limit = 20
	// ahead is how much of a second's calls may be made at once: what refills while they are made, and
	// they, are together not more than Stripe allows.
	ahead = 0.25
	// backoff is how long no call is made after Stripe answered 429.
	backoff = time.Second
)

func usualLimit(live bool) rate.Limit {
	if live {
		return liveLimit
	}
	return testLimit
}

// bucket hands out turns at a steady rate. (rate.Limiter does it too, but cannot be paused.)
type bucket struct {
	clock    clock.Clock
	interval time.Duration
	slack    time.Duration

	mu sync.Mutex
	// next is when the next turn is due without slack.
	next time.Time
}

func newBucket(c clock.Clock, limit rate.Limit) *bucket {
	interval := time.Duration(float64(time.Second) / float64(limit))
	burst := max(1, int(float64(limit)*ahead))
	return &bucket{clock: c, interval: interval, slack: time.Duration(burst-1) * interval}
}

// wait returns when it is the caller's turn. When ctx would end before that, it fails at once and takes
// no turn.
func (b *bucket) wait(ctx context.Context) error {
	delay, taken := b.turn(ctx)
	if !taken {
		return &Error{Type: typeClient, Code: codeLimit}
	}
	if delay > 0 {
		timer := b.clock.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C():
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return &Error{Type: typeClient, Code: codeCanceled, cause: err}
	}
	return nil
}

func (b *bucket) turn(ctx context.Context) (delay time.Duration, taken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	next := b.next
	if next.Before(now) {
		next = now
	}
	delay = next.Add(-b.slack).Sub(now)
	if end, ok := ctx.Deadline(); ok && delay > 0 && now.Add(delay).After(end) {
		return 0, false
	}
	b.next = next.Add(b.interval)
	return delay, true
}

// pause lets nobody have a turn for a second, and then one after the other.
func (b *bucket) pause() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := b.clock.Now().Add(backoff + b.slack); until.After(b.next) {
		b.next = until
	}
}
