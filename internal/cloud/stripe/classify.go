package stripe

import (
	"errors"
	"net/http"
	"slices"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// Classify turns an error of a call into a fault; nil stays nil and a fault stays itself.
func Classify(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return fault.As(err)
	}
	return e.fault().Because(err)
}

func (e *Error) fault() *fault.Error {
	switch {
	case Credentials(e):
		return e.credentials()
	case IsGone(e):
		return fault.New(fault.Conflict, v1alpha1.ReasonAccessRevokedOrDeleted,
			"Stripe knows nothing of that name for this key (%s): it was deleted or disconnected, or the key is another one's", e.about())
	case Throttled(e):
		return fault.New(fault.Transient, v1alpha1.ReasonThrottled, "Stripe allows fewer calls than are needed now (%s); it is tried again",
			e.Operation)
	case InUse(e), KeyReused(e):
		return fault.New(fault.Transient, v1alpha1.ReasonTransientError,
			"an earlier %s is in the way (%s); it is tried again", e.Operation, e.about())
	case Refused(e):
		return e.refusal()
	case Indeterminate(e), e.Type == typeNetwork:
		return fault.New(fault.Transient, v1alpha1.ReasonStripeUnreachable,
			"Stripe did not answer %s, or not in a way that can be read (%s); it is tried again", e.Operation, e.about())
	}
	return fault.New(fault.Transient, v1alpha1.ReasonTransientError, "%s failed (%s); it is tried again", e.Operation, e.about())
}

// credentials distinguishes a key that is no good from one that lacks a right: a refused read of the own account,
// or one of the codes about keys, is the former.
func (e *Error) credentials() *fault.Error {
	switch {
	case e.Code == codeNotConnect:
		return fault.New(fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid,
			"the Stripe account is no Connect platform; sign it up in Stripe's Dashboard (Connect)")
	case e.HTTP == http.StatusForbidden && e.Operation != operationPlatform && !slices.Contains(keyCodes, e.Code):
		return fault.New(fault.Denied, v1alpha1.ReasonAccessDenied,
			"Stripe refuses %s (%s); give the restricted key that right in Stripe's Dashboard", e.Operation, e.about())
	}
	return fault.New(fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid,
		"Stripe does not accept the key (%s); put one there that is neither revoked nor expired, of the right account and mode", e.about())
}

func (e *Error) refusal() *fault.Error {
	if e.Operation == operationCreateAcct {
		return fault.New(fault.Invalid, v1alpha1.ReasonCreateRejected,
			"Stripe refuses to create the account as requested (%s); Stripe's Dashboard has its words in the log of the API", e.about())
	}
	return fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
		"Stripe refuses %s (%s); Stripe's Dashboard has its words in the log of the API", e.Operation, e.about())
}
