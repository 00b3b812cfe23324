package v1alpha1_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// policyTime is how long the API server may take to know of a policy.
const policyTime = time.Minute

// apply makes, until the test ends, what a manifest ships: all of it, or the kinds that are given.
func apply(t *testing.T, cluster *env.Cluster, manifest string, kinds ...string) {
	t.Helper()
	text, err := os.ReadFile("../../config/" + manifest)
	if err != nil {
		t.Fatal(err)
	}
	for documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), len(text)); ; {
		object := &unstructured.Unstructured{}
		if err := documents.Decode(&object.Object); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		if len(kinds) > 0 && !slices.Contains(kinds, object.GetKind()) {
			continue
		}
		produce(t, cluster, object)
	}
}

// produce makes an object that goes with the test.
func produce(t *testing.T, cluster *env.Cluster, object client.Object) {
	t.Helper()
	if err := cluster.Client.Create(t.Context(), object); err != nil {
		t.Fatalf("creating %s: %v", object.GetName(), err)
	}
	t.Cleanup(func() {
		if err := cluster.Client.Delete(context.WithoutCancel(t.Context()), object); err != nil {
			t.Errorf("removing %s: %v", object.GetName(), err)
		}
	})
}

// as returns a client of somebody with every right that RBAC can give, so that only the policy decides.
func as(t *testing.T, cluster *env.Cluster, user string) client.Client {
	t.Helper()
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:masters"}}
	c, err := client.New(config, client.Options{Scheme: cluster.Client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func aReport(namespace, name string) *v1alpha1.SecurityReport {
	now := metav1.Now().Rfc3339Copy()
	return &v1alpha1.SecurityReport{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Report: v1alpha1.SecurityReportContent{
			ObservedAt: now, ValidUntil: now, Summary: v1alpha1.ReportSummary{Text: "0/1"},
			Controls: []v1alpha1.ReportedControl{{
				ID: "CP-DB-01", Claim: "encrypted-at-rest", Statement: "it is encrypted", Status: v1alpha1.SecurityUnknown, Since: now,
			}},
		},
	}
}

func TestOnlyTheOperatorWritesReports(t *testing.T) {
	cluster := env.APIServer(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "reports-"}}
	if err := cluster.Client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	apply(t, cluster, "policy/securityreports.yaml")
	operator, tenant := as(t, cluster, env.OperatorUser), as(t, cluster, "anna@example.com")
	gomega.NewWithT(t).Eventually(func() error {
		return tenant.Create(t.Context(), aReport(namespace.Name, "early"), client.DryRunAll)
	}, policyTime).ShouldNot(gomega.Succeed())

	stored := aReport(namespace.Name, "acme")
	if err := operator.Create(t.Context(), stored); err != nil {
		t.Fatalf("the operator may not make a report: %v", err)
	}
	// One edit is of what the report says, the other of its metadata only.
	verify := func(r *v1alpha1.SecurityReport) { r.Report.Summary.Text = "1/1" }
	label := func(r *v1alpha1.SecurityReport) { r.Labels = map[string]string{"edited": "true"} }
	edit := func(by client.Client, change func(*v1alpha1.SecurityReport)) error {
		edited := stored.DeepCopy()
		change(edited)
		return by.Patch(t.Context(), edited, client.MergeFrom(stored), client.DryRunAll)
	}
	for name, c := range map[string]struct {
		do      func() error
		allowed bool
	}{
		"the operator writes a report":            {func() error { return edit(operator, verify) }, true},
		"a tenant's admin makes one":              {func() error { return tenant.Create(t.Context(), aReport(namespace.Name, "mine"), client.DryRunAll) }, false},
		"a tenant's admin edits one":              {func() error { return edit(tenant, verify) }, false},
		"a tenant's admin edits its metadata":     {func() error { return edit(tenant, label) }, false},
		"a namesake of the operator's, elsewhere": {func() error { return edit(as(t, cluster, "system:serviceaccount:tenant:coach-operator"), verify) }, false},
		"the garbage collector drops an owner": {func() error {
			return edit(as(t, cluster, "system:serviceaccount:kube-system:generic-garbage-collector"), label)
		}, true},
		"the garbage collector rewrites the report": {func() error {
			return edit(as(t, cluster, "system:serviceaccount:kube-system:generic-garbage-collector"), verify)
		}, false},
		"controllers that share an identity edit metadata": {func() error { return edit(as(t, cluster, "system:kube-controller-manager"), label) }, true},
		"a tenant's admin deletes one":                     {func() error { return tenant.Delete(t.Context(), stored.DeepCopy(), client.DryRunAll) }, true},
		"the namespace controller deletes all of them": {func() error {
			return as(t, cluster, "system:serviceaccount:kube-system:namespace-controller").DeleteAllOf(
				t.Context(), &v1alpha1.SecurityReport{}, client.InNamespace(namespace.Name), client.DryRunAll)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.do()
			if (err == nil) != c.allowed {
				t.Fatalf("got %v, want it allowed: %t", err, c.allowed)
			}
			if !c.allowed && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "only the operator")) {
				t.Errorf("the refusal does not say who writes reports: %v", err)
			}
		})
	}
}

