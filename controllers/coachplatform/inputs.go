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
	"github.com/coachplatform/coach-operator/controllers/internal/stripesecret"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// inputs gathers what the steps need from the cluster. What is missing is a fault with its way out.
func (r *Reconciler) inputs(ctx context.Context, platform *v1alpha1.CoachPlatform) (*scope.Platform, error) {
	run, err := r.tenancy(ctx, platform)
	if err != nil {
		return nil, err
	}
	run.Owner = string(platform.UID)
	kept := vault{client: r.Client, live: r.Live, namespace: r.Namespace, tenant: run.Tenant}
	run.Passwords = kept
	if !r.InstallationGiven {
		run.Intents = intents{kept}
	}
	stored, err := run.Passwords.Stored(ctx, scope.Master)
	if err != nil {
		return nil, err
	}
	if stored != "" {
		run.MasterFingerprint = scope.Fingerprint(stored)
	}
	return run, nil
}

// tenancy says whose the platform is, where it belongs and what it records: all that releasing takes.
func (r *Reconciler) tenancy(ctx context.Context, platform *v1alpha1.CoachPlatform) (*scope.Platform, error) {
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
	run := &scope.Platform{
		Tenant: naming.Tenant{
			Installation: r.Installation, Namespace: platform.Namespace,
			NamespaceUID: string(namespace.UID), Name: platform.Name,
		},
		Shared: naming.Class{Installation: r.Installation, Name: class.Name},
		Class:  &class, Spec: &platform.Spec,
		Recorded: scope.ParseRecord(platform.Annotations[v1alpha1.AnnotationDatabase]),
	}
	run.Business = r.business(ctx, platform, &class)
	return run, nil
}

// business is what the platform needs for Stripe. What is missing is the business of the steps about
// Stripe, and keeps no other from running.
func (r *Reconciler) business(ctx context.Context, platform *v1alpha1.CoachPlatform, class *v1alpha1.PlatformClass) scope.Business {
	if !hasStripe(platform) {
		return scope.Business{}
	}
	key, err := stripesecret.Key(ctx, r.Live, platform)
	return scope.Business{
		Key: key, Problem: err, URL: class.Spec.Stripe.WebhookBaseURL + "/stripe/" + platform.Namespace + "/" + platform.Name,
		Signing: stripesecret.Signing{Client: r.Client, Live: r.Live, Clock: r.Clock, Platform: platform},
	}
}

// namespace returns the metadata of a namespace, past the cache: one that was created again under its old
// name is another tenant's.
func (r *Reconciler) namespace(ctx context.Context, name string) (*metav1.PartialObjectMetadata, error) {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := r.Live.Get(ctx, types.NamespacedName{Name: name}, namespace); err != nil {
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
