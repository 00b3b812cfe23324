package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestTheOperatorChangesNoSpecAndApprovesNothing(t *testing.T) {
	cluster := env.APIServer(t)
	apply(t, cluster, "policy/specs.yaml")
	operator, person := as(t, cluster, env.OperatorUser), as(t, cluster, "anna@example.com")

	platform, class := parse(t, platformYAML), parse(t, classYAML)
	platform.SetName("of-policy")
	class.SetName("of-policy")
	platform.SetAnnotations(map[string]string{v1alpha1.AnnotationApprove: "0123456789abcdef"})
	for _, object := range []*unstructured.Unstructured{platform, class} {
		gomega.NewWithT(t).Eventually(func() error {
			return operator.Create(t.Context(), object.DeepCopy(), client.DryRunAll)
		}, policyTime).ShouldNot(gomega.Succeed())
		produce(t, cluster, object)
	}
	edit := func(object *unstructured.Unstructured, value any, path ...string) func(client.Client) error {
		return func(by client.Client) error {
			edited := object.DeepCopy()
			if err := unstructured.SetNestedField(edited.Object, value, path...); err != nil {
				t.Fatal(err)
			}
			return by.Patch(t.Context(), edited, client.MergeFrom(object), client.DryRunAll)
		}
	}
	annotate := func(key, value string) func(client.Client) error {
		return edit(platform, value, "metadata", "annotations", key)
	}
	exemption := []any{map[string]any{"control": "CP-DB-08", "reason": "accepted by nobody", "expiresAt": "2030-01-01T00:00:00Z"}}
	for name, c := range map[string]struct {
		do      func(client.Client) error
		refused string
	}{
		"it claims a platform":               {edit(platform, []any{v1alpha1.FinalizerPlatform}, "metadata", "finalizers"), ""},
		"it claims a class":                  {edit(class, []any{v1alpha1.FinalizerClass}, "metadata", "finalizers"), ""},
		"it records the database":            {annotate(v1alpha1.AnnotationDatabase, "a-record"), ""},
		"it removes an approval":             {edit(platform, map[string]any{}, "metadata", "annotations"), ""},
		"it widens who may connect":          {edit(platform, []any{"198.51.100.0/24"}, "spec", "database", "allowFrom", "cidrs"), "never changes a spec"},
		"it renames a platform to its users": {edit(platform, "Studio B", "spec", "displayName"), "never changes a spec"},
		"it exempts a control":               {edit(class, exemption, "spec", "exemptions"), "never changes a spec"},
		"it admits other namespaces":         {edit(class, []any{"*"}, "spec", "allowedNamespaces"), "never changes a spec"},
		"it approves another change":         {annotate(v1alpha1.AnnotationApprove, "fedcba9876543210"), "never approves anything"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.do(operator)
			switch {
			case c.refused == "" && err != nil:
				t.Errorf("the operator may not: %v", err)
			case c.refused != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), c.refused)):
				t.Errorf("got %v, want a refusal with %q", err, c.refused)
			}
			if err := c.do(person); err != nil {
				t.Errorf("the policy is in the way of a person: %v", err)
			}
		})
	}
}
