package webhook_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
)

// mode is what happens at a call.
type mode string

const (
	// before: the operator dies before it has made the call.
	before mode = "dies before"
	// after: the call takes effect, and the operator dies before it knows.
	after mode = "dies after"
	// lost: the call takes effect, its answer is lost, and the operator lives on.
	lost mode = "loses the answer of"
)

var modes = []mode{before, after, lost}

// creation is the call that makes the first endpoint, after an observation and a fresh one.
const creation = 3

// errCut is what a caller sees of a call that went wrong.
var errCut = errors.New("the connection was cut")

// path is what lies between an operator and the world. It counts the calls and lets one of them go wrong.
// An operator that died there reaches nothing any more.
type path struct {
	mode mode
	// nth is the call that goes wrong, from 1; 0 is none.
	nth int
	// then happens right after that call took effect.
	then func()
	// onWrite happens before the first write.
	onWrite func()

	mu    sync.Mutex
	calls []string
	dead  bool
}

// constrain counts a call and says what becomes of it.
func (p *path) constrain(what string) (send, answer bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return false, false
	}
	p.calls = append(p.calls, what)
	if len(p.calls) != p.nth {
		return true, true
	}
	p.dead = p.mode != lost
	return p.mode != before, false
}

func (p *path) alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.dead
}

// struck says whether the call that was to go wrong was made.
func (p *path) struck() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nth > 0 && len(p.calls) >= p.nth
}

// do makes a call, or what becomes of it.
func (p *path) do(what string, call func() error) error {
	send, answer := p.constrain(what)
	if !send {
		return errCut
	}
	if err := call(); err != nil || answer {
		return err
	}
	if p.then != nil {
		p.then()
	}
	return errCut
}

// through is Stripe as the operator sees it.
func (p *path) through(world http.RoundTripper) http.RoundTripper {
	return transport(func(r *http.Request) (*http.Response, error) {
		if happen := p.onWrite; r.Method != http.MethodGet && happen != nil {
			p.onWrite = nil
			happen()
		}
		var response *http.Response
		err := p.do(r.Method+" "+masked(r.URL.Path), func() (err error) {
			response, err = world.RoundTrip(r) //nolint:bodyclose // the caller closes it
			return err
		})
		if err != nil && response != nil {
			_ = response.Body.Close()
			response = nil
		}
		return response, err
	})
}

// masked is a path without the names of endpoints.
func masked(path string) string {
	if before, _, found := strings.Cut(path, "we_"); found {
		return before + "{endpoint}"
	}
	return path
}

// transport is a function that carries requests.
type transport func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }
