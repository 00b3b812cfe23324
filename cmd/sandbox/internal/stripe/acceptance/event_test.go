package acceptance

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/webhook"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/state"
)

func TestEventsComeSignedAndWhole(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	r := s.receive()
	endpoint := s.listen(s.test(), r.url, "account.updated")
	account := s.create(s.test())
	s.act(account.ID, "verify", nil)
	eventually(t, "two events came", func() bool { return len(r.all("")) == 2 })
	var decoys []string
	s.get("/stripe/decoys", &decoys)
	found := map[string]bool{}
	for _, one := range r.all("") {
		event, err := webhook.ConstructEvent(one.body, one.signature, endpoint.Secret)
		if err != nil {
			t.Fatal(err)
		}
		if event.Account != account.ID || event.Livemode {
			t.Errorf("event of %s, live: %t", event.Account, event.Livemode)
		}
		for _, decoy := range decoys {
			found[decoy] = found[decoy] || bytes.Contains(one.body, []byte(decoy))
		}
	}
	s.act(account.ID, "past-due", nil)
	eventually(t, "a third came", func() bool { return len(r.all("")) == 3 })
	for decoy, there := range found {
		if !there && !bytes.Contains(r.all("")[2].body, []byte(decoy)) {
			t.Errorf("no event holds the decoy %q", decoy)
		}
	}
	if rows := s.events(); rows[0].Type != "account.updated" || rows[0].Deliveries[0] != (state.Delivered{URL: r.url, Status: 200, Attempts: 1}) {
		t.Errorf("events: %+v", rows[0])
	}
}

func TestAnEndOfAConnectionHasTheVersionOfTheAccount(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	r := s.receive()
	endpoint := s.listen(s.test(), r.url, "account.application.deauthorized")
	account := s.create(s.test())
	s.act(account.ID, "deauthorize", nil)
	eventually(t, "the event came", func() bool { return len(r.all("")) == 1 })
	one := r.all("")[0]
	if one.event.APIVersion != "2020-08-27" {
		t.Errorf("version %s", one.event.APIVersion)
	}
	if _, err := webhook.ConstructEvent(one.body, one.signature, endpoint.Secret); err == nil {
		t.Error("the strict check of Stripe's client takes it")
	}
}

func TestAnEventIsSentAgainUntilItIsTaken(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.post("/stripe/settings", map[string]any{"retry": "10ms"}, nil)
	r := s.receive(500, 302)
	s.listen(s.test(), r.url, "payout.failed")
	account := s.create(s.test())
	s.act(account.ID, "payout-failed", nil)
	eventually(t, "it was sent three times", func() bool { return len(r.all("")) == 3 })
	eventually(t, "it was taken", func() bool {
		rows := s.events()
		last := rows[len(rows)-1]
		return len(last.Deliveries) == 1 && last.Deliveries[0] == state.Delivered{URL: r.url, Status: 200, Attempts: 3}
	})
}

func TestWhatGoesWrongOnTheWay(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	r := s.receive()
	s.listen(s.test(), r.url, "payout.paid", "payout.failed")
	account := s.create(s.test())
	set := func(delivery map[string]any) { s.post("/stripe/settings", map[string]any{"delivery": delivery}, nil) }

	set(map[string]any{"drop": true})
	s.act(account.ID, "payout-paid", nil)
	set(map[string]any{"drop": false, "duplicate": 2})
	s.act(account.ID, "payout-failed", nil)
	eventually(t, "one event came three times", func() bool { return len(r.all("payout.failed")) == 3 })
	if n := len(r.all("payout.paid")); n != 0 {
		t.Errorf("a dropped event came %d times", n)
	}
	if ids := r.all(""); ids[0].event.ID != ids[2].event.ID {
		t.Error("duplicates have different IDs")
	}
	set(map[string]any{"duplicate": 0, "reorder": true})
	s.act(account.ID, "payout-paid", nil)
	s.act(account.ID, "payout-failed", nil)
	eventually(t, "both came", func() bool { return len(r.all("")) == 5 })
	if got := r.all(""); got[3].event.Type != "payout.failed" || got[4].event.Type != "payout.paid" {
		t.Errorf("they came in order: %s, %s", got[3].event.Type, got[4].event.Type)
	}
	set(map[string]any{"delay": "200ms"})
	began := time.Now()
	s.act(account.ID, "payout-paid", nil)
	eventually(t, "the late one came", func() bool { return len(r.all("")) == 6 })
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("it came after %s", took)
	}
}

func TestARolledSecretSignsBesideTheOldOneForAWhile(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	r := s.receive()
	endpoint := s.listen(s.test(), r.url, "payout.paid")
	account := s.create(s.test())
	var rolled struct{ Secret string }
	s.post(fmt.Sprintf("/stripe/platforms/%s/endpoints/%s/roll", s.platform, endpoint.ID), map[string]any{"overlap": "24h"}, &rolled)
	for i, wanted := range []bool{true, false} {
		s.act(account.ID, "payout-paid", nil)
		eventually(t, "the event came", func() bool { return len(r.all("")) == i+1 })
		one := r.all("")[i]
		if err := webhook.ValidatePayload(one.body, one.signature, rolled.Secret); err != nil {
			t.Errorf("the new secret: %v", err)
		}
		if err := webhook.ValidatePayload(one.body, one.signature, endpoint.Secret); (err == nil) != wanted {
			t.Errorf("the old secret: %v, want good: %t", err, wanted)
		}
		s.post("/stripe/clock", map[string]any{"advance": "24h"}, nil)
	}
}

