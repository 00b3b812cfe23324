package sensitive_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/internal/sensitive"
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

func decoded(t testing.TB, text string) any {
	t.Helper()
	var object any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func TestAnObjectIsScannedAtEveryPlace(t *testing.T) {
	t.Parallel()
	applied := func(text string) string {
		return fmt.Sprintf(`{"metadata": {"annotations": {%q: %q}}}`, lastApplied, text)
	}
	for name, c := range map[string]struct {
		object string
		want   []sensitive.Hit
	}{
		"a field of the spec": {`{"spec": {"iban": "x"}}`, []sensitive.Hit{{Path: "spec.iban", Class: sensitive.Bank}}},
		"an empty field, whose name is enough": {
			`{"spec": {"dateOfBirth": null}}`, []sensitive.Hit{{Path: "spec.dateOfBirth", Class: sensitive.Identity}},
		},
		"a value in a list": {
			`{"spec": {"notes": ["fine", "` + germanIBAN + `"]}}`, []sensitive.Hit{{Path: "spec.notes.1", Class: sensitive.Bank}},
		},
		"a number that is no text": {`{"spec": {"size": 4242424242424242}}`, []sensitive.Hit{{Path: "spec.size", Class: sensitive.Card}}},
		"a name that is a number itself": {
			`{"labels": {"x-` + person + `": ""}}`, nil, // glued to a word it is none
		},
		"a key that is a number": {
			`{"labels": {"` + visa + `": "x"}}`, []sensitive.Hit{{Path: "labels.(masked)", Class: sensitive.Card}},
		},
		"a number below a key that is one, which is reported once": {
			`{"labels": {"` + germanIBAN + `": {"a": "` + visa + `"}}}`, []sensitive.Hit{{Path: "labels.(masked)", Class: sensitive.Bank}},
		},
		"a pair of name and value": {
			`{"env": [{"name": "routing_number", "value": "110000000"}]}`, []sensitive.Hit{{Path: "env.0.value", Class: sensitive.Bank}},
		},
		"what was applied": {
			applied(`{"spec": {"displayName": "x", "iban": "` + germanIBAN + `"}}`),
			[]sensitive.Hit{{Path: "metadata.annotations." + lastApplied + ".spec.iban", Class: sensitive.Bank}},
		},
		"what was applied and is no JSON": {
			applied(`{"spec": "` + visa), []sensitive.Hit{{Path: "metadata.annotations." + lastApplied, Class: sensitive.Card}},
		},
		"what was applied and follows JSON": {
			applied(`{} ` + visa), []sensitive.Hit{{Path: "metadata.annotations." + lastApplied, Class: sensitive.Card}},
		},
		"what was applied twice, of which the last counts": {
			applied(`{"a": "` + visa + `", "a": "x"}`), []sensitive.Hit{{Path: "metadata.annotations." + lastApplied, Class: sensitive.Card}},
		},
		"a large number in what was applied": {
			applied(`{"size": 4242424242424242}`), []sensitive.Hit{{Path: "metadata.annotations." + lastApplied + ".size", Class: sensitive.Card}},
		},
		"nothing": {
			`{"metadata": {"name": "anna", "uid": "42424242-4242-4242-8242-424242424242"}, "spec": {"country": "DE", "mcc": "8299"}}`, nil,
		},
	} {
		hits, whole := sensitive.Scan(decoded(t, c.object))
		if diff := cmp.Diff(c.want, hits); diff != "" || !whole {
			t.Errorf("%s: whole %t, hits (-want +got):\n%s", name, whole, diff)
		}
	}
}

func TestAHitNeverRepeatsWhatWasFound(t *testing.T) {
	t.Parallel()
	for name, c := range found {
		for _, object := range []any{
			map[string]any{"a": c.text},
			map[string]any{c.text: "a"},
			[]any{c.text},
			map[string]any{c.text: map[string]any{"iban": c.text}},
			map[string]any{lastApplied: fmt.Sprintf("{%q: {%q: %q}}", c.text, c.text, c.text)},
			map[string]any{"name": "iban", "value": c.text},
		} {
			hits, _ := sensitive.Scan(object)
			if len(hits) == 0 {
				t.Errorf("%s is not found in %v", name, object)
			}
			for _, hit := range hits {
				if strings.Contains(hit.Path, c.text) || mistaken(hit.Path) {
					t.Errorf("%s is repeated: %s", name, hit.Path)
				}
			}
		}
	}
}

func TestAScanIsBoundedAndSaysSo(t *testing.T) {
	t.Parallel()
	deep := any("x")
	for range 100 {
		deep = map[string]any{"a": deep}
	}
	wide := map[string]any{}
	for i := range 200 {
		wide[fmt.Sprintf("iban-%d", i)] = "x"
	}
	long := map[string]any{strings.Repeat("k", 5000): map[string]any{"iban": strings.Repeat("x", 5000)}}
	for name, c := range map[string]struct {
		object any
		whole  bool
		hits   int
	}{
		"too deep":            {deep, false, 0},
		"too many hits":       {wide, false, 100},
		"too large":           {map[string]any{"a": strings.Repeat("x", 5<<20)}, false, 0},
		"names that are long": {long, true, 1},
	} {
		hits, whole := sensitive.Scan(c.object)
		if whole != c.whole || len(hits) != c.hits {
			t.Errorf("%s: whole %t, hits %d", name, whole, len(hits))
		}
		for _, hit := range hits {
			if len(hit.Path) > 300 {
				t.Errorf("%s: a path of %d bytes", name, len(hit.Path))
			}
		}
	}
}

func TestANameIsShownSoThatItHurtsNobody(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"iban": "iban", "": `""`, "a b": `"a b"`, "x\"; DROP": `"x\"; DROP"`, "\x1b[31m": `"\x1b[31m"`, "\u202eevil": `"\u202eevil"`,
		germanIBAN: sensitive.Masked, visa: sensitive.Masked, "n_000123456789": sensitive.Masked, "passport 1234567é": sensitive.Masked, "of_20261122": "of_20261122",
		strings.Repeat("é", 90): `"` + strings.Repeat(`\u00e9`, 80) + `"…`,
	} {
		if got := sensitive.Shown(name); got != want {
			t.Errorf("%q is shown as %s, want %s", name, got, want)
		}
	}
}

