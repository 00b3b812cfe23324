package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// inventory is what the command finds.
func (w *world) inventory() (inventory, int) {
	w.t.Helper()
	out, errs, code := w.call("inventory", platformName, "-o", "json")
	var found inventory
	if err := json.Unmarshal([]byte(out), &found); err != nil || errs != "" {
		w.t.Fatalf("exit code %d, %v: %s", code, err, errs)
	}
	return found, code
}

// with are marks with one more.
func with(marks map[string]string, key, value string) map[string]string {
	all := maps.Clone(marks)
	all[key] = value
	return all
}

// ended takes an account away at Stripe and returns its ID.
func (w *world) ended(coach, act string) string {
	id := w.account(w.marks(coach))
	w.sandbox.Act(w.t, id, act, nil)
	return id
}

func TestTheInventoryComparesWhatIsClaimedWithWhatThereIs(t *testing.T) {
	w := newWorld(t)
	w.coach("new", "")
	w.coach("jo", w.account(w.marks("jo")))
	w.coach("paid-out", w.account(w.marks("paid-out")))
	w.coach("returned", w.account(with(w.marks("returned"), naming.MetaReleased, "2026-11-01")))
	orphan := w.account(w.marks("ghost"))
	let := w.account(with(w.marks("former"), naming.MetaReleased, "2026-10-01"))
	twice := []string{w.account(w.marks("twin")), w.account(w.marks("twin"))}
	w.coach("twin", twice[0])
	shared := w.account(w.marks("pair"))
	w.coach("pair", shared)
	w.coach("pair-2", shared)
	deleted, left := w.ended("deleted", "delete"), w.ended("left", "deauthorize")
	w.coach("deleted", deleted)
	w.coach("left", left)
	w.coach("moved", "acct_1elsewhere", func(a *v1alpha1.PayoutAccount) {
		a.Annotations[v1alpha1.AnnotationAccount] = "acct_1other/acct_1elsewhere"
	})
	unmarked := w.account(nil)
	w.coach("unmarked", unmarked)
	unknown := w.account(w.marks("unknown"))
	w.coach("unknown", "")
	w.coach("elsewhere", w.account(w.marks("elsewhere")), func(a *v1alpha1.PayoutAccount) { a.Spec.PlatformName = "gym" })
	sibling, foreign := w.tenant, w.tenant
	sibling.Name, foreign.Installation = "gym", "elsewhere"
	w.account(naming.Coach{Tenant: sibling, ID: "jo"}.Metadata())
	w.account(naming.Coach{Tenant: foreign, ID: "jo"}.Metadata())
	w.sandbox.StripeUnmanaged(t, w.stripe.ID, false, 210, nil)

	found, code := w.inventory()
	if code != codeViolated {
		t.Errorf("exit code %d", code)
	}
	accounts := found.Items
	found.Items = nil
	want := inventory{
		Platform: platformName, Namespace: w.tenant.Namespace, Business: w.stripe.ID, Mode: v1alpha1.StripeTest,
		Accounts: 13 + 210, Claimed: 6, OtherPlatforms: 1, OtherInstallations: 1, Unmarked: 210, Waiting: 1, Amiss: 9,
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	today := time.Now().UTC().Format(time.DateOnly)
	other := accountOf(t, w, "elsewhere")
	items := []item{
		{orphaned, orphan, nil, today, "no PayoutAccount claims it"},
		{orphaned, other, nil, today, "no PayoutAccount claims it"},
		{duplicate, twice[0], []string{"twin"}, today, "one of 2 accounts of one coach"},
		{duplicate, twice[1], nil, today, "one of 2 accounts of one coach"},
		{duplicate, shared, []string{"pair", "pair-2"}, today, "more than one PayoutAccount has it"},
		{missing, deleted, []string{"deleted"}, "", "Stripe does not show it"},
		{missing, left, []string{"left"}, "", "Stripe does not show it"},
		{missing, "acct_1elsewhere", []string{"moved"}, "", "made under acct_1other, and the platform's key is of " + w.stripe.ID},
		{conflict, unmarked, []string{"unmarked"}, today, "not marked as this platform's"},
		{unrecorded, unknown, []string{"unknown"}, today, "the operator finds it by its marks"},
		{released, let, nil, today, "released on 2026-10-01"},
	}
	if diff := cmp.Diff(items, accounts, cmpopts.SortSlices(func(x, y item) bool { return x.Account < y.Account })); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("something was written: %v", writes)
	}
}

// accountOf is the account that carries a coach's marks.
func accountOf(t *testing.T, w *world, coach string) string {
	t.Helper()
	for _, a := range w.sandbox.StripeAccounts(t, w.stripe.ID) {
		if a.Metadata[naming.MetaCoach] == w.marks(coach)[naming.MetaCoach] {
			return a.ID
		}
	}
	t.Fatalf("%s has no account", coach)
	return ""
}

func TestAnInventoryInOrderIsFine(t *testing.T) {
	w := newWorld(t)
	w.coach("jo", w.account(w.marks("jo")))
	w.account(with(w.marks("former"), naming.MetaReleased, "2026-10-01"))
	found, code := w.inventory()
	if code != codeFine || found.Amiss != 0 || found.Claimed != 1 || len(found.Items) != 1 {
		t.Errorf("exit code %d, found %+v", code, found)
	}
}

