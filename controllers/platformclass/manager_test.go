package platformclass_test

import (
	"context"
	"testing"
	"time"

	"github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/platformclass"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// deadline bounds what the controller may take to notice something. Its resync is far longer, so
// what it notices was reported to it.
const deadline = time.Minute

func TestTheLastPlatformLetsADeletedClassGo(t *testing.T) {
	b := newBench(t)
	start(t, b)
	eventually := gomega.NewWithT(t).Eventually
	status := func() *v1alpha1.PlatformClassStatus {
		class := &v1alpha1.PlatformClass{}
		if err := b.client.Get(t.Context(), client.ObjectKey{Name: b.name}, class); err != nil {
			return &v1alpha1.PlatformClassStatus{}
		}
		return &class.Status
	}
	reason := func() string {
		c := meta.FindStatusCondition(status().Conditions, v1alpha1.ConditionReady)
		if c == nil {
			return ""
		}
		return c.Reason
	}
	eventually(reason, deadline).Should(gomega.Equal(v1alpha1.ReasonConverged))
	p := b.platform("a")
	eventually(func() int32 { return status().Platforms }, deadline).Should(gomega.BeEquivalentTo(1))
	b.delete()
	eventually(reason, deadline).Should(gomega.Equal(v1alpha1.ReasonInUse))
	if err := b.client.Delete(t.Context(), p); err != nil {
		t.Fatalf("deleting the platform: %v", err)
	}
	eventually(func() bool {
		err := b.client.Get(t.Context(), client.ObjectKey{Name: b.name}, &v1alpha1.PlatformClass{})
		return apierrors.IsNotFound(err)
	}, deadline).Should(gomega.BeTrue())
	eventually(func() []string { return reasons(t, b) }, deadline).Should(gomega.ConsistOf("Converged", "InUse"))
}

// reasons are those of the events about the class.
func reasons(t *testing.T, b *bench) []string {
	t.Helper()
	var list eventsv1.EventList
	if err := b.client.List(t.Context(), &list); err != nil {
		t.Fatalf("listing events: %v", err)
	}
	var all []string
	for _, e := range list.Items {
		if e.Regarding.Name == b.name {
			all = append(all, e.Reason)
		}
	}
	return all
}

// start runs the controller under a manager until the test ends.
func start(t *testing.T, b *bench) {
	t.Helper()
	scheme, err := env.Scheme()
	if err != nil {
		t.Fatalf("building the scheme: %v", err)
	}
	mgr, err := ctrl.NewManager(env.APIServer(t).Config, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		t.Fatalf("creating a manager: %v", err)
	}
	r := &platformclass.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Metrics: b.reconciler.Metrics, Installation: "test", Events: mgr.GetEventRecorder("coach-operator"),
		Clock: clock.RealClock{}, Resync: time.Hour, Steps: b.reconciler.Steps,
	}
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
