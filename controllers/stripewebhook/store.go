package stripewebhook

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Types of events that tell what nobody can read afterwards.
const (
	deauthorized = "account.application.deauthorized"
	payoutFailed = "payout.failed"
	payoutPaid   = "payout.paid"
)

const (
	// AccountIndex finds the objects of one Stripe account.
	AccountIndex = "stripe-account"
	// paid is what is kept of a payout that arrived, and failed of one whose failure has no code.
	paid, failed = "paid", "failed"
	// telling is how precisely it is kept when Stripe last delivered anything.
	telling = 10 * time.Minute
)

// store keeps what an event hints at on the object of its account, and that Stripe delivers on the platform.
func (r *Receiver) store(ctx context.Context, platform *v1alpha1.CoachPlatform, hint stripe.Hint) (string, error) {
	if err := r.delivered(ctx, platform); err != nil {
		return "", err
	}
	if hint.Account == "" {
		return "not_of_an_account", nil
	}
	var accounts v1alpha1.PayoutAccountList
	err := r.Client.List(ctx, &accounts, client.InNamespace(platform.Namespace), client.MatchingFields{AccountIndex: hint.Account})
	if err != nil {
		return "", fmt.Errorf("looking for the object of an account: %w", err)
	}
	result := "unknown_account"
	for i := range accounts.Items {
		account := &accounts.Items[i]
		if account.Spec.PlatformName != platform.Name {
			continue
		}
		if result = "stored"; !noted(account, hint) {
			result = "repeated"
			continue
		}
		if err := client.IgnoreNotFound(r.note(ctx, account, hint)); err != nil {
			return "", fmt.Errorf("noting an event: %w", err)
		}
	}
	return result, nil
}

// note writes the annotations of a hint. The patch holds these only, so it needs no lock.
func (r *Receiver) note(ctx context.Context, account *v1alpha1.PayoutAccount, hint stripe.Hint) error {
	before := account.DeepCopy()
	after := before.DeepCopy()
	noted(after, hint)
	return r.Client.Patch(ctx, after, client.MergeFrom(before))
}

// noted writes a hint into an object's annotations and says whether that changed any.
func noted(account *v1alpha1.PayoutAccount, hint stripe.Hint) bool {
	before := maps.Clone(account.Annotations)
	set := func(key, value string) { metav1.SetMetaDataAnnotation(&account.ObjectMeta, key, value) }
	set(v1alpha1.AnnotationEvent, hint.ID)
	switch hint.Type {
	case deauthorized:
		set(v1alpha1.AnnotationDeauthorized, hint.ID)
	case payoutPaid:
		setPayout(account, paid, hint.Created)
	case payoutFailed:
		code := hint.FailureCode
		if code == "" {
			code = failed
		}
		setPayout(account, code, hint.Created)
	}
	return !maps.Equal(before, account.Annotations)
}

// setPayout keeps how the last payout went. Events come in any order: an older one says nothing.
func setPayout(account *v1alpha1.PayoutAccount, code string, at time.Time) {
	_, when, _ := strings.Cut(account.Annotations[v1alpha1.AnnotationPayout], "@")
	if last, err := time.Parse(time.RFC3339, when); err == nil && last.After(at) {
		return
	}
	metav1.SetMetaDataAnnotation(&account.ObjectMeta, v1alpha1.AnnotationPayout, code+"@"+at.UTC().Format(time.RFC3339))
}

// delivered keeps that Stripe delivers, not more often than is of use.
func (r *Receiver) delivered(ctx context.Context, platform *v1alpha1.CoachPlatform) error {
	now := r.Clock.Now().UTC()
	last, err := time.Parse(time.RFC3339, platform.Annotations[v1alpha1.AnnotationDelivered])
	end := r.endpoints.of(platform, r.Clock)
	if err == nil && now.Sub(last) < telling || !end.tell(now) {
		return nil
	}
	before := platform.DeepCopy()
	after := platform.DeepCopy()
	metav1.SetMetaDataAnnotation(&after.ObjectMeta, v1alpha1.AnnotationDelivered, now.Format(time.RFC3339))
	return client.IgnoreNotFound(r.Client.Patch(ctx, after, client.MergeFrom(before)))
}

// tell says whether it is time to keep that Stripe delivers, of many events only once.
func (e *endpoint) tell(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.told.IsZero() && now.Sub(e.told) < telling {
		return false
	}
	e.told = now
	return true
}

// AccountOf is the Stripe account of an object, for AccountIndex; none if it has none.
func AccountOf(o client.Object) []string {
	id := scope.ParseAccountRecord(o.GetAnnotations()[v1alpha1.AnnotationAccount]).Account
	if id == "" {
		return nil
	}
	return []string{id}
}
