package payoutaccount_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// condition is one of an object's; it must be there.
func (w *world) condition(name, kind string) metav1.Condition {
	w.t.Helper()
	c := meta.FindStatusCondition(w.account(name).Status.Conditions, kind)
	if c == nil {
		w.t.Fatalf("there is no condition %s: %s", kind, describe(w.account(name)))
	}
	return *c
}

// is fails unless a condition is as wanted.
func (w *world) is(name, kind string, status metav1.ConditionStatus, reason string) {
	w.t.Helper()
	if c := w.condition(name, kind); c.Status != status || reason != "" && c.Reason != reason {
		w.t.Errorf("%s is %s %s, want %s %s: %s", kind, c.Status, c.Reason, status, reason, describe(w.account(name)))
	}
}

// passes observes an object past everything that is shared, several times.
func (w *world) passes(name string) {
	w.t.Helper()
	for range 8 {
		w.hint(name)
		_, _ = w.pass(name)
		w.clock.Step(resync)
	}
}

// unmade fails if any account was created, in whatever mode.
func (w *world) unmade() {
	w.t.Helper()
	if all := w.sandbox.StripeAccounts(w.t, w.stripe.ID); len(all) != 0 {
		w.t.Errorf("%d accounts were created: %+v", len(all), all)
	}
}

// heals fails unless jo has one account in the end, and if it is known, this one.
func (w *world) heals(known string, phase v1alpha1.PayoutPhase, reason string) {
	w.t.Helper()
	w.annotate("jo", v1alpha1.AnnotationReconcile, w.clock.Now().String())
	jo := w.stands("jo", phase, reason)
	if mine := w.mine(); len(mine) != 1 || mine[0].ID != jo.Status.AccountID {
		w.t.Errorf("jo has %d accounts at Stripe: %s", len(mine), describe(jo))
	}
	if known != "" && jo.Status.AccountID != known {
		w.t.Errorf("jo has the account %s, and had %s: %s", jo.Status.AccountID, known, describe(jo))
	}
}

func TestNoAccountIsMadeWithAKeyThatIsNoGood(t *testing.T) {
	for name, c := range map[string]struct {
		key    func(*world) string
		reason string
	}{
		"one that Stripe does not know": {
			func(*world) string { return "rk_test_nobodyKnowsThisOne00000000" }, v1alpha1.ReasonPlatformCredentialsInvalid,
		},
		"one that has expired": {func(w *world) string {
			key := w.sandbox.NewStripeKey(w.t, w.stripe.ID, false, env.MayAccounts)
			w.sandbox.ExpireStripeKey(w.t, w.stripe.ID, key)
			return key
		}, v1alpha1.ReasonPlatformCredentialsInvalid},
		"one that may not make accounts": {func(w *world) string {
			return w.sandbox.NewStripeKey(w.t, w.stripe.ID, false, env.MayWebhooks)
		}, v1alpha1.ReasonAccessDenied},
		"one of the other mode": {func(w *world) string { return w.stripe.Keys.LiveRestricted }, v1alpha1.ReasonModeMismatch},
		"one that browsers use": {func(*world) string { return "pk_test_000000000000000000000000" }, v1alpha1.ReasonPlatformCredentialsInvalid},
		"none":                  {func(*world) string { return "" }, v1alpha1.ReasonPlatformCredentialsInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.give(c.key(w))
			w.coach("jo")
			w.passes("jo")
			w.unmade()
			if jo := w.stands("jo", v1alpha1.PhaseCreating, c.reason); jo.Status.Action != v1alpha1.ActorPlatform {
				t.Errorf("%s acts, want Platform", jo.Status.Action)
			}
			w.is("jo", v1alpha1.ConditionStalled, metav1.ConditionTrue, c.reason)
			w.is("jo", v1alpha1.ConditionConnected, metav1.ConditionUnknown, c.reason)
			w.give(w.stripe.Keys.TestRestricted)
			w.heals("", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
		})
	}
}

