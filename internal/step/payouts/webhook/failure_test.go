package webhook_test

import (
	"errors"
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// failures are what may be wrong, and how it reads.
var failures = map[string]struct {
	spoil  func(o *operator)
	class  fault.Class
	reason string
}{
	"a key that was revoked": {
		func(o *operator) { o.sandbox.RevokeStripeKey(o.t, o.stripe.ID, o.key) }, fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid,
	},
	"a key that has expired": {
		func(o *operator) { o.sandbox.ExpireStripeKey(o.t, o.stripe.ID, o.key) }, fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid,
	},
	"a key that is none": {
		func(o *operator) { o.key = "whsec_decoy" }, fault.Invalid, v1alpha1.ReasonPlatformCredentialsInvalid,
	},
	"a key without the right": {
		func(o *operator) { o.key = o.sandbox.NewStripeKey(o.t, o.stripe.ID, false, env.MayAccounts) }, fault.Denied, v1alpha1.ReasonAccessDenied,
	},
	"no key": {
		func(o *operator) { o.problem = fault.New(fault.Denied, v1alpha1.ReasonNamespaceNotGranted, "no grant") },
		fault.Denied, v1alpha1.ReasonNamespaceNotGranted,
	},
	"too many calls": {fails(env.InjectedFault{Kind: env.Throttle}), fault.Transient, v1alpha1.ReasonThrottled},
	"an error at Stripe": {
		fails(env.InjectedFault{Kind: env.Failure, Status: 500, Code: "api_error"}), fault.Transient, v1alpha1.ReasonStripeUnreachable,
	},
	"no answer": {fails(env.InjectedFault{Kind: env.Drop}), fault.Transient, v1alpha1.ReasonStripeUnreachable},
	"a Secret that cannot be read": {
		func(o *operator) {
			o.kept.failure = fault.New(fault.Denied, v1alpha1.ReasonNamespaceNotGranted, "no grant")
		},
		fault.Denied, v1alpha1.ReasonNamespaceNotGranted,
	},
}

// fails puts a fault in force for all calls about endpoints.
func fails(f env.InjectedFault) func(o *operator) {
	return func(o *operator) {
		f.Service, f.Account = "stripe", o.stripe.ID
		o.sandbox.InjectFault(o.t, f)
	}
}

func TestEveryFailureReadsAsWhatItIs(t *testing.T) {
	for name, c := range failures {
		for when, prepare := range map[string]func(o *operator){"at first": func(*operator) {}, "later": (*operator).converge} {
			t.Run(name+", "+when, func(t *testing.T) {
				o := newWorld(t).platform("studio")
				prepare(o)
				before := len(o.endpoints())
				c.spoil(o)
				if o.problem != nil {
					o.business = "" // nobody could observe the account
				}
				o.restart(&path{})
				var said [2]string
				for i := range said {
					out := o.later()
					f := fault.As(out.Err)
					if out.Err == nil || f.Class != c.class || f.Reason != c.reason {
						t.Fatalf("%v, want %s %s", out.Err, c.class, c.reason)
					}
					if out.Findings[0].Verdict != converge.Unknown || !out.ObserveFailed {
						t.Errorf("CP-PAY-04 reads %+v", out.Findings[0])
					}
					said[i] = f.Message
				}
				if said[0] != said[1] || said[0] == "" {
					t.Errorf("the same failure reads %q", said)
				}
				if o.problem == nil && len(o.endpoints()) != before {
					t.Error("endpoints come or go")
				}
			})
		}
	}
}

func TestTheEndpointWaitsForTheAccount(t *testing.T) {
	o := newWorld(t).platform("studio")
	in := o.in()
	in.Business.ID = ""
	out := o.step.Run(t.Context(), in, converge.Mode{Write: true})
	if f := fault.As(out.Err); f.Class != fault.Waiting || f.Reason != v1alpha1.ReasonWaitingForPlatform || !out.ObserveFailed {
		t.Errorf("%+v", out)
	}
	if all, _ := o.calls(0); all != nil {
		t.Errorf("Stripe is asked %v", all)
	}
}

// Stripe allows sixteen endpoints, and an idempotency key is forgotten after a day.
func TestASecretThatCannotBeKeptMakesNoHeapOfEndpoints(t *testing.T) {
	for name, prepare := range map[string]func(o *operator){
		"from the start": func(*operator) {},
		"once it was lost": func(o *operator) {
			o.converge()
			o.kept.endpoint, o.kept.text = "", ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newWorld(t).platform("studio")
			prepare(o)
			o.kept.refusal = errors.New("the namespace is full")
			for range 20 {
				if out := o.later(); out.Err == nil || out.Applied {
					t.Error("what is not kept counts as applied")
				}
				if n := len(o.endpoints()); n < 1 || n > 3 {
					t.Fatalf("%d endpoints", n)
				}
				o.sandbox.Clock(t, 25*time.Hour)
			}
			o.kept.refusal = nil
			o.converge()
			o.only()
		})
	}
}

