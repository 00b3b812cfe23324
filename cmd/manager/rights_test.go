package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// deadline bounds what the API server takes to know of new rights.
const deadline = time.Minute

// scraper is who may read the metrics.
const scraper = "system:serviceaccount:monitoring:prometheus"

// install creates what config/rbac ships, and lets the scraper read metrics as docs/operations.md says.
func install(t *testing.T, cluster *env.Cluster) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: env.OperatorNamespace}}
	if err := cluster.Client.Create(t.Context(), namespace); err != nil {
		t.Fatalf("making the namespace: %v", err)
	}
	for _, file := range shipped(t) {
		for _, object := range objects(t, file) {
			if err := cluster.Client.Create(t.Context(), object); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "coach-metrics-reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "coach-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "monitoring", Name: "prometheus"}},
	}
	if err := cluster.Client.Create(t.Context(), binding); err != nil {
		t.Fatalf("binding the scraper: %v", err)
	}
}

const manifests = "../../config/rbac"

// shipped are the files that kubectl apply -k applies.
func shipped(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(manifests, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Resources []string `json:"resources"`
	}
	if err := yaml.Unmarshal(text, &list); err != nil || len(list.Resources) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	return list.Resources
}

// objects are those of a file.
func objects(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(manifests, file))
	if err != nil {
		t.Fatal(err)
	}
	var all []*unstructured.Unstructured
	for documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), len(text)); ; {
		object := &unstructured.Unstructured{}
		err := documents.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, object)
	}
}

func TestTheOperatorHasTheRightsItUsesAndNoOthers(t *testing.T) {
	cluster := env.APIServer(t)
	install(t, cluster)
	events := authorizationv1.ResourceAttributes{Verb: "create", Resource: "events", Namespace: env.OperatorNamespace}
	metrics := authorizationv1.NonResourceAttributes{Verb: "get", Path: "/metrics"}
	// The API server reads rights from caches of its own: the last that were written hold when these do.
	for _, asks := range []authorizationv1.SubjectAccessReviewSpec{
		{User: env.OperatorUser, ResourceAttributes: &events}, {User: scraper, NonResourceAttributes: &metrics},
	} {
		gomega.NewWithT(t).Eventually(func() bool { return allowed(t, cluster, asks) }, deadline).Should(gomega.BeTrue())
	}
	type attributes = authorizationv1.ResourceAttributes
	const ours, own = "payouts.coachplatform.io", env.OperatorNamespace
	for name, c := range map[string]struct {
		asks attributes
		want bool
	}{
		"it records who leads":                     {events, true},
		"it records again who leads":               {attributes{Verb: "patch", Resource: "events", Namespace: own}, true},
		"it writes no events of the old API there": {attributes{Verb: "create", Resource: "events", Namespace: "tenant"}, false},
		"it emits events for tenants": {
			attributes{Verb: "create", Group: "events.k8s.io", Resource: "events", Namespace: "tenant"}, true,
		},
		"it reads one namespace":       {attributes{Verb: "get", Resource: "namespaces", Name: "tenant"}, true},
		"it lists no namespaces":       {attributes{Verb: "list", Resource: "namespaces"}, false},
		"it watches no namespaces":     {attributes{Verb: "watch", Resource: "namespaces"}, false},
		"it watches platforms":         {attributes{Verb: "watch", Group: ours, Resource: "coachplatforms"}, true},
		"it claims platforms":          {attributes{Verb: "patch", Group: ours, Resource: "coachplatforms", Namespace: "tenant"}, true},
		"it owns nothing by reference": {attributes{Verb: "update", Group: ours, Resource: "coachplatforms", Subresource: "finalizers"}, false},
		"it reports on classes":        {attributes{Verb: "patch", Group: ours, Resource: "platformclasses", Subresource: "status"}, true},
		"it keeps its credentials":     {attributes{Verb: "create", Resource: "secrets", Namespace: own}, true},
		"it reads no tenant's secret":  {attributes{Verb: "get", Resource: "secrets", Namespace: "tenant"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := allowed(t, cluster, authorizationv1.SubjectAccessReviewSpec{User: env.OperatorUser, ResourceAttributes: &c.asks}); got != c.want {
				t.Errorf("allowed %t, want %t", got, c.want)
			}
		})
	}
	unprivileged := authorizationv1.SubjectAccessReviewSpec{User: "system:serviceaccount:tenant:default", NonResourceAttributes: &metrics}
	if allowed(t, cluster, unprivileged) {
		t.Error("everybody may read the metrics")
	}
}

func allowed(t *testing.T, cluster *env.Cluster, asks authorizationv1.SubjectAccessReviewSpec) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: asks}
	if err := cluster.Client.Create(t.Context(), review); err != nil {
		t.Fatalf("asking: %v", err)
	}
	return review.Status.Allowed
}