// typical is an object as there are many.
const typical = `{"metadata": {"name": "anna", "namespace": "studio", "labels": {"app.kubernetes.io/managed-by": "flux"}, "annotations": {
	"kubectl.kubernetes.io/last-applied-configuration": "{\"apiVersion\":\"payouts.coachplatform.io/v1alpha1\",\"kind\":\"PayoutAccount\",\"metadata\":{\"name\":\"anna\"},\"spec\":{\"platformName\":\"studio\",\"coachID\":\"coach-7f3a\",\"country\":\"DE\"}}"},
	"finalizers": ["payouts.coachplatform.io/account"]},
	"spec": {"platformName": "studio", "coachID": "coach-7f3a", "country": "DE", "capabilities": ["transfers"],
	"businessProfile": {"url": "https://studio.example/anna", "mcc": "8299", "productDescription": "Coaching for runners"}},
	"status": {"accountID": "acct_1032D82eZvKYlo2C", "conditions": [
	{"type": "Ready", "status": "True", "reason": "Converged", "message": "the account is as asked for", "lastTransitionTime": "2026-11-22T17:56:31Z"},
	{"type": "PayoutsEnabled", "status": "True", "reason": "Enabled", "message": "Stripe pays", "lastTransitionTime": "2026-11-22T17:56:31Z"}]}}`

func BenchmarkScan(b *testing.B) {
	object := decoded(b, typical)
	b.ReportAllocs()
	for b.Loop() {
		if hits, whole := sensitive.Scan(object); len(hits) > 0 || !whole {
			b.Fatal(hits)
		}
	}
}
