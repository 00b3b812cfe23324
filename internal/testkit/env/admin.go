package env

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"
)

// Call is one AWS call that the sandbox received.
type Call struct {
	Seq                int64
	Time               time.Time
	Service, Operation string
	Account, Principal string
	SessionName        string
	SessionTags        map[string]string
	// ReadOnly says that the operation changes nothing.
	ReadOnly bool
	Resource string
	// Status is the HTTP status of the answer; 499 when there was none.
	Status int
	// Error is the AWS error code of the answer.
	Error string
}

// Action is the IAM action behind the call.
func (c Call) Action() string {
	if c.Service == "tagging" {
		return "tag:" + c.Operation
	}
	return c.Service + ":" + c.Operation
}

// InjectedFaultKind is what goes wrong with a call.
type InjectedFaultKind string

// Kinds of injected faults.
const (
	// Throttle answers with the service's own throttling error.
	Throttle InjectedFaultKind = "throttle"
	// Failure answers with Code and Status.
	Failure InjectedFaultKind = "error"
	// Drop closes the connection before the call takes effect.
	Drop InjectedFaultKind = "drop"
	// Lost lets the call take effect and closes the connection without an answer.
	Lost InjectedFaultKind = "lost"
	// Stall keeps the call for Duration.
	Stall InjectedFaultKind = "stall"
	// Hold keeps the call until the fault is removed.
	Hold InjectedFaultKind = "hold"
	// Stale answers reads as they were before the last write, for Duration.
	Stale InjectedFaultKind = "stale"
)

// Forever is a Count that no test reaches.
const Forever = 1 << 30

// InjectedFault says which calls go wrong and how. An empty matcher matches everything.
type InjectedFault struct {
	Service     string            `json:"service,omitempty"`
	Operation   string            `json:"operation,omitempty"`
	Account     string            `json:"account,omitempty"`
	SessionName string            `json:"sessionName,omitempty"`
	Kind        InjectedFaultKind `json:"kind"`
	// Nth is the first matching call that goes wrong, from 1; 0 is the next.
	Nth int `json:"nth,omitempty"`
	// Count is how many calls go wrong; 0 is one if Nth is set, else all.
	Count  int    `json:"count,omitempty"`
	Code   string `json:"code,omitempty"`
	Status int    `json:"status,omitempty"`
	// Duration is a Go duration such as "1.5s".
	Duration string `json:"duration,omitempty"`
	// After makes Hold keep the call after it took effect.
	After bool `json:"after,omitempty"`
}

// InjectedFaultState is the state of an injected fault.
type InjectedFaultState struct {
	ID string
	// Hits is how many calls went wrong.
	Hits int
	// Holding says that a call is kept at present.
	Holding bool
}

// Settings of the sandbox; nil keeps what is.
type Settings struct {
	Pace      *string `json:"pace,omitempty"`
	Lag       *string `json:"lag,omitempty"`
	DataPlane *bool   `json:"dataPlane,omitempty"`
	// Limits throttles calls beyond the rates that AWS publishes for an account and region.
	Limits *bool `json:"limits,omitempty"`
}

// Seeded is what a fresh account holds.
type Seeded struct {
	VPC                   string
	PrivateSubnets        []string
	PublicSubnet          string
	WorkloadSecurityGroup string
	OperatorSecurityGroup string
	Instances             []SeededInstance
	RoleARN, ExternalID   string
}

// SeededInstance is an EC2 instance.
type SeededInstance struct{ ID, PrivateIP string }

// Seed fills an account; doing it again changes nothing and returns the same.
func (s *Sandbox) Seed(t testing.TB, account, region string) Seeded {
	t.Helper()
	var seeded Seeded
	s.must(t, http.MethodPost, "/accounts/"+account+"/seed", nil, map[string]string{"region": region}, &seeded)
	return seeded
}

