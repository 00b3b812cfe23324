package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	// keyData holds the API key in the Secret that spec.stripe.credentialsSecretName names.
	keyData = "apiKey"
	// installationMap and installationData are where the operator keeps the ID of its installation.
	installationMap, installationData = "coach-installation", "id"
)

// business is a platform as Stripe knows it.
type business struct {
	platform *v1alpha1.CoachPlatform
	tenant   naming.Tenant
	key      scope.Secret
}

// live says which of Stripe's modes the platform uses.
func (b business) live() bool { return b.platform.Spec.Stripe.Mode == v1alpha1.StripeLive }

// installationFlag is for users who may not read the operator's namespace.
func installationFlag(flags *pflag.FlagSet, to *string) {
	flags.StringVar(to, "installation-id", "", "the ID of the operator's installation, if you may not read the ConfigMap "+
		home+"/"+installationMap)
}

// business reads, with the rights of the caller, what is needed to call Stripe for a platform.
func (c cluster) business(ctx context.Context, name, installation string) (business, error) {
	platform, err := c.platform(ctx, name)
	if err != nil {
		return business{}, err
	}
	if platform.Spec.Stripe.CredentialsSecretName == "" {
		return business{}, fmt.Errorf("the platform %s has no Stripe account: add spec.stripe to it", name)
	}
	if installation == "" {
		if installation, err = c.installation(ctx); err != nil {
			return business{}, err
		}
	}
	namespace := &corev1.Namespace{}
	if err := c.Get(ctx, client.ObjectKey{Name: c.namespace}, namespace); err != nil {
		return business{}, c.explain("Namespace", c.namespace, err)
	}
	key, err := c.key(ctx, platform.Spec.Stripe.CredentialsSecretName)
	return business{
		platform: platform, key: key,
		tenant: naming.Tenant{Installation: installation, Namespace: c.namespace, NamespaceUID: string(namespace.UID), Name: name},
	}, err
}

// installation returns the ID of the operator's installation.
func (c cluster) installation(ctx context.Context) (string, error) {
	stored := &corev1.ConfigMap{}
	err := c.Get(ctx, client.ObjectKey{Namespace: home, Name: installationMap}, stored)
	switch {
	case apierrors.IsForbidden(err):
		return "", fmt.Errorf("you may not read the ConfigMap %s/%s: ask the cluster's operator for the ID in it, and pass it with "+
			"--installation-id", home, installationMap)
	case apierrors.IsNotFound(err), err == nil && stored.Data[installationData] == "":
		return "", fmt.Errorf("there is no installation ID in the ConfigMap %s/%s: is the operator installed? "+
			"(kubectl -n %s get deployment %s)", home, installationMap, home, operator)
	case err != nil:
		return "", fmt.Errorf("reading the ConfigMap %s/%s: %w", home, installationMap, err)
	}
	return stored.Data[installationData], nil
}

// key returns the key of the business's Stripe account.
func (c cluster) key(ctx context.Context, name string) (scope.Secret, error) {
	secret := &corev1.Secret{}
	err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, secret)
	switch {
	case apierrors.IsForbidden(err):
		return scope.Secret{}, fmt.Errorf("you may not read the Secret %[1]s in the namespace %[2]s, which holds the key of the business's "+
			"Stripe account: this command is for its administrators (kubectl -n %[2]s auth can-i get secret/%[1]s)", name, c.namespace)
	case apierrors.IsNotFound(err):
		return scope.Secret{}, fmt.Errorf("there is no Secret %s in the namespace %s, which spec.stripe.credentialsSecretName names: create it "+
			"with a restricted key of the business's Stripe account as %s", name, c.namespace, keyData)
	case err != nil:
		return scope.Secret{}, fmt.Errorf("reading the Secret %s in the namespace %s: %w", name, c.namespace, err)
	}
	text := strings.TrimSpace(string(secret.Data[keyData]))
	if text == "" {
		return scope.Secret{}, fmt.Errorf("the Secret %s in the namespace %s has no %s: put a restricted key of the business's Stripe "+
			"account there", name, c.namespace, keyData)
	}
	return scope.NewSecret(text), nil
}

// spoken rewords a fault for a person at a terminal: the operator tries again by itself, this program
// does not.
func spoken(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
		return err
	case f.Class == fault.Transient && f.Err != nil:
		return fmt.Errorf("the request failed and may succeed later: try again: %w", f.Err)
	}
	return errors.New(plain(f.Message))
}
