package stripe_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

func TestKeysAreKnownByTheirForm(t *testing.T) {
	for name, c := range map[string]struct {
		key  string
		want stripe.KeyKind
		says string
	}{
		"a secret key of the test mode":      {key: "sk_test_decoy1"},
		"a restricted key of the live mode":  {key: "rk_live_decoy1", want: stripe.KeyKind{Restricted: true, Live: true}},
		"a secret key of the live mode":      {key: "sk_live_decoy1", want: stripe.KeyKind{Live: true}},
		"a key with a line's end":            {key: " rk_test_decoy1\n", want: stripe.KeyKind{Restricted: true}},
		"nothing":                            {key: " ", says: "there is no Stripe key"},
		"a publishable key":                  {key: "pk_live_decoy1", says: "publishable"},
		"a secret of webhooks":               {key: "whsec_decoy1", says: "webhooks"},
		"a key without a mode":               {key: "sk_decoy1", says: "no API key"},
		"a key with nothing after it":        {key: "sk_test_", says: "no API key"},
		"a key that would end its header":    {key: "sk_test_decoy\r\nX-Decoy: 1", says: "no API key"},
		"a key that is longer than any":      {key: "sk_test_" + strings.Repeat("decoy", 100), says: "no API key"},
		"two keys":                           {key: "sk_test_decoy1 sk_test_decoy2", says: "no API key"},
		"a key with quotes from a YAML file": {key: `"sk_test_decoy1"`, says: "no API key"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := stripe.ParseKey(scope.NewSecret(c.key))
			leaks(t, "the key", fmt.Sprintf("%v %+v %#v %s %q %v", got, got, got, got, got, err))
			if c.says == "" {
				if err != nil || got.KeyKind != c.want {
					t.Errorf("%v, %v", got.KeyKind, err)
				}
				return
			}
			f := fault.As(err)
			if f.Class != fault.Invalid || f.Reason != v1alpha1.ReasonPlatformCredentialsInvalid || !strings.Contains(f.Message, c.says) {
				t.Errorf("%v, want it to say %q", f, c.says)
			}
			if _, err := stripe.New(stripe.Options{}).For(scope.NewSecret(c.key)); err == nil {
				t.Error("there is a client")
			}
		})
	}
}

func TestAClientStaysWhileItIsUsed(t *testing.T) {
	clock := tick()
	all := stripe.New(stripe.Options{Clock: clock})
	of := func(key string) *stripe.Client {
		c, err := all.For(scope.NewSecret(key))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first, second := of("sk_test_a"), of("sk_test_b")
	if first == second || first != of(" sk_test_a\n") {
		t.Error("a key has one client")
	}
	clock.Step(40 * time.Minute)
	of("sk_test_a")
	clock.Step(40 * time.Minute)
	of("sk_test_c")
	if first != of("sk_test_a") {
		t.Error("a client in use was dropped")
	}
	if second == of("sk_test_b") {
		t.Error("an idle client was kept")
	}
	if k := of("rk_live_x").Key(); !k.Live || !k.Restricted {
		t.Errorf("kind %v", k)
	}
	leaks(t, "the clients", fmt.Sprintf("%v %+v %#v", all, all, all))
}

func TestClientsAreBounded(t *testing.T) {
	clock := tick()
	all := stripe.New(stripe.Options{Clock: clock})
	var first *stripe.Client
	for i := range 1001 {
		clock.Step(time.Millisecond)
		c, err := all.For(scope.NewSecret(fmt.Sprintf("sk_test_%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = c
		}
	}
	if again, err := all.For(scope.NewSecret("sk_test_0")); err != nil || again == first {
		t.Error("the oldest of too many was kept")
	}
}
