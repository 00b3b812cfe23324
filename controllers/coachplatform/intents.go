package coachplatform

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// intents keeps a tenant's intents, each as a ConfigMap of the operator's own namespace that is created and never
// changed or deleted: on the platform it would be gone with it. It implements scope.Intents.
type intents struct{ vault }

// Declare implements scope.Intents.
func (i intents) Declare(ctx context.Context, resource string) (bool, error) {
	err := i.client.Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: i.namespace, Name: i.tenant.Resource() + "-intent-" + resource,
			Labels:      map[string]string{naming.LabelManagedBy: naming.ManagedBy},
			Annotations: map[string]string{naming.AnnotationTenant: i.tenant.Namespace + "/" + i.tenant.Name},
		},
		Immutable: new(true),
	})
	if apierrors.IsAlreadyExists(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("storing the intent to create the %s: %w", resource, err)
	}
	err = i.live.Get(ctx, i.key(scope.Master), &corev1.Secret{})
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the credential of %s: %w", scope.Master, err)
	}
	return false, nil
}
