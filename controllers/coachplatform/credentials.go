package coachplatform

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
)

// Where the master password of a tenant's database is kept: a Secret in the operator's own namespace,
// where no tenant can read it and no tenant's deletion can take it away.
const (
	masterSuffix = "-master"
	passwordKey  = "password"
)

// vault keeps master passwords.
type vault struct {
	client    client.Client
	live      client.Reader
	namespace string
}

func (v vault) key(t naming.Tenant) types.NamespacedName {
	return types.NamespacedName{Namespace: v.namespace, Name: t.Resource() + masterSuffix}
}

// password returns the stored password, "" if there is none.
func (v vault) password(ctx context.Context, from client.Reader, t naming.Tenant) (string, error) {
	var secret corev1.Secret
	if err := from.Get(ctx, v.key(t), &secret); err != nil {
		if apierrors.IsNotFound(err) {
			return "", nil
		}
		return "", fmt.Errorf("reading the master credential: %w", err)
	}
	return string(secret.Data[passwordKey]), nil
}

// ensure returns the stored password, making and storing one if there is none. Two makers cannot both
// win: the second reads what the first stored.
func (v vault) ensure(ctx context.Context, t naming.Tenant) (string, error) {
	if password, err := v.password(ctx, v.live, t); err != nil || password != "" {
		return password, err
	}
	key := v.key(t)
	// rand.Text has at least 128 bits and only letters and digits, which RDS allows.
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace, Name: key.Name,
			Labels:      map[string]string{naming.LabelManagedBy: naming.ManagedBy},
			Annotations: map[string]string{naming.AnnotationTenant: t.Namespace + "/" + t.Name},
		},
		Data: map[string][]byte{passwordKey: []byte(rand.Text())},
	}
	if err := v.client.Create(ctx, secret); err != nil && !apierrors.IsAlreadyExists(err) {
		return "", fmt.Errorf("storing the master credential: %w", err)
	}
	password, err := v.password(ctx, v.live, t)
	if err == nil && password == "" {
		return "", fault.New(fault.Conflict, v1alpha1.ReasonConflict,
			"the Secret %s has no key %q; delete it, and a new password is made and set", key, passwordKey)
	}
	return password, err
}