func TestWhoHasWhichRightsToReports(t *testing.T) {
	cluster := env.APIServer(t)
	apply(t, cluster, "rbac/role.yaml", "ClusterRole")
	apply(t, cluster, "rbac/role_binding.yaml", "ClusterRoleBinding")
	apply(t, cluster, "rbac/tenant_roles.yaml", "ClusterRole")
	for user, role := range map[string]string{"reader": "coach-platform-view", "editor": "coach-platform-edit"} {
		produce(t, cluster, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: user},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		})
	}
	may := func(user, verb string) bool {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: verb, Group: v1alpha1.GroupVersion.Group, Resource: "securityreports", Namespace: "default",
			},
		}}
		if err := cluster.Client.Create(t.Context(), review); err != nil {
			t.Fatalf("asking: %v", err)
		}
		return review.Status.Allowed
	}
	reads := []string{"get", "list", "watch"}
	for user, want := range map[string][]string{
		env.OperatorUser: append(slices.Clone(reads), "create", "patch"), "reader": reads, "editor": reads, "stranger": nil,
	} {
		gomega.NewWithT(t).Eventually(func() []string {
			var got []string
			for _, verb := range []string{"get", "list", "watch", "create", "patch", "update", "delete", "deletecollection"} {
				if may(user, verb) {
					got = append(got, verb)
				}
			}
			return got
		}, policyTime).Should(gomega.Equal(want), user)
	}
}

func TestAReportIsKeptInItsBounds(t *testing.T) {
	cluster := env.APIServer(t)
	writer := as(t, cluster, env.OperatorUser)
	for name, c := range map[string]struct {
		change func(*v1alpha1.SecurityReportContent)
		want   string
	}{
		"a report as it should be":       {func(*v1alpha1.SecurityReportContent) {}, ""},
		"a status that does not exist":   {func(r *v1alpha1.SecurityReportContent) { r.Controls[0].Status = "Fine" }, "Unsupported value"},
		"a control that is attested":     {func(r *v1alpha1.SecurityReportContent) { r.Controls[0].Status = v1alpha1.SecurityAttested }, "Unsupported value"},
		"a control that is there twice":  {func(r *v1alpha1.SecurityReportContent) { r.Controls = append(r.Controls, r.Controls[0]) }, "Duplicate value"},
		"an observation without an end":  {func(r *v1alpha1.SecurityReportContent) { r.Controls[0].Seen = strings.Repeat("x", 257) }, "Too long"},
		"a report that counts for ever":  {func(r *v1alpha1.SecurityReportContent) { r.ValidUntil = metav1.Time{} }, "report.validUntil"},
		"a statement that says Verified": {attests(v1alpha1.SecurityVerified), "Unsupported value"},
		"a statement that says Attested": {attests(v1alpha1.SecurityAttested), ""},
	} {
		t.Run(name, func(t *testing.T) {
			report := aReport("default", "bounded")
			c.change(&report.Report)
			err := writer.Create(t.Context(), report, client.DryRunAll)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func attests(status v1alpha1.SecurityStatus) func(*v1alpha1.SecurityReportContent) {
	return func(r *v1alpha1.SecurityReportContent) {
		r.Attestations = []v1alpha1.Attestation{{
			ID: "a", Claim: "c", Statement: "s", Status: status, Source: "https://example.com", ReadAt: r.ObservedAt, ReviewBy: r.ObservedAt,
		}}
	}
}
