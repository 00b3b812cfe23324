package coachplatform_test

import (
	"context"
	"testing"
	"time"

	"github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// deadline bounds what the controller may take to notice something. Its resync is far longer, so what
// it notices it was reported to it.
const deadline = time.Minute

func TestTheControllerNoticesWhatChanges(t *testing.T) {
	b, w := newTrio(t)
	b.start()
	run(t, b)
	eventually := gomega.NewWithT(t).Eventually
	reason := func() string {
		platform := b.platform()
		if platform == nil {
			return "gone"
		}
		if c := meta.FindStatusCondition(platform.Status.Conditions, v1alpha1.ConditionReady); c != nil {
			return c.Reason
		}
		return ""
	}
	eventually(reason, deadline).Should(gomega.Equal(v1alpha1.ReasonConverged))

	b.admitOnly("others")
	eventually(reason, deadline).Should(gomega.Equal(v1alpha1.ReasonNamespaceNotAllowed), "an edit of the class")
	b.admitOnly("*")
	eventually(reason, deadline).Should(gomega.Equal(v1alpha1.ReasonConverged), "another one")
	b.edit(func(p *v1alpha1.CoachPlatform) { p.Spec.DisplayName = "red" })
	eventually(func() string {
		w.key.mu.Lock()
		defer w.key.mu.Unlock()
		return w.key.live.Colour
	}, deadline).Should(gomega.Equal("red"), "an edit of the spec")
	b.annotate(v1alpha1.AnnotationReconcile, "now")
	eventually(func() string { return b.platform().Status.ReconcileHandled }, deadline).Should(gomega.Equal("now"), "an annotation")
	b.delete()
	eventually(reason, deadline).Should(gomega.Equal("gone"))
	eventually(func() []string { return b.stored() }, deadline).Should(gomega.ContainElements("Applied", "Converged", "NamespaceNotAllowed"))
}

// stored are the reasons of the events about the platform that the API server holds.
func (b *bench) stored() []string {
	b.t.Helper()
	var list eventsv1.EventList
	if err := b.client.List(b.t.Context(), &list, client.InNamespace(b.namespace)); err != nil {
		b.t.Fatalf("listing events: %v", err)
	}
	var reasons []string
	for _, e := range list.Items {
		reasons = append(reasons, e.Reason)
	}
	return reasons
}

// run runs the bench's controller under a manager until the test ends.
func run(t *testing.T, b *bench) {
	t.Helper()
	scheme, err := env.Scheme()
	if err != nil {
		t.Fatalf("building the scheme: %v", err)
	}
	mgr, err := ctrl.NewManager(env.APIServer(t).Config, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
		// The platforms of other tests are not its business.
		Cache: cache.Options{DefaultNamespaces: map[string]cache.Config{b.namespace: {}, b.home: {}}},
	})
	if err != nil {
		t.Fatalf("creating a manager: %v", err)
	}
	r := b.anew()
	r.Client, r.Live, r.Events = mgr.GetClient(), mgr.GetAPIReader(), mgr.GetEventRecorder("coach-operator")
	r.Clock, r.Resync = clock.RealClock{}, time.Hour
	if err := r.SetupWithManager(mgr); err != nil {
		t.Fatalf("setting up: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the manager ended: %v", err)
		}
	})
}
