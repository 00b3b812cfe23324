// Package proxy is the AWS endpoint: it finds out who calls what, logs it, lets
// faults strike, checks permission and has the call answered by its service. What is
// not registered is refused and reported.
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/calllog"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/fault"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/limit"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// statusCut is logged for a call whose client got no answer.
const statusCut = 499

// Guard decides what a caller may do.
type Guard interface {
	// Check refuses what the caller's policies do not allow, with the error of the
	// service called.
	Check(ctx context.Context, call identity.Call) error
	// Resource names what a call is about, an ARN where there is one.
	Resource(call identity.Call) string
}

// Config is what a proxy is made of. Every field is needed.
type Config struct {
	Settings *setting.Store
	Sessions *identity.Sessions
	Log      *calllog.Log
	Faults   *fault.Injector
	Guard    Guard
	Services *service.Registry
	Limits   *limit.Limiter
	Now      func() time.Time
	Errors   *slog.Logger
}

// Proxy is an http.Handler.
type Proxy struct {
	Config
}

// New returns the endpoint.
func New(config Config) *Proxy { return &Proxy{Config: config} }

// ServeHTTP answers one call.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	arrived := p.Now()
	req, err := wire.Parse(r)
	if req == nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	call := identity.Call{Request: req}
	if err == nil {
		call.Caller, err = p.identify(req)
	}
	seq := p.begin(call)
	var answer *wire.Answer
	if err != nil {
		answer = req.Fail(err)
	} else {
		answer, err = p.carryOut(r.Context(), call)
	}
	if errors.Is(err, fault.ErrCut) {
		p.Log.End(seq, statusCut, "")
		p.cut(r.Context(), w)
		return
	}
	if answer == nil {
		p.Errors.ErrorContext(r.Context(), "call failed inside the sandbox", "service", req.Service, "operation", req.Operation, "error", err)
		answer = req.Fail(err)
	}
	p.await(r.Context(), arrived, call.Caller.Account)
	p.Log.End(seq, answer.Status, code(req, answer))
	if err := answer.Write(w); err != nil {
		p.Errors.DebugContext(r.Context(), "client went away", "operation", req.Operation, "error", err)
	}
}

// unsigned are the operations that need no credentials.
var unsigned = map[string]string{"AssumeRoleWithWebIdentity": "sts", "AssumeRoleWithSAML": "sts"}

func (p *Proxy) identify(req *wire.Request) (identity.Principal, error) {
	if service, ok := unsigned[req.Operation]; ok && req.AccessKey == "" {
		req.Service = service
		return identity.Principal{}, nil
	}
	return p.Sessions.Resolve(req)
}

func (p *Proxy) begin(call identity.Call) int64 {
	return p.Log.Begin(calllog.Call{
		Time:        p.Now().UTC(),
		Service:     call.Service,
		Operation:   call.Operation,
		Region:      call.Region,
		Account:     call.Caller.Account,
		Principal:   call.Caller.ARN,
		SessionName: call.Caller.SessionName,
		SessionTags: call.Caller.SessionTags,
		ReadOnly:    call.ReadOnly(),
		Resource:    p.Guard.Resource(call),
	})
}

// carryOut lets a registered service answer. What is not registered is refused before anything else.
func (p *Proxy) carryOut(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	found, err := p.Services.Find(call)
	if err != nil {
		return failed(call, err)
	}
	if limit, published := p.Services.Limit(call); published && p.Settings.Of(call.Caller.Account).Limits && !p.Limits.Admit(call, limit) {
		return call.Fail(throttled(call, p.Services.Codes(call.Service))), nil
	}
	return p.through(ctx, call, found)
}

func (p *Proxy) through(ctx context.Context, call identity.Call, answering service.Service) (*wire.Answer, error) {
	return p.Faults.Through(ctx, fault.Call{
		Subject: fault.Subject{
			Service: call.Service, Operation: call.Operation,
			Account: call.Caller.Account, SessionName: call.Caller.SessionName,
		},
		Fail:      func(failure *wire.Error) *wire.Answer { return call.Fail(failure) },
		Throttled: throttled(call, p.Services.Codes(call.Service)),
		Execute:   func(ctx context.Context) (*wire.Answer, error) { return p.execute(ctx, call, answering) },
		Stale:     func() { call.Stale = true },
	})
}

func (p *Proxy) execute(ctx context.Context, call identity.Call, answering service.Service) (*wire.Answer, error) {
	if err := p.Guard.Check(ctx, call); err != nil {
		return failed(call, err)
	}
	result, err := answering.Serve(ctx, call)
	if err != nil {
		return failed(call, err)
	}
	if answer, ready := result.(*wire.Answer); ready {
		return answer, nil
	}
	return call.Result(result)
}

// throttled is how a service says that a caller is too fast.
func throttled(call identity.Call, codes service.Codes) *wire.Error {
	if call.Protocol == wire.EC2Query {
		return wire.Errorf(http.StatusServiceUnavailable, codes.Throttled, "Request limit exceeded.")
	}
	return wire.Errorf(http.StatusBadRequest, codes.Throttled, "Rate exceeded")
}

// failed answers with an AWS error; anything else is the sandbox's own failure.
func failed(call identity.Call, err error) (*wire.Answer, error) {
	if failure, ok := errors.AsType[*wire.Error](err); ok {
		return call.Fail(failure), nil
	}
	return nil, err
}

// await lets the latency of AWS pass. Besides being honest, it keeps clients out of
// a race: Go's closes a connection on which the answer came before it noticed that
// it had sent the whole request.
func (p *Proxy) await(ctx context.Context, arrived time.Time, account string) {
	left := time.Duration(p.Settings.Of(account).Latency) - p.Now().Sub(arrived)
	select {
	case <-time.After(left):
	case <-ctx.Done():
	}
}

// cut closes the connection under the client's feet.
func (p *Proxy) cut(ctx context.Context, w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		p.Errors.ErrorContext(ctx, "cannot cut a connection", "error", err)
		return
	}
	_ = connection.Close() // that it is gone is the point
}
