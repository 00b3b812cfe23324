package stripewebhook_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// lasting is a status without the times and names of single observations.
func lasting(s v1alpha1.PayoutAccountStatus) v1alpha1.PayoutAccountStatus {
	s = *s.DeepCopy()
	s.LastSyncTime, s.LastEventID, s.ReconcileHandled = metav1.Time{}, "", ""
	for i := range s.Conditions {
		s.Conditions[i].LastTransitionTime = metav1.Time{}
	}
	slices.SortFunc(s.Conditions, func(x, y metav1.Condition) int { return strings.Compare(x.Type, y.Type) })
	return s
}

// judged is what a status says of an account that cannot be seen.
func judged(s v1alpha1.PayoutAccountStatus) v1alpha1.PayoutAccountStatus {
	return v1alpha1.PayoutAccountStatus{Phase: s.Phase, Action: s.Action, Conditions: s.Conditions}
}

func same(x, y v1alpha1.PayoutAccountStatus) bool { return cmp.Equal(lasting(x), lasting(y)) }

// mailbox takes Stripe's events and keeps them for the test to deliver.
type mailbox struct {
	mu   sync.Mutex
	ids  map[string]bool
	mail []letter
}

// letter is one event: its body and what of it counts.
type letter struct {
	body, ID, Type, Account string
	Created                 int64
	Data                    struct {
		Object struct {
			FailureCode *string `json:"failure_code"`
		}
	}
}

func (m *mailbox) ServeHTTP(_ http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	l := letter{body: string(body)}
	m.mu.Lock()
	defer m.mu.Unlock()
	if json.Unmarshal(body, &l) == nil && !m.ids[l.ID] {
		m.ids[l.ID] = true
		m.mail = append(m.mail, l)
	}
}

// of are the events about an account that have come since the first that were counted.
func (m *mailbox) of(account string, since int) []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []letter
	for _, l := range m.mail {
		if l.Account == account {
			all = append(all, l)
		}
	}
	return all[min(since, len(all)):]
}

// post serves a mailbox where Stripe sends the tenant's events.
func post(t *testing.T, n *tenant) *mailbox {
	t.Helper()
	dir, address, box := t.TempDir(), free(t), &mailbox{ids: map[string]bool{}}
	certify(t, n.sandbox, dir, "mailbox")
	server := &http.Server{Addr: address, Handler: box, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() {
		ended <- server.ListenAndServeTLS(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	}()
	t.Cleanup(func() {
		must(t, server.Close())
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the mailbox: %v", err)
		}
	})
	n.listen("https://" + address)
	return box
}

// acts are what coaches, banks and Stripe do.
var acts = []string{
	"submit", "verify", "require", "past-due", "eventually-due", "future", "pending-verification", "under-review", "listed", "other", "pause",
	"action-required", "intervene", "bank-error", "payout-failed", "payout-paid", "schedule", "reject", "deauthorize", "release",
}

// history is one coach's, as it goes.
type history struct {
	*operator
	tenant  *tenant
	box     *mailbox
	name    string
	account string
	// pending have not been delivered, known may come again; taken is how many were taken out of the box.
	pending, known []letter
	taken          int
	// left says that the coach has disconnected the account, and reported that the operator has received the event since.
	left, reported bool
	payout         string
}

// act lets something happen at Stripe and waits for the events.
func (h *history) act(name string) {
	if h.left {
		name = "release"
	}
	if h.left = name == "deauthorize"; h.left {
		h.reported = false
	}
	deadlineOf := h.clock.Now().Add(1000 * time.Hour)
	args := map[string]env.StripeAct{
		"require": {Fields: []string{"external_account"}, Deadline: &deadlineOf}, "past-due": {Fields: []string{"person_1.dob"}},
		"eventually-due": {Fields: []string{"a.b"}}, "future": {Fields: []string{"a.b"}, Deadline: &deadlineOf},
		"reject": {Reason: "fraud"}, "bank-error": {Status: "errored"}, "payout-failed": {Code: "account_closed"},
		"schedule": {Interval: "weekly", WeeklyAnchor: "monday"},
	}[name]
	h.tenant.sandbox.Act(h.t, h.account, name, args)
	gomega.NewWithT(h.t).Eventually(func(g gomega.Gomega) {
		for _, e := range h.tenant.sandbox.StripeEvents(h.t, h.tenant.stripe.ID) {
			for _, d := range e.Deliveries {
				g.Expect(d.Status).To(gomega.Equal(http.StatusOK))
			}
		}
	}, deadline, "5ms").Should(gomega.Succeed())
	h.collect()
}

func (h *history) collect() {
	came := h.box.of(h.account, h.taken)
	h.taken += len(came)
	h.pending = append(h.pending, came...)
}

// deliver hands an event to the receiver, signed as it is sent.
func (h *history) deliver(l letter) {
	h.t.Helper()
	h.clock.Step(time.Millisecond)
	q := httptest.NewRequest(http.MethodPost, "/stripe/"+h.tenant.platform.Namespace+"/"+h.tenant.platform.Name, strings.NewReader(l.body))
	q.Header.Set("Stripe-Signature", signed(l.body, h.tenant.secret.Reveal(), h.clock.Now()))
	answer := httptest.NewRecorder()
	h.receiver.ServeHTTP(answer, q)
	if answer.Code != http.StatusOK {
		h.t.Fatalf("%s is answered with %d", l.Type, answer.Code)
	}
	h.reported = h.reported || l.Type == deauthorized
	if l.Type == payoutFailed || l.Type == payoutPaid || strings.HasPrefix(l.Type, "account.external_account.") {
		h.payout = max(h.payout, rank(l))
	}
}

// rank orders what payouts and new bank data leave behind: by time, and in the same second a failure counts more.
func rank(l letter) string {
	at := time.Unix(l.Created, 0).UTC().Format(time.RFC3339)
	if l.Type != payoutFailed {
		return at + " 0 paid"
	}
	return at + " 1 " + *l.Data.Object.FailureCode
}

// operators is how many live their histories side by side.
const operators = 5

func TestWhateverComesOfEventsTheLastReadCounts(t *testing.T) {
	t.Parallel()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		must(t, checks.Value.Set("5")) // of each operator; each is a whole history at a real API server
	}
	for i := range operators {
		t.Run(fmt.Sprintf("operator %d of %d", i+1, operators), func(t *testing.T) {
			t.Parallel()
			o := newOperator(t)
			studio := o.tenant(newNamespace(t), "studio")
			box := post(t, studio)
			n, events := 0, 0
			rapid.Check(t, func(rt *rapid.T) {
				n++
				h := &history{operator: o, tenant: studio, box: box, name: fmt.Sprintf("coach-%d", n)}
				studio.ask(h.name)
				h.account = o.settle(studio, h.name).AccountID
				rt.Repeat(h.moves())
				events += h.taken
				h.check(rt)
			})
			t.Logf("%d histories with %d events", n, events)
		})
	}
}

