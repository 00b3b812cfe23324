package stripe

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"sync"
	"time"

	stripesdk "github.com/stripe/stripe-go/v76"
	"golang.org/x/time/rate"
	"k8s.io/utils/clock"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/cache"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	// idle is how long a client that nobody asks for is kept, with what it has listed.
	idle = time.Hour
	// maxClients bounds how many are kept at all.
	maxClients = 1000
	// usualSweep is how old a shared read may be if nobody says otherwise.
	usualSweep = 10 * time.Minute
)

// realTime is for waiting, and for the limits of Stripe, whatever a test's clock shows.
var realTime clock.Clock = clock.RealClock{}

// Options of Clients.
type Options struct {
	// URL is Stripe's, unless a test says otherwise.
	URL string
	// HTTPClient is what carries the calls; nil is a client of our own.
	HTTPClient *http.Client
	// Metrics counts calls; it may be nil. The code is "OK", Stripe's code, "http_500" or "network".
	Metrics func(service, operation, code string)
	// Clock is the world's if nil.
	Clock clock.Clock
	// Sweep is how old what is shared may be; 0 is ten minutes.
	Sweep time.Duration
	// Reads and Writes are calls per second with one key; 0 stays below what Stripe allows.
	Reads, Writes rate.Limit
}

// Clients keeps one client for each key, so that all objects with the key share its limits and listings.
type Clients struct {
	options Options
	backend stripesdk.Backend

	mu   sync.Mutex
	kept map[fingerprint]*entry
}

// fingerprint stands for a key.
type fingerprint [sha256.Size]byte

type entry struct {
	client *Client
	used   time.Time
}

// New returns clients that have made no call yet.
func New(o Options) *Clients {
	o.URL = cmp.Or(o.URL, stripesdk.APIURL)
	o.Sweep = cmp.Or(o.Sweep, usualSweep)
	if o.Clock == nil {
		o.Clock = realTime
	}
	if o.Metrics == nil {
		o.Metrics = func(string, string, string) {}
	}
	return &Clients{options: o, backend: newBackend(o), kept: map[fingerprint]*entry{}}
}

// For returns the client of a key, always the same one while it is in use.
func (c *Clients) For(secret scope.Secret) (*Client, error) {
	key, err := ParseKey(secret)
	if err != nil {
		return nil, err
	}
	mark := fingerprint(sha256.Sum256([]byte(key.secret.Reveal())))
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.options.Clock.Now()
	if c.kept[mark] == nil {
		c.forget(now)
		c.kept[mark] = &entry{client: newClient(c.options, c.backend, key)}
	}
	c.kept[mark].used = now
	return c.kept[mark].client, nil
}

// forget drops who is idle, and whoever was idle for longest if there are too many.
func (c *Clients) forget(now time.Time) {
	var oldest fingerprint
	for mark, e := range c.kept {
		if now.Sub(e.used) > idle {
			delete(c.kept, mark)
			continue
		}
		if first := c.kept[oldest]; first == nil || e.used.Before(first.used) {
			oldest = mark
		}
	}
	if len(c.kept) >= maxClients {
		delete(c.kept, oldest)
	}
}

// loadTimeout bounds a shared read, which outlives the caller that began it: a listing may have a thousand pages.
const loadTimeout = 10 * time.Minute

// Client calls Stripe with one key.
type Client struct {
	key           Key
	clock         clock.Clock
	sweep         time.Duration
	metrics       func(service, operation, code string)
	backend       stripesdk.Backend
	reads, writes *bucket

	platform  *cache.Shared[Platform]
	endpoints *cache.Shared[[]Endpoint]
	listing   *cache.Shared[*Listing]
	accounts  accounts
}

func newClient(o Options, backend stripesdk.Backend, key Key) *Client {
	usual := usualLimit(key.Live)
	c := &Client{
		key: key, clock: o.Clock, sweep: o.Sweep, metrics: o.Metrics, backend: backend,
		reads: newBucket(realTime, cmp.Or(o.Reads, usual)), writes: newBucket(realTime, cmp.Or(o.Writes, usual)),
		accounts: accounts{clock: o.Clock, recent: map[string]seen{}},
	}
	options := cache.Options{Clock: o.Clock, Timeout: loadTimeout, Late: fault.Wait(v1alpha1.ReasonSettling, 0,
		"Stripe is still being asked, which takes a while if the business has many accounts")}
	c.platform = cache.NewShared(options, c.readPlatform)
	c.endpoints = cache.NewShared(options, c.readEndpoints)
	options.Brief = -1 // a business with many accounts holds no worker: events must get through
	c.listing = cache.NewShared(options, c.readAccounts)
	return c
}

// Key says what kind of key it is.
func (c *Client) Key() KeyKind { return c.key.KeyKind }

// Format keeps the key out of every verb: fmt prints what is unexported without asking it.
func (c *Client) Format(f fmt.State, verb rune) { c.key.Format(f, verb) }

// shared returns what is shared, at most a sweep old. When fresh, it is read anew after the call.
func shared[T any](ctx context.Context, c *Client, l *cache.Shared[T], fresh bool) (T, time.Time, error) {
	if fresh {
		l.Forget()
	}
	return l.Get(ctx, c.clock.Now().Add(-c.sweep))
}

// Format keeps keys out of every verb.
func (c *Clients) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("clients of Stripe")) }
