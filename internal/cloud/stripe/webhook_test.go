package stripe_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stripe/stripe-go/v76/webhook"

	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	current  = "whsec_current_0123456789"
	previous = "whsec_previous_0123456789"
)

var now = time.Unix(1_800_000_000, 0)

// sign signs as Stripe does, by the documentation and not by the SDK.
// https://docs.stripe.com/webhooks#verify-manually
func sign(payload, secret string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), payload)
	return hex.EncodeToString(mac.Sum(nil))
}

func header(payload, secret string, at time.Time) string {
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), sign(payload, secret, at))
}

func event(kind, version, object string) string {
	return fmt.Sprintf(`{"id":"evt_1","object":"event","type":%q,"account":"acct_1","api_version":%s,"created":1799999990,"livemode":true,`+
		`"pending_webhooks":1,"request":{"id":"req_decoy"},"data":{"object":%s,"previous_attributes":{"email":"jenny@example.com"}}}`,
		kind, version, object)
}

const (
	ours  = `"2023-10-16"`
	other = `"2019-05-16"`
	// person is what must not leave Verify.
	person = `{"id":"acct_1","email":"jenny@example.com","individual":{"first_name":"Jenny"},"failure_code":"decoy"}`
)

func TestAnEventIsBelievedOnlyWhenItIsProven(t *testing.T) {
	updated := event("account.updated", ours, person)
	failed := event("payout.failed", ours, `{"failure_code":"account_closed","failure_message":"decoy","destination":"ba_decoy"}`)
	hint := stripe.Hint{ID: "evt_1", Type: "account.updated", Account: "acct_1", Live: true, Created: time.Unix(1799999990, 0).UTC()}
	with := func(change func(h *stripe.Hint)) stripe.Hint {
		h := hint
		change(&h)
		return h
	}
	deauthorized := with(func(h *stripe.Hint) { h.Type = stripe.Deauthorized })
	failure := with(func(h *stripe.Hint) { h.Type, h.FailureCode = "payout.failed", "account_closed" })
	one := []string{current}
	for name, c := range map[string]struct {
		payload, header string
		secrets         []string
		want            stripe.Hint
		err             error
	}{
		"an event of Stripe's": {payload: updated, header: header(updated, current, now), secrets: one, want: hint},
		"a failed payout":      {payload: failed, header: header(failed, current, now), secrets: one, want: failure},
		"no secret":            {payload: updated, header: header(updated, "", now), err: stripe.ErrNoSecret},
		"an empty secret":      {payload: updated, header: header(updated, "", now), secrets: []string{""}, err: stripe.ErrNoSecret},
		"a secret of spaces": {
			payload: updated, header: header(updated, strings.Repeat(" ", 20), now), secrets: []string{strings.Repeat(" ", 20)}, err: stripe.ErrNoSecret,
		},
		"a short secret": {payload: updated, header: header(updated, "whsec_short", now), secrets: []string{"whsec_short"}, err: stripe.ErrNoSecret},
		"an empty secret beside a good one": {
			payload: updated, header: header(updated, "", now), secrets: []string{"", current}, err: stripe.ErrSignature,
		},
		"a short secret beside a good one": {
			payload: updated, header: header(updated, current, now), secrets: []string{"whsec_short", current}, want: hint,
		},
		"the secret before, while both count": {
			payload: updated, header: header(updated, previous, now), secrets: []string{current, previous}, want: hint,
		},
		"the new secret, while both count": {
			payload: updated, header: header(updated, current, now), secrets: []string{current, previous}, want: hint,
		},
		"a third secret": {
			payload: updated, header: header(updated, "whsec_third_0123456789", now),
			secrets: []string{current, previous, "whsec_third_0123456789"}, err: stripe.ErrSignature,
		},
		"a secret with a line's end": {payload: updated, header: header(updated, current, now), secrets: []string{current + "\n"}, want: hint},
		"another secret":             {payload: updated, header: header(updated, previous, now), secrets: one, err: stripe.ErrSignature},
		"several signatures, one of them good": {
			payload: updated, secrets: one, want: hint,
			header: fmt.Sprintf("t=%d,v1=%s,v1=%s,v0=00", now.Unix(), sign(updated, previous, now), sign(updated, current, now)),
		},
		"a good signature after too many others": {
			payload: updated, secrets: one, err: stripe.ErrSignature,
			header: fmt.Sprintf("t=%d%s,v1=%s", now.Unix(), strings.Repeat(",v1=00", 8), sign(updated, current, now)),
		},
		"a signature of another scheme": {
			payload: updated, header: fmt.Sprintf("t=%d,v0=%s", now.Unix(), sign(updated, current, now)), secrets: one, err: stripe.ErrSignature,
		},
		"a signature that is cut short": {
			payload: updated, header: header(updated, current, now)[:20], secrets: one, err: stripe.ErrSignature,
		},
		"an empty signature":  {payload: updated, header: fmt.Sprintf("t=%d,v1=", now.Unix()), secrets: one, err: stripe.ErrSignature},
		"no header":           {payload: updated, secrets: one, err: stripe.ErrNotSigned},
		"a header of nothing": {payload: updated, header: "nothing", secrets: one, err: stripe.ErrSignature},
		"no time":             {payload: updated, header: "v1=" + sign(updated, current, now), secrets: one, err: stripe.ErrSignature},
		"two times": {
			payload: updated, header: fmt.Sprintf("t=1,%s", header(updated, current, now)), secrets: one, err: stripe.ErrSignature,
		},
		"a time that overflows": {
			payload: updated, header: "t=9223372036854775807,v1=" + sign(updated, current, now), secrets: one, err: stripe.ErrSignature,
		},
		"a header without end": {
			payload: updated, header: header(updated, current, now) + strings.Repeat(",a=b", 2000), secrets: one, err: stripe.ErrSignature,
		},
		"an old event":          {payload: updated, header: header(updated, current, now.Add(-301*time.Second)), secrets: one, err: stripe.ErrTooOld},
		"a late event":          {payload: updated, header: header(updated, current, now.Add(-299*time.Second)), secrets: one, want: hint},
		"an event of tomorrow":  {payload: updated, header: header(updated, current, now.Add(301*time.Second)), secrets: one, err: stripe.ErrTooNew},
		"a clock that is ahead": {payload: updated, header: header(updated, current, now.Add(299*time.Second)), secrets: one, want: hint},
		"a changed event": {
			payload: strings.Replace(updated, "acct_1", "acct_2", 1), header: header(updated, current, now), secrets: one, err: stripe.ErrSignature,
		},
		"a changed time": {
			payload: updated, header: fmt.Sprintf("t=%d,v1=%s", now.Unix()+1, sign(updated, current, now)), secrets: one, err: stripe.ErrSignature,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var secrets []scope.Secret
			for _, s := range c.secrets {
				secrets = append(secrets, scope.NewSecret(s))
			}
			check(t, c.payload, c.header, secrets, c.want, c.err)
		})
	}
	for name, c := range map[string]struct {
		payload string
		want    stripe.Hint
		err     error
	}{
		"a body that is no JSON":       {payload: "<decoy>", err: stripe.ErrMalformed},
		"a body that is empty":         {err: stripe.ErrMalformed},
		"a body without data":          {payload: `{"id":"evt_1","object":"event","type":"account.updated","api_version":"2023-10-16"}`, err: stripe.ErrMalformed},
		"data without an object":       {payload: strings.Replace(event("account.updated", ours, "null"), "evt_1", "evt_2", 1), err: stripe.ErrMalformed},
		"data with a list":             {payload: event("account.updated", ours, `[]`), err: stripe.ErrMalformed},
		"something that is no event":   {payload: strings.Replace(updated, `"object":"event"`, `"object":"account"`, 1), err: stripe.ErrMalformed},
		"a thin event":                 {payload: `{"id":"evt_1","object":"v2.core.event","type":"v2.core.account.updated","created":"2027-01-15T08:00:00Z","data":{}}`, err: stripe.ErrMalformed},
		"an account that is a path":    {payload: strings.Replace(updated, "acct_1", "../acct_1", 1), err: stripe.ErrMalformed},
		"a type that is a sentence":    {payload: event("Jenny Rosen", ours, person), err: stripe.ErrMalformed},
		"another version":              {payload: event("account.updated", other, person), err: stripe.ErrVersion},
		"no version":                   {payload: event("account.updated", "null", person), err: stripe.ErrVersion},
		"a failed payout of another":   {payload: event("payout.failed", other, `{"failure_code":"account_closed"}`), err: stripe.ErrVersion},
		"a goodbye in another version": {payload: event(stripe.Deauthorized, other, `{"id":"ca_1","name":"decoy"}`), want: deauthorized},
		"a goodbye without a version":  {payload: event(stripe.Deauthorized, "null", `{"id":"ca_1","failure_code":"decoy"}`), want: deauthorized},
		"a failure that is a sentence": {
			payload: event("payout.failed", ours, `{"failure_code":"Jenny Rosen"}`),
			want:    with(func(h *stripe.Hint) { h.Type, h.FailureCode = "payout.failed", "unknown" }),
		},
		"a failure that is a number": {
			payload: event("payout.failed", ours, `{"failure_code":6789}`), want: with(func(h *stripe.Hint) { h.Type = "payout.failed" }),
		},
		"an event of the business's own": {
			payload: strings.Replace(updated, `"account":"acct_1",`, "", 1), want: with(func(h *stripe.Hint) { h.Account = "" }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, c.payload, header(c.payload, current, now), []scope.Secret{scope.NewSecret(current)}, c.want, c.err)
		})
	}
}

