// Package fault classifies failures by what the operator should do next. It imports nothing of ours.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Class says what the caller should do about an error.
type Class int

// The classes, from "nothing is wrong" to "a person must act".
const (
	// Transient is the default: return the error and back off.
	Transient Class = iota
	// Waiting is expected progress: observe again after Error.After.
	Waiting
	// Held is a change that needs an approval.
	Held
	// Denied is a missing permission outside the cluster.
	Denied
	// Conflict is a resource that exists and is unmanaged, or one that was ours and is gone.
	Conflict
	// Invalid is a spec that cannot work as written.
	Invalid
)

// String returns the class as it appears in metrics and logs.
func (c Class) String() string {
	return [...]string{"transient", "waiting", "held", "denied", "conflict", "invalid"}[c]
}

// Error is a failure with a class, and with a reason and message that stay the same between two
// occurrences of the same failure: they are shown to users and written to status, so they carry no
// request ID, no time and no secret. Err is for logs only.
type Error struct {
	Class Class
	// Reason is a CamelCase word, one of the documented condition reasons.
	Reason string
	// Message says what is wrong and what to do about it.
	Message string
	// After is when to observe again; zero leaves it to the class.
	After time.Duration
	// Err is the cause, for logs; it may be nil.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s: %s", e.Reason, e.Message)
	}
	return fmt.Sprintf("%s: %s: %v", e.Reason, e.Message, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Wait returns an expected wait that ends by itself or by another object's progress.
func Wait(reason string, after time.Duration, format string, args ...any) *Error {
	return &Error{Class: Waiting, Reason: reason, After: after, Message: fmt.Sprintf(format, args...)}
}

// New returns an error of the given class.
func New(class Class, reason, format string, args ...any) *Error {
	return &Error{Class: class, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Because returns a copy of e with err as its cause.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// As returns err as an *Error. An unclassified error is Transient, with a message that holds nothing of
// err, since an unknown text may change with every occurrence.
func As(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{
		Class: Transient, Reason: "TransientError", Err: err,
		Message: "a call failed in a way that is expected to pass; it is tried again (the operator's log has the details)",
	}
}

// ClassOf returns the class of err.
func ClassOf(err error) Class { return As(err).Class }
