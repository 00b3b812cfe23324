package acceptance

import (
	"net/http"
	"testing"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/state"
)

func TestAnOrderThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	account := s.create(s.test())
	for name, test := range map[string]struct {
		path string
		body map[string]any
		want int
	}{
		"an unknown act":            {"/stripe/accounts/" + account.ID + "/act", map[string]any{"act": "dance"}, 400},
		"a misspelled argument":     {"/stripe/accounts/" + account.ID + "/act", map[string]any{"act": "require", "feilds": 1}, 400},
		"an unknown account":        {"/stripe/accounts/acct_nobody/act", map[string]any{"act": "verify"}, 404},
		"an unknown platform":       {"/stripe/platforms/acct_nobody/keys", map[string]any{}, 404},
		"a platform with no ID":     {"/stripe/platforms", map[string]any{"id": "mine"}, 400},
		"a country that is none":    {"/stripe/platforms", map[string]any{"country": "XX"}, 400},
		"an unknown permission":     {"/stripe/platforms/" + s.platform + "/keys", map[string]any{"permissions": []string{"all"}}, 400},
		"an unknown deleted answer": {"/stripe/settings", map[string]any{"deletedAnswer": "maybe"}, 400},
		"a negative limit":          {"/stripe/settings", map[string]any{"readsPerSecond": -1}, 400},
		"a misspelled setting":      {"/stripe/settings", map[string]any{"lag": "1s"}, 400},
		"an unknown endpoint":       {"/stripe/platforms/" + s.platform + "/endpoints/we_none/roll", nil, 404},
		"an unknown event":          {"/stripe/events/evt_none/resend", nil, 404},
	} {
		if status, body := s.raw(http.MethodPost, test.path, test.body); status != test.want {
			t.Errorf("%s: status %d: %s", name, status, body)
		}
	}
	s.post("/stripe/reset", nil, nil)
	_, err := s.test().Accounts.GetByID(account.ID, nil)
	want(t, err, "Unauthorized invalid_request_error")
}

func TestAPlatformMayHaveSettingsOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	var own, all state.Settings
	s.post("/stripe/settings?platform="+s.platform, map[string]any{"deletedAnswer": "missing", "delivery": map[string]any{"drop": true}}, &own)
	s.get("/stripe/settings", &all)
	if own.DeletedAnswer != "missing" || !own.Delivery.Drop || own.WritesPerSecond != 100_000 || all.DeletedAnswer != "forbidden" {
		t.Errorf("its own: %+v, all: %+v", own, all)
	}
	account := s.create(s.test())
	_, err := s.test().Accounts.Del(account.ID, nil)
	want(t, err, "")
	_, err = s.test().Accounts.GetByID(account.ID, nil)
	want(t, err, "Not Found resource_missing")
}