func check(t *testing.T, payload, header string, secrets []scope.Secret, want stripe.Hint, wantErr error) {
	t.Helper()
	got, err := stripe.Verify([]byte(payload), header, secrets, now)
	if !errors.Is(err, wantErr) {
		t.Errorf("%v, want %v", err, wantErr)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hint (-want +got):\n%s", diff)
	}
	leaks(t, "the hint", fmt.Sprintf("%s %+v %v", inJSON(t, got), got, err))
	if r := stripe.Result(err); r == "error" || (r == "ok") != (wantErr == nil) {
		t.Errorf("result %s", r)
	}
}

func TestTheSDKSignsAsWeVerify(t *testing.T) {
	payload := event("account.updated", ours, person)
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: []byte(payload), Secret: current, Timestamp: now})
	if _, err := stripe.Verify([]byte(payload), signed.Header, []scope.Secret{scope.NewSecret(current)}, now); err != nil {
		t.Error(err)
	}
}

func TestEveryResultHasItsName(t *testing.T) {
	names := map[string]bool{}
	for _, err := range []error{
		nil, stripe.ErrNoSecret, stripe.ErrNotSigned, stripe.ErrSignature, stripe.ErrTooOld, stripe.ErrTooNew, stripe.ErrMalformed, stripe.ErrVersion,
		errors.New("other"),
	} {
		names[stripe.Result(err)] = true
	}
	if len(names) != 9 || !names["ok"] || !names["error"] {
		t.Errorf("names %v", names)
	}
}

