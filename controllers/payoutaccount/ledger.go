package payoutaccount

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// ledger keeps on the object itself what must outlive the process; it implements scope.Ledger. A backup of
// the object has it, a lost status does not matter.
type ledger struct {
	client client.Client
	object *v1alpha1.PayoutAccount
}

// Intend implements scope.Ledger. The lock makes it fail if the object was read from a cache that is
// behind: nothing is made at Stripe on the ground of what is not so any more.
func (l ledger) Intend(ctx context.Context, i scope.Intent) error {
	text, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("writing the intent: %w", err)
	}
	return l.annotate(ctx, v1alpha1.AnnotationCreation, string(text), client.MergeFromWithOptimisticLock{})
}

// Record implements scope.Ledger.
func (l ledger) Record(ctx context.Context, r scope.AccountRecord) error {
	return l.annotate(ctx, v1alpha1.AnnotationAccount, r.String())
}

// Note implements scope.Ledger.
func (l ledger) Note(ctx context.Context, key, text string) error {
	notes := notesOf(l.object)
	if notes[key] == text {
		return nil
	}
	if notes == nil {
		notes = map[string]string{}
	}
	notes[key] = text
	encoded, err := json.Marshal(notes)
	if err != nil {
		return fmt.Errorf("writing a note: %w", err)
	}
	return l.annotate(ctx, v1alpha1.AnnotationNotes, string(encoded))
}

// annotate writes one annotation, or takes it off, and leaves the status as this pass has it.
func (l ledger) annotate(ctx context.Context, key, value string, options ...client.MergeFromOption) error {
	before, status := l.object.DeepCopy(), l.object.Status.DeepCopy()
	metav1.SetMetaDataAnnotation(&l.object.ObjectMeta, key, value)
	if value == "" {
		delete(l.object.Annotations, key)
	}
	err := l.client.Patch(ctx, l.object, client.MergeFromWithOptions(before, options...))
	l.object.Status = *status
	if err != nil {
		l.object.Annotations = maps.Clone(before.Annotations)
		return fmt.Errorf("writing the annotation %s: %w", key, err)
	}
	return nil
}

// intentOf reads what Intend wrote. A damaged one is refused: to read it as none could make a second account.
func intentOf(account *v1alpha1.PayoutAccount) (scope.Intent, error) {
	var i scope.Intent
	text := account.Annotations[v1alpha1.AnnotationCreation]
	if text == "" {
		return i, nil
	}
	if err := json.Unmarshal([]byte(text), &i); err != nil || i.Attempt < 1 || i.Since.IsZero() {
		return scope.Intent{}, fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
			"the annotation %s is not what the operator wrote; take it off, and the coach's account is searched for among all of the business",
			v1alpha1.AnnotationCreation)
	}
	return i, nil
}

// accountName is Stripe's name of an account.
var accountName = regexp.MustCompile(`^acct_[A-Za-z0-9]+$`)

// recordOf reads what Record wrote. A damaged one is refused: beside a name that is none, the coach's own
// account would read as a second one.
func recordOf(account *v1alpha1.PayoutAccount) (scope.AccountRecord, error) {
	r := scope.ParseAccountRecord(account.Annotations[v1alpha1.AnnotationAccount])
	if r.Account != "" && !accountName.MatchString(r.Account) {
		return r, fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
			"the annotation %s is not what the operator wrote; take it off, and the coach's account is searched for among all of the business",
			v1alpha1.AnnotationAccount)
	}
	return r, nil
}

// notesOf reads what Note wrote; damaged ones are none, which costs a call.
func notesOf(account *v1alpha1.PayoutAccount) map[string]string {
	var notes map[string]string
	if json.Unmarshal([]byte(account.Annotations[v1alpha1.AnnotationNotes]), &notes) != nil {
		return nil
	}
	return notes
}
