package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/state"
)

// success is the answer to a call that was carried out.
func (q *request) success(value any) *wire.Answer {
	body, ready := value.([]byte)
	if !ready {
		body = state.Encode(value)
	}
	return q.reply(http.StatusOK, body)
}

// fail is the answer to a call that was not.
func (q *request) fail(failure *state.Error) *wire.Answer {
	return q.reply(failure.Status, state.Encode(map[string]any{"error": failure}))
}

// replay is the answer that was given to the same call before.
func (q *request) replay(kept *state.Kept) *wire.Answer {
	answer := q.reply(kept.Status, kept.Body)
	answer.Header.Set("Idempotent-Replayed", "true")
	answer.Header.Set("Original-Request", kept.RequestID)
	return answer
}

func (q *request) reply(status int, body []byte) *wire.Answer {
	header := http.Header{"Content-Type": {"application/json"}, "Request-Id": {q.id}}
	version := q.Header.Get("Stripe-Version")
	if version == "" {
		version = state.APIVersion
	}
	header.Set("Stripe-Version", version)
	if q.key != "" {
		header.Set("Idempotency-Key", q.key)
		header.Set("Original-Request", q.id)
	}
	if account := q.Header.Get("Stripe-Account"); account != "" {
		header.Set("Stripe-Account", account)
	}
	return &wire.Answer{Status: status, Header: header, Body: body}
}

// codeOf is the error code in an answer, or its type, or "".
func codeOf(answer *wire.Answer) string {
	if answer.Status < http.StatusBadRequest {
		return ""
	}
	var body struct {
		Error state.Error `json:"error"`
	}
	if json.Unmarshal(answer.Body, &body) != nil {
		return ""
	}
	if body.Error.Code == "" {
		return body.Error.Type
	}
	return body.Error.Code
}

// visit is a page of connect.stripe.com: a link works once.
func (a *API) visit(w http.ResponseWriter, r *http.Request) {
	a.World.Lock()
	good := r.Method == http.MethodGet && a.World.Follow(r.URL.Path)
	a.World.Unlock()
	status, text := http.StatusOK, "Onboarding"
	if !good {
		status, text = http.StatusGone, "This link has expired"
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := w.Write([]byte("<!doctype html><title>Stripe</title><h1>" + text + "</h1>\n"))
	if err != nil {
		a.Errors.DebugContext(r.Context(), "client went away", "error", err)
	}
}