func FuzzVerify(f *testing.F) {
	payload := event("account.updated", ours, person)
	f.Add([]byte(payload), header(payload, current, now), current)
	f.Add([]byte(payload), header(payload, "", now), "")
	f.Add([]byte(`{}`), header(`{}`, current, now), current)
	f.Add([]byte(`{"data":null}`), "t=1,v1=00,v1=zz", previous)
	f.Add([]byte(event(stripe.Deauthorized, other, `{}`)), "t=99999999999999999999", current)
	f.Add([]byte{}, ",,=,t=,v1=", "")
	f.Fuzz(func(t *testing.T, payload []byte, head, secret string) {
		got, err := stripe.Verify(payload, head, []scope.Secret{scope.NewSecret(secret)}, now)
		if err != nil {
			if got != (stripe.Hint{}) {
				t.Errorf("a hint with %v", err)
			}
			if stripe.Result(err) == "error" {
				t.Errorf("%v has no name", err)
			}
			// What is signed well is judged by what it says, and never crashes.
			_, _ = stripe.Verify(payload, header(string(payload), current, now), []scope.Secret{scope.NewSecret(current)}, now)
			return
		}
		proven := false
		for skew := -tolerated; skew <= tolerated; skew++ {
			at := now.Add(time.Duration(skew) * time.Second)
			proven = proven || strings.Contains(strings.ToLower(head), "v1="+sign(string(payload), strings.TrimSpace(secret), at))
		}
		if !proven {
			t.Errorf("%q verifies %q without the signature", head, payload)
		}
	})
}

// tolerated is how many seconds a signature's time may be off.
const tolerated = 300
