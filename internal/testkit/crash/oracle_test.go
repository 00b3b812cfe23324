package crash_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

type (
	// inventory is what an account holds, as far as these tests check more than its picture.
	inventory struct {
		Instances []instanceEntry
		Keys      []keyEntry
		Aliases   []struct{ Name, Key string }
	}
	instanceEntry struct {
		ResourceID, KeyARN string
		Tags               map[string]string
	}
	keyEntry struct {
		ID, ARN, State string
		Managed        bool
		Tags           map[string]string
	}
)

func (p *plan) inventory(t *testing.T) (found inventory) {
	t.Helper()
	text, err := json.Marshal(p.account.Inventory(t))
	if err != nil {
		t.Fatalf("writing the inventory: %v", err)
	}
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatalf("reading the inventory: %v", err)
	}
	return found
}

// picture is all that a world holds, in a form that is the same for all worlds that hold the same.
func (p *plan) picture(t *testing.T) string {
	t.Helper()
	p.read(t)
	names := []string{
		p.tenant.Resource(), "TENANT", p.owner.Resource(), "CLASS-RESOURCE", p.class.Name, "CLASS", p.tenant.Namespace, "NAMESPACE",
		scope.Fingerprint(p.vault(t)[scope.Master]), "FINGERPRINT OF THE MASTER CREDENTIAL",
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s\nclass:%s\nplatform:%s\nplan: %s, drift: %s, security: %s\n", p.account.World(t, names...),
		shown(p.class.Status.Conditions), shown(p.platform.Status.Conditions),
		p.platform.Status.PlanSummary, p.platform.Status.Drift, p.platform.Status.Security.Summary)
	fmt.Fprintf(&text, "secrets:%s\nreport:%s\ndatabase:%s\n", p.secrets(t), p.evidence(t), p.roles(t))
	return text.String()
}

func shown(conditions []metav1.Condition) string {
	lines := make([]string, 0, len(conditions))
	for _, c := range conditions {
		lines = append(lines, fmt.Sprintf("\n %s=%s %s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// check compares the world with the one of an undisturbed operator, and says what must hold of the
// one key, the one database and the credentials, which names alone do not show.
func (p *plan) check(t *testing.T, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(p.picture(t), "\n")); diff != "" {
		t.Errorf("the world is not that of an undisturbed operator (-undisturbed +this):\n%s", diff)
	}
	found := p.inventory(t)
	keys := slices.DeleteFunc(found.Keys, func(k keyEntry) bool { return k.Managed })
	if len(keys) != 1 || len(found.Instances) != 1 {
		t.Fatalf("there are %d keys and %d databases, want one of each", len(keys), len(found.Instances))
	}
	key, db := keys[0], found.Instances[0]
	record := scope.Record{AccountID: p.account.ID, Region: p.account.Region, ResourceID: db.ResourceID}.String()
	for what, pair := range map[string][2]string{
		"the state of the key":                         {key.State, "Enabled"},
		"the key of the database":                      {db.KeyARN, key.ARN},
		"the record on the key":                        {key.Tags[naming.TagDatabase], record},
		"the record on the object":                     {p.platform.Annotations[v1alpha1.AnnotationDatabase], record},
		"the fingerprint on the database":              {db.Tags[naming.TagCredential], scope.Fingerprint(p.vault(t)[scope.Master])},
		"the key behind the alias " + p.tenant.Alias(): {found.behind(p.tenant.Alias()), key.ID},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, want %q", what, pair[0], pair[1])
		}
	}
	p.logins(t)
}

// behind returns the key that an alias names.
func (i inventory) behind(alias string) string {
	for _, a := range i.Aliases {
		if a.Name == alias {
			return a.Key
		}
	}
	return ""
}