func TestABusinessWithoutAnyAccountIsFine(t *testing.T) {
	w := newWorld(t)
	out, errs, code := w.call("inventory", platformName, "-o", "json")
	if code != codeFine || errs != "" || !strings.Contains(out, `"items": []`) {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

func TestAnAccountThatIsNotListedYetIsNotMissing(t *testing.T) {
	w := newWorld(t)
	lag := "10m"
	w.sandbox.SetStripeOf(t, w.stripe.ID, env.StripeSettings{ListLag: &lag})
	w.coach("jo", w.account(w.marks("jo")))
	w.coach("joe", w.account(nil))
	found, code := w.inventory()
	if code != codeViolated || found.Claimed != 2 || len(found.Items) != 1 || found.Items[0].State != conflict {
		t.Errorf("exit code %d, found %+v", code, found)
	}
}

func TestAnInventoryThatCannotBeCompletedIsNone(t *testing.T) {
	w := newWorld(t)
	gone := w.ended("jo", "delete")
	w.coach("jo", gone)
	for operation, times := range map[string]int{"GetAccounts": 10, "GetAccountsAccount": 1} {
		id := w.sandbox.InjectFault(t, env.InjectedFault{
			Service: "stripe", Operation: operation, Account: w.stripe.ID, Kind: env.Failure, Code: "api_error", Status: 503, Count: times,
		})
		w.refused("try again: stripe: ", "inventory", platformName)
		w.sandbox.RemoveInjectedFault(t, id)
	}
	if found, code := w.inventory(); code != codeViolated || found.Items[0].State != missing {
		t.Errorf("afterwards: exit code %d, found %+v", code, found)
	}
}

// taken is an inventory with something of everything.
func taken() inventory {
	tenant := naming.Tenant{Installation: "here", Namespace: "tenant-acme", NamespaceUID: "1-2-3", Name: "acme"}
	b := business{tenant: tenant, platform: &v1alpha1.CoachPlatform{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-acme", Name: "acme"},
		Spec:       v1alpha1.CoachPlatformSpec{Stripe: v1alpha1.PlatformStripe{Mode: v1alpha1.StripeTest}},
	}}
	made := func(id, coach, released string) scope.Account {
		metadata := naming.Coach{Tenant: tenant, ID: coach}.Metadata()
		metadata[naming.MetaReleased] = released
		return scope.Account{ID: id, Created: now, Metadata: metadata}
	}
	marked := func(id string) scope.Account {
		return scope.Account{ID: id, Created: now, Metadata: tenant.StripeMetadata(false)}
	}
	object := func(name, record string) v1alpha1.PayoutAccount {
		return v1alpha1.PayoutAccount{
			ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{v1alpha1.AnnotationAccount: record}},
			Spec:       v1alpha1.PayoutAccountSpec{PlatformName: "acme", CoachID: name},
		}
	}
	return take(b, "acct_1Business", []scope.Account{
		made("acct_1Jo", "jo", ""), made("acct_1Ghost", "ghost", ""), made("acct_1Former", "former", "2026-10-01"),
		marked("acct_1AsideA"), marked("acct_1AsideB"), marked("acct_1Stripped"), made("acct_1Joe", "joe", ""),
		made("acct_1TwinA", "twin", ""), made("acct_1TwinB", "twin", "2026-11-30"), made("acct_1Late", "late", ""),
		{ID: "acct_1Plain", Created: now},
		{ID: "acct_1Stranger", Created: now},
		{ID: "acct_1Gym", Created: now, Metadata: naming.Tenant{Installation: "here", NamespaceUID: "1-2-3", Name: "gym"}.StripeMetadata(false)},
		{ID: "acct_1Far", Created: now, Metadata: naming.Tenant{Installation: "there", NamespaceUID: "1-2-3", Name: "acme"}.StripeMetadata(false)},
	}, []v1alpha1.PayoutAccount{
		object("jo", "acct_1Business/acct_1Jo"), object("gone", "acct_1Business/acct_1Gone"), object("twin", "acct_1Business/acct_1TwinA"),
		object("stripped", "acct_1Business/acct_1Stripped"), object("thief", "acct_1Business/acct_1Joe"), object("late", ""), object("new", ""), object("plain", "acct_1Business/acct_1Plain"), object("broken", "acct_1Broken"),
	})
}

func TestAnInventoryIsShown(t *testing.T) {
	for name, c := range map[string]struct {
		format string
		found  inventory
	}{
		"inventory.txt":      {"table", taken()},
		"inventory.json":     {"json", taken()},
		"inventory.yaml":     {"yaml", taken()},
		"inventory-none.txt": {"table", inventory{Platform: "acme", Namespace: "tenant-acme", Business: "acct_1Business", Mode: v1alpha1.StripeLive}},
	} {
		var out bytes.Buffer
		if err := inventoryFormats[c.format](&out, c.found); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		golden(t, name, out.String())
	}
}

func TestAnInventoryReadsTheSameInEveryFormat(t *testing.T) {
	var asJSON, asYAML inventory
	for format, to := range map[string]*inventory{"json": &asJSON, "yaml": &asYAML} {
		var out bytes.Buffer
		if err := inventoryFormats[format](&out, taken()); err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(out.Bytes(), to); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(asJSON, asYAML); diff != "" {
		t.Errorf("-json +yaml:\n%s", diff)
	}
}

func TestEveryStateThatNeedsSomebodyHasAdvice(t *testing.T) {
	for s := range advice {
		if !slices.Contains(states, s) || !strings.HasPrefix(advice[s], string(s)+": ") {
			t.Errorf("the advice of %s is never shown, or does not name it", s)
		}
	}
}
