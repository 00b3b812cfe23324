package onboarding

import (
	"strings"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// rejected is how Stripe's reasons begin when it is done with an account. The reason is not reported.
const rejected = "rejected."

// welcome refuses an account that is not the coach's, or that nothing can be done for.
func welcome(coach naming.Coach, account scope.Account) error {
	switch {
	case account.Gone:
		return gone(account.ID)
	case !coach.OwnsAccount(account.Metadata):
		return fault.New(fault.Conflict, v1alpha1.ReasonOwnedByAnother,
			"the account %s is marked as somebody else's (another coach, platform or installation), and nobody is sent to its forms", account.ID)
	case strings.HasPrefix(account.Requirements.DisabledReason, rejected):
		return fault.New(fault.Denied, v1alpha1.ReasonRejectedByStripe,
			"the account %s is rejected, for good, and there is nothing to fill in; an administrator of the business's Stripe account can ask "+
				"Stripe's support", account.ID)
	}
	return nil
}

func gone(id string) error {
	return fault.New(fault.Conflict, v1alpha1.ReasonAccessRevokedOrDeleted,
		"Stripe does not show the account %s: the coach has disconnected it, or it was deleted", id)
}

// unmade says why nothing was created. Stripe refuses an account that it has rejected, and gives no code.
// https://docs.stripe.com/api/account_links/create
func (d door) unmade(err error) error {
	code, param := stripe.Code(err)
	switch {
	case stripe.IsGone(err):
		return gone(d.account)
	case stripe.Refused(err) && code == "" && param == "":
		return fault.New(fault.Denied, v1alpha1.ReasonRejectedByStripe,
			"Stripe lets nobody fill in anything for the account %s, and does not say why: most likely the account is rejected, or the "+
				"business has not finished its Connect settings (Stripe's Dashboard shows both)", d.account).Because(err)
	}
	return stripe.Classify(err)
}

// nothing is an answer without what was requested. It may be transient.
func nothing(what string) error {
	return fault.New(fault.Transient, v1alpha1.ReasonTransientError, "Stripe answered without a %s", what)
}
