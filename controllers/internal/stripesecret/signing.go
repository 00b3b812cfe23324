package stripesecret

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	// secretKey holds what events are signed with now, and previousKey what they were signed with before.
	secretKey, previousKey = "secret", "previous"
	// overlap is how long the one before goes on to count: events that were signed with it are under way.
	overlap = 24 * time.Hour
	// suffix follows the platform's name in the name of the Secret, unless the spec names another.
	suffix = "-stripe-webhook"
)

var (
	// annotationEndpoint is the endpoint that the secret belongs to.
	annotationEndpoint = v1alpha1.GroupVersion.Group + "/stripe-endpoint"
	// annotationUntil is when the previous secret ceases to count.
	annotationUntil = v1alpha1.GroupVersion.Group + "/previous-until"
	labelPlatform   = v1alpha1.GroupVersion.Group + "/platform"
)

// Signing keeps the signing secrets of one platform; it implements scope.SigningSecrets.
type Signing struct {
	Client   client.Client
	Live     client.Reader
	Clock    clock.PassiveClock
	Platform *v1alpha1.CoachPlatform
}

func (s Signing) name() string {
	if name := s.Platform.Spec.Stripe.WebhookSecretName; name != "" {
		return name
	}
	return s.Platform.Name + suffix
}

// Stored implements scope.SigningSecrets.
func (s Signing) Stored(ctx context.Context) (scope.Signing, error) {
	secret, err := s.own(ctx)
	if err != nil || secret == nil {
		return scope.Signing{}, err
	}
	return scope.Signing{
		Endpoint: secret.Annotations[annotationEndpoint], Secret: scope.NewSecret(string(secret.Data[secretKey])),
	}, nil
}

// Valid returns the secrets that count now: the current one, and for a day the one before it.
func (s Signing) Valid(ctx context.Context) ([]scope.Secret, error) {
	secret, err := s.own(ctx)
	if err != nil || secret == nil {
		return nil, err
	}
	all := []scope.Secret{scope.NewSecret(string(secret.Data[secretKey]))}
	until, err := time.Parse(time.RFC3339, secret.Annotations[annotationUntil])
	if err == nil && s.Clock.Now().Before(until) {
		all = append(all, scope.NewSecret(string(secret.Data[previousKey])))
	}
	return all, nil
}

// own returns the Secret, nil if there is none. One that is not the platform's own is left alone.
func (s Signing) own(ctx context.Context) (*corev1.Secret, error) {
	secret, err := read(ctx, s.Live, s.Platform.Namespace, s.name())
	if err != nil || secret == nil {
		return nil, err
	}
	if secret.Labels[naming.LabelManagedBy] != naming.ManagedBy || secret.Labels[labelPlatform] != s.Platform.Name {
		return nil, fault.New(fault.Conflict, v1alpha1.ReasonConflict,
			"the Secret %s is not the platform's own, and nothing is kept in it: delete or rename it, or name another one in "+
				"spec.stripe.webhookSecretName", secret.Name)
	}
	return secret, nil
}

// Store implements scope.SigningSecrets.
func (s Signing) Store(ctx context.Context, endpoint string, value scope.Secret) error {
	before, err := s.own(ctx)
	if err != nil {
		return err
	}
	if before == nil {
		return s.written(s.Client.Create(ctx, s.made(endpoint, value)))
	}
	after := before.DeepCopy()
	after.Annotations = maps.Clone(before.Annotations)
	if after.Annotations == nil {
		after.Annotations = map[string]string{}
	}
	if old := before.Data[secretKey]; string(old) != value.Reveal() { // the same once more ends no overlap
		after.Data = map[string][]byte{secretKey: []byte(value.Reveal())}
		delete(after.Annotations, annotationUntil)
		if len(old) > 0 {
			after.Data[previousKey] = old
			after.Annotations[annotationUntil] = s.Clock.Now().Add(overlap).UTC().Format(time.RFC3339)
		}
	}
	after.Annotations[annotationEndpoint] = endpoint
	return s.written(s.Client.Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})))
}

func (s Signing) made(endpoint string, value scope.Secret) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Platform.Namespace, Name: s.name(),
			Labels:      map[string]string{naming.LabelManagedBy: naming.ManagedBy, labelPlatform: s.Platform.Name},
			Annotations: map[string]string{annotationEndpoint: endpoint},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "CoachPlatform", Name: s.Platform.Name, UID: s.Platform.UID, Controller: new(true),
			}},
		},
		Data: map[string][]byte{secretKey: []byte(value.Reveal())},
	}
}

// written says what became of a write, without its words, which may quote what was sent.
func (s Signing) written(err error) error {
	switch {
	case err == nil:
		return nil
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return fault.Wait(v1alpha1.ReasonReleasing, 0, "the namespace %s is being deleted, so no Secret is created in it", s.Platform.Namespace)
	case apierrors.IsForbidden(err):
		return notGranted(s.Platform.Namespace)
	}
	return fmt.Errorf("keeping the signing secret: %s", apierrors.ReasonForError(err))
}
