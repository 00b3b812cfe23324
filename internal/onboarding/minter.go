package onboarding

import (
	"context"
	"time"

	"k8s.io/utils/clock"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Minter creates links and sessions at Stripe, each when it is requested. Its errors are faults, which hold
// nothing that is secret or personal.
type Minter struct {
	Stripe *stripe.Clients
	Clock  clock.PassiveClock
}

// Link returns a link to a page of Stripe's own. It works once and for some minutes: it must not be stored,
// logged or mailed.
// https://docs.stripe.com/connect/hosted-onboarding
func (m Minter) Link(ctx context.Context, o Order, pages Pages) (stripe.Link, error) {
	if err := pages.check(); err != nil {
		return stripe.Link{}, err
	}
	d, err := m.open(ctx, o, v1alpha1.OnboardingHosted)
	if err != nil {
		return stripe.Link{}, err
	}
	link, err := d.client.OnboardingLink(ctx, d.account, pages.Refresh, pages.Return)
	switch {
	case err != nil:
		return stripe.Link{}, d.unmade(err)
	case !secure(link.URL.Reveal()):
		return stripe.Link{}, nothing("link")
	}
	return link, nil
}

// Session returns what lets Stripe's forms appear in a page of the business's. It lasts for some minutes:
// it must not be stored or logged, and goes to the coach only.
// https://docs.stripe.com/connect/embedded-onboarding
func (m Minter) Session(ctx context.Context, o Order) (stripe.Session, error) {
	d, err := m.open(ctx, o, v1alpha1.OnboardingEmbedded)
	if err != nil {
		return stripe.Session{}, err
	}
	session, err := d.client.OnboardingSession(ctx, d.account)
	switch {
	case err != nil:
		return stripe.Session{}, d.unmade(err)
	case session.ClientSecret.Empty():
		return stripe.Session{}, nothing("session")
	}
	return session, nil
}

// door is the way to the forms for one account that was found to be the coach's.
type door struct {
	client  *stripe.Client
	account string
}

// open checks whether the coach may be sent to the forms, and notes at Stripe that this was done: it tells
// a coach who never began from one who has not finished.
func (m Minter) open(ctx context.Context, o Order, mode v1alpha1.OnboardingMode) (door, error) {
	record, err := o.record(mode)
	if err != nil {
		return door{}, err
	}
	client, err := m.client(ctx, o, record)
	if err != nil {
		return door{}, err
	}
	d := door{client: client, account: record.Account}
	account, err := d.client.Get(ctx, d.account)
	if err != nil {
		return door{}, d.unmade(err)
	}
	if err := welcome(o.coach(), account); err != nil {
		return door{}, err
	}
	return d, m.note(ctx, d, account)
}

// client returns the client of the business's Stripe account, which must be the one that the coach's
// account was created under: another one's key sees nothing.
func (m Minter) client(ctx context.Context, o Order, record scope.AccountRecord) (*stripe.Client, error) {
	client, err := m.Stripe.For(o.Key)
	if err != nil {
		return nil, err
	}
	if live := client.Key().Live; live != o.coach().Live {
		return nil, fault.New(fault.Denied, v1alpha1.ReasonModeMismatch,
			"the key of the platform %s is %s, and spec.stripe.mode is %s; put a key of that mode into the Secret %s",
			o.Platform.Name, client.Key(), o.Platform.Spec.Stripe.Mode, o.Platform.Spec.Stripe.CredentialsSecretName)
	}
	business, _, err := client.Platform(ctx, false)
	if err != nil {
		return nil, stripe.Classify(err)
	}
	if business.ID != record.Business {
		return nil, fault.New(fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid,
			"the key belongs to the Stripe account %s, and this coach's account was created under %s; put a key of that one into the Secret %s",
			business.ID, record.Business, o.Platform.Spec.Stripe.CredentialsSecretName)
	}
	return client, nil
}

// note keeps, with the account, the day on which the coach was first sent to the forms.
func (m Minter) note(ctx context.Context, d door, account scope.Account) error {
	if account.Metadata[naming.MetaOnboarding] != "" {
		return nil
	}
	today := m.Clock.Now().UTC().Format(time.DateOnly)
	_, err := d.client.Update(ctx, d.account, stripe.Update{Metadata: map[string]string{naming.MetaOnboarding: today}})
	if err != nil {
		return d.unmade(err)
	}
	return nil
}
