// Package stripewebhook receives Stripe's events. An event is a hint to observe an account, and nothing
// else of it is believed: it is stored on the account's object, from where whichever replica leads acts on
// it, and only then answered. Late, twice, or in another order, it does no harm.
package stripewebhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/telemetry"
)

const (
	// maxBody bounds an event, maxHeld what is held of all that are arriving.
	maxBody = 1 << 20
	maxHeld = 64 << 20
	// maxOpen is how many events are verified and stored at a time, and maxEach how many may be on their way to one
	// platform: a flood at one path, whose bodies never end, keeps none of another platform's events waiting.
	maxOpen = 128
	maxEach = 32
	// handleTimeout bounds one event: Stripe waits for some seconds.
	handleTimeout = 8 * time.Second
	// bodyTimeout bounds how long an event takes to arrive.
	bodyTimeout = 2 * time.Second
	// pattern is the path of a platform's endpoint.
	pattern = "/stripe/{namespace}/{platform}"
	// signatureHeader holds the signatures. https://docs.stripe.com/webhooks#verify-manually
	signatureHeader = "Stripe-Signature"
)

// Receiver receives Stripe's events. All fields are required.
type Receiver struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads past the cache.
	Live    client.Reader
	Clock   clock.Clock
	Metrics *telemetry.Metrics

	open      chan struct{}
	held      atomic.Int64
	stored    *rate.Limiter
	endpoints endpoints
}

// Handler returns what answers Stripe.
func (r *Receiver) Handler() http.Handler {
	r.open = make(chan struct{}, maxOpen)
	r.stored = rate.NewLimiter(storedPerSecond, storedBurst)
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+pattern, r.receive)
	return mux
}

// receive answers one event. Whatever is not stored is not acknowledged, so that Stripe delivers it again.
func (r *Receiver) receive(w http.ResponseWriter, q *http.Request) {
	ctx, cancel := context.WithTimeout(q.Context(), handleTimeout)
	defer cancel()
	status, result := r.handle(w, q.WithContext(ctx))
	r.answer(w, status, result)
}

// enter takes a place without waiting for one.
func enter(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

// body reads an event. Stripe sends it at once: who takes longer holds a place that others wait for.
func (r *Receiver) body(w http.ResponseWriter, q *http.Request) ([]byte, error) {
	_ = http.NewResponseController(w).SetReadDeadline(r.Clock.Now().Add(bodyTimeout))
	m := &metered{Reader: http.MaxBytesReader(w, q.Body, maxBody), all: &r.held}
	defer m.release()
	return io.ReadAll(m)
}

// errFull says that too much is arriving at once.
var errFull = errors.New("too much is arriving at once")

// metered counts what is held of a body until it is read, among those of all bodies.
type metered struct {
	io.Reader

	mine int64
	all  *atomic.Int64
}

// Read implements io.Reader.
func (m *metered) Read(into []byte) (int, error) {
	n, err := m.Reader.Read(into)
	m.mine += int64(n)
	if m.all.Add(int64(n)) > maxHeld {
		return n, errFull
	}
	return n, err
}

func (m *metered) release() { m.all.Add(-m.mine) }

// answer reports a status and nothing else: who asks without a signature learns nothing.
func (r *Receiver) answer(w http.ResponseWriter, status int, result string) {
	r.Metrics.Event(result)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
}

// handle verifies an event and stores its hint. It returns the status to answer with, and a word for metrics.
func (r *Receiver) handle(w http.ResponseWriter, q *http.Request) (status int, result string) {
	ctx := q.Context()
	platform := &v1alpha1.CoachPlatform{}
	key := types.NamespacedName{Namespace: q.PathValue("namespace"), Name: q.PathValue("platform")}
	if err := r.Client.Get(ctx, key, platform); err != nil || platform.Spec.Stripe.CredentialsSecretName == "" {
		if client.IgnoreNotFound(err) != nil {
			return http.StatusInternalServerError, "failed"
		}
		return http.StatusBadRequest, "no_platform" // who guesses paths learns nothing
	}
	end := r.endpoints.of(platform, r.Clock)
	if !enter(end.open) {
		return http.StatusServiceUnavailable, "busy"
	}
	defer func() { <-end.open }()
	body, err := r.body(w, q)
	if err != nil {
		return unread(err)
	}
	if !enter(r.open) {
		return http.StatusServiceUnavailable, "busy"
	}
	defer func() { <-r.open }()
	return r.take(ctx, platform, end, body, q.Header.Get(signatureHeader))
}

// unread is how a body is answered that was not read to its end.
func unread(err error) (status int, result string) {
	_, big := errors.AsType[*http.MaxBytesError](err)
	switch {
	case big:
		return http.StatusRequestEntityTooLarge, "too_large"
	case errors.Is(err, errFull):
		return http.StatusServiceUnavailable, "busy"
	}
	return http.StatusBadRequest, "broken"
}

// take verifies an event that has arrived and stores its hint.
func (r *Receiver) take(
	ctx context.Context, platform *v1alpha1.CoachPlatform, end *endpoint, body []byte, signature string,
) (status int, result string) {
	hint, err := r.verify(ctx, platform, end, body, signature)
	switch {
	case errors.Is(err, stripe.ErrNoSecret), errors.Is(err, errUnread):
		return http.StatusServiceUnavailable, "no_secret"
	case err != nil:
		return http.StatusBadRequest, stripe.Result(err)
	case !end.admit(): // counted once it is known to be Stripe's: nobody else uses up what Stripe may
		return http.StatusTooManyRequests, "limited"
	case hint.Live != (platform.Spec.Stripe.Mode == v1alpha1.StripeLive):
		return http.StatusOK, "wrong_mode"
	}
	result, err = r.store(ctx, platform, hint)
	switch {
	case errors.Is(err, errLimited):
		return http.StatusTooManyRequests, "limited"
	case err != nil:
		logf.FromContext(ctx).Error(err, "Storing the hint of an event; Stripe delivers it again",
			"platform", client.ObjectKeyFromObject(platform).String())
		return http.StatusInternalServerError, "failed"
	}
	return http.StatusOK, result
}
