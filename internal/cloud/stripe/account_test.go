package stripe_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/scope"
)

var shape = scope.Controller{Losses: "application", Fees: "application", RequirementCollection: "stripe", Dashboard: "express"}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAnAccountIsReadWithoutWhatIsPersonal(t *testing.T) {
	s := newServer(t, always(200, read(t, "account.json")))
	c := s.client(t)
	got, err := c.Get(t.Context(), "acct_1Coach")
	if err != nil {
		t.Fatal(err)
	}
	want := scope.Account{
		ID: "acct_1Coach", Created: time.Unix(1_700_000_000, 0).UTC(), Country: "GB",
		Metadata:         map[string]string{"managed_by": "coach-operator", "coach_key": "abc", "tenant": "uid/shop"},
		DetailsSubmitted: true, PayoutsEnabled: true, Transfers: "active", CardPayments: "pending",
		Controller: shape, Agreement: "recipient",
		Requirements: scope.Requirements{
			CurrentlyDue:  []string{"individual.address.line1", "interv_1Ab.other_supportability_inquiry.support"},
			PastDue:       []string{"external_account"},
			EventuallyDue: []string{"person_1Ab.id_number", "unknown"}, PendingVerification: []string{"individual.id_number"},
			DisabledReason: "requirements.past_due", Deadline: time.Unix(1_800_100_000, 0).UTC(),
			Errors: []scope.RequirementError{{Code: "invalid_address_city_state_postal_code", Requirement: "individual.address.line1"}},
		},
		Future:   scope.FutureRequirements{CurrentlyDue: []string{"individual.id_number"}, Deadline: time.Unix(1_900_000_000, 0).UTC()},
		Schedule: scope.Schedule{Interval: "weekly", DelayDays: 7, WeeklyAnchor: "monday"},
		Profile:  scope.BusinessProfile{URL: "https://shop.example", ProductDescription: "Coaching for runners.", MCC: "8299"},

		DebitNegativeBalances: true, BankStatus: "errored",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	leaks(t, "the account", inJSON(t, got)+fmt.Sprintf("%+v %#v", got, got))
	leaks(t, "the client", fmt.Sprintf("%v %+v %#v %s", c, c, c, c))
}

func TestRequestsAreToTheLetter(t *testing.T) {
	metadata := map[string]string{"tenant": "uid/shop", "coach_key": "abc", "managed_by": "coach-operator"}
	endpoint := stripe.EndpointSpec{
		URL: "https://hooks.example/stripe", Events: []string{"account.updated", "payout.failed"}, Metadata: metadata, Description: "Coach operator",
	}
	const metadataForm = "metadata[coach_key]=abc&metadata[managed_by]=coach-operator&metadata[tenant]=uid%2Fshop"
	for name, c := range map[string]struct {
		call               func(c *stripe.Client) error
		line, body, answer string
		// key is the idempotency key; * is any.
		key, account string
	}{
		"an account is created with what cannot be changed": {
			call: func(c *stripe.Client) error {
				_, err := c.Create(t.Context(), stripe.Creation{
					Country: "DE", Controller: shape, Transfers: true, CardPayments: true, Agreement: "full", Metadata: metadata,
				}, "key-1")
				return err
			},
			line: "POST /v1/accounts?", key: "key-1",
			body: "country=DE&controller[fees][payer]=application&controller[losses][payments]=application&" +
				"controller[requirement_collection]=stripe&controller[stripe_dashboard][type]=express&" +
				"capabilities[card_payments][requested]=true&capabilities[transfers][requested]=true&" +
				"tos_acceptance[service_agreement]=full&" + metadataForm,
		},
		"an account without wishes says nothing of them": {
			call: func(c *stripe.Client) error {
				_, err := c.Create(t.Context(), stripe.Creation{Country: "DE", Transfers: true}, "key-1")
				return err
			},
			line: "POST /v1/accounts?", key: "key-1", body: "country=DE&capabilities[transfers][requested]=true",
		},
		"an update says what changes": {
			call: func(c *stripe.Client) error {
				_, err := c.Update(t.Context(), "acct_1", stripe.Update{
					Capabilities: map[string]bool{"transfers": true, "card_payments": false},
					Profile:      &scope.BusinessProfile{URL: "https://a.example", MCC: "8299"},
					Schedule:     &scope.Schedule{Interval: "weekly", WeeklyAnchor: "friday", MonthlyAnchor: 3},
					Metadata:     map[string]string{"released_at": ""},
				})
				return err
			},
			line: "POST /v1/accounts/acct_1?", key: "*",
			body: "capabilities[card_payments][requested]=false&capabilities[transfers][requested]=true&" +
				"business_profile[mcc]=8299&business_profile[url]=https%3A%2F%2Fa.example&" +
				"settings[payouts][schedule][interval]=weekly&settings[payouts][schedule][weekly_anchor]=friday&" +
				"settings[payouts][schedule][delay_days]=minimum&metadata[released_at]=",
		},
		"a manual schedule has no other word": {
			call: func(c *stripe.Client) error {
				_, err := c.Update(t.Context(), "acct_1", stripe.Update{Schedule: &scope.Schedule{Interval: "manual", DelayDays: 7}})
				return err
			},
			line: "POST /v1/accounts/acct_1?", key: "*", body: "settings[payouts][schedule][interval]=manual",
		},
		"a monthly schedule has its day and delay": {
			call: func(c *stripe.Client) error {
				_, err := c.Update(t.Context(), "acct_1", stripe.Update{
					Schedule: &scope.Schedule{Interval: "monthly", MonthlyAnchor: 31, DelayDays: 9, WeeklyAnchor: "friday"},
				})
				return err
			},
			line: "POST /v1/accounts/acct_1?", key: "*",
			body: "settings[payouts][schedule][interval]=monthly&settings[payouts][schedule][monthly_anchor]=31&settings[payouts][schedule][delay_days]=9",
		},
		"an account is read by its name": {
			call: func(c *stripe.Client) error { _, err := c.Get(t.Context(), "acct_1"); return err },
			line: "GET /v1/accounts/acct_1?",
		},
		"the own account is read": {
			call: func(c *stripe.Client) error { _, _, err := c.Platform(t.Context(), true); return err },
			line: "GET /v1/account?",
		},
		"endpoints are listed": {
			call:   func(c *stripe.Client) error { _, _, err := c.Endpoints(t.Context(), true); return err },
			answer: `{"object":"list","data":[],"has_more":false}`,
			line:   "GET /v1/webhook_endpoints?limit=100",
		},
		"an endpoint is created for connected accounts in our version": {
			call: func(c *stripe.Client) error {
				_, _, err := c.CreateEndpoint(t.Context(), endpoint, "key-2")
				return err
			},
			line: "POST /v1/webhook_endpoints?", key: "key-2",
			body: "api_version=2023-10-16&connect=true&enabled_events[0]=account.updated&enabled_events[1]=payout.failed&" +
				"description=Coach+operator&" + metadataForm + "&url=https%3A%2F%2Fhooks.example%2Fstripe",
		},
		"an endpoint is repaired": {
			call: func(c *stripe.Client) error { _, err := c.UpdateEndpoint(t.Context(), "we_1", endpoint); return err },
			line: "POST /v1/webhook_endpoints/we_1?", key: "*",
			body: "disabled=false&enabled_events[0]=account.updated&enabled_events[1]=payout.failed&" +
				"description=Coach+operator&" + metadataForm + "&url=https%3A%2F%2Fhooks.example%2Fstripe",
		},
		"an endpoint is removed": {
			call: func(c *stripe.Client) error { return c.DeleteEndpoint(t.Context(), "we_1") },
			line: "DELETE /v1/webhook_endpoints/we_1?", key: "*",
		},
		"a link leads to the forms": {
			call: func(c *stripe.Client) error {
				_, err := c.OnboardingLink(t.Context(), "acct_1", "https://a.example/again", "https://a.example/done")
				return err
			},
			line: "POST /v1/account_links?", key: "*",
			body: "account=acct_1&refresh_url=https%3A%2F%2Fa.example%2Fagain&return_url=https%3A%2F%2Fa.example%2Fdone&type=account_onboarding",
		},
		"a session shows the forms and nothing else": {
			call: func(c *stripe.Client) error { _, err := c.OnboardingSession(t.Context(), "acct_1"); return err },
			line: "POST /v1/account_sessions?", key: "*", body: "account=acct_1&components[account_onboarding][enabled]=true",
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer := c.answer
			if answer == "" {
				answer = `{"id":"acct_1"}`
			}
			s := newServer(t, always(200, answer))
			if err := c.call(s.client(t)); err != nil {
				t.Fatal(err)
			}
			got := s.last()
			if line := got.method + " " + got.path + "?" + got.query; line != c.line {
				t.Errorf("asked %s, want %s", line, c.line)
			}
			if got.body != c.body {
				t.Errorf("body\n%s\nwant\n%s", got.body, c.body)
			}
			idempotency := got.header.Get("Idempotency-Key")
			if c.key == "*" && len(idempotency) > 8 {
				idempotency = "*"
			}
			if idempotency != c.key {
				t.Errorf("idempotency key %q, want %q", idempotency, c.key)
			}
			if a := got.header.Get("Stripe-Account"); a != c.account {
				t.Errorf("for the account %q, want %q", a, c.account)
			}
			if v := got.header.Get("Stripe-Version"); v != "2023-10-16" {
				t.Errorf("version %q", v)
			}
			if got.header.Get("Authorization") != "Bearer "+key {
				t.Error("not with the key")
			}
			for _, h := range []string{"X-Stripe-Client-User-Agent", "X-Stripe-Client-Telemetry"} {
				if got.header.Get(h) != "" {
					t.Errorf("reports %s: %s", h, got.header.Get(h))
				}
			}
		})
	}
}

