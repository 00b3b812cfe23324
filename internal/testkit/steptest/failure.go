package steptest

import (
	"slices"
	"strings"
	"testing"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// family is one kind of failure.
type family struct {
	name string
	// class is what the operator must take it for.
	class fault.Class
	kind  env.InjectedFaultKind
	// status is that of an error.
	status int
	// code is the kind of its code in env.AWSService, and novel a code that no service has. A service without a
	// code of an optional kind does not fail like this.
	code, novel string
	optional    bool
	// writes says that only writes fail like this.
	writes bool
}

// families of failures. Their codes are those with which the service is registered in the sandbox.
var families = []family{
	{name: "throttling", class: fault.Transient, kind: env.Throttle},
	{name: "no connection", class: fault.Transient, kind: env.Drop},
	{name: "an internal error", class: fault.Transient, kind: env.Failure, status: 500, code: "internal"},
	{name: "an unknown error", class: fault.Transient, kind: env.Failure, status: 400, novel: "NovelException"},
	{name: "a missing permission", class: fault.Denied, kind: env.Failure, status: 403, code: "denied"},
	{name: "an invalid parameter", class: fault.Invalid, kind: env.Failure, status: 400, code: "invalid"},
	{name: "a used-up quota", class: fault.Denied, kind: env.Failure, status: 400, writes: true, code: "quota", optional: true},
	{name: "a busy state", class: fault.Waiting, kind: env.Failure, status: 400, writes: true, code: "busy", optional: true},
}

// codeOf returns the error code with which a service fails like this, and whether it does.
func (f family) codeOf(service env.AWSService) (code string, ok bool) {
	if f.code == "" {
		return f.novel, true
	}
	code = service.Codes[f.code]
	return code, code != ""
}

// checkServices fails the suite when the sandbox cannot check what the step does at one of its services: it has to
// know the errors of each, and the inventory of those that the step writes to.
func (fx *fixture[In]) checkServices(t *testing.T) {
	t.Helper()
	fx.services = map[string]env.AWSService{}
	for _, s := range fx.sandbox.Services(t) {
		fx.services[s.Name] = s
	}
	for _, action := range slices.Concat(fx.description.Reads, fx.description.Writes) {
		name, _, _ := strings.Cut(action, ":")
		if name == "tag" {
			name = "tagging" // its IAM name is shorter
		}
		service, ok := fx.services[name]
		if !ok {
			t.Errorf("%s: the service %s is not registered in the sandbox", action, name)
			continue
		}
		for _, f := range families {
			if _, ok := f.codeOf(service); !ok && !f.optional {
				t.Errorf("%s: the service %s is registered without a code for %s", action, name, f.name)
			}
		}
		if slices.Contains(fx.description.Writes, action) && len(service.Inventory) == 0 {
			t.Errorf("%s: the service %s is registered without an inventory, so no duplicate would be seen", action, name)
		}
	}
}

// failures lets every operation on the way to existing fail in every way, each operation in an account
// of its own.
func (fx *fixture[In]) failures(t *testing.T) {
	var tried []string
	for _, c := range fx.creating {
		if slices.Contains(tried, c.Action()) {
			continue
		}
		tried = append(tried, c.Action())
		t.Run(c.Action(), func(t *testing.T) {
			t.Parallel()
			p := fx.start(t)
			for _, f := range families {
				code, ok := f.codeOf(fx.services[c.Service])
				if !ok && f.optional || f.writes && c.ReadOnly {
					continue
				}
				t.Run(f.name, func(t *testing.T) {
					fx.fail(p.within(t), c, f, code)
					fx.count(func(c *Coverage) { c.Failures++ })
				})
			}
			p.until("convergence", p.pass, converged)
			p.mustBe(fx.created)
		})
	}
}

// fail lets one operation fail until its class was seen twice, and then no more.
func (fx *fixture[In]) fail(p *process[In], c env.Call, f family, code string) {
	p.t.Helper()
	p.account.InjectFault(p.t, env.InjectedFault{
		Service: c.Service, Operation: c.Operation, Kind: f.kind, Code: code, Status: f.status,
	})
	defer p.account.ClearInjectedFaults(p.t)
	failed := func(out converge.Outcome) bool {
		if out.Err == nil {
			return false
		}
		if class := fault.ClassOf(out.Err); class != f.class && class != fault.Waiting {
			p.t.Fatalf("%s of %s must be %s: %s", f.name, c.Action(), f.class, show(out))
		}
		return caused(out.Err)
	}
	// What is only read before a write, or after one, is read when a person requests it.
	pass := func() converge.Outcome {
		out := p.pass()
		if converged(out) {
			out = p.run(converge.Mode{Write: true, Fresh: true})
		}
		return out
	}
	first := fault.As(p.until("the failure", pass, failed).Err)
	p.wait(sweep)
	second := fault.As(p.until("the failure again", pass, failed).Err)
	if first.Reason != second.Reason || first.Message != second.Message {
		p.t.Errorf("the same failure reads differently, which would rewrite status for ever:\n%s: %s\n%s: %s",
			first.Reason, first.Message, second.Reason, second.Message)
	}
}
