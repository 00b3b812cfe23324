package payoutaccount_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// update rewrites the golden files: make golden.
var update = flag.Bool("update", false, "rewrite the files that tests compare with")

// deadline is a day that is far away.
var deadline = time.Date(2033, 5, 18, 3, 33, 20, 0, time.UTC)

// state is a line of the table: how an account gets there, and what then is to be read.
type state struct {
	n    int
	says string
	// reach plays what has happened to the account of jo, who has none yet.
	reach  func(*world)
	phase  v1alpha1.PayoutPhase
	reason string
	action v1alpha1.PayoutActor
	// summary are Ready, Reconciling and Stalled, payouts PayoutsEnabled: T, F or U.
	summary, payouts string
	due              int32
	deadline         string
}

// verified brings jo to being paid.
func verified(w *world) {
	w.coach("jo")
	w.stands("jo", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
	w.act("jo", "verify", nil)
	w.stands("jo", v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
}

// once is being paid, and then an act.
func once(act string, args any) func(*world) {
	return func(w *world) {
		verified(w)
		w.act("jo", act, args)
	}
}

func suspend(stop bool) func(*v1alpha1.PayoutAccount) {
	return func(a *v1alpha1.PayoutAccount) { a.Spec.Payouts.Suspended = new(stop) }
}

// answer makes calls of an operation of Stripe's fail, of every one if it is "", until it is healed.
func (w *world) answer(operation string, f env.InjectedFault) (heal func()) {
	w.t.Helper()
	f.Service, f.Operation, f.Account = "stripe", operation, w.stripe.ID
	id := w.sandbox.InjectFault(w.t, f)
	return func() { w.sandbox.RemoveInjectedFault(w.t, id) }
}

// remove deletes jo's object, which its finalizer keeps.
func (w *world) remove(name string) {
	w.t.Helper()
	w.must(w.client.Delete(w.t.Context(), w.account(name)))
}

// admit makes the class allow these countries.
func (w *world) admit(countries ...string) {
	w.t.Helper()
	w.class.Spec.Stripe.Countries = countries
	w.must(w.client.Update(w.t.Context(), w.class))
}

// unmanaged makes an account at Stripe and marks it.
func (w *world) unmanaged(metadata map[string]string) string {
	w.t.Helper()
	return w.sandbox.StripeUnmanaged(w.t, w.stripe.ID, false, 1, metadata)[0]
}

// marks are the ownership marks of jo's account, after some of them are changed.
func (w *world) marks(change map[string]string) map[string]string {
	w.t.Helper()
	marks := map[string]string{}
	for _, key := range []string{naming.MetaManagedBy, naming.MetaInstallation, naming.MetaMode, naming.MetaTenant, naming.MetaCoach} {
		marks[key] = w.mine()[0].Metadata[key]
		if changed, ok := change[key]; ok {
			marks[key] = changed
		}
	}
	return marks
}

// gone takes jo's account away in the way Stripe is to report it.
func gone(act, answer string) func(*world) {
	return func(w *world) {
		w.sandbox.SetStripeOf(w.t, w.stripe.ID, env.StripeSettings{DeletedAnswer: &answer})
		once(act, nil)(w)
	}
}

var states = []state{
	{1, "being deleted", func(w *world) {
		verified(w)
		w.remove("jo")
	}, "Deleting", "Releasing", "Platform", "UTF", "T", 0, ""},
	{2, "the key was revoked", func(w *world) {
		verified(w)
		w.sandbox.RevokeStripeKey(w.t, w.stripe.ID, w.stripe.Keys.TestRestricted)
		w.hint("jo")
	}, "Enabled", "PlatformCredentialsInvalid", "Platform", "UFT", "T", 0, ""},
	{3, "Stripe refuses the country", func(w *world) {
		w.admit("BR")
		w.coach("jo", func(a *v1alpha1.PayoutAccount) { a.Spec.Country = "BR" })
	}, "Failed", "CreateRejected", "TenantAdmin", "FFT", "U", 0, ""},
	{3, "the class refuses the country", func(w *world) {
		w.coach("jo", func(a *v1alpha1.PayoutAccount) { a.Spec.Country = "FR" })
	}, "Failed", "CountryNotAllowed", "TenantAdmin", "FFT", "U", 0, ""},
	{4, "Stripe's answer was lost", func(w *world) {
		w.answer("PostAccounts", env.InjectedFault{Kind: env.Drop, Count: env.Forever})
		w.coach("jo")
	}, "Creating", "CreationUncertain", "None", "FTF", "U", 0, ""},
	{4, "the platform is not proven safe", func(w *world) {
		w.prove(map[string]v1alpha1.SecurityStatus{"CP-DB-01": v1alpha1.SecurityUnknown})
		w.coach("jo")
	}, "Creating", "GateClosed", "Platform", "FTF", "U", 0, ""},
	{5, "the account became another installation's", func(w *world) {
		once("set", env.StripeAct{Merge: map[string]any{"metadata": map[string]any{naming.MetaInstallation: "another"}}})(w)
	}, "Conflict", "OwnedByAnother", "Platform", "FFT", "U", 0, ""},
	{5, "there are two accounts", func(w *world) {
		verified(w)
		w.unmanaged(w.marks(nil))
		w.clock.Step(resync)
		w.hint("jo")
	}, "Conflict", "DuplicateAccounts", "Platform", "FFT", "U", 0, ""},
	{6, "the coach disconnected it", func(w *world) {
		once("deauthorize", nil)(w)
		w.annotate("jo", v1alpha1.AnnotationDeauthorized, "evt_1")
	}, "Disconnected", "Deauthorized", "Coach", "FFF", "U", 0, ""},
	{7, "it vanished", gone("delete", "forbidden"), "Missing", "AccessRevokedOrDeleted", "Platform", "FFT", "U", 0, ""},
	{7, "it is not found", gone("delete", "missing"), "Missing", "AccessRevokedOrDeleted", "Platform", "FFT", "U", 0, ""},
	{7, "it was deleted", gone("delete", "deleted"), "Missing", "DeletedOutOfBand", "Platform", "FFT", "U", 0, ""},
	{8, "Stripe rejected it", once("reject", env.StripeAct{Reason: "fraud"}), "Rejected", "RejectedByStripe", "Platform", "FFT", "F", 0, ""},
	{8, "Stripe rejected it for a hidden reason", once("reject", env.StripeAct{Reason: "listed"}), "Rejected", "RejectedByStripe", "Platform", "FFT", "F", 0, ""},
	{8, "the business rejected it", once("reject", env.StripeAct{Reason: "platform_fraud"}), "Rejected", "RejectedByPlatform", "Platform", "FFT", "F", 0, ""},
	{9, "the business paused it", once("pause", nil), "Paused", "PausedByPlatform", "Platform", "FFT", "F", 0, ""},
	{10, "the coach was not sent to the forms", func(w *world) { w.coach("jo") }, "Onboarding", "NotStarted", "Coach", "FFF", "F", 11, ""},
	{10, "the coach stopped in the forms", func(w *world) {
		w.coach("jo")
		w.stands("jo", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
		w.act("jo", "set", env.StripeAct{Merge: map[string]any{"metadata": map[string]any{naming.MetaOnboarding: "2026-03-01"}}})
	}, "Onboarding", "Incomplete", "Coach", "FFF", "F", 11, ""},
	{
		11, "answers are past due", once("past-due", env.StripeAct{Fields: []string{"individual.verification.document"}, Deadline: &deadline}),
		"Restricted", "RequirementsPastDue", "Coach", "FFF", "F", 1, "2033-05-18T03:33:20Z",
	},
	{11, "a reviewer asks the coach", once("intervene", nil), "Restricted", "RequirementsPastDue", "Coach", "FFF", "F", 1, ""},
	{12, "a capability is missing", once("action-required", env.StripeAct{Keep: true}), "Restricted", "CapabilityNotRequested", "Platform", "FFT", "F", 0, ""},
	{13, "Stripe verifies", func(w *world) {
		w.coach("jo")
		w.stands("jo", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
		w.act("jo", "submit", nil)
	}, "InReview", "PendingVerification", "Stripe", "FTF", "F", 0, ""},
	{13, "Stripe verifies once more", once("pending-verification", nil), "InReview", "PendingVerification", "Stripe", "FTF", "F", 0, ""},
	{14, "Stripe reviews it", once("under-review", nil), "InReview", "UnderStripeReview", "Stripe", "FTF", "F", 0, ""},
	{14, "Stripe reviews it for a hidden reason", once("listed", nil), "InReview", "UnderStripeReview", "Stripe", "FTF", "F", 0, ""},
	{14, "Stripe stopped it", once("other", nil), "InReview", "UnderStripeReview", "Stripe", "FTF", "F", 0, ""},
	{15, "the bank account is in error", once("bank-error", env.StripeAct{Status: "errored"}), "Restricted", "PayoutMethodErrored", "Coach", "FFF", "F", 0, ""},
	{15, "the bank account was not verified", once("bank-error", env.StripeAct{Status: "verification_failed"}), "Restricted", "PayoutMethodErrored", "Coach", "FFF", "F", 0, ""},
	{15, "a payout failed", func(w *world) {
		once("payout-failed", env.StripeAct{Code: "account_closed"})(w)
		w.annotate("jo", v1alpha1.AnnotationPayout, "account_closed@2026-03-01T12:00:00Z")
	}, "Restricted", "PayoutMethodErrored", "Coach", "FFF", "F", 0, ""},
	{
		16, "answers are due", once("require", env.StripeAct{Fields: []string{"external_account", "individual.id_number"}, Deadline: &deadline}),
		"RestrictedSoon", "RequirementsDue", "Coach", "TFF", "T", 2, "2033-05-18T03:33:20Z",
	},
	{17, "the spec stops payouts", func(w *world) {
		verified(w)
		w.edit("jo", suspend(true))
	}, "Suspended", "SuspendedBySpec", "TenantAdmin", "TFF", "F", 0, ""},
	{17, "the platform is not safe", func(w *world) {
		verified(w)
		w.onViolation(v1alpha1.ViolationSuspend)
		w.prove(map[string]v1alpha1.SecurityStatus{"CP-DB-01": v1alpha1.SecurityViolated})
		w.clock.Step(grace)
	}, "Suspended", "SuspendedByViolation", "Platform", "FFF", "F", 0, ""},
	{17, "the platform was not yet safe", func(w *world) {
		w.coach("jo")
		w.stands("jo", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
		w.prove(map[string]v1alpha1.SecurityStatus{"CP-DB-01": v1alpha1.SecurityUnknown})
		w.act("jo", "verify", nil)
	}, "Suspended", "GateClosed", "Platform", "FFF", "F", 0, ""},
	{18, "all is well", verified, "Enabled", "PayoutsEnabled", "None", "TFF", "T", 0, ""},
	{18, "all is well, and more will be due", once("eventually-due", env.StripeAct{Fields: []string{"a.b"}}), "Enabled", "PayoutsEnabled", "None", "TFF", "T", 0, ""},
	{19, "Stripe sends an unknown value", once("set", env.StripeAct{Merge: map[string]any{
		"payouts_enabled": false, "requirements": map[string]any{"disabled_reason": "frobnicated"},
	}}), "Restricted", "UnknownStripeState", "Platform", "FFT", "F", 0, ""},
}

func TestEveryStateOfStripeIsReadAsTheTableSays(t *testing.T) {
	var lines []string
	reached := map[int]bool{}
	for _, s := range states {
		t.Run(fmt.Sprintf("%d %s", s.n, s.says), func(t *testing.T) {
			w := newWorld(t)
			s.reach(w)
			jo := w.stands("jo", s.phase, s.reason)
			for applied(jo) {
				jo = w.stands("jo", s.phase, s.reason)
			}
			reached[s.n] = true
			if jo.Status.Action != s.action || jo.Status.Requirements.DueCount != s.due || jo.Status.Requirements.Deadline != s.deadline {
				t.Errorf("%s acts, %d due by %q; want %s, %d by %q: %s",
					jo.Status.Action, jo.Status.Requirements.DueCount, jo.Status.Requirements.Deadline, s.action, s.due, s.deadline, describe(jo))
			}
			summary := letters(jo, v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled)
			if summary != s.summary {
				t.Errorf("Ready, Reconciling, Stalled are %s, want %s: %s", summary, s.summary, describe(jo))
			}
			if payouts := letters(jo, v1alpha1.ConditionPayoutsEnabled); payouts != s.payouts {
				t.Errorf("PayoutsEnabled is %s, want %s: %s", payouts, s.payouts, describe(jo))
			}
			lines = append(lines, fmt.Sprintf("%2d  %-42s %s", s.n, s.says, w.columns("jo")))
		})
	}
	if len(reached) != 19 {
		t.Errorf("%d of 19 states were reached: %v", len(reached), reached)
	}
	if len(lines) == len(states) {
		golden(t, "states.golden", strings.Join(lines, "\n")+"\n")
	}
}

// applied says that the last pass has changed the account, and no later pass has observed it yet.
func applied(a *v1alpha1.PayoutAccount) bool {
	c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionSpecSynced)
	return c != nil && c.Reason == v1alpha1.ReasonApplied
}

// letters are the statuses of conditions: T, F or U, and - for one that is missing.
func letters(a *v1alpha1.PayoutAccount, kinds ...string) string {
	text := ""
	for _, kind := range kinds {
		c := meta.FindStatusCondition(a.Status.Conditions, kind)
		if c == nil {
			text += "-"
			continue
		}
		text += string(c.Status[0])
	}
	return text
}

// onViolation says what the platform does when it is not safe.
func (w *world) onViolation(policy v1alpha1.ViolationPolicy) {
	w.t.Helper()
	w.editPlatform(func(p *v1alpha1.CoachPlatform) { p.Spec.Stripe.OnPlatformViolation = policy })
}

// columns is the line that kubectl get -o wide prints of an object, as the API server renders it. What is
// another at every run is left out.
func (w *world) columns(name string) string {
	w.t.Helper()
	config := rest.CopyConfig(env.APIServer(w.t).Config)
	carrier, err := rest.HTTPClientFor(config)
	w.must(err)
	url := fmt.Sprintf("%s/apis/%s/namespaces/%s/payoutaccounts/%s", strings.TrimSuffix(config.Host, "/"), v1alpha1.GroupVersion, w.namespace, name)
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, url, nil)
	w.must(err)
	request.Header.Set("Accept", "application/json;as=Table;g=meta.k8s.io;v=v1")
	response, err := carrier.Do(request)
	w.must(err)
	defer func() { w.must(response.Body.Close()) }()
	var table metav1.Table
	w.must(json.NewDecoder(response.Body).Decode(&table))
	if len(table.Rows) != 1 {
		w.t.Fatalf("the API server prints %d lines of %s", len(table.Rows), name)
	}
	var cells []string
	for i, c := range table.ColumnDefinitions {
		cell := "-"
		if value := table.Rows[0].Cells[i]; value != nil && value != "" {
			cell = fmt.Sprint(value)
		}
		switch {
		case c.Name == "AGE":
			continue
		case c.Name == "ACCOUNT" && strings.HasPrefix(cell, "acct_"):
			cell = "acct_…"
		}
		cells = append(cells, cell)
	}
	return strings.Join(cells, "  ")
}

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
