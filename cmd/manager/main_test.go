package main

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/healthz"

	"github.com/coachplatform/coach-operator/internal/config"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

// registry is a manager that only takes probes.
type registry struct {
	ctrl.Manager
	caches *informertest.FakeInformers
	ready  []healthz.Checker
}

// GetCache implements ctrl.Manager.
func (r *registry) GetCache() cache.Cache { return r.caches }

// AddHealthzCheck implements ctrl.Manager.
func (r *registry) AddHealthzCheck(string, healthz.Checker) error { return nil }

// AddReadyzCheck implements ctrl.Manager.
func (r *registry) AddReadyzCheck(_ string, check healthz.Checker) error {
	r.ready = append(r.ready, check)
	return nil
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	scheme, err := env.Scheme()
	if err != nil {
		t.Fatalf("building the scheme: %v", err)
	}
	return &registry{caches: &informertest.FakeInformers{Scheme: scheme, Synced: new(bool)}}
}

func TestAPodIsReadyOnceTheCachesHaveReadEverything(t *testing.T) {
	t.Parallel()
	mgr := newRegistry(t)
	if err := probes(t.Context(), mgr); err != nil {
		t.Fatalf("registering: %v", err)
	}
	var kinds []string
	for kind := range mgr.caches.InformersByGVK {
		kinds = append(kinds, kind.Kind)
	}
	slices.Sort(kinds)
	if diff := cmp.Diff([]string{"CoachPlatform", "PayoutAccount", "PlatformClass", "SecurityReport"}, kinds); diff != "" {
		t.Errorf("kinds that are read whoever leads (-want +got):\n%s", diff)
	}
	if len(mgr.ready) != 1 {
		t.Fatalf("%d probes, want 1", len(mgr.ready))
	}
	probe := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil)
	if mgr.ready[0](probe) == nil {
		t.Error("ready before the caches are")
	}
	*mgr.caches.Synced = true
	if err := mgr.ready[0](probe); err != nil {
		t.Errorf("not ready though the caches are: %v", err)
	}
}

func TestWhatCannotBeWatchedStopsTheOperator(t *testing.T) {
	t.Parallel()
	mgr := newRegistry(t)
	mgr.caches.Error = errors.New("no such kind")
	if err := probes(t.Context(), mgr); !errors.Is(err, mgr.caches.Error) {
		t.Errorf("got %v, want the cause", err)
	}
}

func TestMetricsAreServedWithoutHTTP2(t *testing.T) {
	t.Parallel()
	server := &tls.Config{NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12} // as controller-runtime has it
	for _, set := range metricsOptions(config.Config{}).TLSOpts {
		set(server)
	}
	if diff := cmp.Diff([]string{"http/1.1"}, server.NextProtos); diff != "" {
		t.Errorf("protocols (-want +got):\n%s", diff)
	}
}