// InjectFault puts a fault in force and returns its ID.
func (s *Sandbox) InjectFault(t testing.TB, f InjectedFault) string {
	t.Helper()
	var created struct{ ID string }
	s.must(t, http.MethodPost, "/faults", nil, f, &created)
	return created.ID
}

// InjectedFaultOf reports the state of an injected fault.
func (s *Sandbox) InjectedFaultOf(t testing.TB, id string) InjectedFaultState {
	t.Helper()
	var state InjectedFaultState
	s.must(t, http.MethodGet, "/faults/"+id, nil, nil, &state)
	return state
}

// InjectedFaults reports the states of all injected faults, by their IDs.
func (s *Sandbox) InjectedFaults(t testing.TB) map[string]InjectedFaultState {
	t.Helper()
	var list []InjectedFaultState
	s.must(t, http.MethodGet, "/faults", nil, nil, &list)
	states := make(map[string]InjectedFaultState, len(list))
	for _, state := range list {
		states[state.ID] = state
	}
	return states
}

// RemoveInjectedFault ends an injected fault and releases the call that it holds.
func (s *Sandbox) RemoveInjectedFault(t testing.TB, id string) {
	t.Helper()
	s.must(t, http.MethodDelete, "/faults/"+id, nil, nil, nil)
}

// Set changes settings of one account, or of all when account is "".
func (s *Sandbox) Set(t testing.TB, account string, settings Settings) {
	t.Helper()
	s.must(t, http.MethodPost, "/settings", query("account", account), settings, nil)
}

func (s *Sandbox) callsOf(t testing.TB, account string, since int64) []Call {
	t.Helper()
	var calls []Call
	s.must(t, http.MethodGet, "/calls", query("account", account, "since", strconv.FormatInt(since, 10)), nil, &calls)
	return calls
}

// AWSService is an AWS service that is registered in the sandbox.
type AWSService struct {
	// Name is the signing name, as of Call.Service.
	Name string
	// Operations are those that the service carries out.
	Operations []struct {
		Name string
		// Needs says that the permissions that it needs are declared; without them it is refused.
		Needs bool
	}
	// Inventory is the names of its lists in an account's inventory: none for a service without resources.
	Inventory []string
	// Codes are its error codes by kind of failure: "throttled", "internal", "denied", "invalid", "quota"
	// and "busy". A kind that the service does not have is absent.
	Codes map[string]string
}

// Services returns the AWS services that are registered in the sandbox. Calls of others are refused.
func (s *Sandbox) Services(t testing.TB) []AWSService {
	t.Helper()
	var services []AWSService
	s.must(t, http.MethodGet, "/services", nil, nil, &services)
	return services
}

// UnknownCall is a call that was refused because something about it is not registered in the sandbox.
type UnknownCall struct {
	Account, Service, Operation string
	// Missing is what is not registered: "service", "operation" or "needs".
	Missing string
	// Count is how often it was made.
	Count int
}

// UnknownCalls returns the unknown calls of an account, or of all when account is "". A reset keeps them.
func (s *Sandbox) UnknownCalls(t testing.TB, account string) []UnknownCall {
	t.Helper()
	var calls []UnknownCall
	s.must(t, http.MethodGet, "/unknown", query("account", account), nil, &calls)
	return calls
}

func query(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	return values
}

// must calls the admin API and ends the test when it cannot. It also serves clean-up functions, which
// run when the test's own context is over.
func (s *Sandbox) must(t testing.TB, method, path string, values url.Values, body, into any) {
	t.Helper()
	if err := s.call(context.WithoutCancel(t.Context()), method, path, values, body, into); err != nil {
		t.Fatalf("admin API of the sandbox: %v", err)
	}
}

func (s *Sandbox) call(ctx context.Context, method, path string, values url.Values, body, into any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if raw, ok := body.(json.RawMessage); ok {
		content = raw
	}
	target := s.Admin + path
	if len(values) > 0 {
		target += "?" + values.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	text, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(text))
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
