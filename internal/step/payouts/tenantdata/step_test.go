package tenantdata_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
)

func TestWhatIsInATenantsObjectsIsSeenByItsPlace(t *testing.T) {
	t.Parallel()
	ofAccount := func(change func(*v1alpha1.PayoutAccount)) func(*world) {
		return func(w *world) { w.account("jo", change) }
	}
	ofPlatform := func(change func(*v1alpha1.CoachPlatform)) func(*world) {
		return func(w *world) { w.platform(change) }
	}
	for name, c := range map[string]struct {
		do   func(*world)
		seen []string
	}{
		"an IBAN in an annotation of the platform": {
			ofPlatform(func(p *v1alpha1.CoachPlatform) { metav1.SetMetaDataAnnotation(&p.ObjectMeta, "note", "pay to "+iban) }),
			[]string{"CoachPlatform/studio metadata.annotations.note (bank account)"},
		},
		"an IBAN as the key of an annotation": {
			ofPlatform(func(p *v1alpha1.CoachPlatform) { metav1.SetMetaDataAnnotation(&p.ObjectMeta, iban, "x") }),
			[]string{"CoachPlatform/studio metadata.annotations.(masked) (bank account)"},
		},
		"a card in a label": {
			ofPlatform(func(p *v1alpha1.CoachPlatform) { metav1.SetMetaDataLabel(&p.ObjectMeta, "x", card) }),
			[]string{"CoachPlatform/studio metadata.labels.x (card)"},
		},
		"an IBAN in a finalizer": {
			ofAccount(func(a *v1alpha1.PayoutAccount) { a.Finalizers = []string{"example.com/" + iban} }),
			[]string{"PayoutAccount/jo metadata.finalizers.0 (bank account)"},
		},
		"a card in the display name": {
			ofPlatform(func(p *v1alpha1.CoachPlatform) { p.Spec.DisplayName = "Studio " + card }),
			[]string{"CoachPlatform/studio spec.displayName (card)"},
		},
		"a card in what is sold": {
			ofAccount(func(a *v1alpha1.PayoutAccount) {
				a.Spec.BusinessProfile.ProductDescription = "send it to 4242 4242 4242 4242"
			}),
			[]string{"PayoutAccount/jo spec.businessProfile.productDescription (card)"},
		},
		"a link to Stripe's forms": {
			ofAccount(func(a *v1alpha1.PayoutAccount) {
				a.Spec.BusinessProfile.URL = "https://connect.stripe.com/setup/e/acct/x"
			}),
			[]string{"PayoutAccount/jo spec.businessProfile.url (secret of Stripe)"},
		},
		"an IBAN in a condition": {
			ofAccount(func(a *v1alpha1.PayoutAccount) {
				meta.SetStatusCondition(&a.Status.Conditions, metav1.Condition{
					Type: "Ready", Status: metav1.ConditionFalse, Reason: "Any", Message: "the account " + iban + " is refused",
				})
			}),
			[]string{"PayoutAccount/jo status.conditions.0.message (bank account)"},
		},
		"a field that the API server dropped": {
			ofAccount(func(a *v1alpha1.PayoutAccount) {
				metav1.SetMetaDataAnnotation(&a.ObjectMeta, lastApplied, `{"spec":{"bankAccount":{"number":"1"}}}`)
			}),
			[]string{"PayoutAccount/jo metadata.annotations.", ".spec.bankAccount (bank account)"},
		},
		"an account whose name is an IBAN": {
			func(w *world) { w.makeAccount(strings.ToLower(iban), "studio", nil) },
			[]string{"PayoutAccount/(masked) metadata.name (bank account)"},
		},
		"more than is reported": {
			func(w *world) {
				for i := range 5 {
					w.makeAccount(fmt.Sprintf("coach-%d", i), "studio", func(a *v1alpha1.PayoutAccount) {
						a.Spec.BusinessProfile.ProductDescription = card
					})
				}
			},
			[]string{"PayoutAccount/coach-0", "PayoutAccount/coach-1", "PayoutAccount/coach-2", " and 2 more"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustSee(converge.Verified, "objects without any: 2")
			w.clock.SetTime(w.clock.Now().Add(time.Minute))
			c.do(w)
			w.mustSee(converge.Violated, c.seen...)
			w.mustSee(converge.Violated, c.seen...)
		})
	}
}

func TestWhatIsTakenOutIsNoLongerSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.account("jo", func(a *v1alpha1.PayoutAccount) { metav1.SetMetaDataAnnotation(&a.ObjectMeta, "note", iban) })
	w.mustSee(converge.Violated)
	w.account("jo", func(a *v1alpha1.PayoutAccount) { a.Annotations = nil })
	w.mustSee(converge.Verified)
}

func TestAnotherPlatformsAccountsAreNotObserved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.makeAccount("anna", "gym", func(a *v1alpha1.PayoutAccount) { a.Spec.BusinessProfile.ProductDescription = card })
	w.mustSee(converge.Verified, "objects without any: 2")
}

func TestAnObjectThatIsTooMuchIsNeverVerified(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.account("jo", func(a *v1alpha1.PayoutAccount) {
		metav1.SetMetaDataAnnotation(&a.ObjectMeta, lastApplied, strings.Repeat(`{"a":`, 200)+`1`+strings.Repeat(`}`, 200))
	})
	w.mustSee(converge.Unknown, "1 of 2 objects", "PayoutAccount/jo")
	w.mustSee(converge.Unknown)
	w.platform(func(p *v1alpha1.CoachPlatform) { p.Spec.DisplayName = card })
	w.mustSee(converge.Violated)
}

func TestWhatCannotBeReadIsNotJudged(t *testing.T) {
	t.Parallel()
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "payoutaccounts"}, iban, errCut)
	for name, c := range map[string]struct {
		err  error
		says string
	}{"nobody answers": {errCut, "no answer"}, "it is forbidden": {forbidden, "Forbidden"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustSee(converge.Verified)
			w.kube.err = c.err
			out := w.scan()
			f := fault.As(out.Err)
			if !out.ObserveFailed || f.Class != fault.Transient || !strings.Contains(f.Message, c.says) {
				t.Errorf("blind %t: %v", out.ObserveFailed, f)
			}
			for _, finding := range out.Findings {
				if finding.Verdict != converge.Unknown {
					t.Errorf("it is judged: %+v", finding)
				}
			}
			w.kube.err = nil
			w.mustSee(converge.Verified)
		})
	}
}

func TestAPassIsTwoReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.scan()
	w.kube.reads = 0
	w.scan()
	if w.kube.reads != 2 {
		t.Errorf("%d reads, want 2", w.kube.reads)
	}
}

func TestLettingGoIsDoneAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.scan()
	if done, err := w.step.Release(t.Context(), w.in()); !done || err != nil {
		t.Errorf("done %t: %v", done, err)
	}
	w.mustSee(converge.Verified)
}