func TestAKeyThatIsNoGoodAnyMoreLosesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*world)
		reason string
	}{
		"it was revoked": {func(w *world) {
			w.sandbox.RevokeStripeKey(w.t, w.stripe.ID, w.stripe.Keys.TestRestricted)
		}, v1alpha1.ReasonPlatformCredentialsInvalid},
		"it has expired": {func(w *world) {
			w.sandbox.ExpireStripeKey(w.t, w.stripe.ID, w.stripe.Keys.TestRestricted)
		}, v1alpha1.ReasonPlatformCredentialsInvalid},
		"it was taken away": {func(w *world) { w.give("") }, v1alpha1.ReasonPlatformCredentialsInvalid},
		"it became one of the other mode": {func(w *world) {
			w.give(w.stripe.Keys.LiveRestricted)
		}, v1alpha1.ReasonModeMismatch},
		"it became another business's": {func(w *world) {
			w.give(w.sandbox.NewStripePlatform(w.t).Keys.TestRestricted)
		}, v1alpha1.ReasonPlatformCredentialsInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			verified(w)
			known := w.account("jo")
			c.spoil(w)
			w.passes("jo")
			jo := w.stands("jo", v1alpha1.PhaseEnabled, c.reason)
			if jo.Status.Action != v1alpha1.ActorPlatform || jo.Status.AccountID != known.Status.AccountID {
				t.Errorf("something is lost: %s", describe(jo))
			}
			w.is("jo", v1alpha1.ConditionConnected, metav1.ConditionUnknown, c.reason)
			w.is("jo", v1alpha1.ConditionPayoutsEnabled, metav1.ConditionTrue, v1alpha1.ReasonPayoutsEnabled)
			w.is("jo", v1alpha1.ConditionFresh, metav1.ConditionFalse, v1alpha1.ReasonStale)
			w.is("jo", v1alpha1.ConditionStalled, metav1.ConditionTrue, c.reason)
			w.give(w.sandbox.NewStripeKey(t, w.stripe.ID, false, env.MayAccounts))
			w.heals(known.Status.AccountID, v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
			w.is("jo", v1alpha1.ConditionConnected, metav1.ConditionTrue, "")
			w.is("jo", v1alpha1.ConditionFresh, metav1.ConditionTrue, "")
		})
	}
}

