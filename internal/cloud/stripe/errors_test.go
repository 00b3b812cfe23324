package stripe_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// families are those that say yes to an error.
func families(err error) []string {
	var found []string
	for _, f := range []struct {
		name string
		is   func(error) bool
	}{
		{"credentials", stripe.Credentials},
		{"gone", stripe.IsGone},
		{"in use", stripe.InUse},
		{"indeterminate", stripe.Indeterminate},
		{"key reused", stripe.KeyReused},
		{"refused", stripe.Refused},
		{"throttled", stripe.Throttled},
	} {
		if f.is(err) {
			found = append(found, f.name)
		}
	}
	return found
}

func TestEveryErrorHasItsFamily(t *testing.T) {
	const invalid = "invalid_request_error"
	for name, c := range map[string]struct {
		status int
		answer string
		family string
		class  fault.Class
		reason string
		label  string
	}{
		"a key that is not one": {
			401, failure(invalid, "", ""), "credentials", fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid, "http_401",
		},
		"an expired key": {
			401, failure(invalid, "api_key_expired", ""), "credentials", fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid, "api_key_expired",
		},
		"a business that is no platform": {
			400, failure(invalid, "platform_account_required", ""),
			"credentials", fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid, "platform_account_required",
		},
		"a restricted key without the right": {
			403, failure(invalid, "", ""), "credentials", fault.Denied, v1alpha1.ReasonAccessDenied, "http_403",
		},
		"an account that is not ours any more": {
			403, failure(invalid, "account_invalid", ""), "gone", fault.Conflict, v1alpha1.ReasonAccessRevokedOrDeleted, "account_invalid",
		},
		"something that does not exist": {
			404, failure(invalid, "resource_missing", "id"), "gone", fault.Conflict, v1alpha1.ReasonAccessRevokedOrDeleted, "resource_missing",
		},
		"a parameter that is not allowed": {
			400, failure(invalid, "parameter_unknown", "controller[decoys]"), "refused", fault.Invalid, v1alpha1.ReasonCreateRejected, "parameter_unknown",
		},
		"a refusal without a code": {
			400, failure(invalid, "", ""), "refused", fault.Invalid, v1alpha1.ReasonCreateRejected, "http_400",
		},
		"a request that failed": {
			402, failure("card_error", "card_declined", ""), "refused", fault.Invalid, v1alpha1.ReasonCreateRejected, "card_declined",
		},
		"another body under the same key": {
			400, failure("idempotency_error", "", ""), "key reused", fault.Transient, v1alpha1.ReasonTransientError, "http_400",
		},
		"a key in use": {
			409, failure("idempotency_error", "idempotency_key_in_use", ""),
			"in use", fault.Transient, v1alpha1.ReasonTransientError, "idempotency_key_in_use",
		},
		"another conflict": {
			409, failure(invalid, "", ""), "", fault.Transient, v1alpha1.ReasonTransientError, "http_409",
		},
		"too many calls": {
			429, failure(invalid, "rate_limit", ""), "throttled", fault.Transient, v1alpha1.ReasonThrottled, "rate_limit",
		},
		"too many calls, said by a proxy": {
			429, "slow down, decoy", "throttled", fault.Transient, v1alpha1.ReasonThrottled, "http_429",
		},
		"a lock that others hold": {
			429, failure(invalid, "lock_timeout", ""), "throttled", fault.Transient, v1alpha1.ReasonThrottled, "lock_timeout",
		},
		"a failure of Stripe's": {
			500, failure("api_error", "", ""), "indeterminate", fault.Transient, v1alpha1.ReasonStripeUnreachable, "http_500",
		},
		"a page of a proxy": {
			502, "<html>decoy 10 Downing Street</html>", "indeterminate", fault.Transient, v1alpha1.ReasonStripeUnreachable, "http_502",
		},
		"an answer that is no JSON": {
			200, "Jenny Rosen", "indeterminate", fault.Transient, v1alpha1.ReasonStripeUnreachable, "http_200",
		},
		"an answer of other types": {
			200, `{"id":"acct_1","created":"Jenny Rosen"}`, "indeterminate", fault.Transient, v1alpha1.ReasonStripeUnreachable, "http_200",
		},
		"an error that says nothing": {
			503, `{"decoy":"Jenny Rosen"}`, "indeterminate", fault.Transient, v1alpha1.ReasonStripeUnreachable, "http_503",
		},
		"a redirection": {
			302, "decoy", "indeterminate", fault.Transient, v1alpha1.ReasonStripeUnreachable, "http_302",
		},
		"a connection that breaks": {
			0, "", "indeterminate", fault.Transient, v1alpha1.ReasonStripeUnreachable, "network",
		},
		"words that are none": {
			400, failure("Jenny Rosen", "10 Downing Street", "decoy of Jenny Rosen"), "refused", fault.Invalid, v1alpha1.ReasonCreateRejected, "unknown",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, always(c.status, c.answer))
			_, err := s.client(t).Create(t.Context(), stripe.Creation{Country: "DE"}, "key-decoy")
			var want []string
			if c.family != "" {
				want = []string{c.family}
			}
			if diff := cmp.Diff(want, families(err)); diff != "" {
				t.Errorf("%v is (-want +got):\n%s", err, diff)
			}
			f := fault.As(stripe.Classify(err))
			if f.Class != c.class || f.Reason != c.reason {
				t.Errorf("%s %s, want %s %s", f.Class, f.Reason, c.class, c.reason)
			}
			if !errors.Is(f, err) {
				t.Error("the cause is lost")
			}
			if n := s.counts["stripe CreateAccount "+c.label]; n != 1 || len(s.counts) != 1 {
				t.Errorf("counted %v, want %s", s.counts, c.label)
			}
			if c.family != "refused" || c.label == "unknown" { // a parameter's name is said
				leaks(t, "the error", fmt.Sprintf("%v %+v %#v %s", err, err, err, f)+inJSON(t, f))
			}
			if len(s.all()) != 1 {
				t.Errorf("%d calls", len(s.all()))
			}
		})
	}
}

