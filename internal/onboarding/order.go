package onboarding

import (
	"errors"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Order says who is to be sent to Stripe's forms.
type Order struct {
	Platform *v1alpha1.CoachPlatform
	Account  *v1alpha1.PayoutAccount
	// Installation is the ID of the operator's installation, and NamespaceUID that of the namespace: with the
	// names they say whose an account at Stripe is.
	Installation, NamespaceUID string
	// Key is that of the business's Stripe account.
	Key scope.Secret
}

// coach is whose account it must be.
func (o Order) coach() naming.Coach {
	return naming.Coach{
		Tenant: naming.Tenant{
			Installation: o.Installation, Namespace: o.Platform.Namespace, NamespaceUID: o.NamespaceUID, Name: o.Platform.Name,
		},
		ID: o.Account.Spec.CoachID, Live: o.Platform.Spec.Stripe.Mode == v1alpha1.StripeLive,
	}
}

// errIncomplete is a fault of the caller's: half an identity would match accounts that carry half of one.
var errIncomplete = errors.New("the installation's ID and the namespace's UID must be known")

// record returns the account that the operator has recorded, if all that is known without Stripe speaks
// for it.
func (o Order) record(mode v1alpha1.OnboardingMode) (scope.AccountRecord, error) {
	record := scope.ParseAccountRecord(o.Account.Annotations[v1alpha1.AnnotationAccount])
	name := o.Account.Name
	switch {
	case o.Installation == "" || o.NamespaceUID == "":
		return record, errIncomplete
	case o.Account.Namespace != o.Platform.Namespace || o.Account.Spec.PlatformName != o.Platform.Name:
		return record, fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
			"the PayoutAccount %s is not of the platform %s", name, o.Platform.Name)
	case !o.Account.DeletionTimestamp.IsZero():
		return record, fault.New(fault.Invalid, v1alpha1.ReasonReleasing,
			"the PayoutAccount %s is being deleted; create it again to continue: it gets the same account", name)
	case o.Account.Spec.Onboarding != mode:
		return record, fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec, "%s", elsewhere(name, mode))
	case record == scope.AccountRecord{}:
		return record, fault.Wait(v1alpha1.ReasonCreating, 0,
			"the PayoutAccount %[1]s has no account at Stripe yet; kubectl -n %[2]s describe pa %[1]s shows what it waits for",
			name, o.Account.Namespace)
	case record.Business == "":
		return record, fault.New(fault.Conflict, v1alpha1.ReasonConflict,
			"the annotation %s of %s is no record of the operator's; restore it from a backup", v1alpha1.AnnotationAccount, name)
	}
	return record, nil
}

// elsewhere says where the coach meets the forms instead.
func elsewhere(name string, mode v1alpha1.OnboardingMode) string {
	if mode == v1alpha1.OnboardingHosted {
		return "spec.onboarding of " + name + " is Embedded: the coach finds Stripe's forms in a page of the business's own, and there is " +
			"no link; set it to Hosted for one"
	}
	return "spec.onboarding of " + name + " is Hosted: the coach is sent to a page of Stripe's own; set it to Embedded for a session"
}
