// Package stripewebhook receives Stripe's events. An event is a hint to observe an account, and nothing
// else of it is believed: it is stored on the account's object, from where whichever replica leads acts on
// it, and only then answered. Late, twice, or in another order, it does no harm.
package stripewebhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/telemetry"
)

const (
	// maxBody bounds an event, and maxOpen how many are received at a time.
	maxBody = 1 << 20
	maxOpen = 128
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
	endpoints endpoints
}

// Handler returns what answers Stripe.
func (r *Receiver) Handler() http.Handler {
	r.open = make(chan struct{}, maxOpen)
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+pattern, r.receive)
	return mux
}

// receive answers one event. Whatever is not stored is not acknowledged, so that Stripe delivers it again.
func (r *Receiver) receive(w http.ResponseWriter, q *http.Request) {
	ctx, cancel := context.WithTimeout(q.Context(), handleTimeout)
	defer cancel()
	select {
	case r.open <- struct{}{}:
		defer func() { <-r.open }()
	default:
		r.answer(w, http.StatusServiceUnavailable, "busy")
		return
	}
	// Stripe sends an event at once: who takes longer holds a place that others wait for.
	_ = http.NewResponseController(w).SetReadDeadline(r.Clock.Now().Add(bodyTimeout))
	q = q.WithContext(ctx)
	q.Body = http.MaxBytesReader(w, q.Body, maxBody)
	status, result := r.handle(q)
	r.answer(w, status, result)
}

// answer reports a status and nothing else: who asks without a signature learns nothing.
func (r *Receiver) answer(w http.ResponseWriter, status int, result string) {
	r.Metrics.Event(result)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
}

// handle verifies an event and stores its hint. It returns the status to answer with, and a word for metrics.
func (r *Receiver) handle(q *http.Request) (status int, result string) {
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
	body, err := io.ReadAll(q.Body)
	if err != nil {
		if _, big := errors.AsType[*http.MaxBytesError](err); big {
			return http.StatusRequestEntityTooLarge, "too_large"
		}
		return http.StatusBadRequest, "broken"
	}
	hint, err := r.verify(ctx, platform, end, body, q.Header.Get(signatureHeader))
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
	if err != nil {
		logf.FromContext(ctx).Error(err, "Storing the hint of an event; Stripe delivers it again", "platform", key.String())
		return http.StatusInternalServerError, "failed"
	}
	return http.StatusOK, result
}
