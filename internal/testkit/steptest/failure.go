package steptest

import (
	"slices"
	"testing"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// family is one kind of failure, with the code that each service has for it.
type family struct {
	name string
	// class is what the operator must take it for.
	class fault.Class
	kind  env.InjectedFaultKind
	// status and codes are those of an error; a service without a code does not fail like this.
	status int
	codes  map[string]string
	// writes says that only writes fail like this.
	writes bool
}

// families of failures. Sources: the Errors section of each service's API reference.
var families = []family{
	{name: "throttling", class: fault.Transient, kind: env.Throttle},
	{name: "no connection", class: fault.Transient, kind: env.Drop},
	{name: "an internal error", class: fault.Transient, kind: env.Failure, status: 500, codes: map[string]string{
		"kms": "KMSInternalException", "rds": "InternalFailure", "ec2": "InternalError", "tagging": "InternalServiceException",
		"sts": "InternalFailure", "iam": "ServiceFailure",
	}},
	{name: "an unknown error", class: fault.Transient, kind: env.Failure, status: 400, codes: map[string]string{
		"kms": "NovelException", "rds": "Novel", "ec2": "Novel", "tagging": "NovelException", "sts": "Novel", "iam": "Novel",
	}},
	{name: "a missing permission", class: fault.Denied, kind: env.Failure, status: 403, codes: map[string]string{
		"kms": "AccessDeniedException", "rds": "AccessDenied", "ec2": "UnauthorizedOperation", "tagging": "AccessDeniedException",
		"sts": "AccessDenied", "iam": "AccessDenied",
	}},
	{name: "an invalid parameter", class: fault.Invalid, kind: env.Failure, status: 400, codes: map[string]string{
		"kms": "ValidationException", "rds": "InvalidParameterValue", "ec2": "InvalidParameterValue",
		"tagging": "InvalidParameterException", "iam": "ValidationError",
	}},
	{name: "a used-up quota", class: fault.Denied, kind: env.Failure, status: 400, writes: true, codes: map[string]string{
		"kms": "LimitExceededException", "rds": "InstanceQuotaExceeded", "ec2": "SecurityGroupLimitExceeded", "iam": "LimitExceeded",
	}},
	{name: "a busy state", class: fault.Waiting, kind: env.Failure, status: 400, writes: true, codes: map[string]string{
		"kms": "KMSInvalidStateException", "rds": "InvalidDBInstanceState", "ec2": "DependencyViolation",
		"iam": "ConcurrentModification",
	}},
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
				if f.kind == env.Failure && f.codes[c.Service] == "" || f.writes && c.ReadOnly {
					continue
				}
				t.Run(f.name, func(t *testing.T) {
					fx.fail(p.within(t), c, f)
					fx.count(func(c *Coverage) { c.Failures++ })
				})
			}
			p.until("convergence", p.pass, converged)
			p.mustBe(fx.created)
		})
	}
}

// fail lets one operation fail until its class was seen twice, and then no more.
func (fx *fixture[In]) fail(p *process[In], c env.Call, f family) {
	p.t.Helper()
	p.account.InjectFault(p.t, env.InjectedFault{
		Service: c.Service, Operation: c.Operation, Kind: f.kind, Code: f.codes[c.Service], Status: f.status,
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
