// Package stripesecret reads and keeps, in tenants' namespaces, what a platform needs for Stripe: the key
// of the business's account, and what Stripe signs its events with. Nothing watches these Secrets.
package stripesecret

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// dataKey holds the API key.
const dataKey = "apiKey"

// ungranted is how long a pass waits for a grant, or for a Secret: nothing else announces one.
const ungranted = 30 * time.Second

// Key returns the key of a platform's Stripe account, past every cache.
func Key(ctx context.Context, live client.Reader, platform *v1alpha1.CoachPlatform) (scope.Secret, error) {
	name := platform.Spec.Stripe.CredentialsSecretName
	secret, err := read(ctx, live, platform.Namespace, name)
	if err != nil {
		return scope.Secret{}, err
	}
	var text string
	if secret != nil {
		text = strings.TrimSpace(string(secret.Data[dataKey]))
	}
	if text != "" {
		return scope.NewSecret(text), nil
	}
	const wayOut = "the Secret %s of spec.stripe.credentialsSecretName %s; create it in the namespace %s with a restricted key of the " +
		"business's Stripe account as %s"
	if secret == nil { // whoever applies both at once, in any order, made no mistake
		return scope.Secret{}, fault.Wait(v1alpha1.ReasonPlatformCredentialsInvalid, ungranted, wayOut, name, "does not exist yet",
			platform.Namespace, dataKey)
	}
	f := fault.New(fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid, wayOut, name, "has no key "+dataKey, platform.Namespace, dataKey)
	f.After = ungranted
	return scope.Secret{}, f
}

// read returns a Secret, nil if there is none.
func read(ctx context.Context, live client.Reader, namespace, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // there is none, which is no failure
	case apierrors.IsForbidden(err):
		return nil, notGranted(namespace)
	case err != nil:
		return nil, fmt.Errorf("reading the Secret %s: %w", name, err)
	}
	return secret, nil
}

func notGranted(namespace string) error {
	f := fault.New(fault.Denied, v1alpha1.ReasonNamespaceNotGranted,
		"the operator may not use Secrets in the namespace %[1]s; run: kubectl coach grant %[1]s | kubectl apply -f -", namespace)
	f.After = ungranted
	return f
}
