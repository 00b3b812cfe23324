// Package fault lets calls go wrong on purpose: refused, slow, cut off before or
// after they took effect, or answered with what was true a moment ago.
package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// ErrCut says that the connection must be closed without an answer.
var ErrCut = errors.New("connection cut by a fault")

// Kind is what goes wrong.
type Kind string

// The kinds.
const (
	Throttle Kind = "throttle" // the service's own throttling error
	Error    Kind = "error"    // Code and Status in the service's protocol
	Drop     Kind = "drop"     // cut before the call takes effect
	Lost     Kind = "lost"     // the call takes effect, its answer is thrown away
	Stall    Kind = "stall"    // kept for Duration, then carried out
	Hold     Kind = "hold"     // kept until released, before or After it takes effect
	Stale    Kind = "stale"    // for Duration, answered as before the last write
)

// Rule says which calls go wrong and how. Empty and "*" match everything.
type Rule struct {
	Service     string           `json:"service"`
	Operation   string           `json:"operation"`
	Account     string           `json:"account"`
	SessionName string           `json:"sessionName"`
	Nth         int              `json:"nth"`   // the first matching call struck, from 1; 0: the next
	Count       int              `json:"count"` // how many are struck; 0: one if Nth is set, else all
	Kind        Kind             `json:"kind"`
	Code        string           `json:"code"`
	Status      int              `json:"status"`
	Duration    setting.Duration `json:"duration"`
	After       bool             `json:"after"` // of hold and error: after the call took effect
}

// State is a rule as it stands.
type State struct {
	ID string `json:"id"`
	Rule
	Seen    int  `json:"seen"`    // matching calls
	Hits    int  `json:"hits"`    // calls struck
	Holding bool `json:"holding"` // a call is being held now
}

// Subject is what rules match in a call.
type Subject struct {
	Service, Operation, Account, SessionName string
}

// Injector holds the rules. It is safe for concurrent use.
type Injector struct {
	now   func() time.Time
	mu    sync.Mutex
	last  int
	rules []*rule
}

type rule struct {
	State
	added    time.Time
	holding  int
	released chan struct{}
}

// New returns an injector without rules; now is the clock.
func New(now func() time.Time) *Injector { return &Injector{now: now} }

// Add puts a rule in force and returns its ID.
func (i *Injector) Add(r Rule) (string, error) {
	if err := r.validate(); err != nil {
		return "", err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last++
	id := strconv.Itoa(i.last)
	i.rules = append(i.rules, &rule{State: State{ID: id, Rule: r}, added: i.now(), released: make(chan struct{})})
	return id, nil
}

func (r Rule) validate() error {
	switch {
	case !slices.Contains([]Kind{Throttle, Error, Drop, Lost, Stall, Hold, Stale}, r.Kind):
		return fmt.Errorf("kind %q is none of throttle, error, drop, lost, stall, hold, stale", r.Kind)
	case r.Nth < 0 || r.Count < 0:
		return errors.New("nth and count must not be negative")
	case r.Kind == Error && (r.Code == "" || r.Status < 400 || r.Status > 599):
		return errors.New("an error needs a code and a status from 400 to 599")
	case (r.Kind == Stall || r.Kind == Stale) && r.Duration == 0:
		return fmt.Errorf("%s needs a duration", r.Kind)
	case r.After && r.Kind != Hold && r.Kind != Error:
		return errors.New("after belongs to hold and error")
	}
	return nil
}

// List is every rule, or those of one account.
func (i *Injector) List(account string) []State {
	i.mu.Lock()
	defer i.mu.Unlock()
	states := []State{}
	for _, r := range i.rules {
		if account == "" || r.Account == account {
			states = append(states, r.state())
		}
	}
	return states
}

// Get is one rule.
func (i *Injector) Get(id string) (State, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, r := range i.rules {
		if r.ID == id {
			return r.state(), true
		}
	}
	return State{}, false
}

func (r *rule) state() State {
	state := r.State
	state.Holding = r.holding > 0
	return state
}

// Release lets the calls go that a rule holds; the rule stays in force.
func (i *Injector) Release(id string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, r := range i.rules {
		if r.ID == id {
			close(r.released)
			r.released = make(chan struct{})
			return true
		}
	}
	return false
}

// Remove takes a rule away and releases what it holds.
func (i *Injector) Remove(id string) bool {
	return i.remove(func(r *rule) bool { return r.ID == id }) > 0
}

// Clear removes the rules of an account, or all when account is "".
func (i *Injector) Clear(account string) {
	i.remove(func(r *rule) bool { return account == "" || r.Account == account })
}

func (i *Injector) remove(chosen func(*rule) bool) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	before := len(i.rules)
	i.rules = slices.DeleteFunc(i.rules, func(r *rule) bool {
		if !chosen(r) {
			return false
		}
		close(r.released)
		return true
	})
	return before - len(i.rules)
}

