// Package httpapi is Stripe's API: it finds out who calls what, logs it, lets faults
// strike, holds the request against Stripe's description, and has it answered.
package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/calllog"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/fault"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/schema"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/state"
)

const (
	// Service is the name of Stripe in faults and in the log of calls.
	Service = "stripe"
	// statusCut is logged for a call whose client got no answer.
	statusCut = 499
	// maxBody bounds a request.
	maxBody = 1 << 20
)

// Config is what the API is made of. Every field is needed.
type Config struct {
	World  *state.World
	Log    *calllog.Log
	Faults *fault.Injector
	Now    func() time.Time
	Errors *slog.Logger
}

// API is an http.Handler.
type API struct {
	Config
	schema     *schema.Schema
	operations map[string]operation
}

// New reads the description of the API and answers by it.
func New(config Config) (*API, error) {
	described, err := description()
	if err != nil {
		return nil, err
	}
	return &API{Config: config, operations: operations(), schema: described}, nil
}

// description is read once: it is large.
var description = sync.OnceValues(func() (*schema.Schema, error) {
	return schema.Load(slices.Collect(maps.Keys(operations())))
})

// request is a call on its way.
type request struct {
	*http.Request
	call
	id        string // of the request
	key       string // for idempotency
	operation *schema.Operation
	failure   *state.Error // found before it could be carried out
}

// ServeHTTP answers one call, or one visit to connect.stripe.com.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/setup/") || strings.HasPrefix(r.URL.Path, "/express/") {
		a.visit(w, r)
		return
	}
	arrived := a.Now()
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	q := &request{Request: r, id: state.RequestID(), key: r.Header.Get("Idempotency-Key")}
	a.identify(q)
	seq := a.begin(q)
	answer, err := a.answer(r.Context(), q)
	if err != nil {
		a.Log.End(seq, statusCut, "")
		a.cut(r.Context(), w)
		return
	}
	a.await(r.Context(), arrived, q)
	a.Log.End(seq, answer.Status, codeOf(answer))
	if err := answer.Write(w); err != nil {
		a.Errors.DebugContext(r.Context(), "client went away", "operation", q.name(), "error", err)
	}
}

