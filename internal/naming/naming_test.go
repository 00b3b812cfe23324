package naming_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coachplatform/coach-operator/internal/naming"
)

var (
	// objectName is what Kubernetes lets an object be called, short and long.
	objectName = rapid.OneOf(
		rapid.StringMatching(`[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?`), rapid.StringMatching(`[a-z0-9][a-z0-9.-]{28,60}[a-z0-9]`),
	)
	uid     = rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	tenants = rapid.Custom(func(t *rapid.T) naming.Tenant {
		return naming.Tenant{
			Installation: uid.Draw(t, "installation"), Namespace: objectName.Draw(t, "namespace"),
			NamespaceUID: uid.Draw(t, "namespace UID"), Name: objectName.Draw(t, "name"),
		}
	})
	classes = rapid.Custom(func(t *rapid.T) naming.Class {
		return naming.Class{Installation: uid.Draw(t, "installation"), Name: objectName.Draw(t, "name")}
	})
)

// accepted is what every AWS service takes: letters, digits and single hyphens, a letter first and no
// hyphen last.
var accepted = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

func TestEveryNameIsOneThatAWSAccepts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		class := classes.Draw(t, "class")
		for _, name := range []string{
			tenants.Draw(t, "tenant").Resource(), class.Resource(), naming.SubnetGroup(class),
			naming.ParameterGroup(class, "17", "TLSv1.3"),
		} {
			if !accepted.MatchString(name) || len(name) > 63 {
				t.Fatalf("%q (%d characters) is not a name that AWS accepts", name, len(name))
			}
		}
	})
}

// twoTenants are two tenants, as a rule almost the same.
func twoTenants(t *rapid.T) (a, b naming.Tenant) {
	a, b = tenants.Draw(t, "one"), tenants.Draw(t, "another")
	other := b
	b = a
	switch rapid.IntRange(0, 5).Draw(t, "what differs") {
	case 0:
		b.Installation = other.Installation
	case 1:
		b.Namespace = other.Namespace
	case 2:
		b.NamespaceUID = other.NamespaceUID
	case 3:
		b.Name = other.Name
	case 4:
		b = other
	}
	return a, b
}

func TestNamesAreUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := twoTenants(t)
		// The namespace's own name is not part of the identity: its UID is.
		same := a.Installation == b.Installation && a.NamespaceUID == b.NamespaceUID && a.Name == b.Name
		if got := a.Resource() == b.Resource(); got != same {
			t.Fatalf("%+v and %+v: same name %t, want %t", a, b, got, same)
		}
	})
}

func TestNamesThatOnlyReadAlikeDiffer(t *testing.T) {
	base := naming.Tenant{Installation: "i", NamespaceUID: "u", Name: "a-b"}
	long := strings.Repeat("x", 40)
	for name, pair := range map[string][2]naming.Tenant{
		"a dot and a hyphen":              {base, {Installation: "i", NamespaceUID: "u", Name: "a.b"}},
		"two hyphens and one":             {base, {Installation: "i", NamespaceUID: "u", Name: "a--b"}},
		"names that differ at their ends": {{NamespaceUID: "u", Name: long + "1"}, {NamespaceUID: "u", Name: long + "2"}},
		"parts that run into each other": {
			{Installation: "i1", NamespaceUID: "2", Name: "n"}, {Installation: "i", NamespaceUID: "12", Name: "n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if pair[0].Resource() == pair[1].Resource() {
				t.Errorf("both are called %s", pair[0].Resource())
			}
		})
	}
	tenant, class := naming.Tenant{Installation: "i", NamespaceUID: "u", Name: "n"}, naming.Class{Installation: "i", Name: "n"}
	if tenant.Resource() == class.Resource() {
		t.Errorf("a tenant and a class are both called %s", class.Resource())
	}
}

// The names below are on real resources: a change here would lose every tenant's database.
func TestNamesNeverChange(t *testing.T) {
	tenant := naming.Tenant{
		Installation: "11111111-2222-4333-8444-555555555555", Namespace: "studio-a",
		NamespaceUID: "8a3c5a0e-6f0b-4b6e-9c7d-2f1f6f0a1b2c", Name: "shop.one",
	}
	class := naming.Class{Installation: tenant.Installation, Name: "standard"}
	got := []string{
		tenant.Resource(), tenant.Alias(), class.Resource(), naming.SubnetGroup(class),
		naming.ParameterGroup(class, "16", "TLSv1.2"),
	}
	want := []string{
		"coach-shop-one-n34sx4ba7ufszg", "alias/coach-shop-one-n34sx4ba7ufszg", "coach-standard-z3tlvh75622viq",
		"coach-standard-z3tlvh75622viq", "coach-standard-z3tlvh75622viq-pg16-tls12",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestOwnershipNeedsEveryTag(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, owner := range []naming.Owner{tenants.Draw(t, "tenant"), classes.Draw(t, "class")} {
			tags := owner.Tags()
			if !naming.Owns(owner, tags) {
				t.Fatalf("%+v does not own its own things", owner)
			}
			if !naming.Owns(owner, naming.With(owner, map[string]string{"Name": "more", naming.TagReleased: "retain"})) {
				t.Fatal("further tags change the ownership")
			}
			key := rapid.SampledFrom(slices.Sorted(maps.Keys(tags))).Draw(t, "tag")
			without, other := maps.Clone(tags), maps.Clone(tags)
			delete(without, key)
			other[key] += "x"
			if naming.Owns(owner, without) || naming.Owns(owner, other) {
				t.Fatalf("a thing is owned without the right tag %s", key)
			}
		}
	})
}

func TestTenantsDoNotOwnEachOthersThings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := twoTenants(t)
		if got := naming.Owns(a, b.Tags()); got != (a == b) {
			t.Fatalf("%+v owns the things of %+v: %t", a, b, got)
		}
	})
}

func TestWithLeavesTheOwnersTagsAlone(t *testing.T) {
	class := naming.Class{Installation: "i", Name: "standard"}
	got := naming.With(class, map[string]string{"more": "1"})
	want := map[string]string{
		naming.TagInstallation: "i", naming.TagClass: "standard", naming.TagManagedBy: naming.ManagedBy, "more": "1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if len(class.Tags()) != 3 {
		t.Error("the owner's own tags were changed")
	}
}