func TestEndpointsAreFewAndKeepTheirSecret(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	first := s.listen(s.test(), "https://hooks.example/0", "account.updated")
	if !strings.HasPrefix(first.Secret, "whsec_") {
		t.Errorf("secret %q", first.Secret)
	}
	again, err := s.test().WebhookEndpoints.Get(first.ID, nil)
	want(t, err, "")
	if again.Secret != "" || again.URL != first.URL || again.APIVersion != stripe.APIVersion {
		t.Errorf("read %+v", again)
	}
	for i := 1; i < 16; i++ {
		s.listen(s.test(), fmt.Sprintf("https://hooks.example/%d", i), "account.updated")
	}
	_, err = s.test().WebhookEndpoints.New(&stripe.WebhookEndpointParams{
		URL: new("https://hooks.example/17"), EnabledEvents: stripe.StringSlice([]string{"account.updated"}),
	})
	want(t, err, "Bad Request invalid_request_error")
	_, err = s.live().WebhookEndpoints.New(&stripe.WebhookEndpointParams{
		URL: new("http://hooks.example"), EnabledEvents: stripe.StringSlice([]string{"account.updated"}),
	})
	want(t, err, "Bad Request url_invalid")
	_, err = s.test().WebhookEndpoints.Del(first.ID, nil)
	want(t, err, "")
	_, err = s.test().WebhookEndpoints.Get(first.ID, nil)
	want(t, err, "Not Found resource_missing")
}

func TestWhoGetsWhichEvents(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	on, off, live := s.receive(), s.receive(), s.receive()
	s.post("/stripe/settings", map[string]any{"resolve": map[string]string{
		"hooks.example": strings.TrimPrefix(on.url, "https://"),
	}}, nil)
	s.listen(s.test(), "https://hooks.example/found", "payout.paid")
	disabled := s.listen(s.test(), off.url, "payout.paid")
	s.listen(s.live(), live.url, "*")
	_, err := s.test().WebhookEndpoints.Update(disabled.ID, &stripe.WebhookEndpointParams{Disabled: new(true)})
	want(t, err, "")
	account := s.create(s.test())
	s.act(account.ID, "payout-paid", nil)
	eventually(t, "the endpoint got it", func() bool { return len(on.all("")) == 1 })
	s.post("/stripe/settings", map[string]any{"crossMode": true}, nil)
	s.act(account.ID, "payout-paid", nil)
	eventually(t, "live got one of test mode", func() bool { return len(live.all("payout.paid")) == 1 })
	if live.all("payout.paid")[0].event.Livemode || len(off.all("")) != 0 {
		t.Error("a disabled endpoint got an event, or one of test mode is called live")
	}
	rows := s.events()
	s.post("/stripe/events/"+rows[len(rows)-1].ID+"/resend", nil, nil)
	eventually(t, "it came again", func() bool { return len(live.all("payout.paid")) == 2 })
}

func TestEventsOfAnAccountAreFoundAtTheAccount(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	account := s.create(s.test())
	s.act(account.ID, "payout-failed", nil)
	count := func(as string) (types []string) {
		p := &stripe.EventListParams{Types: stripe.StringSlice([]string{"payout.failed", "payout.paid"})}
		if as != "" {
			p.SetStripeAccount(as)
		}
		i := s.test().Events.List(p)
		for i.Next() {
			types = append(types, string(i.Event().Type))
		}
		want(t, i.Err(), "")
		return types
	}
	if got := count(account.ID); !slices.Equal(got, []string{"payout.failed"}) {
		t.Errorf("the account's events: %v", got)
	}
	if got := count(""); len(got) != 0 {
		t.Errorf("the platform's events: %v", got)
	}
}

func TestAForgeryIsSentAsRequested(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	r := s.receive()
	var answer struct{ Status int }
	s.post("/stripe/forge", map[string]any{
		"url": r.url, "secret": "whsec_x", "type": "account.updated", "account": "acct_1", "age": "10m", "livemode": true,
	}, &answer)
	one := r.all("")[0]
	if answer.Status != 200 || one.event.Account != "acct_1" || !one.event.Livemode {
		t.Errorf("status %d, event %+v", answer.Status, one.event)
	}
	if err := webhook.ValidatePayload(one.body, one.signature, "whsec_x"); err == nil {
		t.Error("a signature of ten minutes ago is taken")
	}
	if err := webhook.ValidatePayloadIgnoringTolerance(one.body, one.signature, "whsec_x"); err != nil {
		t.Error(err)
	}
	s.post("/stripe/forge", map[string]any{"url": r.url, "body": "{}", "header": "t=1,v1=00"}, &answer)
	if two := r.all("")[1]; string(two.body) != "{}" || two.signature != "t=1,v1=00" {
		t.Errorf("sent %s with %s", two.body, two.signature)
	}
}
