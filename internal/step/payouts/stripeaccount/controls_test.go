package stripeaccount_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	verified = converge.Verified
	violated = converge.Violated
	unknown  = converge.Unknown
)

// judged are the verdicts on the three controls.
func judged(one, two, three converge.Verdict) map[string]converge.Verdict {
	return map[string]converge.Verdict{"CP-PAY-01": one, "CP-PAY-02": two, "CP-PAY-03": three}
}

func TestEveryControlFlips(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(w *world)
		want   map[string]converge.Verdict
		class  fault.Class
		reason string
	}{
		"a secret key": {
			func(w *world) { w.give(w.stripe.Keys.TestSecret) }, judged(violated, verified, verified), 0, "",
		},
		"a restricted key of the other mode": {
			func(w *world) { w.give(w.stripe.Keys.LiveRestricted) }, judged(unknown, violated, unknown),
			fault.Denied, v1alpha1.ReasonModeMismatch,
		},
		"a secret key of the other mode": {
			func(w *world) { w.give(w.stripe.Keys.LiveSecret) }, judged(violated, violated, unknown),
			fault.Denied, v1alpha1.ReasonModeMismatch,
		},
		"an account of which not Stripe collects it": {
			func(w *world) { w.collects(w.accounts(w.in.Tenant, false, "ada")[0], "application") },
			judged(verified, verified, violated), 0, "",
		},
		"such an account of another tenant's": {
			func(w *world) {
				other := w.in.Tenant
				other.NamespaceUID = "another"
				w.collects(w.accounts(other, false, "ada")[0], "application")
			},
			judged(verified, verified, verified), 0, "",
		},
		"such an account of nobody's": {
			func(w *world) {
				w.collects(w.sandbox.StripeUnmanaged(w.t, w.stripe.ID, false, 1, nil)[0], "application")
			},
			judged(verified, verified, verified), 0, "",
		},
		"such an account in the other mode": {
			func(w *world) { w.collects(w.accounts(w.in.Tenant, true, "ada")[0], "application") },
			judged(verified, verified, verified), 0, "",
		},
		"a key that was revoked": {
			func(w *world) { w.sandbox.RevokeStripeKey(w.t, w.stripe.ID, w.in.Business.Key.Reveal()) },
			judged(unknown, unknown, unknown), fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid,
		},
		"a key without the right to list": {
			func(w *world) { w.give(w.sandbox.NewStripeKey(w.t, w.stripe.ID, false, env.MayWebhooks)) },
			judged(unknown, unknown, unknown), fault.Denied, v1alpha1.ReasonAccessDenied,
		},
		"a Stripe that does not answer": {
			func(w *world) { w.fail(env.InjectedFault{Kind: env.Drop}) },
			judged(unknown, unknown, unknown), fault.Transient, v1alpha1.ReasonStripeUnreachable,
		},
		"a listing that fails": {
			func(w *world) {
				w.fail(env.InjectedFault{Operation: "GetAccounts", Kind: env.Failure, Status: 500, Code: "api_error"})
			},
			judged(unknown, unknown, unknown), fault.Transient, v1alpha1.ReasonStripeUnreachable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.accounts(w.in.Tenant, false, "jo")
			if diff := cmp.Diff(judged(verified, verified, verified), verdicts(w.pass())); diff != "" {
				t.Fatalf("before (-want +got):\n%s", diff)
			}
			c.spoil(w)
			w.restart(w.sandbox.Stripe)
			out := w.later()
			if diff := cmp.Diff(c.want, verdicts(out)); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
			if c.reason == "" != (out.Err == nil) {
				t.Fatalf("error %v", out.Err)
			}
			if f := fault.As(out.Err); c.reason != "" && (f.Reason != c.reason || f.Class != c.class) {
				t.Errorf("%v, want %s %s", out.Err, c.class, c.reason)
			}
			if (w.in.Business.ID == "") != (c.reason != "") {
				t.Errorf("later steps receive the account %q", w.in.Business.ID)
			}
		})
	}
}

// fail puts a fault in force.
func (w *world) fail(f env.InjectedFault) {
	f.Service, f.Account = "stripe", w.stripe.ID
	w.sandbox.InjectFault(w.t, f)
}

func TestThoseOfWhomNotStripeCollectsAreCountedAndThreeNamed(t *testing.T) {
	w := newWorld(t)
	ids := w.accounts(w.in.Tenant, false, "a", "b", "c", "d", "e")
	for _, id := range ids[:4] {
		w.collects(id, "application")
	}
	seen := ""
	for _, f := range w.pass().Findings {
		if f.Control == "CP-PAY-03" {
			seen = f.Seen
		}
	}
	named := 0
	for _, id := range ids {
		if strings.Contains(seen, id) {
			named++
		}
	}
	if !strings.Contains(seen, "4 of 5") || named != 3 || strings.Contains(seen, ids[4]) {
		t.Errorf("it is said: %s", seen)
	}
	for _, id := range ids[:4] {
		w.collects(id, "stripe")
	}
	if got := verdicts(w.renewed())["CP-PAY-03"]; got != verified {
		t.Errorf("after it was repaired CP-PAY-03 reads %v", got)
	}
}

func TestWhatIsJudgedIsAsOldAsItWasSeen(t *testing.T) {
	w := newWorld(t)
	first := w.pass()
	began := w.clock.Now()
	w.clock.Step(sweep / 2)
	second := w.pass()
	for i, f := range second.Findings {
		// The mode is reported by the key itself, but it is no better known than the rest.
		if !f.At.Equal(began) || !f.At.Equal(first.Findings[i].At) {
			t.Errorf("%s was seen at %s, want %s", f.Control, f.At, began)
		}
	}
	if f := w.renewed().Findings[2]; !f.At.Equal(w.clock.Now()) {
		t.Errorf("%s was seen at %s, want %s", f.Control, f.At, w.clock.Now())
	}
}
