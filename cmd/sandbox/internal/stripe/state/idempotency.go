package state

import (
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

const (
	// keyLife is how long the answer to an idempotency key is kept.
	keyLife = 24 * time.Hour
	// keyLength is how long a key may be.
	keyLength = 255
)

// Kept is a call under an idempotency key, and its answer once there is one.
type Kept struct {
	request [sha256.Size]byte
	path    string
	since   time.Time

	Answered  bool
	Status    int
	Body      []byte
	RequestID string
}

// Claim takes an idempotency key for a call. An answered one is replayed; none is
// for a call without a key.
func (w *World) Claim(c Caller, name, path string, params object.Object) (*Kept, *Error) {
	if name == "" {
		return nil, nil
	}
	if len(name) > keyLength {
		return nil, Fail(http.StatusBadRequest, "", "Idempotency keys can be at most %d characters long.", keyLength)
	}
	request := sha256.Sum256(append([]byte(path+"\n"), Encode(params)...))
	k := c.kept[c.scope(name)]
	switch {
	case k == nil || !w.Clock().Before(k.since.Add(keyLife)) && k.Answered:
		k = &Kept{request: request, path: path, since: w.Clock()}
		c.kept[c.scope(name)] = k
		return k, nil
	case k.path != path:
		return nil, mismatch("Keys for idempotent requests can only be used for the same endpoint they were first used for "+
			"('%s' vs '%s'). Try using a key other than '%s' if you meant to execute a different request.", path, k.path, name)
	case k.request != request:
		return nil, mismatch("Keys for idempotent requests can only be used with the same parameters they were first used with. "+
			"Try using a key other than '%s' if you meant to execute a different request.", name)
	case !k.Answered:
		failure := Fail(http.StatusConflict, "idempotency_key_in_use", "There is currently another in-progress request using this "+
			"Idempotent Key (that probably means you submitted twice, and the other request is still going through): %s. "+
			"Please try again later.", name)
		return nil, failure
	}
	return k, nil
}

// scope is where a key counts: in the platform's mode, and there for the account
// that is acted as.
func (c Caller) scope(name string) string {
	if c.Account == nil {
		return name
	}
	return c.Account.ID + "\n" + name
}

func mismatch(format string, args ...any) *Error {
	failure := Fail(http.StatusBadRequest, "", format, args...)
	failure.Type = IdempotencyError
	return failure
}

// Answer keeps the answer to a call for its key, if it is one that Stripe keeps:
// of calls that were carried out, well or not.
func (k *Kept) Answer(status int, body []byte, requestID string) {
	switch status {
	case http.StatusOK, http.StatusBadRequest, http.StatusPaymentRequired, http.StatusInternalServerError:
		k.Answered, k.Status, k.Body, k.RequestID = true, status, body, requestID
	}
}

// Settle ends a call: a key without an answer is free again.
func (c Caller) Settle(name string, k *Kept) {
	if k != nil && !k.Answered && c.kept[c.scope(name)] == k {
		delete(c.kept, c.scope(name))
	}
}
