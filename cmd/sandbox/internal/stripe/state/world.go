// Package state is what Stripe knows: platforms, their connected accounts,
// endpoints and events, and the rules by which they change.
package state

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// APIVersion is the version that platforms are pinned to and speak.
const APIVersion = "2023-10-16"

// World is all of Stripe. Every user holds its lock.
type World struct {
	sync.Mutex
	now    func() time.Time
	offset time.Duration
	send   func(Sending)

	settings  Settings
	own       map[string]Settings
	platforms map[string]*Platform
	accounts  map[string]*Account
	links     map[string]*link
}

// New returns an empty world. now is the clock; send takes each event to each of
// its endpoints and must not block.
func New(settings Settings, now func() time.Time, send func(Sending)) *World {
	w := &World{now: now, send: send, settings: settings}
	w.Reset()
	return w
}

// Reset forgets everything but the settings for all.
func (w *World) Reset() {
	w.offset = 0
	w.own, w.platforms = map[string]Settings{}, map[string]*Platform{}
	w.accounts, w.links = map[string]*Account{}, map[string]*link{}
}

// Clock is Stripe's time.
func (w *World) Clock() time.Time { return w.now().Add(w.offset) }

// Advance moves Stripe's clock on.
func (w *World) Advance(by time.Duration) time.Time {
	w.offset += by
	return w.Clock()
}

// alphabet is what IDs are made of.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newID is a prefix and random letters.
func newID(prefix string, length int) string {
	random := make([]byte, length)
	_, _ = rand.Read(random) // never fails
	for i, b := range random {
		random[i] = alphabet[int(b)%len(alphabet)]
	}
	return prefix + string(random)
}

// RequestID names a request.
func RequestID() string { return newID("req_", 14) }

// Encode writes JSON that always encodes.
func Encode(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil { // maps, lists and scalars always encode
		return []byte("{}")
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// strictly reads JSON over a value: what is left out stays, what is unknown is an
// error.
func strictly(content []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read request: %w", err)
	}
	return nil
}

// Has reports whether there is, or was, such an account.
func (w *World) Has(account string) bool { return w.accounts[account] != nil }
