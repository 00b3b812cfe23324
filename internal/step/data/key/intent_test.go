package key_test

import (
	"context"
	"errors"
	"testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// broken cannot keep an intent.
type broken struct{}

func (broken) Declare(context.Context, string) (bool, error) { return true, errors.New("no answer") }

func TestOnlyTheFirstAttemptIsSpareOfTheWait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(*testing.T, *operator)
		// created says that the key is there after one pass; else the reason says why it is not.
		created bool
		reason  string
	}{
		"the first attempt": {func(*testing.T, *operator) {}, true, ""},
		"an intent of an earlier attempt": {func(t *testing.T, o *operator) {
			t.Helper()
			if _, err := o.in.Intents.Declare(t.Context(), "key"); err != nil {
				t.Fatal(err)
			}
		}, false, v1alpha1.ReasonConfirmingAbsence},
		"a master password": {func(_ *testing.T, o *operator) {
			o.in.MasterFingerprint = scope.Fingerprint("stored")
		}, false, v1alpha1.ReasonConfirmingAbsence},
		"a database of the name": {func(t *testing.T, o *operator) {
			t.Helper()
			o.database(t, o.in.Tenant.Resource(), makeKey(t, o.account, nil), nil)
		}, false, v1alpha1.ReasonConfirmingAbsence},
		"an installation ID that was set by hand": {func(_ *testing.T, o *operator) {
			o.in.Intents = nil
		}, false, v1alpha1.ReasonConfirmingAbsence},
		"an intent that cannot be kept": {func(_ *testing.T, o *operator) {
			o.in.Intents = broken{}
		}, false, v1alpha1.ReasonTransientError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOperator(t)
			o.in.Intents = &env.Intents{}
			c.before(t, o)
			since := len(o.creates(t))
			out := o.step.Run(t.Context(), o.in, converge.Mode{Write: true})
			if created := len(o.creates(t)) > since; created != c.created || o.in.Key.New != c.created || out.Applied != c.created {
				t.Errorf("created: %t, published: %+v, %v; want %t", created, o.in.Key, out.Err, c.created)
			}
			if !c.created && fault.As(out.Err).Reason != c.reason {
				t.Errorf("it is %v, want %s", out.Err, c.reason)
			}
		})
	}
}

func TestAfterALostAnswerTheIntentSparesNoWait(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.in.Intents = &env.Intents{}
	o.account.InjectFault(t, env.InjectedFault{Service: "kms", Operation: "CreateKey", Nth: 1, Kind: env.Lost})
	if out := o.step.Run(t.Context(), o.in, converge.Mode{Write: true}); out.Err == nil || out.Applied {
		t.Fatalf("the lost answer went unnoticed: %+v", out)
	}
	o.step = newStep(o.account.Sessions(t, o.options())) // another process, which knows nothing of it
	o.settle(t)
	if n := len(o.creates(t)); n != 1 {
		t.Errorf("%d keys were created, want 1", n)
	}
}

// creates are the calls so far that created a key in the operator's name.
func (o *operator) creates(t *testing.T) (found []env.Call) {
	t.Helper()
	for _, c := range o.account.Calls(t, 0) {
		if c.Action() == "kms:CreateKey" {
			found = append(found, c)
		}
	}
	return found
}
