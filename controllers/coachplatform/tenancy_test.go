package coachplatform_test

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

func TestAPlatformWithoutItsClassIsDeletedAtOnce(t *testing.T) {
	t.Parallel()
	b, _ := newTrio(t)
	b.start(func(p *v1alpha1.CoachPlatform) { p.Spec.ClassName = "standrad" })
	b.mustPass()
	b.expect(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonClassNotFound)
	b.delete()
	if b.platform() != nil {
		t.Error("nothing was ever made for it, and it stays")
	}
}

// behind is a client with a cache that has not heard of everything yet.
type behind struct {
	client.Client
	// namespace is the UID that it has for every namespace.
	namespace types.UID
}

func (b behind) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	if _, ok := o.(*corev1.Secret); ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
	}
	err := b.Client.Get(ctx, key, o, options...)
	if meta, ok := o.(*metav1.PartialObjectMetadata); ok && meta.Kind == "Namespace" {
		meta.UID = b.namespace
	}
	return err
}

func TestANamespaceThatWasCreatedAgainIsAnotherTenant(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.reconciler.Client = behind{b.client, "of-the-namespace-before"}
	b.start()
	var uid string
	w.key.onWrite = func(_ context.Context, in *scope.Platform) error {
		uid = in.Tenant.NamespaceUID
		return nil
	}
	b.mustPass()
	if uid == "of-the-namespace-before" || uid == "" {
		t.Errorf("the steps serve the tenant of the namespace with UID %q", uid)
	}
}

func TestAReleaseThatIsStuckRequestsNoHurry(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	w.firewall.change(func(m *memory) { m.leaving = fault.New(fault.Denied, v1alpha1.ReasonAccessDenied, "no") })
	b.delete()
	b.mustPass() // the others are released
	result, err := b.pass()
	if err != nil || result.RequeueAfter < 30*time.Second {
		t.Errorf("the next pass is in %s (%v)", result.RequeueAfter, err)
	}
}

func TestAMasterPasswordThatTheCacheDoesNotHoldIsThere(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.reconciler.Client = behind{Client: b.client}
	b.start()
	var given, seen []string
	w.asking(&given, context.DeadlineExceeded)
	w.key.onWrite = func(_ context.Context, in *scope.Platform) error {
		seen = append(seen, in.MasterFingerprint)
		return context.DeadlineExceeded
	}
	for range 2 {
		b.mustRetry()
	}
	if len(given) != 2 || len(seen) != 2 || seen[1] != scope.Fingerprint(given[0]) {
		t.Errorf("the steps are given the fingerprints %q", seen)
	}
}

func TestAnApprovalThatComesBackApprovesNothing(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.settle()
	change := func(size string) { w.database.change(func(m *memory) { m.live.Size = size }) }
	change("huge")
	first := b.mustPass().Status.Approval
	b.annotate(v1alpha1.AnnotationApprove, first)
	b.settle()
	change("huge")
	b.annotate(v1alpha1.AnnotationApprove, first) // as a pipeline does that never took it out
	w.written()
	platform := b.mustPass()
	if writes := w.written(); writes != nil || platform.Status.Approval == first || platform.Status.Approval == "" {
		t.Errorf("the same change was made again (%v), or waits for the same hash", writes)
	}
}
