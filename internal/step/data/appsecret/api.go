package appsecret

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// API is what the step asks of the API server; a grant in the tenant's namespace allows these verbs.
type API interface {
	client.Reader
	Create(ctx context.Context, object client.Object, options ...client.CreateOption) error
	Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error
	Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error
}

var _ API = client.Client(nil)

const (
	// ungranted is when to check for a grant again: no event reports one.
	ungranted = 30 * time.Second
	// raced is when to observe again after another writer was faster.
	raced = 2 * time.Second
)

// classify turns an error of the API server about something in a namespace into a fault. Its words may quote
// what was sent, so only its reason is repeated.
func classify(err error, namespace, what string) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause), apierrors.IsNotFound(err) && !ofSecret(err):
		f = fault.Wait(v1alpha1.ReasonReleasing, 0, "the namespace %s is being deleted, so no Secret is created in it", namespace)
	case apierrors.IsForbidden(err):
		f = fault.New(fault.Denied, v1alpha1.ReasonNamespaceNotGranted,
			"the operator may not keep Secrets in the namespace %s (%s); run: kubectl coach grant %s | kubectl apply -f - "+
				"(if that was done, a quota or an admission policy of the namespace refuses)", namespace, what, namespace)
		f.After = ungranted
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err):
		f = fault.Wait(v1alpha1.ReasonSettling, raced, "somebody else wrote or deleted %s meanwhile; it is observed again", what)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		f = fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
			"the API server refuses %s as invalid; check the admission policies of the namespace %s", what, namespace)
	default:
		f = fault.New(fault.Transient, v1alpha1.ReasonTransientError,
			"the API server did not answer about %s in the namespace %s; it is tried again", what, namespace)
	}
	return f.Because(redacted{err})
}

// ofSecret says that what was not found is a Secret, and not its namespace.
func ofSecret(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == string(corev1.ResourceSecrets)
}

// redacted keeps an error for its type and says no more than its reason.
type redacted struct{ error }

func (r redacted) Error() string {
	if reason := apierrors.ReasonForError(r.error); reason != metav1.StatusReasonUnknown {
		return string(reason)
	}
	return fmt.Sprintf("%T", r.error)
}

func (r redacted) Unwrap() error { return r.error }
