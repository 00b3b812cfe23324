package crash_test

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// installationID is that of every operator in these tests.
const installationID = "crash-suite"

// plan is one world for operators to die in: an AWS account, a class and a platform of its own.
type plan struct {
	cluster *env.Cluster
	account *env.Account
	clock   *env.Clock
	// home is the operator's own namespace.
	home     string
	tenant   naming.Tenant
	owner    naming.Class
	class    *v1alpha1.PlatformClass
	platform *v1alpha1.CoachPlatform
}

// newPlan creates a world in which no operator has been yet. Without a home given it creates one.
func newPlan(t *testing.T, home string) *plan {
	t.Helper()
	p := &plan{cluster: env.APIServer(t), account: env.StartSandbox(t, env.WithDataPlane()).Account(t), clock: env.NewClock(), home: home}
	if home == "" {
		p.home = p.newNamespace(t, "coach-system-").Name
	}
	namespace := p.newNamespace(t, "tenant-")
	p.cluster.Grant(t, namespace.Name)
	p.class = &v1alpha1.PlatformClass{ObjectMeta: metav1.ObjectMeta{GenerateName: "class-"}, Spec: p.account.Class().Spec}
	p.class.Spec.Database.EngineVersions = []string{"16"}
	p.create(t, p.class)
	p.platform = &v1alpha1.CoachPlatform{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "studio"},
		Spec:       v1alpha1.CoachPlatformSpec{ClassName: p.class.Name, DisplayName: "Studio"},
	}
	p.create(t, p.platform)
	p.owner = naming.Class{Installation: installationID, Name: p.class.Name}
	p.tenant = naming.Tenant{
		Installation: installationID, Namespace: namespace.Name, NamespaceUID: string(namespace.UID), Name: p.platform.Name,
	}
	return p
}

func (p *plan) newNamespace(t *testing.T, prefix string) *corev1.Namespace {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix}}
	p.create(t, namespace)
	return namespace
}

func (p *plan) create(t *testing.T, o client.Object) {
	t.Helper()
	if err := p.cluster.Client.Create(t.Context(), o); err != nil {
		t.Fatalf("creating a %T: %v", o, err)
	}
}

// read reads both objects as they are now.
func (p *plan) read(t *testing.T) {
	t.Helper()
	err := errors.Join(
		p.cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(p.class), p.class),
		p.cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(p.platform), p.platform),
	)
	if err != nil {
		t.Fatalf("reading the class and the platform: %v", err)
	}
}

// forget makes both objects lose what goes with a death.
func (p *plan) forget(t *testing.T, d death) {
	t.Helper()
	if !d.status {
		return
	}
	p.read(t)
	p.class.Status, p.platform.Status = v1alpha1.PlatformClassStatus{}, v1alpha1.CoachPlatformStatus{}
	err := errors.Join(
		p.cluster.Client.Status().Update(t.Context(), p.class), p.cluster.Client.Status().Update(t.Context(), p.platform))
	if d.annotation {
		before := p.platform.DeepCopy()
		delete(p.platform.Annotations, v1alpha1.AnnotationDatabase)
		err = errors.Join(err, p.cluster.Client.Patch(t.Context(), p.platform, client.MergeFrom(before)))
	}
	if err != nil {
		t.Fatalf("wiping the status: %v", err)
	}
}

// discard removes both objects without releasing anything, so that no other operator sees them.
func (p *plan) discard(t *testing.T) {
	t.Helper()
	p.read(t)
	for _, o := range []client.Object{p.platform, p.class} {
		before := o.DeepCopyObject().(client.Object)
		o.SetFinalizers(nil)
		err := errors.Join(p.cluster.Client.Patch(t.Context(), o, client.MergeFrom(before)), p.cluster.Client.Delete(t.Context(), o))
		if err != nil {
			t.Fatalf("discarding %s: %v", o.GetName(), err)
		}
	}
}

// finished says what is missing for the platform to be in place, "" when nothing is.
func (p *plan) finished(t *testing.T) string {
	t.Helper()
	p.read(t)
	applicable := len(evidence.Applicable(false))
	every := fmt.Sprintf("%d/%d", applicable, applicable)
	for what, is := range map[string]bool{
		"the class is not ready":              meta.IsStatusConditionTrue(p.class.Status.Conditions, v1alpha1.ConditionReady),
		"the platform is not ready":           meta.IsStatusConditionTrue(p.platform.Status.Conditions, v1alpha1.ConditionReady),
		"not every control is verified":       p.platform.Status.Security.Summary == every,
		"the database is still being created": p.platform.Status.Database.State == "available",
	} {
		if !is {
			return what + p.describe()
		}
	}
	return ""
}

func (p *plan) describe() (text string) {
	for _, c := range append(append([]metav1.Condition(nil), p.class.Status.Conditions...), p.platform.Status.Conditions...) {
		text += fmt.Sprintf("\n  %s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
	}
	return text + fmt.Sprintf("\n  security %s, database %s", p.platform.Status.Security.Summary, p.platform.Status.Database.State)
}
