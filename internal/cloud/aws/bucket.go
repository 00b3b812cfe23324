package aws

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

const (
	// readShare is how much of the operator's share reads may use: the rest is always there for writes.
	readShare = 0.7
	// leastPace is how far throttled answers slow a bucket down at most: to an eighth.
	leastPace = 1.0 / 8
	// recovery is how long a slowed bucket takes to become twice as fast.
	recovery = 30 * time.Second
	// oneThrottle is how long throttled answers count as one: the calls were sent together.
	oneThrottle = time.Second
)

// bucket is the operator's part of one limit of AWS. It learns from throttled answers: each empties it and
// halves its pace, which recovers slowly.
type bucket struct {
	all, reads *rate.Limiter
	limit      rate.Limit
	// pace is the part of the limit that was left by the last throttled answer, at the time slowed.
	pace   float64
	slowed time.Time
}

func newBucket(l limit, share float64) *bucket {
	return &bucket{
		all: l.limiter(share), reads: l.limiter(share * readShare), limit: l.perSecond * rate.Limit(share), pace: 1,
	}
}

// paceAt is the part of the limit that the bucket uses.
func (b *bucket) paceAt(now time.Time) float64 {
	return min(1, b.pace*math.Exp2(now.Sub(b.slowed).Seconds()/recovery.Seconds()))
}

// recover sets the pace for now.
func (b *bucket) recover(now time.Time) {
	if b.pace == 1 {
		return
	}
	pace := b.paceAt(now)
	if pace == 1 {
		b.pace = 1
	}
	b.all.SetLimitAt(now, b.limit*rate.Limit(pace))
	b.reads.SetLimitAt(now, b.limit*rate.Limit(pace*readShare))
}

// throttled empties the bucket and halves its pace.
func (b *bucket) throttled(now time.Time) {
	if now.Sub(b.slowed) < oneThrottle {
		return
	}
	b.pace = max(leastPace, b.paceAt(now)/2)
	b.slowed = now
	b.recover(now)
	for _, l := range []*rate.Limiter{b.all, b.reads} {
		if tokens := int(l.TokensAt(now)); tokens > 0 {
			l.ReserveN(now, tokens)
		}
	}
}

// realNow is the time that the limits of AWS go by, whatever a test's clock shows.
func realNow() time.Time {
	return time.Now() //nolint:forbidigo // as above
}
