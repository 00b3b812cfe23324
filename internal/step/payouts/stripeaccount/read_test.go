package stripeaccount_test

import (
	"slices"
	"testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestAnObservationWritesNothingAndIsSharedForASweep(t *testing.T) {
	w := newWorld(t)
	w.accounts(w.in.Tenant, false, "jo")
	if out := w.pass(); out.Err != nil || w.in.Business.ID != w.stripe.ID {
		t.Fatalf("%v, account %q", out.Err, w.in.Business.ID)
	}
	made, since := w.calls(0)
	slices.Sort(made)
	if !slices.Equal(made, []string{"GetAccount", "GetAccounts"}) {
		t.Errorf("a first observation takes %v", made)
	}
	for range 3 {
		w.pass()
	}
	if made, _ := w.calls(since); made != nil {
		t.Errorf("within a sweep Stripe is asked %v", made)
	}
	if out := w.step.Run(t.Context(), w.in, converge.Mode{}); out.Err != nil || out.Applied {
		t.Errorf("a plan is %+v", out)
	}
	w.later()
	if made, _ := w.calls(since); len(made) > 2 {
		t.Errorf("a sweep takes %v", made)
	}
	if done, err := w.step.Release(t.Context(), w.in); !done || err != nil {
		t.Errorf("releasing nothing: %t, %v", done, err)
	}
}

func TestEveryFailureReadsAsWhatItIs(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(w *world)
		class  fault.Class
		reason string
		// asked says that Stripe was asked.
		asked bool
	}{
		"a class without Stripe": {
			func(w *world) { w.in.Class.Spec.Stripe = v1alpha1.ClassStripe{} }, fault.Invalid, v1alpha1.ReasonInvalidSpec, false,
		},
		"a class of the other mode": {
			func(w *world) { w.in.Class.Spec.Stripe.Mode = v1alpha1.StripeLive }, fault.Invalid, v1alpha1.ReasonModeMismatch, false,
		},
		"a key of the other mode": {
			func(w *world) { w.give(w.stripe.Keys.LiveRestricted) }, fault.Denied, v1alpha1.ReasonModeMismatch, false,
		},
		"no key": {
			func(w *world) {
				w.give("")
				w.in.Business.Problem = fault.New(fault.Denied, v1alpha1.ReasonNamespaceNotGranted, "no grant")
			}, fault.Denied, v1alpha1.ReasonNamespaceNotGranted, false,
		},
		"a key that is none": {
			func(w *world) { w.give("whsec_decoy") }, fault.Invalid, v1alpha1.ReasonPlatformCredentialsInvalid, false,
		},
		"a key that was revoked": {
			func(w *world) { w.sandbox.RevokeStripeKey(w.t, w.stripe.ID, w.in.Business.Key.Reveal()) },
			fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid, true,
		},
		"a key that has expired": {
			func(w *world) { w.sandbox.ExpireStripeKey(w.t, w.stripe.ID, w.in.Business.Key.Reveal()) },
			fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid, true,
		},
		"a key without the right": {
			func(w *world) { w.give(w.sandbox.NewStripeKey(w.t, w.stripe.ID, false, env.MayWebhooks)) },
			fault.Denied, v1alpha1.ReasonAccessDenied, true,
		},
		"too many calls": {
			func(w *world) { w.fail(env.InjectedFault{Kind: env.Throttle}) }, fault.Transient, v1alpha1.ReasonThrottled, true,
		},
		"an error at Stripe": {
			func(w *world) { w.fail(env.InjectedFault{Kind: env.Failure, Status: 500, Code: "api_error"}) },
			fault.Transient, v1alpha1.ReasonStripeUnreachable, true,
		},
		"an answer that is lost": {
			func(w *world) { w.fail(env.InjectedFault{Kind: env.Lost}) }, fault.Transient, v1alpha1.ReasonStripeUnreachable, true,
		},
		"a Stripe that is not there": {
			func(w *world) { w.restart("https://127.0.0.1:1") }, fault.Transient, v1alpha1.ReasonStripeUnreachable, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.spoil(w)
			var said [2]string
			for i := range said {
				out := w.later()
				f := fault.As(out.Err)
				if out.Err == nil || f.Class != c.class || f.Reason != c.reason {
					t.Fatalf("%v, want %s %s", out.Err, c.class, c.reason)
				}
				if w.in.Business.ID != "" {
					t.Error("later steps receive an account that was not observed")
				}
				said[i] = f.Message
			}
			if said[0] != said[1] || said[0] == "" {
				t.Errorf("the same failure reads %q", said)
			}
			if asked := w.asked.Load() > 0; asked != c.asked {
				t.Errorf("Stripe was asked: %t, want %t", asked, c.asked)
			}
		})
	}
}

func TestAPlatformWithoutStripeIsNotObserved(t *testing.T) {
	w := newWorld(t)
	w.in.Spec.Stripe.CredentialsSecretName = ""
	out := w.pass()
	if made, _ := w.calls(0); out.Err != nil || len(out.Findings) > 0 || made != nil {
		t.Errorf("%+v, calls %v", out, made)
	}
}
