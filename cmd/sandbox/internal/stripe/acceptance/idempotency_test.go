package acceptance

import (
	"context"
	"testing"

	"github.com/stripe/stripe-go/v76"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/calllog"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/fault"
)

func TestTheSameKeyMakesOneAccountForADay(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	first, err := s.test().Accounts.New(keyed("k"))
	want(t, err, "")
	second, err := s.test().Accounts.New(keyed("k"))
	want(t, err, "")
	if second.ID != first.ID || second.LastResponse.Header.Get("Idempotent-Replayed") != "true" || s.accounts() != 1 {
		t.Errorf("made %s, then %s with %v", first.ID, second.ID, second.LastResponse.Header)
	}
	if first.LastResponse.Header.Get("Idempotent-Replayed") != "" {
		t.Error("the first answer is called a replay")
	}
	changed := keyed("k")
	changed.Country = new("DE")
	_, err = s.test().Accounts.New(changed)
	want(t, err, "Bad Request idempotency_error")
	update := &stripe.AccountParams{}
	update.SetIdempotencyKey("k")
	_, err = s.test().Accounts.Update(first.ID, update)
	want(t, err, "Bad Request idempotency_error")
	live, err := s.live().Accounts.New(keyed("k"))
	want(t, err, "")
	if live.ID == first.ID {
		t.Error("a key of test mode counts in live mode")
	}
	s.post("/stripe/clock", map[string]any{"advance": "23h59m"}, nil)
	if again, err := s.test().Accounts.New(keyed("k")); err != nil || again.ID != first.ID {
		t.Errorf("within the day: %v, %v", again.ID, err)
	}
	s.post("/stripe/clock", map[string]any{"advance": "2m"}, nil)
	if again, err := s.test().Accounts.New(keyed("k")); err != nil || again.ID == first.ID {
		t.Errorf("after a day: %v, %v", again.ID, err)
	}
}

func TestWhatIsKeptUnderAKey(t *testing.T) {
	t.Parallel()
	refused := func(key string) *stripe.AccountParams {
		p := keyed(key)
		p.Country = new("JM")
		return p
	}
	unknown := func(key string) *stripe.AccountParams {
		p := keyed(key)
		p.AddExtra("mood", "good")
		return p
	}
	for name, test := range map[string]struct {
		rule         map[string]any
		params       func(string) *stripe.AccountParams
		first, again string
		accounts     int
		replayed     bool
	}{
		"what worked":                    {nil, keyed, "", "", 1, true},
		"what was refused":               {nil, refused, "Bad Request country_unsupported", "Bad Request country_unsupported", 0, true},
		"not what was never carried out": {nil, unknown, "Bad Request parameter_unknown", "Bad Request parameter_unknown", 0, false},
		"a failure inside Stripe": {
			map[string]any{"kind": "error", "code": "internal", "status": 500},
			keyed,
			"Internal Server Error internal", "Internal Server Error internal", 0, true,
		},
		"a failure inside Stripe after it was done": {
			map[string]any{"kind": "error", "code": "internal", "status": 500, "after": true},
			keyed,
			"Internal Server Error internal", "Internal Server Error internal", 1, true,
		},
		"not a failure on the way": {
			map[string]any{"kind": "error", "code": "down", "status": 503}, keyed, "Service Unavailable down", "", 1, false,
		},
		"what worked, whatever failed on the way back": {
			map[string]any{"kind": "error", "code": "down", "status": 503, "after": true}, keyed, "Service Unavailable down", "", 1, true,
		},
		"what worked, when its answer is lost":    {map[string]any{"kind": "lost"}, keyed, "cut", "", 1, true},
		"not what was cut off before":             {map[string]any{"kind": "drop"}, keyed, "cut", "", 1, false},
		"not what was refused for being too much": {map[string]any{"kind": "throttle"}, keyed, "Too Many Requests rate_limit", "", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			if test.rule != nil {
				test.rule["operation"], test.rule["account"], test.rule["nth"] = "PostAccounts", s.platform, 1
				s.fault(test.rule)
			}
			_, err := s.test().Accounts.New(test.params("k"))
			want(t, err, test.first)
			account, err := s.test().Accounts.New(test.params("k"))
			want(t, err, test.again)
			if n := s.accounts(); n != test.accounts {
				t.Errorf("%d accounts, want %d", n, test.accounts)
			}
			response := account.LastResponse
			if problem, ok := err.(*stripe.Error); ok { //nolint:errorlint // Stripe's client returns it as it is
				response = problem.LastResponse
			}
			if got := response.Header.Get("Idempotent-Replayed") == "true"; got != test.replayed {
				t.Errorf("replayed: %t, want %t", got, test.replayed)
			}
		})
	}
}

