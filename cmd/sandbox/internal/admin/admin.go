// Package admin is the sandbox's own API: what a test may see and turn that AWS
// would not show or let it. Other services add their own calls.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/calllog"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/fault"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// maxBody bounds an admin request.
const maxBody = 1 << 20

// World is what the admin API reads and changes of the accounts.
type World interface {
	Seed(ctx context.Context, account, region string) (Seeded, error)
	SetPolicy(ctx context.Context, account, document string) error
	Reset(ctx context.Context, account string) error
	Inventory(ctx context.Context, account, region string) (any, error)
	Sabotage(ctx context.Context, name string, order Sabotage) (hit []string, err error)
	Statuses(account, region, instance string) []string
	Maintain(ctx context.Context, account, region, instance string) (begun bool, err error)
}

// API is an http.Handler.
type API struct {
	log      *calllog.Log
	faults   *fault.Injector
	settings *setting.Store
	services *service.Registry
	world    World
	errors   *slog.Logger
	mux      *http.ServeMux
}

// Routes are calls by their patterns, each a function that returns what to say.
type Routes map[string]func(*http.Request) (any, error)

// New returns the API.
func New(
	log *calllog.Log, faults *fault.Injector, settings *setting.Store, services *service.Registry, world World, logger *slog.Logger,
) *API {
	a := &API{
		log: log, faults: faults, settings: settings, services: services, world: world, errors: logger, mux: http.NewServeMux(),
	}
	a.Add(a.routes())
	return a
}

// Add makes the API answer more calls.
func (a *API) Add(routes Routes) {
	for pattern, handle := range routes {
		a.mux.HandleFunc(pattern, a.answer(handle))
	}
}

func (a *API) routes() Routes {
	return Routes{
		"GET /healthz":                    a.health,
		"GET /calls":                      a.calls,
		"DELETE /calls":                   a.forgetCalls,
		"GET /services":                   a.registrations,
		"GET /unknown":                    a.unknown,
		"DELETE /unknown":                 a.forgetUnknown,
		"POST /faults":                    a.addFault,
		"GET /faults":                     a.listFaults,
		"DELETE /faults":                  a.clearFaults,
		"GET /faults/{id}":                a.getFault,
		"DELETE /faults/{id}":             a.removeFault,
		"POST /faults/{id}/release":       a.releaseFault,
		"POST /settings":                  a.set,
		"GET /settings":                   a.settingsOf,
		"GET /inventory":                  a.inventory,
		"GET /statuses":                   a.statuses,
		"POST /sabotage/{name}":           a.sabotage,
		"POST /accounts/{id}/seed":        a.seed,
		"POST /accounts/{id}/policy":      a.policy,
		"POST /accounts/{id}/maintenance": a.maintain,
		"POST /accounts/{id}/reset":       a.reset,
	}
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// problem is an error the caller caused.
type problem struct {
	status int
	err    error
}

func (p *problem) Error() string { return p.err.Error() }

func badRequest(err error) error { return &problem{status: http.StatusBadRequest, err: err} }

func notFound(format string, args ...any) error {
	return &problem{status: http.StatusNotFound, err: fmt.Errorf(format, args...)}
}

// answer returns a handler of a function that returns what to say.
func (a *API) answer(handle func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		result, err := handle(r)
		status := http.StatusOK
		if err != nil {
			status = statusOf(err)
			result = map[string]string{"error": err.Error()}
			a.errors.WarnContext(r.Context(), "admin request failed", "request", r.Method+" "+r.URL.Path, "error", err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(result); err != nil {
			a.errors.DebugContext(r.Context(), "client went away", "error", err)
		}
	}
}

func statusOf(err error) int {
	if caused, ok := errors.AsType[*problem](err); ok {
		return caused.status
	}
	if failure, ok := errors.AsType[*wire.Error](err); ok {
		return failure.Status
	}
	return http.StatusInternalServerError
}

type done struct {
	OK bool `json:"ok"`
}

func (a *API) health(*http.Request) (any, error) { return done{true}, nil }

func (a *API) calls(r *http.Request) (any, error) {
	since := int64(0)
	if text := r.FormValue("since"); text != "" {
		var err error
		if since, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, badRequest(fmt.Errorf("since: %w", err))
		}
	}
	return a.log.Since(r.FormValue("account"), since), nil
}

func (a *API) forgetCalls(r *http.Request) (any, error) {
	a.log.Forget(r.FormValue("account"))
	return done{true}, nil
}

func (a *API) registrations(*http.Request) (any, error) { return a.services.Registrations(), nil }

func (a *API) unknown(r *http.Request) (any, error) {
	return a.services.Refused(r.FormValue("account")), nil
}

func (a *API) forgetUnknown(r *http.Request) (any, error) {
	a.services.ForgetRefused(r.FormValue("account"))
	return done{true}, nil
}

func (a *API) addFault(r *http.Request) (any, error) {
	var rule fault.Rule
	if err := Decode(r, &rule); err != nil {
		return nil, err
	}
	id, err := a.faults.Add(rule)
	if err != nil {
		return nil, badRequest(err)
	}
	return map[string]string{"id": id}, nil
}

func (a *API) listFaults(r *http.Request) (any, error) {
	return a.faults.List(r.FormValue("account")), nil
}

func (a *API) getFault(r *http.Request) (any, error) {
	state, ok := a.faults.Get(r.PathValue("id"))
	if !ok {
		return nil, notFound("no fault %s", r.PathValue("id"))
	}
	return state, nil
}

func (a *API) removeFault(r *http.Request) (any, error) {
	if !a.faults.Remove(r.PathValue("id")) {
		return nil, notFound("no fault %s", r.PathValue("id"))
	}
	return done{true}, nil
}

func (a *API) releaseFault(r *http.Request) (any, error) {
	if !a.faults.Release(r.PathValue("id")) {
		return nil, notFound("no fault %s", r.PathValue("id"))
	}
	return done{true}, nil
}

func (a *API) clearFaults(r *http.Request) (any, error) {
	a.faults.Clear(r.FormValue("account"))
	return done{true}, nil
}

func (a *API) set(r *http.Request) (any, error) {
	var patch setting.Patch
	if err := Decode(r, &patch); err != nil {
		return nil, err
	}
	return a.settings.Set(r.URL.Query().Get("account"), patch), nil
}

func (a *API) settingsOf(r *http.Request) (any, error) {
	return a.settings.Of(r.FormValue("account")), nil
}

// Decode reads a JSON body; an empty one leaves everything as it is. Unknown
// fields are errors, so that a typo is not a silent nothing.
func Decode(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return badRequest(fmt.Errorf("read request: %w", err))
	}
	return nil
}
