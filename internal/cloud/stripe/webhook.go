package stripe

import (
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	stripesdk "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/webhook"

	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	// Deauthorized is the event of a coach who has disconnected the account: it cannot be read any more.
	Deauthorized = "account.application.deauthorized"
	// PayoutFailed is the event of a payout that did not arrive.
	PayoutFailed = "payout.failed"

	// tolerance is how far a signature's time may be from ours, in either direction.
	tolerance = 5 * time.Minute
	// minSecret is the shortest secret that counts: anybody can sign with an empty one.
	minSecret = 16
	// maxSecrets is how many count, the new one and the one before it.
	maxSecrets = 2
	// maxHeader and maxSignatures bound what is read before anything is proven.
	maxHeader     = 4096
	maxSignatures = 8
)

// Events are those that the operator wants to hear of. None is about a person.
var Events = []string{
	"account.updated", Deauthorized,
	"account.external_account.created", "account.external_account.updated", "account.external_account.deleted",
	"capability.updated",
	PayoutFailed, "payout.paid", "payout.canceled",
}

// Why an event is not believed.
var (
	ErrNoSecret  = errors.New("there is no secret that events are signed with")
	ErrNotSigned = errors.New("the event is not signed")
	ErrSignature = errors.New("the event is signed by somebody else, or was changed")
	ErrTooOld    = errors.New("the event was signed too long ago")
	ErrTooNew    = errors.New("the event was signed in the future")
	ErrMalformed = errors.New("the event is not one that can be read")
	ErrVersion   = errors.New("the event is of another version of the API")
)

// results are the errors in metrics.
var results = []struct {
	err  error
	name string
}{
	{nil, "ok"},
	{ErrNoSecret, "no_secret"},
	{ErrNotSigned, "not_signed"},
	{ErrSignature, "bad_signature"},
	{ErrTooOld, "too_old"},
	{ErrTooNew, "too_new"},
	{ErrMalformed, "malformed"},
	{ErrVersion, "version"},
}

// Result is the name of an error of Verify in metrics.
func Result(err error) string {
	for _, r := range results {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "error"
}

// Hint is all that is taken from an event: that there is something to read. What it says about it may
// be old, or come twice, or in another order.
type Hint struct {
	ID, Type string
	// Account is the connected account that the event is about; "" is the business's own.
	Account string
	Live    bool
	Created time.Time
	// FailureCode is why a payout failed, in Stripe's word.
	FailureCode string
}

// wireEvent has a place for what may be read of an event.
type wireEvent struct {
	ID         string `json:"id"`
	Object     string `json:"object"`
	Type       string `json:"type"`
	Account    string `json:"account"`
	APIVersion string `json:"api_version"`
	Created    int64  `json:"created"`
	Live       bool   `json:"livemode"`
	Data       *struct {
		Object *struct {
			FailureCode any `json:"failure_code"`
		} `json:"object"`
	} `json:"data"`
}

var typePattern = regexp.MustCompile(`^[a-z0-9_.]{1,100}$`)

// Verify returns what a webhook delivery hints at, if one of the secrets signed it not long ago. Nothing of
// the payload is observed before that. Its length is for the caller to bound.
// https://docs.stripe.com/webhooks#verify-manually
func Verify(payload []byte, header string, secrets []scope.Secret, now time.Time) (Hint, error) {
	keys := usable(secrets)
	if len(keys) == 0 {
		return Hint{}, ErrNoSecret
	}
	signed, signatures, err := parseHeader(header)
	if err != nil {
		return Hint{}, err
	}
	if !authentic(payload, signed, signatures, keys) {
		return Hint{}, ErrSignature
	}
	switch age := now.Sub(signed); {
	case age > tolerance:
		return Hint{}, ErrTooOld
	case age < -tolerance:
		return Hint{}, ErrTooNew
	}
	var event wireEvent
	if json.Unmarshal(payload, &event) != nil {
		return Hint{}, ErrMalformed
	}
	return event.hint()
}

// usable returns the secrets that count.
func usable(secrets []scope.Secret) []string {
	var keys []string
	for _, s := range secrets {
		if key := strings.TrimSpace(s.Reveal()); len(key) >= minSecret && len(keys) < maxSecrets {
			keys = append(keys, key)
		}
	}
	return keys
}

// parseHeader reads "t=1495999758,v1=…,v1=…,v0=…". Schemes other than v1 do not count.
func parseHeader(header string) (signed time.Time, signatures [][]byte, err error) {
	if header == "" {
		return signed, nil, ErrNotSigned
	}
	if len(header) > maxHeader {
		return signed, nil, ErrSignature
	}
	for part := range strings.SplitSeq(header, ",") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "t":
			seconds, err := strconv.ParseUint(value, 10, 40)
			if err != nil || !signed.IsZero() {
				return signed, nil, ErrSignature
			}
			signed = time.Unix(int64(seconds), 0)
		case "v1":
			signature, err := hex.DecodeString(value)
			if err == nil && len(signatures) < maxSignatures {
				signatures = append(signatures, signature)
			}
		}
	}
	if signed.IsZero() || len(signatures) == 0 {
		return signed, nil, ErrSignature
	}
	return signed, signatures, nil
}

func authentic(payload []byte, signed time.Time, signatures [][]byte, keys []string) bool {
	for _, key := range keys {
		want := webhook.ComputeSignature(signed, payload, key)
		for _, got := range signatures {
			if hmac.Equal(want, got) {
				return true
			}
		}
	}
	return false
}

// hint returns what counts of an event that was proven to be Stripe's. An account is disconnected in its
// own version of the API, whatever the endpoint's is: of such an event nothing else is read.
// https://github.com/stripe/stripe-apps/issues/928
func (e *wireEvent) hint() (Hint, error) {
	switch {
	case e.Object != "event", e.Data == nil, e.Data.Object == nil:
		return Hint{}, ErrMalformed
	case !idPattern.MatchString(e.ID), !typePattern.MatchString(e.Type), e.Account != "" && !idPattern.MatchString(e.Account):
		return Hint{}, ErrMalformed
	case e.APIVersion != stripesdk.APIVersion && e.Type != Deauthorized:
		return Hint{}, ErrVersion
	}
	h := Hint{ID: e.ID, Type: e.Type, Account: e.Account, Live: e.Live, Created: at(e.Created)}
	if code, ok := e.Data.Object.FailureCode.(string); ok && e.Type == PayoutFailed {
		h.FailureCode = match(failurePattern, code)
	}
	return h, nil
}