func TestABusinessWithoutConnectMakesNoAccount(t *testing.T) {
	w := newWorld(t)
	w.sandbox.ChangeStripePlatform(t, w.stripe.ID, false, true)
	w.coach("jo")
	w.passes("jo")
	w.unmade()
	w.stands("jo", v1alpha1.PhaseFailed, v1alpha1.ReasonCreateRejected) // Stripe says it in words only, which are not read
	if c := w.condition("jo", v1alpha1.ConditionReady); strings.Contains(c.Message, "()") {
		t.Errorf("the message has a hole: %s", c.Message)
	}
	w.sandbox.ChangeStripePlatform(t, w.stripe.ID, true, true)
	w.heals("", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
}

func TestAStripeThatDoesNotAnswerLosesNothing(t *testing.T) {
	for name, fault := range map[string]env.InjectedFault{
		"no call gets through":      {Kind: env.Drop, Count: env.Forever},
		"every call fails":          {Kind: env.Failure, Code: "bad_gateway", Status: 502, Count: env.Forever},
		"there are too many calls":  {Kind: env.Throttle, Count: env.Forever},
		"every call breaks in half": {Kind: env.Failure, Code: "api_error", Status: 500, Count: env.Forever},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			verified(w)
			known := w.account("jo")
			heal := w.answer("", fault)
			w.clock.Step(3 * resync)
			w.hint("jo")
			if _, err := w.pass("jo"); err == nil {
				t.Error("the queue must hear of it, to try again")
			}
			jo := w.account("jo")
			if jo.Status.Phase != v1alpha1.PhaseEnabled || jo.Status.Action != v1alpha1.ActorNone || jo.Status.AccountID != known.Status.AccountID {
				t.Errorf("something is lost: %s", describe(jo))
			}
			w.is("jo", v1alpha1.ConditionReady, metav1.ConditionUnknown, "")
			w.is("jo", v1alpha1.ConditionReconciling, metav1.ConditionTrue, "")
			w.is("jo", v1alpha1.ConditionFresh, metav1.ConditionFalse, v1alpha1.ReasonStale)
			w.is("jo", v1alpha1.ConditionPayoutsEnabled, metav1.ConditionTrue, "")
			heal()
			w.heals(known.Status.AccountID, v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
		})
		t.Run(name+" from the start", func(t *testing.T) {
			w := newWorld(t)
			heal := w.answer("", fault)
			w.coach("jo")
			if _, err := w.pass("jo"); err == nil {
				t.Error("the queue must hear of it, to try again")
			}
			if jo := w.account("jo"); jo.Status.Phase != v1alpha1.PhaseCreating || jo.Status.Action != v1alpha1.ActorNone {
				t.Errorf("stands at %s", describe(jo))
			}
			w.is("jo", v1alpha1.ConditionReconciling, metav1.ConditionTrue, "")
			heal()
			w.heals("", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
		})
	}
}

// creations are the idempotency keys of all calls that were to make an account.
func (w *world) creations() []string {
	w.t.Helper()
	var keys []string
	for _, call := range w.sandbox.StripeCalls(w.t, w.stripe.ID, 0) {
		if call.Operation == "PostAccounts" {
			keys = append(keys, call.IdempotencyKey)
		}
	}
	return keys
}

func TestWhatStripeRefusesIsAskedForAgainWithAnotherKey(t *testing.T) {
	w := newWorld(t)
	w.admit("BR")
	w.coach("jo", func(a *v1alpha1.PayoutAccount) { a.Spec.Country = "BR" })
	tries := func(want int) {
		t.Helper()
		for range 5 {
			w.stands("jo", v1alpha1.PhaseFailed, v1alpha1.ReasonCreateRejected)
		}
		all := w.creations()
		if len(all) != want || len(slices.Compact(slices.Sorted(slices.Values(all)))) != want {
			t.Errorf("%d calls with the keys %v, want %d, each with its own", len(all), all, want)
		}
	}
	tries(1)
	w.clock.Step(resync)
	tries(1)
	w.clock.Step(resync * 6) // more than an hour
	tries(2)
	w.annotate("jo", v1alpha1.AnnotationReconcile, "now")
	tries(3)
	w.unmade()
}

func TestWhatStripeRefusedIsMadeOnceItAgrees(t *testing.T) {
	w := newWorld(t)
	w.sandbox.ChangeStripePlatform(t, w.stripe.ID, true, false)
	w.coach("jo")
	w.stands("jo", v1alpha1.PhaseFailed, v1alpha1.ReasonCreateRejected)
	w.is("jo", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonCreateRejected)
	w.sandbox.ChangeStripePlatform(t, w.stripe.ID, true, true)
	w.heals("", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
}

func TestACountryThatTheClassComesToAllowIsMade(t *testing.T) {
	w := newWorld(t)
	w.coach("jo", func(a *v1alpha1.PayoutAccount) { a.Spec.Country = "FR" })
	w.stands("jo", v1alpha1.PhaseFailed, v1alpha1.ReasonCountryNotAllowed)
	w.unmade()
	w.admit("DE", "FR")
	w.heals("", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
}

func TestAPlatformThatIsNotThereIsWaitedFor(t *testing.T) {
	for name, missing := range map[string]func(*world){
		"it does not exist": func(w *world) { w.must(w.client.Delete(w.t.Context(), w.platform())) },
		"it is being deleted": func(w *world) {
			w.editPlatform(func(p *v1alpha1.CoachPlatform) { p.Finalizers = append(p.Finalizers, v1alpha1.FinalizerPlatform) })
			w.must(w.client.Delete(w.t.Context(), w.platform()))
		},
		"its class does not exist": func(w *world) { w.must(w.client.Delete(w.t.Context(), w.class)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			missing(w)
			w.coach("jo")
			w.stands("jo", v1alpha1.PhaseCreating, v1alpha1.ReasonWaitingForPlatform)
			w.is("jo", v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonWaitingForPlatform)
			w.is("jo", v1alpha1.ConditionStalled, metav1.ConditionFalse, "")
			w.unmade()
		})
		t.Run(name+" any more", func(t *testing.T) {
			w := newWorld(t)
			verified(w)
			was := w.account("jo")
			missing(w)
			jo := w.stands("jo", v1alpha1.PhaseEnabled, v1alpha1.ReasonWaitingForPlatform)
			if jo.Status.AccountID != was.Status.AccountID || !maps.Equal(jo.Annotations, was.Annotations) {
				t.Errorf("something is lost (-was +is):\n%s", cmp.Diff(was, jo))
			}
		})
	}
}

func TestAPlatformThatComesLaterIsFound(t *testing.T) {
	w := newWorld(t)
	w.must(w.client.Delete(t.Context(), w.platform()))
	w.coach("jo")
	w.stands("jo", v1alpha1.PhaseCreating, v1alpha1.ReasonWaitingForPlatform)
	w.makePlatform()
	w.prove(nil)
	w.heals("", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
}

func TestAPlatformWithoutAStripeAccountMakesNone(t *testing.T) {
	w := newWorld(t)
	w.must(w.client.Delete(t.Context(), w.platform()))
	w.create(&v1alpha1.CoachPlatform{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: platformName},
		Spec:       v1alpha1.CoachPlatformSpec{ClassName: w.class.Name, DisplayName: "Studio"},
	})
	w.coach("jo")
	w.stands("jo", v1alpha1.PhaseCreating, v1alpha1.ReasonWaitingForPlatform)
	w.unmade()
}
