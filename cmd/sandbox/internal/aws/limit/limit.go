// Package limit counts calls against the rates at which AWS lets an account call a service in a region.
package limit

import (
	"maps"
	"sync"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
)

// Limiter has a token bucket for each limit, account and region. It is safe for concurrent use.
type Limiter struct {
	now     func() time.Time
	mu      sync.Mutex
	buckets map[key]bucket
}

type key struct{ account, region, service, operations string }

// bucket holds the calls that may be made now.
type bucket struct {
	left float64
	at   time.Time
}

// New returns a limiter whose buckets are full; now is the clock.
func New(now func() time.Time) *Limiter { return &Limiter{now: now, buckets: map[key]bucket{}} }

// Admit counts a call. It returns false, and counts nothing, when the call is one too many for the limit.
func (l *Limiter) Admit(call identity.Call, limit service.Limit) bool {
	at := key{call.Caller.Account, call.Region, call.Service, limit.Operations}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b, known := l.buckets[at]
	if !known {
		b = bucket{left: limit.Burst, at: now}
	}
	b.left = min(limit.Burst, b.left+now.Sub(b.at).Seconds()*limit.PerSecond)
	b.at = now
	admitted := b.left >= 1
	if admitted {
		b.left--
	}
	l.buckets[at] = b
	return admitted
}

// Forget fills the buckets of an account.
func (l *Limiter) Forget(account string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.buckets, func(at key, _ bucket) bool { return at.account == account })
}
