// Package calllog remembers every call the sandbox received, of AWS and of
// Stripe, without its body: bodies hold passwords.
package calllog

import (
	"slices"
	"sync"
	"time"
)

// Call is one call. Status 0 means it is still being answered; 499 that the
// client was gone or cut off before it got an answer.
type Call struct {
	Seq         int64             `json:"seq"`
	Time        time.Time         `json:"time"`
	Service     string            `json:"service"`
	Operation   string            `json:"operation"`
	Region      string            `json:"region"`
	Account     string            `json:"account"`
	Principal   string            `json:"principal"`
	SessionName string            `json:"sessionName,omitempty"`
	SessionTags map[string]string `json:"sessionTags,omitempty"`
	ReadOnly    bool              `json:"readOnly"`
	Resource    string            `json:"resource,omitempty"`
	Status      int               `json:"status"`
	Error       string            `json:"error,omitempty"`
	// IdempotencyKey is that of a call of Stripe.
	IdempotencyKey string `json:"idempotencyKey,omitempty"`
}

// Log keeps the newest calls up to a bound. It is safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	calls []Call
	first int // where the oldest is, once the ring is full
	limit int
	last  int64
}

// New returns a log of at most limit calls.
func New(limit int) *Log { return &Log{limit: limit} }

// Begin records a call at its arrival and returns its sequence number.
func (l *Log) Begin(call Call) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	call.Seq = l.last
	if len(l.calls) < l.limit {
		l.calls = append(l.calls, call)
		return call.Seq
	}
	l.calls[l.first] = call
	l.first = (l.first + 1) % l.limit
	return call.Seq
}

// End records how a call was answered. A call that was forgotten stays so.
func (l *Log) End(seq int64, status int, code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range slices.Backward(l.calls) {
		call := &l.calls[(l.first+i)%len(l.calls)]
		if call.Seq == seq {
			call.Status, call.Error = status, code
			return
		}
		if call.Seq < seq {
			return
		}
	}
}

// Since is every remembered call after seq, oldest first; of one account, or of
// all when account is "".
func (l *Log) Since(account string, seq int64) []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := []Call{}
	for i := range l.calls {
		call := l.calls[(l.first+i)%len(l.calls)]
		if call.Seq > seq && (account == "" || call.Account == account) {
			found = append(found, call)
		}
	}
	return found
}

// Forget drops the calls of one account, or all when account is "".
func (l *Log) Forget(account string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := make([]Call, 0, len(l.calls))
	for i := range l.calls {
		call := l.calls[(l.first+i)%len(l.calls)]
		if account != "" && call.Account != account {
			kept = append(kept, call)
		}
	}
	l.calls, l.first = kept, 0
}
