package stripe

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	stripesdk "github.com/stripe/stripe-go/v76"
)

// Types and codes of errors that are not Stripe's words.
const (
	// typeClient is a call that was never made.
	typeClient   = "client"
	codeLimit    = "client_limit"
	codeCanceled = "canceled"
	codeBadID    = "bad_id"
	codeNoKey    = "no_idempotency_key"

	// typeNetwork is a call without an answer. Those of the first two codes did not reach Stripe.
	typeNetwork     = "network"
	codeUnreachable = "unreachable"
	codeCertificate = "certificate"
	codeTimeout     = "timeout"
	codeLost        = "lost"

	// typeUnreadable is an answer that is none of Stripe's API.
	typeUnreadable = "unreadable"
)

// Codes of Stripe's. https://docs.stripe.com/error-codes
const (
	codeAccountInvalid  = "account_invalid"
	codeMissing         = "resource_missing"
	codeLockTimeout     = "lock_timeout"
	codeInUse           = "idempotency_key_in_use"
	typeIdempotency     = "idempotency_error"
	codeNotConnect      = "platform_account_required"
	operationPlatform   = "GetPlatform"
	operationCreateAcct = "CreateAccount"
)

// keyCodes are about the key itself, whatever the status.
var keyCodes = []string{
	"api_key_expired", "platform_api_key_expired", "secret_key_required", "livemode_mismatch", codeNotConnect,
}

// Error is why a call failed. It keeps Stripe's names of what is wrong and none of its text, which quotes
// what was sent, nor the request's ID, which is another every time.
type Error struct {
	// Operation is the call, such as CreateAccount.
	Operation string
	// HTTP is the status; 0 if there was no answer.
	HTTP int
	// Type, Code and Param are Stripe's, or ours where Stripe gave no answer.
	Type, Code, Param string

	// cause is an error of a context, for errors.Is.
	cause error
}

// Error implements error.
func (e *Error) Error() string {
	status := ""
	if e.HTTP != 0 {
		status = fmt.Sprintf("status %d", e.HTTP)
	}
	return "stripe: " + join(": ", e.Operation, status, e.Type, e.Code, e.Param)
}

// Unwrap returns the context's error if that is why.
func (e *Error) Unwrap() error { return e.cause }

// label is the code in the metrics.
func (e *Error) label() string {
	switch {
	case e == nil:
		return "OK"
	case e.Type == typeNetwork:
		return typeNetwork
	case e.Code != "":
		return e.Code
	}
	return fmt.Sprintf("http_%d", e.HTTP)
}

// asError returns err as an *Error of the operation, nil for nil.
func asError(operation string, err error) *Error {
	if err == nil {
		return nil
	}
	found, ok := errors.AsType[*Error](err)
	if !ok {
		found = &Error{Type: typeNetwork, Code: codeLost}
	}
	failure := *found
	failure.Operation = operation
	return &failure
}

// translate returns an error of the SDK or of the network without what it quotes: the SDK's text holds
// Stripe's message or the start of the answer, the network's holds the address with its query.
func translate(err error, status int) error {
	if err == nil {
		return nil
	}
	if answer, ok := errors.AsType[*stripesdk.Error](err); ok {
		return &Error{
			HTTP: answer.HTTPStatusCode, Type: word(string(answer.Type)), Code: word(string(answer.Code)), Param: path(answer.Param),
		}
	}
	failure := &Error{Type: typeNetwork, Code: networkCode(err)}
	if status != 0 && failure.Code == codeLost {
		failure = &Error{HTTP: status, Type: typeUnreadable}
	}
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			failure.cause = cause
		}
	}
	return failure
}

func networkCode(err error) string {
	_, dns := errors.AsType[*net.DNSError](err)
	op, isOp := errors.AsType[*net.OpError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	netErr, isNet := errors.AsType[net.Error](err)
	switch {
	case dns, isOp && op.Op == "dial":
		return codeUnreachable
	case certificate, authority, name:
		return codeCertificate
	case errors.Is(err, context.Canceled):
		return codeCanceled
	case isNet && netErr.Timeout():
		return codeTimeout
	}
	return codeLost
}

// is says whether err is an *Error that has it.
func is(err error, has func(e *Error) bool) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && has(e)
}

// IsGone says that there is no such thing for this key: it was deleted, or the account was disconnected,
// or the key is that of another mode or business. Stripe does not say which.
func IsGone(err error) bool {
	return is(err, func(e *Error) bool {
		return e.HTTP == http.StatusForbidden && e.Code == codeAccountInvalid ||
			e.HTTP == http.StatusNotFound && e.Code == codeMissing
	})
}

// Credentials says that Stripe does not accept the key, or not for this.
func Credentials(err error) bool {
	return is(err, func(e *Error) bool {
		return e.HTTP == http.StatusUnauthorized || slices.Contains(keyCodes, e.Code) ||
			e.HTTP == http.StatusForbidden && e.Code != codeAccountInvalid
	})
}

// Throttled says that there were too many calls, or that our own limit did not let it through in time.
func Throttled(err error) bool {
	return is(err, func(e *Error) bool { return e.HTTP == http.StatusTooManyRequests || e.Code == codeLimit })
}

// InUse says that a call with the same idempotency key is under way.
func InUse(err error) bool { return is(err, func(e *Error) bool { return e.Code == codeInUse }) }

// KeyReused says that the idempotency key was used for another body.
func KeyReused(err error) bool {
	return is(err, func(e *Error) bool { return e.Type == typeIdempotency && e.Code != codeInUse })
}

// Indeterminate says that the call may have been carried out. An answer that cannot be read is one of
// those: whoever gave it, Stripe may have been asked.
func Indeterminate(err error) bool {
	return is(err, func(e *Error) bool {
		if e.Type == typeNetwork {
			return e.Code != codeUnreachable && e.Code != codeCertificate
		}
		return e.HTTP >= http.StatusInternalServerError || e.Type == typeUnreadable && !Throttled(e)
	})
}

// Refused says that Stripe refuses the request, and will say so again: something is wrong with
// the parameters, or with what was requested.
func Refused(err error) bool {
	if IsGone(err) || Credentials(err) || Throttled(err) || InUse(err) || KeyReused(err) || Indeterminate(err) {
		return false
	}
	return is(err, func(e *Error) bool {
		return e.HTTP >= http.StatusBadRequest && e.HTTP != http.StatusConflict && e.HTTP != http.StatusRequestTimeout ||
			e.Type == typeClient && (e.Code == codeBadID || e.Code == codeNoKey)
	})
}

// about names what is wrong, for people.
func (e *Error) about() string {
	return cmp.Or(join(", ", e.Code, e.Param), fmt.Sprintf("status %d", e.HTTP))
}

// join joins those words that there are.
func join(separator string, words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), separator)
}

// Code returns Stripe's names of what is wrong, and with which parameter; "" where it has none.
func Code(err error) (code, param string) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return "", ""
	}
	return e.Code, e.Param
}
