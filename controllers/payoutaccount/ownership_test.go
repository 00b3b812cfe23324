package payoutaccount_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// row is an account at Stripe.
func (w *world) row(id string) env.StripeAccount {
	w.t.Helper()
	for _, a := range w.sandbox.StripeAccounts(w.t, w.stripe.ID) {
		if a.ID == id {
			return a
		}
	}
	w.t.Fatalf("there is no account %s", id)
	return env.StripeAccount{}
}

// adopt makes the object of a coach that takes over an account.
func (w *world) adopt(coach, id string) {
	w.t.Helper()
	w.coach(coach, func(a *v1alpha1.PayoutAccount) { a.Spec.Adopt, a.Spec.Country = id, w.row(id).Country })
}

func TestAnAccountThatNobodyManagesIsAdopted(t *testing.T) {
	w := newWorld(t)
	id := w.unmanaged(nil)
	w.adopt("jo", id)
	w.passes("jo")
	jo := w.account("jo")
	if jo.Status.AccountID != id || len(w.creations()) != 0 {
		t.Errorf("%d calls to make one: %s", len(w.creations()), describe(jo))
	}
	w.is("jo", v1alpha1.ConditionSpecSynced, metav1.ConditionTrue, v1alpha1.ReasonInSync)
	if metadata := w.row(id).Metadata; metadata[naming.MetaCoach] == "" || metadata[naming.MetaInstallation] != installation {
		t.Errorf("it is not marked: %v", metadata)
	}
	w.must(w.client.Delete(t.Context(), jo))
	w.leaves("jo")
	w.coach("jo", func(a *v1alpha1.PayoutAccount) { a.Spec.Country = w.row(id).Country })
	w.passes("jo")
	if again := w.account("jo"); again.Status.AccountID != id || len(w.creations()) != 0 {
		t.Errorf("an adopted account is not found again: %s", describe(again))
	}
}

func TestAnAccountThatIsToBeAdoptedAndIsNotThereIsMissing(t *testing.T) {
	w := newWorld(t)
	w.coach("jo", func(a *v1alpha1.PayoutAccount) { a.Spec.Adopt = "acct_1nobodyHasThis" })
	w.stands("jo", v1alpha1.PhaseMissing, v1alpha1.ReasonAccessRevokedOrDeleted)
	w.unmade()
}

func TestAnAccountOfSomebodyElseIsOnlyObserved(t *testing.T) {
	for name, change := range map[string]map[string]string{
		"another installation's":  {naming.MetaInstallation: "another"},
		"another tenant's":        {naming.MetaTenant: "another/studio"},
		"another coach's":         {naming.MetaCoach: "another"},
		"another operator's kind": {naming.MetaManagedBy: "something-else"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			verified(w)
			id := w.unmanaged(w.marks(change))
			was := w.row(id)
			w.adopt("kim", id)
			w.passes("kim")
			w.stands("kim", v1alpha1.PhaseConflict, v1alpha1.ReasonOwnedByAnother)
			if diff := cmp.Diff(was, w.row(id)); diff != "" {
				t.Errorf("it was changed (-was +is):\n%s", diff)
			}
			w.must(w.client.Delete(t.Context(), w.account("kim")))
			w.leaves("kim")
			if diff := cmp.Diff(was, w.row(id)); diff != "" {
				t.Errorf("it was changed when the object went (-was +is):\n%s", diff)
			}
		})
	}
}

func TestAnAccountOfAnotherInstallationCanBeClaimed(t *testing.T) {
	w := newWorld(t)
	verified(w)
	id := w.unmanaged(w.marks(map[string]string{naming.MetaInstallation: "another", naming.MetaCoach: "as the other one hashes it"}))
	w.adopt("kim", id)
	w.stands("kim", v1alpha1.PhaseConflict, v1alpha1.ReasonOwnedByAnother)
	w.annotate("kim", v1alpha1.AnnotationClaim, "acct_1another")
	w.passes("kim")
	w.stands("kim", v1alpha1.PhaseConflict, v1alpha1.ReasonOwnedByAnother)
	w.annotate("kim", v1alpha1.AnnotationClaim, id)
	w.passes("kim")
	if kim := w.account("kim"); kim.Status.AccountID != id || w.row(id).Metadata[naming.MetaInstallation] != installation {
		t.Errorf("it was not taken: %s", describe(kim))
	}
}

func TestAnAccountOfThisInstallationCannotBeClaimed(t *testing.T) {
	w := newWorld(t)
	verified(w)
	id := w.account("jo").Status.AccountID
	was := w.row(id)
	w.adopt("kim", id)
	w.annotate("kim", v1alpha1.AnnotationClaim, id)
	w.passes("kim")
	w.stands("kim", v1alpha1.PhaseConflict, v1alpha1.ReasonOwnedByAnother)
	if diff := cmp.Diff(was, w.row(id)); diff != "" {
		t.Errorf("it was changed (-was +is):\n%s", diff)
	}
}