func TestTheSameCreationIsTheSameToTheLetter(t *testing.T) {
	s := newServer(t, always(200, `{"id":"acct_1"}`))
	c := s.client(t)
	metadata := map[string]string{}
	for i := range 20 {
		metadata[fmt.Sprint("k", i)] = "v"
	}
	for range 20 {
		if _, err := c.Create(t.Context(), stripe.Creation{Country: "DE", Metadata: metadata}, "k"); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range s.all() {
		if r.body != s.last().body {
			t.Fatal("two creations differ")
		}
	}
}

func TestUpdatesHaveKeysOfTheirOwn(t *testing.T) {
	s := newServer(t, always(200, `{"id":"acct_1"}`))
	c := s.client(t)
	for range 2 {
		if _, err := c.Update(t.Context(), "acct_1", stripe.Update{}); err != nil {
			t.Fatal(err)
		}
	}
	if all := s.all(); all[0].header.Get("Idempotency-Key") == all[1].header.Get("Idempotency-Key") {
		t.Error("the second update would answer like the first")
	}
}

func TestNamesThatAreNoneAreNotSent(t *testing.T) {
	s := newServer(t, always(200, `{"id":"acct_1"}`))
	c := s.client(t)
	for _, id := range []string{"", "acct_1/../x", "acct_1?expand[]=individual", "acct 1", strings.Repeat("a", 300)} {
		for name, call := range map[string]func() error{
			"get":     func() error { _, err := c.Get(t.Context(), id); return err },
			"update":  func() error { _, err := c.Update(t.Context(), id, stripe.Update{}); return err },
			"change":  func() error { _, err := c.UpdateEndpoint(t.Context(), id, stripe.EndpointSpec{}); return err },
			"delete":  func() error { return c.DeleteEndpoint(t.Context(), id) },
			"link":    func() error { _, err := c.OnboardingLink(t.Context(), id, "", ""); return err },
			"session": func() error { _, err := c.OnboardingSession(t.Context(), id); return err },
		} {
			if err := call(); !stripe.Refused(err) {
				t.Errorf("%s of %q: %v", name, id, err)
			}
		}
	}
	_, err := c.Create(t.Context(), stripe.Creation{}, "")
	if !stripe.Refused(err) {
		t.Errorf("a creation without a key: %v", err)
	}
	if _, _, err := c.CreateEndpoint(t.Context(), stripe.EndpointSpec{}, ""); !stripe.Refused(err) {
		t.Errorf("an endpoint without a key: %v", err)
	}
	if n := len(s.all()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestADeletedAccountIsGone(t *testing.T) {
	s := newServer(t, always(200, `{"id":"acct_1","object":"account","deleted":true}`))
	got, err := s.client(t).Get(t.Context(), "acct_1")
	if err != nil || !got.Gone || got.ID != "acct_1" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnAnswerWithoutANameSaysNothing(t *testing.T) {
	s := newServer(t, always(200, `{}`))
	c := s.client(t)
	if _, err := c.Create(t.Context(), stripe.Creation{}, "k"); !stripe.Indeterminate(err) {
		t.Errorf("creation: %v", err)
	}
	if _, _, err := c.Platform(t.Context(), true); !stripe.Indeterminate(err) {
		t.Errorf("platform: %v", err)
	}
}

func TestWhatIsSecretIsNotPrinted(t *testing.T) {
	s := newServer(t, func(r asked) (int, string) {
		switch r.path {
		case "/v1/account_links":
			return 200, `{"object":"account_link","created":1,"expires_at":1700000300,"url":"https://connect.stripe.com/setup/e/decoy"}`
		case "/v1/account_sessions":
			return 200, `{"object":"account_session","account":"acct_1","expires_at":1700000600,"client_secret":"accs_secret__decoy"}`
		}
		return 200, `{"id":"we_1","object":"webhook_endpoint","secret":"whsec_decoydecoydecoy","url":"https://h.example","status":"enabled",` +
			`"api_version":"2023-10-16","application":"ca_1","enabled_events":["account.updated"],"metadata":{"tenant":"t","foreign":"decoy"}}`
	})
	c := s.client(t)
	link, err := c.OnboardingLink(t.Context(), "acct_1", "https://a.example", "https://a.example")
	if err != nil || link.URL.Reveal() != "https://connect.stripe.com/setup/e/decoy" || link.Expires.Unix() != 1700000300 {
		t.Errorf("link %s %s, %v", link.URL.Reveal(), link.Expires, err)
	}
	session, err := c.OnboardingSession(t.Context(), "acct_1")
	if err != nil || session.ClientSecret.Reveal() != "accs_secret__decoy" || session.Expires.Unix() != 1700000600 {
		t.Errorf("session %s %s, %v", session.ClientSecret.Reveal(), session.Expires, err)
	}
	endpoint, secret, err := c.CreateEndpoint(t.Context(), stripe.EndpointSpec{}, "k")
	if err != nil || secret.Reveal() != "whsec_decoydecoydecoy" {
		t.Errorf("endpoint %v", err)
	}
	want := stripe.Endpoint{
		ID: "we_1", URL: "https://h.example", Status: "enabled", APIVersion: "2023-10-16", Application: "ca_1",
		Events: []string{"account.updated"}, Metadata: map[string]string{"tenant": "t"},
	}
	if diff := cmp.Diff(want, endpoint); diff != "" {
		t.Errorf("endpoint (-want +got):\n%s", diff)
	}
	leaks(t, "what was made", fmt.Sprintf("%v %+v %#v %s", link, session, endpoint, secret)+inJSON(t, []any{link, session, endpoint, secret}))
}

func TestEndpointsAreSharedUntilOneIsWritten(t *testing.T) {
	s := newServer(t, func(r asked) (int, string) {
		if r.method == http.MethodGet {
			return 200, `{"object":"list","data":[{"id":"we_1","url":"https://h.example"}],"has_more":false}`
		}
		return 404, failure("invalid_request_error", "resource_missing", "webhook_endpoint")
	})
	c := s.client(t)
	look := func(fresh bool, calls int) {
		t.Helper()
		all, _, err := c.Endpoints(t.Context(), fresh)
		if err != nil || len(all) != 1 || len(s.all()) != calls {
			t.Errorf("%v, %v, %d calls, want %d", all, err, len(s.all()), calls)
		}
	}
	look(false, 1)
	look(false, 1)
	look(true, 2)
	if err := c.DeleteEndpoint(t.Context(), "we_1"); err != nil {
		t.Errorf("one that is gone: %v", err)
	}
	look(false, 4)
}

func TestThePlatformIsRememberedForASweep(t *testing.T) {
	s := newServer(t, always(200, `{"id":"acct_Business","country":"DE","email":"jenny@example.com"}`))
	clock := tick()
	o := s.options()
	o.Clock, o.Sweep = clock, time.Minute
	c := clientOf(t, o)
	for _, step := range []struct {
		after time.Duration
		fresh bool
		calls int
	}{{0, false, 1}, {time.Minute, false, 1}, {time.Second, false, 2}, {time.Second, true, 3}, {0, true, 4}, {0, false, 4}} {
		clock.Step(step.after)
		got, _, err := c.Platform(t.Context(), step.fresh)
		if err != nil || got != (stripe.Platform{ID: "acct_Business", Country: "DE"}) || len(s.all()) != step.calls {
			t.Errorf("%+v, %v, %d calls, want %d", got, err, len(s.all()), step.calls)
		}
	}
}