// versions are dates, with the names of previews behind them.
var versions = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}`)

// identify finds out who calls what, and for whom.
func (a *API) identify(q *request) {
	q.operation, q.path = a.schema.Find(q.Method, q.URL.Path)
	a.World.Lock()
	defer a.World.Unlock()
	if q.Caller, q.failure = a.World.Identify(bearer(q.Request)); q.failure != nil {
		return
	}
	if version := q.Header.Get("Stripe-Version"); version != "" && !versions.MatchString(version) {
		q.failure = state.Fail(http.StatusBadRequest, "", "Invalid Stripe API version: %s", version)
		return
	}
	if q.operation == nil {
		q.failure = state.Fail(http.StatusNotFound, "", "Unrecognized request URL (%s: %s). Please see https://stripe.com/docs or we can "+
			"help at https://support.stripe.com/.", q.Method, q.URL.Path)
		return
	}
	if id := q.Header.Get("Stripe-Account"); id != "" && id != q.ID {
		if q.Account, q.failure = a.World.Account(q.Caller, id); q.failure != nil {
			return
		}
	}
	q.failure = q.Allow(a.operations[q.operation.ID].needs)
}

func bearer(r *http.Request) string {
	if user, _, ok := r.BasicAuth(); ok {
		return user
	}
	text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return strings.TrimSpace(text)
}

func (q *request) name() string {
	if q.operation == nil {
		return q.Method + " " + q.URL.Path
	}
	return q.operation.ID
}

// platform is who calls, or "".
func (q *request) platform() string {
	if q.Space == nil {
		return ""
	}
	return q.ID
}

func (a *API) begin(q *request) int64 {
	logged := calllog.Call{
		Time: a.Now().UTC(), Service: Service, Operation: q.name(), Account: q.platform(), Principal: q.Kind(),
		ReadOnly: q.Method == http.MethodGet, IdempotencyKey: q.key,
	}
	if q.Space != nil {
		logged.Region = q.Mode()
	}
	switch {
	case len(q.path) > 0:
		logged.Resource = q.path[0]
	default:
		logged.Resource = q.Header.Get("Stripe-Account")
	}
	return a.Log.Begin(logged)
}

// answer has the call carried out, unless something is wrong with it. The error
// requests that the connection is cut.
func (a *API) answer(ctx context.Context, q *request) (*wire.Answer, error) {
	if q.failure != nil {
		return q.fail(q.failure), nil
	}
	kept, failure := a.admit(q)
	if failure != nil {
		return q.fail(failure), nil
	}
	defer a.settle(q, kept)
	replayed := kept != nil && kept.Answered
	answer, err := a.Faults.Through(ctx, fault.Call{
		Subject:   fault.Subject{Service: Service, Operation: q.operation.ID, Account: q.platform()},
		Throttled: wire.Errorf(http.StatusTooManyRequests, "rate_limit", "Request rate limit exceeded."),
		Fail: func(failure *wire.Error) *wire.Answer {
			answer := q.fail(state.Fail(failure.Status, failure.Code, "%s", failure.Message))
			if !replayed {
				a.keep(kept, answer, q.id)
			}
			return answer
		},
		Execute: func(context.Context) (*wire.Answer, error) {
			if replayed {
				return q.replay(kept), nil
			}
			return a.execute(q, kept), nil
		},
		Stale: func() { q.stale = true },
	})
	if errors.Is(err, fault.ErrCut) {
		return nil, err
	}
	return answer, err
}

// admit counts the call, holds it against the description, and takes its
// idempotency key.
func (a *API) admit(q *request) (*state.Kept, *state.Error) {
	write := q.Method != http.MethodGet
	a.World.Lock()
	failure := a.World.Admit(q.Space, write)
	a.World.Unlock()
	if failure != nil {
		return nil, failure
	}
	params, problem := q.operation.Check(q.Request)
	if problem != nil {
		failure := state.Fail(http.StatusBadRequest, problem.Code, "%s", problem.Message)
		failure.Param = problem.Param
		return nil, failure
	}
	q.params = params
	if q.Method != http.MethodPost {
		q.key = "" // it has no effect
	}
	a.World.Lock()
	defer a.World.Unlock()
	return a.World.Claim(q.Caller, q.key, q.URL.Path, q.params)
}

func (a *API) execute(q *request, kept *state.Kept) *wire.Answer {
	a.World.Lock()
	defer a.World.Unlock()
	params, _ := object.Clone(q.params).(object.Object)
	value, failure := a.operations[q.operation.ID].do(a.World, call{q.Caller, q.path, params, q.stale})
	answer := q.success(value)
	if failure != nil {
		answer = q.fail(failure)
	}
	if kept != nil {
		kept.Answer(answer.Status, answer.Body, q.id)
	}
	return answer
}

// keep keeps an error that a fault gave. Only an internal one is Stripe's answer
// to the call; others come from before it.
func (a *API) keep(kept *state.Kept, answer *wire.Answer, id string) {
	if kept == nil || answer.Status != http.StatusInternalServerError {
		return
	}
	a.World.Lock()
	defer a.World.Unlock()
	kept.Answer(answer.Status, answer.Body, id)
}

func (a *API) settle(q *request, kept *state.Kept) {
	a.World.Lock()
	defer a.World.Unlock()
	q.Settle(q.key, kept)
}

// await lets the latency of Stripe pass.
func (a *API) await(ctx context.Context, arrived time.Time, q *request) {
	a.World.Lock()
	left := time.Duration(a.World.SettingsOf(q.platform()).Latency) - a.Now().Sub(arrived)
	a.World.Unlock()
	if left <= 0 {
		return
	}
	select {
	case <-time.After(left):
	case <-ctx.Done():
	}
}

// cut closes the connection under the client's feet.
func (a *API) cut(ctx context.Context, w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		a.Errors.ErrorContext(ctx, "cannot cut a connection", "error", err)
		return
	}
	_ = connection.Close() // that it is gone is the point
}