func TestWhatNobodyCanChangeIsReportedAndNothingIsLost(t *testing.T) {
	for name, c := range map[string]struct {
		merge map[string]any
		path  string
	}{
		"the business collects requirements itself": {
			map[string]any{"controller": map[string]any{"requirement_collection": "application"}}, "controller.requirementCollection",
		},
		"it is another country's": {map[string]any{"country": "TH"}, "country"},
		"it is under another agreement": {
			map[string]any{"tos_acceptance": map[string]any{"service_agreement": "recipient"}}, "serviceAgreement",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.unmanaged(nil)
			country := w.row(id).Country
			w.sandbox.Act(t, id, "set", env.StripeAct{Merge: c.merge})
			w.coach("jo", func(a *v1alpha1.PayoutAccount) { a.Spec.Adopt, a.Spec.Country = id, country })
			w.passes("jo")
			w.is("jo", v1alpha1.ConditionSpecSynced, metav1.ConditionFalse, v1alpha1.ReasonImmutableFieldChanged)
			w.is("jo", v1alpha1.ConditionConnected, metav1.ConditionTrue, "")
			plan := w.account("jo").Status.Plan
			if len(plan) != 1 || plan[0].Path != c.path || !plan[0].Held {
				t.Errorf("the plan is %+v, want %s, held", plan, c.path)
			}
			if n := len(w.creations()); n != 0 {
				t.Errorf("%d calls were made to make another", n)
			}
		})
	}
}

func TestOneCoachHasOneAccountHoweverManyObjects(t *testing.T) {
	w := newWorld(t)
	w.coach("jo")
	w.stands("jo", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
	w.coach("again", func(a *v1alpha1.PayoutAccount) { a.Spec.CoachID = "jo" })
	for range 3 {
		w.passes("jo")
		w.passes("again")
	}
	first, second := "jo", "again" // which of two of one second is the older one is left to their UIDs
	if w.account("jo").Status.Phase == v1alpha1.PhaseConflict {
		first, second = second, first
	}
	w.stands(second, v1alpha1.PhaseConflict, v1alpha1.ReasonDuplicateAccounts)
	id := w.stands(first, v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted).Status.AccountID
	if len(w.mine()) != 1 {
		t.Errorf("there are %d accounts", len(w.mine()))
	}
	w.remove(first)
	w.leaves(first)
	w.passes(second)
	if a := w.stands(second, v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted); a.Status.AccountID != id || len(w.mine()) != 1 {
		t.Errorf("the account did not pass over: %s", describe(a))
	}
}

func TestTheSameCoachKeepsTheAccountWhateverBecomesOfTheObject(t *testing.T) {
	for name, c := range map[string]struct {
		// as is the name of the object afterwards; keep changes what a backup has of it.
		as   string
		keep func(*v1alpha1.PayoutAccount)
	}{
		"made anew":                       {"jo", func(a *v1alpha1.PayoutAccount) { a.Annotations = nil }},
		"made anew under another name":    {"joanna", func(a *v1alpha1.PayoutAccount) { a.Annotations = nil }},
		"restored without its status":     {"jo", func(*v1alpha1.PayoutAccount) {}},
		"restored without its account ID": {"jo", func(a *v1alpha1.PayoutAccount) { delete(a.Annotations, v1alpha1.AnnotationAccount) }},
		"restored without its intent":     {"jo", func(a *v1alpha1.PayoutAccount) { delete(a.Annotations, v1alpha1.AnnotationCreation) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			verified(w)
			was := w.account("jo")
			backup := &v1alpha1.PayoutAccount{
				ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: c.as, Annotations: maps.Clone(was.Annotations)}, Spec: was.Spec,
			}
			c.keep(backup)
			w.edit("jo", func(a *v1alpha1.PayoutAccount) { a.Finalizers = nil })
			w.remove("jo")
			w.restart(nil)
			w.create(backup)
			is := w.stands(c.as, v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
			for applied(is) {
				is = w.stands(c.as, v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
			}
			if is.Status.AccountID != was.Status.AccountID || len(w.mine()) != 1 || len(w.creations()) != 1 {
				t.Errorf("%d accounts, %d calls to make one: %s", len(w.mine()), len(w.creations()), describe(is))
			}
			if got := w.mine()[0].Metadata[naming.MetaObject]; got != string(is.UID) {
				t.Errorf("the account names the object %s, want %s", got, is.UID)
			}
			if is.Annotations[v1alpha1.AnnotationAccount] != was.Annotations[v1alpha1.AnnotationAccount] {
				t.Errorf("the account is not recorded: %s", describe(is))
			}
		})
	}
}

func TestADamagedAnnotationMakesNoSecondAccount(t *testing.T) {
	for name, c := range map[string]struct{ key, text string }{
		"of the intent":                 {v1alpha1.AnnotationCreation, "{"},
		"of the intent, of no attempt":  {v1alpha1.AnnotationCreation, "{}"},
		"of the account":                {v1alpha1.AnnotationAccount, "acct_1/"},
		"of the account, with no sense": {v1alpha1.AnnotationAccount, "??"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			verified(w)
			id := w.account("jo").Status.AccountID
			w.annotate("jo", c.key, c.text)
			w.passes("jo")
			jo := w.stands("jo", v1alpha1.PhaseEnabled, v1alpha1.ReasonInvalidSpec)
			if jo.Status.Action != v1alpha1.ActorTenantAdmin || jo.Status.AccountID != id {
				t.Errorf("something is lost: %s", describe(jo))
			}
			w.edit("jo", func(a *v1alpha1.PayoutAccount) { delete(a.Annotations, c.key) })
			w.heals(id, v1alpha1.PhaseEnabled, v1alpha1.ReasonPayoutsEnabled)
			if n := len(w.creations()); n != 1 {
				t.Errorf("%d calls were made to make an account", n)
			}
		})
		t.Run(name+" before there is one", func(t *testing.T) {
			w := newWorld(t)
			w.coach("jo", func(a *v1alpha1.PayoutAccount) { a.Annotations = map[string]string{c.key: c.text} })
			w.passes("jo")
			w.unmade()
			w.edit("jo", func(a *v1alpha1.PayoutAccount) { delete(a.Annotations, c.key) })
			w.heals("", v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
		})
	}
}
