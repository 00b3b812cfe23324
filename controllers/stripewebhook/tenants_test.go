package stripewebhook_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// trio are three platforms of one operator, each with the same coach: two of the same name in namespaces of
// their own, and a third beside the first.
func trio(t *testing.T, o *operator) map[string]*tenant {
	t.Helper()
	first, second := newNamespace(t), newNamespace(t)
	return map[string]*tenant{"studio": o.tenant(first, "studio"), "namesake": o.tenant(second, "studio"), "neighbour": o.tenant(first, "gym")}
}

// coachOf is the name of a tenant's object of the coach jo: objects in one namespace have names of their own.
func coachOf(n *tenant) string {
	if n.platform.Name == "gym" {
		return "jo-at-the-gym"
	}
	return "jo"
}

func TestTenantsHaveNothingInCommonAtStripe(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	all := trio(t, o)
	marks := map[string]map[string]string{}
	for name, n := range all {
		must(t, n.client.Create(t.Context(), &v1alpha1.PayoutAccount{
			ObjectMeta: metaOf(n, coachOf(n)),
			Spec:       v1alpha1.PayoutAccountSpec{PlatformName: n.platform.Name, CoachID: "jo", Country: "DE"},
		}))
		status := o.settle(n, coachOf(n))
		accounts := n.sandbox.StripeAccounts(t, n.stripe.ID)
		if len(accounts) != 1 || accounts[0].ID != status.AccountID {
			t.Fatalf("%s has %d accounts, and its object says %s", name, len(accounts), status.AccountID)
		}
		marks[name] = accounts[0].Metadata
	}
	for name, n := range all {
		for other, mark := range marks {
			if name != other && mark["coach_key"] == marks[name]["coach_key"] {
				t.Errorf("%s and %s mark their coach alike", name, other)
			}
		}
		keys := map[string]bool{}
		for _, call := range n.sandbox.StripeCalls(t, n.stripe.ID, 0) {
			if call.Mode != "test" || call.Status >= http.StatusBadRequest {
				t.Errorf("%s: %s in %s mode is answered with %d", name, call.Operation, call.Mode, call.Status)
			}
			if strings.HasPrefix(call.Operation, "Post") && call.IdempotencyKey != "" {
				keys[call.IdempotencyKey] = true
			}
			for other, o := range all {
				if other != name && call.Resource != "" && call.Resource == o.account(coachOf(o)).Status.AccountID {
					t.Errorf("the key of %s was used to read the account of %s", name, other)
				}
			}
		}
		if len(keys) == 0 {
			t.Errorf("%s has made its account without an idempotency key", name)
		}
		for other, o := range all {
			for _, call := range n.sandbox.StripeCalls(t, o.stripe.ID, 0) {
				if other != name && keys[call.IdempotencyKey] {
					t.Errorf("%s and %s create with the same idempotency key", name, other)
				}
			}
		}
	}
}

func TestAnObjectCannotNameAPlatformOfAnotherNamespace(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	abroad := o.tenant(newNamespace(t), "studio")
	home := o.tenant(newNamespace(t), "gym")
	for _, name := range []string{abroad.platform.Namespace + "/studio", abroad.platform.Namespace + ".studio", "../" + abroad.platform.Namespace + "/studio"} {
		err := home.client.Create(t.Context(), &v1alpha1.PayoutAccount{
			ObjectMeta: metaOf(home, "jo"), Spec: v1alpha1.PayoutAccountSpec{PlatformName: name, CoachID: "jo", Country: "DE"},
		})
		if err == nil && strings.Contains(name, "/") {
			t.Errorf("the API server takes the platform %q", name)
		}
		must(t, client.IgnoreNotFound(home.client.Delete(t.Context(), &v1alpha1.PayoutAccount{ObjectMeta: metaOf(home, "jo")})))
	}
	must(t, home.client.Create(t.Context(), &v1alpha1.PayoutAccount{
		ObjectMeta: metaOf(home, "kim"), Spec: v1alpha1.PayoutAccountSpec{PlatformName: "studio", CoachID: "kim", Country: "DE"},
	}))
	for range 3 {
		_, err := o.pass(home, "kim")
		must(t, err)
		o.clock.Step(time.Minute)
	}
	ready := meta.FindStatusCondition(home.account("kim").Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Reason != v1alpha1.ReasonWaitingForPlatform {
		t.Errorf("the object stands at %+v", ready)
	}
	for _, n := range []*tenant{abroad, home} {
		if accounts := n.sandbox.StripeAccounts(t, n.stripe.ID); len(accounts) != 0 {
			t.Errorf("%d accounts were created", len(accounts))
		}
	}
}

func TestAnEventOfOneTenantChangesNothingOfAnother(t *testing.T) {
	t.Parallel()
	first, second := newNamespace(t), newNamespace(t)
	all := map[string]*tenant{"studio": newTenant(t, first, "studio"), "namesake": newTenant(t, second, "studio"), "neighbour": newTenant(t, first, "gym")}
	o := newOperator(t)
	r := startReceiver(t, o.clock, first, second)
	accounts := map[string]string{}
	for name, n := range all {
		n.listen(r.url(n.platform.Namespace, n.platform.Name))
		accounts[name] = n.coach(coachOf(n))
		gomega.NewWithT(t).Eventually(func() int { return r.deliver(n, hello(o.clock.Now())) }, deadline).Should(gomega.Equal(http.StatusOK))
	}
	for name, n := range all {
		for other, forger := range all {
			if name == other {
				continue
			}
			for _, kind := range []string{updated, deauthorized, payoutFailed} {
				for what, c := range map[string]struct {
					url    string
					status int
				}{
					"at its own address":     {r.url(forger.platform.Namespace, forger.platform.Name), http.StatusOK},
					"at the other's address": {r.url(n.platform.Namespace, n.platform.Name), http.StatusBadRequest},
				} {
					forged := env.StripeForgery{URL: c.url, Secret: forger.secret.Reveal(), Account: accounts[name], Type: kind}
					if status := r.sandbox.Forge(t, forged); status != c.status {
						t.Errorf("%s posts %s of the account of %s %s: %d", other, kind, name, what, status)
					}
				}
			}
		}
	}
	for name, n := range all {
		if diff := cmp.Diff(map[string]string{}, n.hints(coachOf(n))); diff != "" {
			t.Errorf("the object of %s was changed (-want +got):\n%s", name, diff)
		}
	}
	// An object that claims the account of another tenant hears of it only what its own platform signs.
	thief := all["namesake"]
	thief.object("thief", accounts["studio"])
	studio := all["studio"]
	gomega.NewWithT(t).Eventually(func() string {
		r.deliver(studio, event{id: "evt_1", kind: updated, account: accounts["studio"], created: o.clock.Now()})
		return studio.hints("jo")[v1alpha1.AnnotationEvent]
	}, deadline).Should(gomega.HavePrefix("evt_1"))
	for name, hints := range map[string]map[string]string{
		"the thief": thief.hints("thief"), "the namesake": thief.hints("jo"), "the neighbour": all["neighbour"].hints("jo-at-the-gym"),
	} {
		if len(hints) > 0 {
			t.Errorf("%s hears of the account: %v", name, hints)
		}
	}
}
