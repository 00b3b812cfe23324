//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

const (
	// business is the Stripe account of the demonstration's platform.
	business = "acct_1AcmeCoaching0001"
	tenant   = "tenant-acme"
	// coaches is how many appear at once while the operator is killed.
	coaches = 6
)

// coach reads one payout account.
func (d demo) coach(t *testing.T, name string) *v1alpha1.PayoutAccount {
	t.Helper()
	var a v1alpha1.PayoutAccount
	if err := d.Get(t.Context(), client.ObjectKey{Namespace: tenant, Name: name}, &a); err != nil {
		t.Fatal(err)
	}
	return &a
}

// stands complains unless a coach is in a phase.
func (d demo) stands(t *testing.T, name string, phase v1alpha1.PayoutPhase) string {
	t.Helper()
	if a := d.coach(t, name); a.Status.Phase != phase {
		return fmt.Sprintf("%s is %s, want %s: %+v", name, a.Status.Phase, phase, a.Status.Conditions)
	}
	return ""
}

// admin calls the sandbox Stripe's admin API.
func (d demo) admin(t *testing.T, method, path string, body, into any) {
	t.Helper()
	args := []string{method, "/stripe" + path}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, string(text))
	}
	answer := d.sandbox(t, "admin", args...)
	if into == nil {
		return
	}
	if err := json.Unmarshal(answer, into); err != nil {
		t.Fatal(err)
	}
}

// marked are the coach_keys of all accounts that carry the operator's mark.
func (d demo) marked(t *testing.T) []string {
	t.Helper()
	var accounts []struct {
		Deleted  bool
		Metadata map[string]string
	}
	d.admin(t, "GET", "/platforms/"+business+"/accounts", nil, &accounts)
	var keys []string
	for _, a := range accounts {
		if key := a.Metadata["coach_key"]; key != "" && !a.Deleted {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func TestACoachIsPaid(t *testing.T) {
	d := running(t)
	jo := d.coach(t, "jo")
	if jo.Status.Phase != v1alpha1.PhaseEnabled || jo.Status.Action != v1alpha1.ActorNone {
		t.Errorf("jo is %s, action %s", jo.Status.Phase, jo.Status.Action)
	}
	for _, kind := range []string{
		v1alpha1.ConditionReady, v1alpha1.ConditionAccountCreated, v1alpha1.ConditionConnected, v1alpha1.ConditionOnboardingComplete,
		v1alpha1.ConditionPayoutsEnabled, v1alpha1.ConditionTransfersActive, v1alpha1.ConditionSpecSynced, v1alpha1.ConditionFresh,
	} {
		if !meta.IsStatusConditionTrue(jo.Status.Conditions, kind) {
			t.Errorf("%s is %+v", kind, meta.FindStatusCondition(jo.Status.Conditions, kind))
		}
	}
	acme := d.platform(t, tenant, "acme")
	for _, kind := range []string{
		v1alpha1.ConditionPayoutsReady, v1alpha1.ConditionKeyValid, v1alpha1.ConditionWebhookReceiving,
	} {
		if !meta.IsStatusConditionTrue(acme.Status.Conditions, kind) {
			t.Errorf("%s is %+v", kind, meta.FindStatusCondition(acme.Status.Conditions, kind))
		}
	}
	var report v1alpha1.SecurityReport
	if err := d.Get(t.Context(), client.ObjectKey{Namespace: tenant, Name: "acme"}, &report); err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Report.Controls {
		if strings.HasPrefix(c.ID, "CP-PAY-") && c.Status != v1alpha1.SecurityVerified {
			t.Errorf("%s is %s: %s", c.ID, c.Status, c.Seen)
		}
	}
}

func TestPayoutsStopWhileThePlatformIsNotSafe(t *testing.T) {
	d := running(t)
	pause := func(value string) {
		t.Helper()
		acme := &v1alpha1.CoachPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: "acme"}}
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationPaused, value)
		if err := d.Patch(context.WithoutCancel(t.Context()), acme, client.RawPatch(types.MergePatchType, patch)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, soon, func() string { return d.stands(t, "jo", v1alpha1.PhaseEnabled) })
	pause("true")
	t.Cleanup(func() { pause("") })
	d.sandbox(t, "sabotage", "--tag", "coach:name=acme", "open-firewall")
	eventually(t, soon, func() string { return d.stands(t, "jo", v1alpha1.PhaseSuspended) })
	if jo := d.coach(t, "jo"); jo.Status.Payouts.Interval != "manual" || jo.Status.Action != v1alpha1.ActorPlatform {
		t.Errorf("the interval is %s, action %s", jo.Status.Payouts.Interval, jo.Status.Action)
	}
	pause("")
	eventually(t, soon, func() string { return d.stands(t, "jo", v1alpha1.PhaseEnabled) })
	if jo := d.coach(t, "jo"); jo.Status.Payouts.Interval != "weekly" {
		t.Errorf("the interval is %s, want weekly again", jo.Status.Payouts.Interval)
	}
}

func TestEveryCoachGetsOneAccountWhileTheOperatorIsKilled(t *testing.T) {
	d := running(t)
	before := len(d.marked(t))
	var made []*v1alpha1.PayoutAccount
	for i := range coaches {
		a := &v1alpha1.PayoutAccount{
			ObjectMeta: metav1.ObjectMeta{Namespace: tenant, GenerateName: "coach-"},
			Spec: v1alpha1.PayoutAccountSpec{
				PlatformName: "acme", CoachID: fmt.Sprintf("killed-%d-%d", i, time.Now().UnixNano()), Country: "FR",
			},
		}
		if err := d.Create(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		made = append(made, a)
		t.Cleanup(func() {
			if err := d.Delete(context.WithoutCancel(t.Context()), a); err != nil {
				t.Errorf("clearing up: %v", err)
			}
		})
		d.killOperator(t)
		<-time.After(rand.N(longest)) // deaths come when they come
	}
	for _, a := range made {
		eventually(t, soon, func() string { return d.stands(t, a.Name, v1alpha1.PhaseOnboarding) })
	}
	keys := d.marked(t)
	if len(keys) != before+coaches || len(slices.Compact(slices.Clone(keys))) != len(keys) {
		t.Errorf("there are %d accounts, want %d, and no coach twice", len(keys), before+coaches)
	}
}

func TestAForgedEventIsRefused(t *testing.T) {
	d := running(t)
	jo := d.coach(t, "jo")
	var answer struct{ Status int }
	d.admin(t, "POST", "/forge", map[string]any{
		"url": "https://hooks.example.com/stripe/tenant-acme/acme", "secret": "whsec_forged_forged_forged",
		"type": "account.application.deauthorized", "account": jo.Status.AccountID,
	}, &answer)
	if answer.Status != 400 {
		t.Errorf("an event that is signed with another secret is answered with %d, want 400", answer.Status)
	}
	if now := d.coach(t, "jo"); now.Annotations[v1alpha1.AnnotationDeauthorized] != "" {
		t.Error("a forged event was believed")
	}
}
