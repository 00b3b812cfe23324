package stripewebhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Types of events that report what nobody can read afterwards.
const (
	deauthorized = "account.application.deauthorized"
	payoutFailed = "payout.failed"
	payoutPaid   = "payout.paid"
	bankAdded    = "account.external_account.created"
	bankChanged  = "account.external_account.updated"
	bankRemoved  = "account.external_account.deleted"
)

// ordered are those of which only the last counts.
var ordered = []string{payoutPaid, payoutFailed, bankAdded, bankChanged, bankRemoved}

const (
	// AccountIndex finds the objects of one Stripe account.
	AccountIndex = "stripe-account"
	// paid is what is kept of a payout that arrived, or of bank data that are new, and failed of one whose failure has no code.
	paid, failed = "paid", "failed"
	// reporting is how precisely it is kept when Stripe last delivered anything.
	reporting = 10 * time.Minute
)

// errLimited says that more hints came than are stored.
var errLimited = errors.New("more events than are stored")

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
		return "", fmt.Errorf("searching for the object of an account: %w", err)
	}
	var stored, repeated bool
	for i := range accounts.Items {
		account := &accounts.Items[i]
		switch {
		case account.Spec.PlatformName != platform.Name:
			continue
		case maps.Equal(account.Annotations, r.noted(account, hint)):
			repeated = true
			continue
		}
		if !r.stored.AllowN(r.Clock.Now(), 1) || !r.endpoints.of(platform, r.Clock).stores(account.UID) {
			return "", errLimited
		}
		if err := client.IgnoreNotFound(r.note(ctx, account, hint)); err != nil {
			return "", fmt.Errorf("noting an event: %w", err)
		}
		stored = true
	}
	switch {
	case stored:
		return "stored", nil
	case repeated:
		return "repeated", nil
	}
	return "unknown_account", nil
}

// note writes the annotations of a hint. The patch holds these only, so it needs no lock; but what is kept of
// a payout depends on what is kept already, so that is read past the cache and must not change meanwhile.
func (r *Receiver) note(ctx context.Context, cached *v1alpha1.PayoutAccount, hint stripe.Hint) error {
	if !slices.Contains(ordered, hint.Type) {
		after := cached.DeepCopy()
		after.Annotations = r.noted(cached, hint)
		return r.Client.Patch(ctx, after, client.MergeFrom(cached))
	}
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		before := &v1alpha1.PayoutAccount{}
		if err := r.Live.Get(ctx, client.ObjectKeyFromObject(cached), before); err != nil {
			return err
		}
		after := before.DeepCopy()
		after.Annotations = r.noted(before, hint)
		return r.Client.Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	})
}

// noted returns an object's annotations with a hint among them. An event that comes again after another one
// is a new hint, lest it be taken for one that was acted upon: hence the time.
func (r *Receiver) noted(account *v1alpha1.PayoutAccount, hint stripe.Hint) map[string]string {
	all := maps.Clone(account.Annotations)
	if all == nil {
		all = map[string]string{}
	}
	if last, _, _ := strings.Cut(all[v1alpha1.AnnotationEvent], "@"); last != hint.ID {
		all[v1alpha1.AnnotationEvent] = hint.ID + "@" + r.Clock.Now().UTC().Format(time.RFC3339Nano)
	}
	switch hint.Type {
	case deauthorized:
		all[v1alpha1.AnnotationDeauthorized] = hint.ID
	case payoutPaid, bankAdded, bankChanged, bankRemoved: // what failed with the bank before says nothing of this one
		all[v1alpha1.AnnotationPayout] = last(all[v1alpha1.AnnotationPayout], paid, hint.Created)
	case payoutFailed:
		all[v1alpha1.AnnotationPayout] = last(all[v1alpha1.AnnotationPayout], cmp.Or(hint.FailureCode, failed), hint.Created)
	}
	return all
}

// last returns how the last payout went, of what is kept and what an event reports. Events come in any order:
// an older one says nothing. Their times are whole seconds: of two in the same, a failure counts, so that
// somebody looks.
func last(kept, code string, at time.Time) string {
	was, when, _ := strings.Cut(kept, "@")
	then, err := time.Parse(time.RFC3339, when)
	if err == nil && (then.After(at) || then.Equal(at) && (code == paid || was != paid && was > code)) {
		return kept
	}
	return code + "@" + at.UTC().Format(time.RFC3339)
}

// delivered keeps that Stripe delivers, not more often than is of use.
func (r *Receiver) delivered(ctx context.Context, platform *v1alpha1.CoachPlatform) error {
	now := r.Clock.Now().UTC()
	last, err := time.Parse(time.RFC3339, platform.Annotations[v1alpha1.AnnotationDelivered])
	end := r.endpoints.of(platform, r.Clock)
	if err == nil && now.Sub(last) < reporting || !end.report(now) {
		return nil
	}
	before := platform.DeepCopy()
	after := platform.DeepCopy()
	metav1.SetMetaDataAnnotation(&after.ObjectMeta, v1alpha1.AnnotationDelivered, now.Format(time.RFC3339))
	if err := client.IgnoreNotFound(r.Client.Patch(ctx, after, client.MergeFrom(before))); err != nil {
		end.unreported()
		return fmt.Errorf("keeping that Stripe delivers: %w", err)
	}
	return nil
}

// unreported takes back what report said: it was not kept.
func (e *endpoint) unreported() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reported = time.Time{}
}

// report says whether it is time to keep that Stripe delivers, of many events only once.
func (e *endpoint) report(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.reported.IsZero() && now.Sub(e.reported) < reporting {
		return false
	}
	e.reported = now
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
