package state

import (
	"fmt"
	"net/http"
)

// Error is an error as Stripe states it.
type Error struct {
	Status  int    `json:"-"`
	Type    string `json:"type"`
	Code    string `json:"code,omitempty"`
	Param   string `json:"param,omitempty"`
	Message string `json:"message"`
	DocURL  string `json:"doc_url,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// The types of errors.
const (
	InvalidRequest   = "invalid_request_error"
	IdempotencyError = "idempotency_error"
	APIError         = "api_error"
)

// Fail returns an error. Its type follows from the status and the code.
func Fail(status int, code, format string, args ...any) *Error {
	e := &Error{Status: status, Type: InvalidRequest, Code: code, Message: fmt.Sprintf(format, args...)}
	if status >= http.StatusInternalServerError {
		e.Type = APIError
	}
	if code != "" {
		e.DocURL = "https://stripe.com/docs/error-codes/" + code
	}
	return e
}

// refuse is a 400 about a parameter.
func refuse(param, code, format string, args ...any) *Error {
	e := Fail(http.StatusBadRequest, code, format, args...)
	e.Param = param
	return e
}

// missing is Stripe's 404 for an object.
func missing(kind, id string) *Error {
	e := Fail(http.StatusNotFound, "resource_missing", "No such %s: '%s'", kind, id)
	e.Param = "id"
	return e
}