// moves are what may happen next in a history.
func (h *history) moves() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"act":            func(rt *rapid.T) { h.act(rapid.SampledFrom(acts).Draw(rt, "act")) },
		"time at Stripe": func(*rapid.T) { h.tenant.sandbox.Clock(h.t, time.Second) },
		"deliver any": func(rt *rapid.T) {
			if h.collect(); len(h.pending) == 0 {
				return
			}
			i := rapid.IntRange(0, len(h.pending)-1).Draw(rt, "event")
			h.known = append(h.known, h.pending[i])
			h.deliver(h.pending[i])
			h.pending = slices.Delete(h.pending, i, i+1)
		},
		"drop": func(rt *rapid.T) {
			if len(h.pending) > 0 {
				i := rapid.IntRange(0, len(h.pending)-1).Draw(rt, "event")
				h.pending = slices.Delete(h.pending, i, i+1)
			}
		},
		"replay": func(rt *rapid.T) {
			if len(h.known) > 0 {
				h.deliver(rapid.SampledFrom(h.known).Draw(rt, "event"))
			}
		},
		"pass": func(*rapid.T) {
			_, _ = h.pass(h.tenant, h.name) // one that fails is made again by the last
			h.clock.Step(time.Second)
		},
		"sweep": func(*rapid.T) {
			h.clock.Step(resync)
			_, _ = h.pass(h.tenant, h.name)
		},
		"restart": func(*rapid.T) { h.restart() },
	}
}

// check compares what the operator says in the end with what a new one says that knows nothing of before.
func (h *history) check(rt *rapid.T) {
	h.clock.Step(2 * resync)
	got := h.settle(h.tenant, h.name)

	account := h.tenant.account(h.name)
	before := account.DeepCopy()
	account.Status = v1alpha1.PayoutAccountStatus{}
	must(h.t, h.client.Status().Patch(h.t.Context(), account, client.MergeFrom(before)))
	h.restart()
	h.clock.Step(time.Minute)
	want := h.settle(h.tenant, h.name)
	if h.left { // it cannot be seen, and what was seen before stays for people to read
		want, got = judged(want), judged(got)
	}
	if diff := cmp.Diff(lasting(want), lasting(got)); diff != "" {
		rt.Errorf("the last pass and an uncached read differ (-fresh +last):\n%s", diff)
	}
	hints := h.tenant.hints(h.name)
	if h.left && h.reported && hints[v1alpha1.AnnotationDeauthorized] == "" {
		rt.Errorf("the operator received the event that the coach has left, and does not know it")
	}
	code, at, _ := strings.Cut(hints[v1alpha1.AnnotationPayout], "@")
	_, words, _ := strings.Cut(h.payout, " ")
	_, wantCode, _ := strings.Cut(words, " ")
	if wantAt, _, _ := strings.Cut(h.payout, " "); code != wantCode || at != wantAt {
		rt.Errorf("the last payout is %s at %s, want %s at %s", code, at, wantCode, wantAt)
	}
}
