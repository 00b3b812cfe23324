package stripewebhook

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/stripesecret"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	// perSecond and burst bound what one platform's endpoint takes: Stripe delivers a change of many accounts
	// at once, and what is refused it delivers again.
	perSecond, burst = 100, 400
	// storedPerSecond and storedBurst bound what is written for all platforms together, hintsPerSecond and hintsBurst what
	// is for one account: whoever knows a signing secret, as the administrators of its namespace do, can sign any number of
	// events, and each is a write to the API server. What is refused Stripe delivers again, and listings find it earlier.
	storedPerSecond, storedBurst = 500, 1000
	hintsPerSecond, hintsBurst   = 1, 30
	// maxHinted bounds what is remembered of accounts; beyond it everything is forgotten once.
	maxHinted = 20_000
	// kept is how long signing secrets that were read count, and soonest how soon they are read again when a
	// signature does not fit: they may just have been changed.
	kept, soonest = 30 * time.Second, 5 * time.Second
	// maxEndpoints bounds what is remembered of platforms; beyond it everything is forgotten once.
	maxEndpoints = 10_000
)

// errUnread says that the signing secrets could not be read.
var errUnread = errors.New("the signing secrets could not be read")

// endpoint is what is remembered of one platform's endpoint. It is safe for concurrent use.
type endpoint struct {
	limit *rate.Limiter
	open  chan struct{}
	clock clock.PassiveClock

	mu sync.Mutex
	// hints bound what is stored of each account's events.
	hints   map[types.UID]*rate.Limiter
	secrets []scope.Secret
	read    time.Time
	// unread is why they could not be read; that counts no longer than soonest.
	unread   error
	reported time.Time
}

// endpoints are those of all platforms that are there. It is safe for concurrent use.
type endpoints struct {
	mu  sync.Mutex
	all map[types.UID]*endpoint
}

func (e *endpoints) of(platform *v1alpha1.CoachPlatform, c clock.PassiveClock) *endpoint {
	e.mu.Lock()
	defer e.mu.Unlock()
	one, ok := e.all[platform.UID]
	if !ok {
		if e.all == nil || len(e.all) >= maxEndpoints {
			e.all = map[types.UID]*endpoint{}
		}
		one = &endpoint{limit: rate.NewLimiter(perSecond, burst), open: make(chan struct{}, maxEach), clock: c}
		e.all[platform.UID] = one
	}
	return one
}

// admit says whether the endpoint takes one more event now.
func (e *endpoint) admit() bool { return e.limit.AllowN(e.clock.Now(), 1) }

// stores says whether one more hint of an account is stored now.
func (e *endpoint) stores(account types.UID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	one, ok := e.hints[account]
	if !ok {
		if e.hints == nil || len(e.hints) >= maxHinted {
			e.hints = map[types.UID]*rate.Limiter{}
		}
		one = rate.NewLimiter(hintsPerSecond, hintsBurst)
		e.hints[account] = one
	}
	return one.AllowN(e.clock.Now(), 1)
}

// verify verifies an event. A signature that does not fit is tried once more with the secrets as they are now.
func (r *Receiver) verify(
	ctx context.Context, platform *v1alpha1.CoachPlatform, end *endpoint, body []byte, header string,
) (stripe.Hint, error) {
	secrets, err := end.valid(ctx, r, platform, kept)
	if err != nil {
		return stripe.Hint{}, err
	}
	hint, err := stripe.Verify(body, header, secrets, r.Clock.Now())
	if !errors.Is(err, stripe.ErrSignature) && !errors.Is(err, stripe.ErrNoSecret) {
		return hint, err
	}
	if secrets, err = end.valid(ctx, r, platform, soonest); err != nil {
		return stripe.Hint{}, err
	}
	return stripe.Verify(body, header, secrets, r.Clock.Now())
}

// valid returns the signing secrets as they were at most age ago.
func (e *endpoint) valid(ctx context.Context, r *Receiver, platform *v1alpha1.CoachPlatform, age time.Duration) ([]scope.Secret, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.unread != nil {
		age = soonest // whoever knows the address may ask: the API server is not asked each time
	}
	if now := e.clock.Now(); !e.read.IsZero() && now.Sub(e.read) < age {
		return e.secrets, e.unread
	}
	signing := stripesecret.Signing{Client: r.Client, Live: r.Live, Clock: r.Clock, Platform: platform}
	secrets, err := signing.Valid(ctx)
	if err != nil {
		secrets, err = nil, errors.Join(errUnread, err)
	}
	if ctx.Err() == nil { // that somebody went away says nothing of the secrets
		e.secrets, e.unread, e.read = secrets, err, e.clock.Now()
	}
	return secrets, err
}