// take counts a call against every rule and returns the first that strikes.
func (i *Injector) take(subject Subject) (*rule, <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var striking *rule
	for _, r := range i.rules {
		if !r.matches(subject) {
			continue
		}
		r.Seen++
		if striking == nil && r.strikes(i.now()) {
			striking = r
		}
	}
	if striking == nil {
		return nil, nil
	}
	striking.Hits++
	if striking.Kind == Hold {
		striking.holding++
	}
	return striking, striking.released
}

func (i *Injector) unhold(r *rule) {
	i.mu.Lock()
	defer i.mu.Unlock()
	r.holding--
}

func (r Rule) matches(s Subject) bool {
	pairs := [][2]string{
		{r.Service, s.Service}, {r.Operation, s.Operation}, {r.Account, s.Account}, {r.SessionName, s.SessionName},
	}
	return !slices.ContainsFunc(pairs, func(p [2]string) bool { return p[0] != "" && p[0] != "*" && p[0] != p[1] })
}

// strikes reports whether the call just counted is one to strike.
func (r *rule) strikes(now time.Time) bool {
	if r.Kind == Stale && now.After(r.added.Add(time.Duration(r.Duration))) {
		return false
	}
	count := r.Count
	if count == 0 && r.Nth > 0 {
		count = 1
	}
	return r.Seen >= r.Nth && (count == 0 || r.Hits < count)
}

// Call is a call on its way, as faults handle it.
type Call struct {
	Subject
	// Fail is the call's answer with an error, in its protocol.
	Fail func(*wire.Error) *wire.Answer
	// Throttled is the service's own throttling error.
	Throttled *wire.Error
	// Execute carries the call out.
	Execute func(context.Context) (*wire.Answer, error)
	// Stale makes it read the state before the last write.
	Stale func()
}

// Through carries a call out, or injects what goes wrong. ErrCut requests that
// the connection is closed. ctx ends when the client goes away; what is carried
// out is not interrupted by that.
func (i *Injector) Through(ctx context.Context, call Call) (*wire.Answer, error) {
	execute := func() (*wire.Answer, error) { return call.Execute(context.WithoutCancel(ctx)) }
	struck, released := i.take(call.Subject)
	if struck == nil {
		return execute()
	}
	switch struck.Kind {
	case Throttle:
		return call.Fail(call.Throttled), nil
	case Error:
		if struck.After {
			if _, err := execute(); err != nil {
				return nil, err
			}
		}
		return call.Fail(wire.Errorf(struck.Status, struck.Code, "%s by a fault of the sandbox", struck.Code)), nil
	case Drop:
		return nil, ErrCut
	case Lost:
		if _, err := execute(); err != nil {
			return nil, err
		}
		return nil, ErrCut
	case Stall:
		<-time.After(time.Duration(struck.Duration))
	case Hold:
		defer i.unhold(struck)
		return hold(ctx, struck.After, released, execute)
	case Stale:
		call.Stale()
	}
	return execute()
}

// hold keeps a call until it is released. A call held before it took effect whose
// client goes away never takes effect.
func hold(ctx context.Context, after bool, released <-chan struct{}, execute func() (*wire.Answer, error)) (*wire.Answer, error) {
	var answer *wire.Answer
	var err error
	if after {
		if answer, err = execute(); err != nil {
			return nil, err
		}
	}
	select {
	case <-released:
	case <-ctx.Done():
		return nil, ErrCut
	}
	if after {
		return answer, nil
	}
	return execute()
}
