package payoutaccount

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// world is one coach, and a Stripe that knows as much as the step asks of it.
type world struct {
	t     *testing.T
	clock *testclock.FakeClock
	in    *scope.Payout
	step  converge.Step[*scope.Payout]

	mu       sync.Mutex
	business string
	accounts map[string]*held
	// made counts accounts that were created, and writes are the changes that were requested.
	made   int
	writes []url.Values
	// refuse says that a change is not accepted.
	refuse func(url.Values) bool
}

// held is an account as Stripe keeps it.
type held struct {
	Interval, MCC string
	Delay         int
	Metadata      map[string]string
}

// newWorld is a coach without an account, an hour after the object was created, of a platform that is safe.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: testclock.NewFakeClock(noon), business: "acct_b", accounts: map[string]*held{}}
	server := httptest.NewTLSServer(w)
	t.Cleanup(server.Close)
	w.step = New(Options{Clock: w.clock, Sweep: 10 * time.Minute, Stripe: stripe.New(stripe.Options{
		URL: server.URL, HTTPClient: server.Client(), Clock: w.clock, Reads: 1e6, Writes: 1e6,
	})})
	tenant := naming.Tenant{Installation: "here", Namespace: "shop", NamespaceUID: "uid", Name: "shop"}
	w.in = &scope.Payout{
		Coach: naming.Coach{Tenant: tenant, ID: "jo"}, Object: "object", Born: ago(time.Hour), Generation: 1,
		Key: scope.NewSecret("rk_test_decoydecoy"), Countries: []string{"DE"}, Ledger: &ledger{}, Gate: scope.Gate{Open: true},
		Spec: &v1alpha1.PayoutAccountSpec{
			Country: "DE", ServiceAgreement: "Full", Capabilities: []v1alpha1.Capability{v1alpha1.CapabilityTransfers},
			Payouts: v1alpha1.Payouts{Schedule: v1alpha1.PayoutSchedule{Interval: "Daily", DelayDays: 2}},
		},
	}
	return w
}

// has gives the business an account that pays daily.
func (w *world) has(id string, metadata map[string]string) *held {
	a := &held{Interval: "daily", Delay: 2, Metadata: map[string]string{}}
	maps.Copy(a.Metadata, metadata)
	w.accounts[id] = a
	return a
}

// ours is the metadata of the coach's account once it pays.
func (w *world) ours() map[string]string {
	all := w.in.Coach.Metadata()
	all[naming.MetaObject], all[naming.MetaOpened] = w.in.Object, "true"
	return all
}

// pass lets the step look and act once.
func (w *world) pass() converge.Outcome {
	return w.step.Run(w.t.Context(), w.in, converge.Mode{Write: true, Generation: w.in.Generation, LastConverged: map[string]string{}})
}

// fails checks why a pass failed.
func (w *world) fails(out converge.Outcome, class fault.Class, reason string) {
	w.t.Helper()
	if f := fault.As(out.Err); out.Err == nil || f.Class != class || f.Reason != reason {
		w.t.Errorf("%v, want %s %s", out.Err, class, reason)
	}
}

// untouched checks that nothing was written at Stripe.
func (w *world) untouched() {
	w.t.Helper()
	if w.made != 0 || len(w.writes) != 0 {
		w.t.Errorf("%d accounts made, changes %v", w.made, w.writes)
	}
}

// ServeHTTP is Stripe.
func (w *world) ServeHTTP(answer http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := strings.TrimPrefix(r.URL.Path, "/v1/accounts/")
	var body any
	switch {
	case r.ParseForm() != nil:
		answer.WriteHeader(http.StatusTeapot)
		return
	case r.URL.Path == "/v1/account":
		body = map[string]any{"id": w.business}
	case r.URL.Path == "/v1/accounts" && r.Method == http.MethodGet:
		all := []any{}
		for id := range w.accounts {
			all = append(all, w.shown(id))
		}
		body = map[string]any{"object": "list", "data": all, "has_more": false}
	case r.URL.Path == "/v1/accounts":
		w.made++
		id = fmt.Sprintf("acct_made%d", w.made)
		w.accounts[id] = &held{Interval: "daily", Delay: 2, Metadata: map[string]string{}}
		w.accounts[id].change(r.PostForm)
		body = w.shown(id)
	case w.accounts[id] == nil:
		answer.WriteHeader(http.StatusNotFound)
		body = map[string]any{"error": map[string]string{"type": "invalid_request_error", "code": "resource_missing"}}
	case r.Method == http.MethodPost && w.refuse != nil && w.refuse(r.PostForm):
		answer.WriteHeader(http.StatusBadRequest)
		body = map[string]any{"error": map[string]string{"type": "invalid_request_error", "code": "parameter_invalid"}}
	case r.Method == http.MethodPost:
		w.writes = append(w.writes, r.PostForm)
		w.accounts[id].change(r.PostForm)
		body = w.shown(id)
	default:
		body = w.shown(id)
	}
	if err := json.NewEncoder(answer).Encode(body); err != nil {
		w.t.Error(err)
	}
}

// change makes the changes of a form.
func (a *held) change(form url.Values) {
	for name, values := range form {
		key, found := strings.CutPrefix(name, "metadata[")
		switch value := values[0]; {
		case name == "settings[payouts][schedule][interval]":
			a.Interval = value
		case name == "business_profile[mcc]":
			a.MCC = value
		case found:
			a.Metadata[strings.TrimSuffix(key, "]")] = value
		}
	}
	maps.DeleteFunc(a.Metadata, func(_, value string) bool { return value == "" })
}

// shown is an account as Stripe shows it.
func (w *world) shown(id string) map[string]any {
	a := w.accounts[id]
	return map[string]any{
		"id": id, "object": "account", "created": 1, "country": "DE", "details_submitted": true, "payouts_enabled": true,
		"capabilities": map[string]string{"transfers": "active"}, "controller": map[string]string{"requirement_collection": "stripe"},
		"metadata": maps.Clone(a.Metadata), "business_profile": map[string]string{"mcc": a.MCC},
		"settings": map[string]any{"payouts": map[string]any{"schedule": map[string]any{"interval": a.Interval, "delay_days": a.Delay}}},
	}
}

// ledger keeps what the step notes.
type ledger struct {
	intent scope.Intent
	record scope.AccountRecord
}

func (l *ledger) Intend(_ context.Context, i scope.Intent) error { l.intent = i; return nil }

func (l *ledger) Record(_ context.Context, r scope.AccountRecord) error { l.record = r; return nil }

func (*ledger) Note(context.Context, string, string) error { return nil }