func TestNothingSecretIsInAnErrorOfTheNetwork(t *testing.T) {
	s := newServer(t, always(200, ""))
	c := s.client(t)
	s.Close()
	_, err := c.OnboardingLink(t.Context(), "acct_1decoy", "https://decoy.example", "https://decoy.example")
	if got := families(err); len(got) != 0 {
		t.Errorf("a call that nobody took is %v", got)
	}
	if f := fault.As(stripe.Classify(err)); f.Reason != v1alpha1.ReasonStripeUnreachable {
		t.Errorf("reason %s", f.Reason)
	}
	if want := "stripe: CreateAccountLink: network: unreachable"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

func TestAnUnauthenticatedCallerLearnsNothing(t *testing.T) {
	s := newServer(t, always(200, `{"id":"acct_1"}`))
	o := s.options()
	o.HTTPClient = nil // which does not know the server's authority
	_, err := clientOf(t, o).Get(t.Context(), "acct_1")
	if want := "stripe: GetAccount: network: certificate"; err == nil || err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
	if stripe.Indeterminate(err) || len(s.all()) != 0 {
		t.Errorf("%d calls", len(s.all()))
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	s := newServer(t, func(asked) (int, string) { <-release; return 200, `{"id":"acct_1"}` })
	defer close(release)
	c := s.client(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Create(ctx, stripe.Creation{}, "k")
	if !stripe.Indeterminate(err) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v: the account may have been made", err)
	}
	if _, err = c.Create(ctx, stripe.Creation{}, "k"); stripe.Indeterminate(err) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v: the account was not requested", err)
	}
	if n := len(s.all()); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestARefusedReadOfTheOwnAccountIsAboutTheKey(t *testing.T) {
	s := newServer(t, always(http.StatusForbidden, failure("invalid_request_error", "", "")))
	_, _, err := s.client(t).Platform(t.Context(), true)
	if f := fault.As(stripe.Classify(err)); f.Reason != v1alpha1.ReasonPlatformCredentialsInvalid || f.Class != fault.Denied {
		t.Errorf("%v", f)
	}
}

func TestARefusedChangeIsAboutTheSpec(t *testing.T) {
	s := newServer(t, always(http.StatusBadRequest, failure("invalid_request_error", "url_invalid", "business_profile[url]")))
	_, err := s.client(t).Update(t.Context(), "acct_1", stripe.Update{})
	f := fault.As(stripe.Classify(err))
	want := "Stripe refuses UpdateAccount (url_invalid, business_profile[url]); Stripe's Dashboard has its words in the log of the API"
	if f.Reason != v1alpha1.ReasonInvalidSpec || f.Class != fault.Invalid || f.Message != want {
		t.Errorf("%v", f)
	}
}

func TestOtherErrorsAreClassifiedToo(t *testing.T) {
	if stripe.Classify(nil) != nil {
		t.Error("nil became an error")
	}
	mine := fault.New(fault.Held, "Reason", "message")
	if got := stripe.Classify(mine); !errors.Is(got, error(mine)) {
		t.Errorf("a fault became %v", got)
	}
	if got := fault.ClassOf(stripe.Classify(errors.New("other"))); got != fault.Transient {
		t.Errorf("another error is %s", got)
	}
	if code, param := stripe.Code(errors.New("other")); code+param != "" {
		t.Errorf("another error has the code %s, %s", code, param)
	}
	err := fmt.Errorf("making: %w", &stripe.Error{HTTP: 400, Code: "country_unsupported", Param: "country"})
	if code, param := stripe.Code(err); code != "country_unsupported" || param != "country" || !stripe.Refused(err) {
		t.Errorf("code %s, %s", code, param)
	}
}
