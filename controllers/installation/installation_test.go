package installation_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/controllers/installation"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m, env.SharesAPIServer)) }

// home makes a namespace for an operator.
func home(t *testing.T) (client.Client, string) {
	t.Helper()
	c := env.APIServer(t).Client
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "coach-system-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatalf("creating a namespace: %v", err)
	}
	return c, namespace.Name
}

func id(t *testing.T, c client.Client, namespace, override string) string {
	t.Helper()
	got, err := installation.ID(t.Context(), c, namespace, override)
	if err != nil {
		t.Fatalf("asking for the ID: %v", err)
	}
	return got
}

// stored is where the ID is kept.
func stored(t *testing.T, c client.Client, namespace string) *corev1.ConfigMap {
	t.Helper()
	var kept corev1.ConfigMap
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "coach-installation"}, &kept); err != nil {
		t.Fatalf("reading the stored ID: %v", err)
	}
	return &kept
}

func TestTheIDIsCreatedOnceAndStays(t *testing.T) {
	c, namespace := home(t)
	first := id(t, c, namespace, "")
	if !regexp.MustCompile(`^[a-z0-9]{12}$`).MatchString(first) {
		t.Errorf("the ID is %q", first)
	}
	if again := id(t, c, namespace, ""); again != first || stored(t, c, namespace).Data["id"] != first {
		t.Errorf("the ID was %q and is %q", first, again)
	}
	if same := id(t, c, namespace, first); same != first {
		t.Errorf("the ID that is stored was refused: %q", same)
	}
}

func TestReplicasThatStartTogetherAgree(t *testing.T) {
	c, namespace := home(t)
	ids, group := make([]string, 8), sync.WaitGroup{}
	for i := range ids {
		group.Go(func() {
			got, err := installation.ID(t.Context(), c, namespace, "")
			if err != nil {
				t.Errorf("asking for the ID: %v", err)
			}
			ids[i] = got
		})
	}
	group.Wait()
	for _, got := range ids {
		if got != ids[0] || got == "" {
			t.Errorf("replicas disagree: %v", ids)
		}
	}
}

func TestAnIDCanBeSetForANewCluster(t *testing.T) {
	c, namespace := home(t)
	if got := id(t, c, namespace, "saved-id"); got != "saved-id" {
		t.Errorf("the ID is %q", got)
	}
	if got := id(t, c, namespace, ""); got != "saved-id" {
		t.Errorf("afterwards the ID is %q", got)
	}
}

func TestAnIDIsNeverChanged(t *testing.T) {
	c, namespace := home(t)
	first := id(t, c, namespace, "")
	_, err := installation.ID(t.Context(), c, namespace, "another-id")
	if err == nil || !strings.Contains(err.Error(), first) || !strings.Contains(err.Error(), "--installation-id") {
		t.Errorf("another ID: %v, want an error that names both ways out", err)
	}
	kept := stored(t, c, namespace)
	kept.Data["id"] = "another-id"
	if err := c.Update(t.Context(), kept); !apierrors.IsInvalid(err) {
		t.Errorf("the stored ID could be edited: %v", err)
	}
	if got := id(t, c, namespace, ""); got != first {
		t.Errorf("the ID was %q and is %q", first, got)
	}
}

func TestADamagedIDIsAStopAndNoNewID(t *testing.T) {
	c, namespace := home(t)
	broken := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "coach-installation"}}
	if err := c.Create(t.Context(), broken); err != nil {
		t.Fatalf("creating a damaged ID: %v", err)
	}
	if _, err := installation.ID(t.Context(), c, namespace, ""); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("got %v, want an error with the way out", err)
	}
}

func TestAnAPIServerThatDoesNotAnswerIsAnError(t *testing.T) {
	c, namespace := home(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := installation.ID(ctx, c, namespace, ""); err == nil {
		t.Errorf("an ID was given that nobody stored: %q", got)
	}
}
