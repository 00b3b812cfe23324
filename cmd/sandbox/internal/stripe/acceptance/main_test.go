// Package acceptance tests the sandbox's Stripe as its users meet it: Stripe's own
// client over TLS, real receivers of events, and the admin API.
package acceptance

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/admin"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/calllog"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/fault"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/pki"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/control"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/deliver"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/httpapi"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/state"
)

// authority signs everything in these tests.
var authority = sync.OnceValues(func() (*pki.CA, error) {
	dir, err := os.MkdirTemp("", "stripe")
	if err != nil {
		return nil, err
	}
	return pki.Open(dir)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if ca, err := authority(); err == nil {
		_ = os.RemoveAll(filepath.Dir(ca.File()))
	}
	os.Exit(code)
}

// sandbox is a Stripe of a test's own with one platform, in the United States.
type sandbox struct {
	t          testing.TB
	url, admin string
	client     *http.Client
	platform   string
	keys       map[string]string
}

func newSandbox(t testing.TB) *sandbox {
	t.Helper()
	ca, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	log, calls, faults := slog.New(slog.DiscardHandler), calllog.New(100_000), fault.New(time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	deliverer := deliver.New(ctx, rootsOf(t, ca), time.Now, log)
	world := state.New(state.DefaultSettings(0), time.Now, deliverer.Send)
	deliverer.Use(world)
	handler, err := httpapi.New(httpapi.Config{World: world, Log: calls, Faults: faults, Now: time.Now, Errors: log})
	if err != nil {
		t.Fatal(err)
	}
	controls := admin.New(calls, faults, setting.New(setting.Values{}), service.NewRegistry(), nil, log)
	controls.Add((&control.Control{World: world, Deliverer: deliverer, Now: time.Now}).Routes())
	s := &sandbox{t: t, url: serve(t, ca, handler).URL, admin: serve(t, ca, controls).URL}
	s.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: rootsOf(t, ca), MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 8,
	}}
	var made struct {
		ID   string
		Keys map[string]string
	}
	s.post("/stripe/platforms", map[string]any{}, &made)
	s.platform, s.keys = made.ID, made.Keys
	s.post("/stripe/settings", map[string]any{"readsPerSecond": 100_000, "writesPerSecond": 100_000}, nil)
	return s
}

func rootsOf(t testing.TB, ca *pki.CA) *x509.CertPool {
	t.Helper()
	content, err := os.ReadFile(ca.File())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(content)
	return roots
}

// serve answers with a certificate of the authority for hooks.example too.
func serve(t testing.TB, ca *pki.CA, handler http.Handler) *httptest.Server {
	t.Helper()
	certificate, err := ca.Issue([]string{"hooks.example"}, loopback)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.CloseClientConnections)
	return server
}

// as is Stripe's client with one of the platform's keys. It tries once.
func (s *sandbox) as(key string) *client.API {
	if known := s.keys[key]; known != "" {
		key = known
	}
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: new(s.url), HTTPClient: s.client, MaxNetworkRetries: stripe.Int64(0),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull}, EnableTelemetry: new(false),
	})
	return client.New(key, &stripe.Backends{API: backend, Connect: backend, Uploads: backend})
}

func (s *sandbox) test() *client.API { return s.as("testRestricted") }
func (s *sandbox) live() *client.API { return s.as("liveRestricted") }

// post and get call the admin API and read the answer into result, if given.
func (s *sandbox) post(path string, body, result any) { s.ask(http.MethodPost, path, body, result) }
func (s *sandbox) get(path string, result any)        { s.ask(http.MethodGet, path, nil, result) }

func (s *sandbox) ask(method, path string, body, result any) {
	s.t.Helper()
	status, content := s.raw(method, path, body)
	if status != http.StatusOK {
		s.t.Fatalf("%s %s: status %d: %s", method, path, status, content)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(content, result); err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (s *sandbox) raw(method, path string, body any) (status int, content []byte) {
	s.t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(context.WithoutCancel(s.t.Context()), method, s.admin+path, bytes.NewReader(encoded))
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	content, err = io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, content
}

// params are those the operator creates an account with.
func params() *stripe.AccountParams {
	return &stripe.AccountParams{
		Country: new("US"),
		Controller: &stripe.AccountControllerParams{
			Fees: &stripe.AccountControllerFeesParams{Payer: new("application")}, RequirementCollection: new("stripe"),
			Losses:          &stripe.AccountControllerLossesParams{Payments: new("application")},
			StripeDashboard: &stripe.AccountControllerStripeDashboardParams{Type: new("express")},
		},
		Capabilities: &stripe.AccountCapabilitiesParams{
			Transfers: &stripe.AccountCapabilitiesTransfersParams{Requested: new(true)},
		},
		Metadata: map[string]string{"coach_key": "one"},
	}
}

// keyed are the same under an idempotency key.
func keyed(key string) *stripe.AccountParams {
	p := params()
	p.SetIdempotencyKey(key)
	return p
}

// create creates an account.
func (s *sandbox) create(c *client.API) *stripe.Account {
	s.t.Helper()
	account, err := c.Accounts.New(params())
	want(s.t, err, "")
	return account
}

// act plays a part and returns the account after it.
func (s *sandbox) act(account, name string, args map[string]any) state.Row {
	s.t.Helper()
	order := map[string]any{"act": name}
	maps.Copy(order, args)
	var row state.Row
	s.post("/stripe/accounts/"+account+"/act", order, &row)
	return row
}

// accounts counts those there are.
func (s *sandbox) accounts() int {
	s.t.Helper()
	var rows []state.Row
	s.get("/stripe/platforms/"+s.platform+"/accounts", &rows)
	return len(rows)
}

// fault puts a rule in force and returns its ID.
func (s *sandbox) fault(rule map[string]any) string {
	s.t.Helper()
	rule["service"] = "stripe"
	var made struct{ ID string }
	s.post("/faults", rule, &made)
	return made.ID
}

// failure is status and code of an error of Stripe's, or its type without one; ""
// of none.
func failure(err error) string {
	if err == nil {
		return ""
	}
	problem, ok := errors.AsType[*stripe.Error](err)
	if !ok {
		return "cut"
	}
	if problem.Code != "" {
		return http.StatusText(problem.HTTPStatusCode) + " " + string(problem.Code)
	}
	return http.StatusText(problem.HTTPStatusCode) + " " + string(problem.Type)
}

func want(t testing.TB, err error, wanted string) {
	t.Helper()
	if got := failure(err); got != wanted {
		t.Fatalf("got %q (%v), want %q", got, err, wanted)
	}
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("never happened: %s", what)
		case <-ticker.C:
		}
	}
}
