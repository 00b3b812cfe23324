package coachplatform

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// inputs gathers what the steps need from the cluster. What is missing is a fault with its way out.
func (r *Reconciler) inputs(ctx context.Context, platform *v1alpha1.CoachPlatform) (*scope.Platform, error) {
	namespace, err := r.namespace(ctx, platform.Namespace)
	if err != nil {
		return nil, err
	}
	var class v1alpha1.PlatformClass
	if err := r.Client.Get(ctx, types.NamespacedName{Name: platform.Spec.ClassName}, &class); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, fault.Wait(v1alpha1.ReasonClassNotFound, 0,
				"the class %s does not exist (yet); create it, or name another one in a new platform (kubectl get pclass lists them)",
				platform.Spec.ClassName)
		}
		return nil, fmt.Errorf("reading the class: %w", err)
	}
	tenant := naming.Tenant{
		Installation: r.Installation, Namespace: platform.Namespace,
		NamespaceUID: string(namespace.UID), Name: platform.Name,
	}
	passwords := vault{client: r.Client, live: r.Live, namespace: r.Namespace}
	stored, err := passwords.password(ctx, r.Client, tenant)
	if err != nil {
		return nil, err
	}
	run := &scope.Platform{
		Tenant: tenant, Shared: naming.Class{Installation: r.Installation, Name: class.Name},
		Class: &class, Spec: &platform.Spec,
		Recorded:       scope.ParseRecord(platform.Annotations[v1alpha1.AnnotationDatabase]),
		MasterPassword: func(ctx context.Context) (string, error) { return passwords.ensure(ctx, tenant) },
	}
	if stored != "" {
		run.MasterFingerprint = scope.Fingerprint(stored)
	}
	return run, nil
}

// namespace returns the metadata of a namespace.
func (r *Reconciler) namespace(ctx context.Context, name string) (*metav1.PartialObjectMetadata, error) {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := r.Client.Get(ctx, types.NamespacedName{Name: name}, namespace); err != nil {
		return nil, fmt.Errorf("reading the namespace: %w", err)
	}
	return namespace, nil
}

// permit says whether the class may be used from the platform's namespace.
func permit(run *scope.Platform) error {
	if admits(run.Class, run.Tenant.Namespace) {
		return nil
	}
	return fault.New(fault.Invalid, v1alpha1.ReasonNamespaceNotAllowed,
		"the class %s does not admit the namespace %s; a cluster operator can add it to spec.allowedNamespaces of the class",
		run.Class.Name, run.Tenant.Namespace)
}

// admits says whether a class may be used from a namespace: a name, or a prefix that ends in *.
func admits(class *v1alpha1.PlatformClass, namespace string) bool {
	for _, pattern := range class.Spec.AllowedNamespaces {
		prefix, open := strings.CutSuffix(pattern, "*")
		if pattern == namespace || open && strings.HasPrefix(namespace, prefix) {
			return true
		}
	}
	return false
}