func TestWhatIsReleasedIsDeleted(t *testing.T) {
	for name, prepare := range map[string]func(o *operator){
		"one endpoint":   func(*operator) {},
		"two":            func(o *operator) { o.make(o.url, version, o.tenant.StripeMetadata(false)) },
		"a disabled one": func(o *operator) { o.change(o.only().ID, off) },
		"one whose Secret is lost": func(o *operator) {
			o.kept.endpoint, o.kept.text = "", ""
		},
		"one that is gone": func(o *operator) { o.remove(o.only().ID) },
	} {
		t.Run(name, func(t *testing.T) {
			o := newWorld(t).platform("studio")
			o.converge()
			prepare(o)
			o.release()
			if n := len(o.endpoints()); n != 0 {
				t.Errorf("%d endpoints are left", n)
			}
			since := o.mark()
			o.release()
			if _, writes := o.calls(since); writes != nil {
				t.Errorf("what is released is released again: %v", writes)
			}
		})
	}
}

func TestAReleaseSurvivesEveryDeath(t *testing.T) {
	tries := 0
	for nth := 1; nth <= 4; nth++ {
		for _, m := range modes {
			o := newWorld(t).platform("studio")
			o.converge()
			rough := &path{mode: m, nth: nth}
			o.restart(rough)
			for range maxPasses {
				done, err := o.step.Release(t.Context(), o.in())
				if done && err == nil && len(o.endpoints()) > 0 {
					t.Fatalf("it %s call %d: done, and the endpoint is there", m, nth)
				}
				if done || !rough.alive() {
					break
				}
			}
			if rough.struck() {
				tries++
			}
			o.restart(&path{})
			o.release()
			if n := len(o.endpoints()); n != 0 {
				t.Errorf("it %s call %d: %d endpoints are left", m, nth, n)
			}
		}
	}
	if tries < 9 {
		t.Errorf("%d deaths and losses, want at least 9", tries)
	}
}

func TestAReleaseWaitsForNoPersonAndForEveryOutage(t *testing.T) {
	outage := errors.New("the API server does not answer")
	for name, c := range map[string]struct {
		spoil func(o *operator)
		done  bool
	}{
		"no key":                             {failures["no key"].spoil, true},
		"a key that is none":                 {failures["a key that is none"].spoil, true},
		"a key that was revoked":             {failures["a key that was revoked"].spoil, true},
		"a key that has expired":             {failures["a key that has expired"].spoil, true},
		"a key without the right":            {failures["a key without the right"].spoil, true},
		"a key that may only read":           {fails(env.InjectedFault{Operation: "DeleteWebhookEndpointsWebhookEndpoint", Kind: env.Failure, Status: 403, Code: "permission_error"}), true},
		"too many calls":                     {failures["too many calls"].spoil, false},
		"an error at Stripe":                 {failures["an error at Stripe"].spoil, false},
		"no answer":                          {failures["no answer"].spoil, false},
		"a Secret that nobody could observe": {func(o *operator) { o.problem = outage }, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := newWorld(t).platform("studio")
			o.converge()
			c.spoil(o)
			o.restart(&path{})
			done, err := o.step.Release(t.Context(), o.in())
			if done != c.done || (err == nil) != c.done {
				t.Errorf("done %t, %v", done, err)
			}
			if !c.done && fault.ClassOf(err) != fault.Transient {
				t.Errorf("%v, want it tried again", err)
			}
		})
	}
}
