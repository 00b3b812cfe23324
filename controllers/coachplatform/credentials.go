package coachplatform

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Where the passwords of a tenant's logins are kept: a Secret for each in the operator's own namespace,
// where no tenant can read it and no tenant's deletion can take it away.
const (
	masterSuffix = "-master"
	loginInfix   = "-login-"
	passwordKey  = "password"
)

// vault keeps the passwords of one tenant's logins; it implements scope.Passwords.
type vault struct {
	client    client.Client
	live      client.Reader
	namespace string
	tenant    naming.Tenant
}

func (v vault) key(login string) types.NamespacedName {
	suffix := loginInfix + strings.ReplaceAll(login, "_", "-")
	if login == scope.Master {
		suffix = masterSuffix
	}
	return types.NamespacedName{Namespace: v.namespace, Name: v.tenant.Resource() + suffix}
}

// Stored implements scope.Passwords. The cache holds labelled Secrets only: one that was restored without
// its label is there all the same.
func (v vault) Stored(ctx context.Context, login string) (string, error) {
	if password, err := v.read(ctx, v.client, login); err != nil || password != "" {
		return password, err
	}
	return v.read(ctx, v.live, login)
}

func (v vault) read(ctx context.Context, from client.Reader, login string) (string, error) {
	var secret corev1.Secret
	if err := from.Get(ctx, v.key(login), &secret); err != nil {
		if apierrors.IsNotFound(err) {
			return "", nil
		}
		return "", fmt.Errorf("reading the credential of %s: %w", login, err)
	}
	return string(secret.Data[passwordKey]), nil
}

// Ensure implements scope.Passwords. Two makers cannot both win: the second reads what the first stored.
func (v vault) Ensure(ctx context.Context, login string) (string, error) {
	if password, err := v.read(ctx, v.live, login); err != nil || password != "" {
		return password, err
	}
	key := v.key(login)
	// rand.Text has at least 128 bits and only letters and digits, which RDS allows.
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace, Name: key.Name,
			Labels:      map[string]string{naming.LabelManagedBy: naming.ManagedBy},
			Annotations: map[string]string{naming.AnnotationTenant: v.tenant.Namespace + "/" + v.tenant.Name},
		},
		Data: map[string][]byte{passwordKey: []byte(rand.Text())},
	}
	if err := v.client.Create(ctx, secret); err != nil && !apierrors.IsAlreadyExists(err) {
		return "", fmt.Errorf("storing the credential of %s: %w", login, err)
	}
	password, err := v.read(ctx, v.live, login)
	if err == nil && password == "" {
		return "", fault.New(fault.Conflict, v1alpha1.ReasonConflict,
			"the Secret %s has no key %q; delete it, and a new password is made and set", key, passwordKey)
	}
	return password, err
}

// Forget implements scope.Passwords. The master's is never dropped: it would cut the operator off.
func (v vault) Forget(ctx context.Context, login string) error {
	if login == scope.Master {
		return nil
	}
	key := v.key(login)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	if err := client.IgnoreNotFound(v.client.Delete(ctx, secret)); err != nil {
		return fmt.Errorf("dropping the credential of %s: %w", login, err)
	}
	return nil
}
