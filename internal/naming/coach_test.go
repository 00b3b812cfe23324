package naming_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coachplatform/coach-operator/internal/naming"
)

// coaches are all that may be: IDs as long as the schema allows.
var coaches = rapid.Custom(func(t *rapid.T) naming.Coach {
	return naming.Coach{
		Tenant: tenants.Draw(t, "tenant"), Live: rapid.Bool().Draw(t, "live"),
		ID: rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?`).Draw(t, "coach"),
	}
})

// twoCoaches are two coaches, as a rule almost the same, and whether they are one.
func twoCoaches(t *rapid.T) (a, b naming.Coach, same bool) {
	a = coaches.Draw(t, "one")
	b = a
	switch rapid.IntRange(0, 3).Draw(t, "what else differs") {
	case 0:
		b.ID = coaches.Draw(t, "another").ID
	case 1:
		b.Live = !a.Live
	case 2:
		a.Tenant, b.Tenant = twoTenants(t)
	}
	// The namespace's own name is not part of the identity: its UID is.
	x, y := a, b
	x.Tenant.Namespace, y.Tenant.Namespace = "", ""
	return a, b, x == y
}

func TestEveryCoachHasKeysOfTheirOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, same := twoCoaches(t)
		first, second := rapid.IntRange(1, 3).Draw(t, "an attempt"), rapid.IntRange(1, 3).Draw(t, "another attempt")
		if got := a.IdempotencyKey(first) == b.IdempotencyKey(second); got != (same && first == second) {
			t.Errorf("%+v in attempt %d and %+v in attempt %d: the same idempotency key is %t", a, first, b, second, got)
		}
		if got := maps.Equal(a.Metadata(), b.Metadata()); got != same {
			t.Errorf("%+v and %+v: the same metadata is %t", a, b, got)
		}
	})
}

func TestCoachesDoNotOwnEachOthersAccounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, same := twoCoaches(t)
		if got := a.OwnsAccount(b.Metadata()); got != same {
			t.Errorf("%+v owns the account of %+v: %t", a, b, got)
		}
		tenants := a.Tenant.Installation == b.Tenant.Installation && a.Tenant.NamespaceUID == b.Tenant.NamespaceUID &&
			a.Tenant.Name == b.Tenant.Name && a.Live == b.Live
		if got := a.Tenant.OwnsAtStripe(b.Metadata(), a.Live); got != tenants {
			t.Errorf("the tenant of %+v owns the account of %+v: %t", a, b, got)
		}
	})
}

func TestAnAccountIsOwnedByAllItsMetadataAndByNoLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		coach := coaches.Draw(t, "coach")
		owned := coach.Metadata()
		more := maps.Clone(owned)
		more["note"], more[naming.MetaReleased] = "somebody's own", "2026-01-01"
		if !coach.OwnsAccount(owned) || !coach.OwnsAccount(more) {
			t.Fatal("a coach's account is not the coach's")
		}
		key := rapid.SampledFrom(slices.Sorted(maps.Keys(owned))).Draw(t, "key")
		without, other, longer := maps.Clone(owned), maps.Clone(owned), maps.Clone(owned)
		delete(without, key)
		other[key] = ""
		longer[key] += "x"
		if coach.OwnsAccount(without) || coach.OwnsAccount(other) || coach.OwnsAccount(longer) || coach.OwnsAccount(nil) {
			t.Errorf("an account is owned without the right %s", key)
		}
	})
}

func TestAnEndpointKeyStandsForOneAttemptOfOneTenant(t *testing.T) {
	type attempt struct {
		tenant     naming.Tenant
		live       bool
		url, after string
	}
	rapid.Check(t, func(t *rapid.T) {
		tenant, other := twoTenants(t)
		live := rapid.Bool()
		url, after := rapid.SampledFrom([]string{"https://a.example.com", "https://a.example.com/x"}), rapid.SampledFrom([]string{"/", "we_1/", "/we_1", "we_1/we_1"})
		a := attempt{tenant, live.Draw(t, "live"), url.Draw(t, "URL"), after.Draw(t, "what it replaces")}
		b := attempt{other, live.Draw(t, "other live"), url.Draw(t, "other URL"), after.Draw(t, "what the other replaces")}
		key := func(x attempt) string { return x.tenant.EndpointKey(x.live, x.url, x.after) }
		same := key(a) == key(b)
		a.tenant.Namespace, b.tenant.Namespace = "", ""
		if same != (a == b) {
			t.Errorf("%+v and %+v: the same key is %t", a, b, same)
		}
	})
}

func TestKeysThatOnlyReadAlikeDiffer(t *testing.T) {
	tenant := naming.Tenant{Installation: "i", NamespaceUID: "u", Name: "n"}
	coach := naming.Coach{Tenant: tenant, ID: "c"}
	for name, pair := range map[string][2]string{
		"a coach's ID that ends where the name begins": {
			coach.Key(), naming.Coach{Tenant: naming.Tenant{Installation: "i", NamespaceUID: "u", Name: "nc"}}.Key(),
		},
		"IDs in other letters":          {coach.Key(), naming.Coach{Tenant: tenant, ID: "C"}.Key()},
		"attempt 1 of c1 and 11 of c":   {naming.Coach{Tenant: tenant, ID: "c1"}.IdempotencyKey(1), coach.IdempotencyKey(11)},
		"an account and its key":        {coach.Key(), coach.IdempotencyKey(1)},
		"an endpoint and an account":    {tenant.EndpointKey(false, "", ""), coach.IdempotencyKey(1)},
		"a URL and what comes after it": {tenant.EndpointKey(false, "a", "b"), tenant.EndpointKey(false, "ab", "")},
	} {
		t.Run(name, func(t *testing.T) {
			if pair[0] == pair[1] {
				t.Errorf("both are %s", pair[0])
			}
		})
	}
}

// The limits are Stripe's: 50 keys of 40 characters with 500 characters each, and 255 characters of an
// idempotency key. https://docs.stripe.com/api/metadata https://docs.stripe.com/api/idempotent_requests
func TestWhatIsSentToStripeIsWithinItsLimitsAndDisclosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		coach := coaches.Draw(t, "coach")
		coach.ID = "Jane.Doe-" + coach.ID[:min(len(coach.ID), 55)] // which is in no UID
		coach.Tenant.Namespace = "studio-of-jane"
		metadata := coach.Metadata()
		for _, key := range []string{
			naming.MetaObject, naming.MetaAttempt, naming.MetaReleased, naming.MetaOnboarding, naming.MetaOpened, naming.MetaSuspended,
		} {
			metadata[key] = "set later"
		}
		if len(metadata) > 50 {
			t.Errorf("%d keys", len(metadata))
		}
		said := coach.IdempotencyKey(1) + " " + coach.Tenant.EndpointKey(coach.Live, "https://hooks.example.com", "/")
		for key, value := range metadata {
			if len(key) > 40 || len(value) > 500 || value == "" || strings.ContainsAny(key, "[]") {
				t.Errorf("%s: %s", key, value)
			}
			said += " " + key + " " + value
		}
		for _, text := range strings.Fields(said)[:2] {
			if len(text) > 255 {
				t.Errorf("an idempotency key has %d characters", len(text))
			}
		}
		for _, secret := range []string{coach.ID, "Jane", "Doe", coach.Tenant.Namespace} {
			if strings.Contains(said, secret) {
				t.Errorf("Stripe receives %q: %s", secret, said)
			}
		}
	})
}

// The names below are on real accounts: a change here would create a second account for every coach.
func TestWhatIsOnRealAccountsNeverChanges(t *testing.T) {
	coach := naming.Coach{
		Tenant: naming.Tenant{
			Installation: "11111111-2222-4333-8444-555555555555", Namespace: "studio-a",
			NamespaceUID: "8a3c5a0e-6f0b-4b6e-9c7d-2f1f6f0a1b2c", Name: "shop.one",
		},
		ID: "coach-7f3a",
	}
	live := coach
	live.Live = true
	got := map[string]string{
		"idempotency, test, 1": coach.IdempotencyKey(1), "idempotency, test, 2": coach.IdempotencyKey(2),
		"idempotency, live, 1": live.IdempotencyKey(1),
		"endpoint, test":       coach.Tenant.EndpointKey(false, "https://hooks.example.com/stripe/studio-a/shop.one", "/"),
		"endpoint, live":       coach.Tenant.EndpointKey(true, "https://hooks.example.com/stripe/studio-a/shop.one", "/"),
	}
	want := map[string]string{
		"idempotency, test, 1": "24fe89a461f10020aa9090e19e653941dc13bbc6b0ca8e2eb3042255bf3d5c94",
		"idempotency, test, 2": "560d6992c4aaf669892dc4351dc6842460c435cc5a5eba1f3759037c1153eedd",
		"idempotency, live, 1": "84f73b1cf34a881f1293ec54285d72f7dc7d76c0c91eba6dc70d655d23490642",
		"endpoint, test":       "df9266acd8a6669b2c0e3bdc7b442107a661565566aa48653fb0ee0a6755cc54",
		"endpoint, live":       "a8447eb840fb51e272737ae0a4e612b3ef6d15f84577684d8efd4941f763a2c6",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	metadata := map[string]string{
		"managed_by": "coach-operator", "installation": "11111111-2222-4333-8444-555555555555", "mode": "test",
		"tenant": "8a3c5a0e-6f0b-4b6e-9c7d-2f1f6f0a1b2c/shop.one", "coach_key": "1745b192769ae29b8b559c58a38fea4bb52ba3c33920a941809abc96ba2a6856",
	}
	if diff := cmp.Diff(metadata, coach.Metadata()); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	metadata["mode"] = "live"
	if diff := cmp.Diff(metadata, live.Metadata()); diff != "" {
		t.Errorf("metadata of the live mode (-want +got):\n%s", diff)
	}
	later := []string{naming.MetaObject, naming.MetaAttempt, naming.MetaReleased, naming.MetaOnboarding, naming.MetaOpened, naming.MetaSuspended}
	if diff := cmp.Diff([]string{"cr_uid", "create_attempt", "released_at", "onboarding_started", "payouts_opened", "payouts_suspended"}, later); diff != "" {
		t.Errorf("keys that come later (-want +got):\n%s", diff)
	}
}
