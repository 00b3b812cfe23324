// Package setting holds what tests may turn while the sandbox runs: how fast
// states change, how far listings lag, whether databases are real. A value set
// for an account wins over the global one.
package setting

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Values is a full set.
type Values struct {
	Pace      Duration `json:"pace"`      // time of one state transition
	Lag       Duration `json:"lag"`       // how far listings are behind writes
	Latency   Duration `json:"latency"`   // least time from a call to its answer
	DataPlane bool     `json:"dataPlane"` // a real PostgreSQL per instance
	Limits    bool     `json:"limits"`    // calls beyond AWS's published rates are throttled
}

// Patch is a partial change; nil keeps what is.
type Patch struct {
	Pace      *Duration `json:"pace"`
	Lag       *Duration `json:"lag"`
	Latency   *Duration `json:"latency"`
	DataPlane *bool     `json:"dataPlane"`
	Limits    *bool     `json:"limits"`
}

// Duration is a time.Duration written "1.5s" in JSON.
type Duration time.Duration

// MarshalJSON writes "1.5s".
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads "1.5s".
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("a duration is a string such as \"1.5s\": %w", err)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	if parsed < 0 {
		return fmt.Errorf("duration %s is negative", text)
	}
	*d = Duration(parsed)
	return nil
}

// Store is the settings in force. It is safe for concurrent use.
type Store struct {
	mu       sync.RWMutex
	global   Values
	accounts map[string]Patch
}

// New starts from the given global values.
func New(global Values) *Store { return &Store{global: global, accounts: map[string]Patch{}} }

// Of is what holds for an account.
func (s *Store) Of(account string) Values {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.accounts[account].over(s.global)
}

// Set changes the values of one account, or the global ones when account is "".
func (s *Store) Set(account string, patch Patch) Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	if account == "" {
		s.global = patch.over(s.global)
		return s.global
	}
	merged := s.accounts[account].merge(patch)
	s.accounts[account] = merged
	return merged.over(s.global)
}

// Forget returns an account to the global values.
func (s *Store) Forget(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.accounts, account)
}

func (p Patch) over(base Values) Values {
	if p.Pace != nil {
		base.Pace = *p.Pace
	}
	if p.Lag != nil {
		base.Lag = *p.Lag
	}
	if p.Latency != nil {
		base.Latency = *p.Latency
	}
	if p.DataPlane != nil {
		base.DataPlane = *p.DataPlane
	}
	if p.Limits != nil {
		base.Limits = *p.Limits
	}
	return base
}

func (p Patch) merge(newer Patch) Patch {
	if newer.Pace != nil {
		p.Pace = newer.Pace
	}
	if newer.Lag != nil {
		p.Lag = newer.Lag
	}
	if newer.Latency != nil {
		p.Latency = newer.Latency
	}
	if newer.DataPlane != nil {
		p.DataPlane = newer.DataPlane
	}
	if newer.Limits != nil {
		p.Limits = newer.Limits
	}
	return p
}
