// Package deliver brings events to endpoints, as Stripe does: signed, over TLS
// that is verified, again after a failure, and in no order to rely on.
package deliver

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/state"
)

const (
	// width is how many events go to an endpoint at once.
	width = 16
	// attempts is how often an event is tried.
	attempts = 10
	// patience is how long an endpoint may take to answer.
	patience = 20 * time.Second
	// enough of an answer is read to use the connection again.
	enough = 64 << 10
)

// Deliverer sends events. It is safe for concurrent use.
type Deliverer struct {
	world  *state.World
	client *http.Client
	now    func() time.Time
	log    *slog.Logger
	// within bounds one attempt, and ends it with the sandbox.
	within func() (context.Context, context.CancelFunc)

	mu     sync.Mutex
	queues map[*state.Endpoint]*queue
}

// queue is what waits for one endpoint. The events of a job are sent one after
// the other, jobs at the same time.
type queue struct {
	jobs    [][]state.Sending
	working int
	swap    *state.Sending // waits for the next, to come after it
}

// New returns a deliverer that trusts the roots and no others. It works until ctx
// ends.
func New(ctx context.Context, roots *x509.CertPool, now func() time.Time, log *slog.Logger) *Deliverer {
	return &Deliverer{
		now: now, log: log, queues: map[*state.Endpoint]*queue{},
		within: func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, patience) },
		client: &http.Client{
			Transport: &http.Transport{
				DialContext:         dial,
				TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
				MaxIdleConnsPerHost: width,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Use gives the deliverer the world whose events it sends; before the first.
func (d *Deliverer) Use(world *state.World) { d.world = world }

// Send takes an event; the caller holds the world's lock.
func (d *Deliverer) Send(s state.Sending) {
	_, settings, _ := d.world.Route(s.Endpoint)
	if settings.Delivery.Drop {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.queues[s.Endpoint]
	if q == nil {
		q = &queue{}
		d.queues[s.Endpoint] = q
	}
	switch {
	case q.swap != nil:
		first := *q.swap
		q.swap = nil
		d.world.Swapped(s.Endpoint)
		d.plan(time.Duration(settings.Delivery.Delay), q, s, first)
	case settings.Delivery.Reorder:
		q.swap = &s
	default:
		d.plan(time.Duration(settings.Delivery.Delay), q, s)
	}
}

// plan adds a job after a while; the caller holds the lock.
func (d *Deliverer) plan(wait time.Duration, q *queue, job ...state.Sending) {
	if wait <= 0 {
		d.push(q, job)
		return
	}
	time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.push(q, job)
	})
}

// push adds a job; the caller holds the lock.
func (d *Deliverer) push(q *queue, job []state.Sending) {
	q.jobs = append(q.jobs, job)
	if q.working < width {
		q.working++
		go d.work(q)
	}
}

// work sends until nothing waits.
func (d *Deliverer) work(q *queue) {
	for {
		d.mu.Lock()
		if len(q.jobs) == 0 {
			q.working--
			d.mu.Unlock()
			return
		}
		job := q.jobs[0]
		q.jobs = q.jobs[1:]
		d.mu.Unlock()
		for _, s := range job {
			d.attempt(q, s)
		}
	}
}

// attempt sends an event, as often as it is to be duplicated, and plans the next
// attempt if no one took it.
func (d *Deliverer) attempt(q *queue, s state.Sending) {
	d.world.Lock()
	secrets, settings, wanted := d.world.Route(s.Endpoint)
	body := s.Event.Body(s.Endpoint)
	d.world.Unlock()
	ctx, cancel := d.within()
	defer cancel()
	if !wanted || ctx.Err() != nil {
		return
	}
	status := 0
	for range 1 + settings.Delivery.Duplicate {
		status = d.post(context.WithValue(ctx, resolveKey{}, settings.Resolve), s.Report.URL, body, Sign(body, d.now(), secrets))
		d.world.Lock()
		s.Report.Status = status
		s.Report.Attempts++
		tries := s.Report.Attempts
		d.world.Unlock()
		if status < 200 || status > 299 {
			d.again(q, s, tries, time.Duration(settings.Retry))
			return
		}
	}
}

// again plans the next attempt.
func (d *Deliverer) again(q *queue, s state.Sending, tries int, wait time.Duration) {
	if tries >= attempts {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan(wait<<(tries-1), q, s)
}

// post sends a body and returns the status of the answer, or 0.
func (d *Deliverer) post(ctx context.Context, url string, body []byte, signature string) int {
	status, err := d.try(ctx, url, body, signature)
	if err != nil {
		d.log.DebugContext(ctx, "an event was not delivered", "url", url, "error", err)
	}
	return status
}

func (d *Deliverer) try(ctx context.Context, url string, body []byte, signature string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("Stripe-Signature", signature)
	request.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	response, err := d.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("send an event: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, enough) // the status is all that counts
	return response.StatusCode, nil
}

// resolveKey is where a request keeps the addresses of hosts.
type resolveKey struct{}

// dial finds hosts as the settings say, and others as usual.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	known, _ := ctx.Value(resolveKey{}).(map[string]string)
	if host, _, err := net.SplitHostPort(address); err == nil && known[host] != "" {
		address = known[host]
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// Forgery is an event that no one but a forger sends.
type Forgery struct {
	URL, Signature string
	Body           []byte
	Resolve        map[string]string
}

// Forge sends a forgery and returns the status of the answer.
func (d *Deliverer) Forge(ctx context.Context, f Forgery) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, resolveKey{}, f.Resolve), patience)
	defer cancel()
	return d.try(ctx, f.URL, f.Body, f.Signature)
}