func TestAKeyWhoseCallIsBeingAnsweredIsInUse(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	id := s.fault(map[string]any{"operation": "PostAccounts", "kind": "hold", "nth": 1})
	first := make(chan error, 1)
	go func() {
		_, err := s.test().Accounts.New(keyed("k"))
		first <- err
	}()
	eventually(t, "the call is held", func() bool {
		var held fault.State
		s.get("/faults/"+id, &held)
		return held.Holding
	})
	_, err := s.test().Accounts.New(keyed("k"))
	want(t, err, "Conflict idempotency_key_in_use")
	_, err = s.test().Accounts.New(keyed("other"))
	want(t, err, "")
	s.post("/faults/"+id+"/release", nil, nil)
	want(t, <-first, "")
	_, err = s.test().Accounts.New(keyed("k"))
	want(t, err, "")
	if n := s.accounts(); n != 2 {
		t.Errorf("%d accounts, want 2", n)
	}
}

func TestAKeyIsFreeWhenItsCallDiesBeforeItIsCarriedOut(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	id := s.fault(map[string]any{"operation": "PostAccounts", "kind": "hold", "nth": 1})
	ctx, kill := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		p := keyed("k")
		p.Context = ctx
		_, err := s.test().Accounts.New(p)
		first <- err
	}()
	holding := func() bool {
		var held fault.State
		s.get("/faults/"+id, &held)
		return held.Holding
	}
	eventually(t, "the call is held", holding)
	kill()
	want(t, <-first, "cut")
	eventually(t, "nothing is held", func() bool { return !holding() })
	eventually(t, "the key is free", func() bool {
		_, err := s.test().Accounts.New(keyed("k"))
		return err == nil
	})
	if n := s.accounts(); n != 1 {
		t.Errorf("%d accounts, want 1", n)
	}
}

func TestManyCallsUnderOneKeyMakeOneAccount(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	const many = 20
	results := make(chan string, many)
	for range many {
		go func() {
			_, err := s.test().Accounts.New(keyed("k"))
			results <- failure(err)
		}()
	}
	for range many {
		if got := <-results; got != "" && got != "Conflict idempotency_key_in_use" {
			t.Errorf("a call ended with %q", got)
		}
	}
	if n := s.accounts(); n != 1 {
		t.Errorf("%d accounts, want 1", n)
	}
}

func TestCallsAreLoggedWithTheirKeysAndWithoutTheirSecrets(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	_, err := s.test().Accounts.New(keyed("k"))
	want(t, err, "")
	_, err = s.as("liveSecret").Accounts.GetByID("acct_nobody", nil)
	want(t, err, "Forbidden account_invalid")
	var calls []calllog.Call
	s.get("/calls?account="+s.platform, &calls)
	if len(calls) != 2 {
		t.Fatalf("%d calls", len(calls))
	}
	type seen struct {
		operation, mode, principal, key, resource, code string
		status                                          int
		readOnly                                        bool
	}
	for i, wanted := range []seen{
		{"PostAccounts", "test", "rk_test", "k", "", "", 200, false},
		{"GetAccountsAccount", "live", "sk_live", "", "acct_nobody", "account_invalid", 403, true},
	} {
		c := calls[i]
		got := seen{c.Operation, c.Region, c.Principal, c.IdempotencyKey, c.Resource, c.Error, c.Status, c.ReadOnly}
		if got != wanted || c.Service != "stripe" {
			t.Errorf("call %d is %+v, want %+v", i, got, wanted)
		}
	}
}

func TestStripeAllowsSoManyCallsASecond(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.post("/stripe/settings", map[string]any{"readsPerSecond": 0, "writesPerSecond": 3}, nil)
	account := ""
	limited := 0
	for range 12 {
		made, err := s.test().Accounts.New(params())
		switch failure(err) {
		case "":
			account = made.ID
		case "Too Many Requests rate_limit":
			limited++
		default:
			t.Fatal(err)
		}
	}
	if limited == 0 || limited > 9 {
		t.Errorf("%d of 12 calls were too many", limited)
	}
	_, err := s.test().Accounts.GetByID(account, nil)
	want(t, err, "") // reads count apart
}
