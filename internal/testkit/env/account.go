package env

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"os"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
)

// Region of every account.
const Region = "eu-central-1"

// Account is a fresh AWS account, seeded with a network and the operator's role. Its calls, faults
// and settings are its own, so tests run side by side.
type Account struct {
	// ID has 12 digits.
	ID string
	// Region is where everything lives.
	Region string
	// Seeded is what the account held at first.
	Seeded

	sandbox *Sandbox
	class   *v1alpha1.PlatformClass
}

// Account returns a fresh account, which is forgotten when the test ends.
func (s *Sandbox) Account(t testing.TB) *Account {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(899_999_999_999))
	if err != nil {
		t.Fatalf("generating an account number: %v", err)
	}
	a := &Account{ID: fmt.Sprint(n.Int64() + 100_000_000_000), Region: Region, sandbox: s}
	if s.run == nil {
		s.hurry(t, a.ID)
	}
	a.Seeded = s.Seed(t, a.ID, a.Region)
	a.class = a.newClass(t)
	t.Cleanup(func() {
		a.allKnown(t)
		s.must(t, http.MethodPost, "/accounts/"+a.ID+"/reset", nil, nil, nil)
	})
	return a
}

// allKnown fails the test when the sandbox refused calls because it does not know them: what it does not know, it
// cannot check.
func (a *Account) allKnown(t testing.TB) {
	t.Helper()
	for _, c := range a.sandbox.UnknownCalls(t, a.ID) {
		t.Errorf("the sandbox does not know %s:%s, called %d times: its %s is not registered", c.Service, c.Operation, c.Count, c.Missing)
	}
}

// hurry makes an account of a sandbox that was there before as fast as one of a sandbox of our own.
func (s *Sandbox) hurry(t testing.TB, account string) {
	t.Helper()
	pace, lag, dataPlane := Pace.String(), Lag.String(), false
	s.Set(t, account, Settings{Pace: &pace, Lag: &lag, DataPlane: &dataPlane})
}

// Sandbox that the account is in.
func (a *Account) Sandbox() *Sandbox { return a.sandbox }

// Administrator returns a configuration that may do everything in the account.
func (a *Account) Administrator(t testing.TB) awssdk.Config {
	t.Helper()
	cfg, err := a.load(t.Context())
	if err != nil {
		t.Fatalf("configuring the account's administrator: %v", err)
	}
	return cfg
}

// Sessions returns the operator's sessions, as a newly started process has them. Load is set to the
// sandbox; the other options are the caller's.
func (a *Account) Sessions(t testing.TB, o aws.Options) *aws.Sessions {
	t.Helper()
	o.Load = a.load
	sessions, err := aws.NewSessions(t.Context(), o)
	if err != nil {
		t.Fatalf("opening the operator's sessions: %v", err)
	}
	return sessions
}

// load signs with an access key that the sandbox takes for the account's administrator, who is also
// whom the operator's role trusts.
func (a *Account) load(ctx context.Context) (awssdk.Config, error) {
	pem, err := os.ReadFile(a.sandbox.CA)
	if err != nil {
		return awssdk.Config{}, fmt.Errorf("reading the sandbox's CA: %w", err)
	}
	return config.LoadDefaultConfig(ctx,
		config.WithRegion(a.Region),
		config.WithBaseEndpoint(a.sandbox.AWS),
		config.WithCustomCABundle(bytes.NewReader(pem)),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(a.ID, "sandbox", "")),
		config.WithSharedConfigFiles([]string{}),
		config.WithSharedCredentialsFiles([]string{}),
	)
}

// Calls returns the calls made in the account after the one with sequence number since; 0 is all.
func (a *Account) Calls(t testing.TB, since int64) []Call {
	t.Helper()
	return a.sandbox.callsOf(t, a.ID, since)
}

// Mark returns the sequence number of the account's last call.
func (a *Account) Mark(t testing.TB) int64 {
	t.Helper()
	calls := a.Calls(t, 0)
	if len(calls) == 0 {
		return 0
	}
	return calls[len(calls)-1].Seq
}

// InjectFault puts a fault in force for the account's calls and returns its ID.
func (a *Account) InjectFault(t testing.TB, f InjectedFault) string {
	t.Helper()
	f.Account = a.ID
	return a.sandbox.InjectFault(t, f)
}

// ClearInjectedFaults ends all injected faults of the account.
func (a *Account) ClearInjectedFaults(t testing.TB) {
	t.Helper()
	a.sandbox.must(t, http.MethodDelete, "/faults", query("account", a.ID), nil, nil)
}

// Policy replaces what the operator's role may do; it is an IAM policy document.
func (a *Account) Policy(t testing.TB, document string) {
	t.Helper()
	a.sandbox.must(t, http.MethodPost, "/accounts/"+a.ID+"/policy", nil, json.RawMessage(document), nil)
}

// Policies replaces what the operator's role may do by several policies that are attached together.
func (a *Account) Policies(t testing.TB, documents ...string) {
	t.Helper()
	type policy struct {
		Version   string
		Statement []json.RawMessage
	}
	var all policy
	for _, document := range documents {
		var one policy
		if err := json.Unmarshal([]byte(document), &one); err != nil {
			t.Fatalf("reading a policy: %v", err)
		}
		all.Version, all.Statement = one.Version, append(all.Statement, one.Statement...)
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatalf("writing the policies: %v", err)
	}
	a.Policy(t, string(text))
}

// Sabotage breaks something in the account by its name in the sandbox; more holds further values of
// the request, such as the resource.
func (a *Account) Sabotage(t testing.TB, name string, more map[string]any) {
	t.Helper()
	body := map[string]any{"account": a.ID, "region": a.Region}
	maps.Copy(body, more)
	a.sandbox.must(t, http.MethodPost, "/sabotage/"+name, nil, body, nil)
}

// Inventory returns all that the account holds, as the sandbox lists it.
func (a *Account) Inventory(t testing.TB) any {
	t.Helper()
	var inventory any
	a.sandbox.must(t, http.MethodGet, "/inventory", query("account", a.ID, "region", a.Region), nil, &inventory)
	return inventory
}
