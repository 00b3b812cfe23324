package payoutaccount

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// inputs are what one pass works on. What is missing is zero.
type inputs struct {
	run      scope.Payout
	platform *v1alpha1.CoachPlatform
	gated    evidence.Gated
	// fresh says that the pass observed past the shared caches.
	fresh bool
	// hint is the last event of Stripe that the pass knew of.
	hint string
}

func (i *inputs) payout() *scope.Payout { return &i.run }

// inputs gathers what the steps need from the cluster. What is missing is a fault with its way out; what
// was found until then comes along.
func (r *Reconciler) inputs(ctx context.Context, account *v1alpha1.PayoutAccount) (*inputs, error) {
	in := &inputs{hint: hinted(account), run: scope.Payout{
		Spec: &account.Spec, Object: string(account.UID), Born: account.CreationTimestamp.Time,
		Generation: account.Generation, Request: requested(account),
		Claim: account.Annotations[v1alpha1.AnnotationClaim],
		Notes: notesOf(account), Ledger: ledger{client: r.Client, object: account},
	}}
	var err error
	if in.run.Recorded, err = recordOf(account); err != nil {
		return in, err
	}
	if in.run.Intent, err = intentOf(account); err != nil {
		return in, err
	}
	if in.platform, err = r.platform(ctx, account); err != nil {
		return in, err
	}
	if err := r.alone(ctx, account); err != nil {
		return in, err
	}
	uid, err := r.namespaces.of(ctx, r.Live, in.platform)
	if err != nil {
		return in, err
	}
	in.run.Coach = naming.Coach{
		Tenant: naming.Tenant{
			Installation: r.Installation, Namespace: account.Namespace, NamespaceUID: uid, Name: in.platform.Name,
		},
		ID: account.Spec.CoachID, Live: in.platform.Spec.Stripe.Mode == v1alpha1.StripeLive,
	}
	if in.run.Countries, err = r.countries(ctx, in.platform); err != nil {
		return in, err
	}
	if in.gated, err = r.gate(ctx, in.platform); err != nil {
		return in, err
	}
	in.run.Gate = r.gateOf(in.platform, in.gated)
	in.run.Key, err = r.keys.Of(ctx, r.Live, r.Clock.Now(), in.platform)
	return in, err
}

// platform returns the platform of an account, which has a Stripe account.
func (r *Reconciler) platform(ctx context.Context, account *v1alpha1.PayoutAccount) (*v1alpha1.CoachPlatform, error) {
	platform := &v1alpha1.CoachPlatform{}
	name := account.Spec.PlatformName
	err := r.Client.Get(ctx, types.NamespacedName{Namespace: account.Namespace, Name: name}, platform)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fault.Wait(v1alpha1.ReasonWaitingForPlatform, 0,
			"the platform %s does not exist in this namespace (yet); create it, or name another one in a new object (kubectl get cp lists them)",
			name)
	case err != nil:
		return nil, fmt.Errorf("reading the platform: %w", err)
	case platform.Spec.Stripe.CredentialsSecretName == "":
		return nil, fault.Wait(v1alpha1.ReasonWaitingForPlatform, 0,
			"the platform %s has no Stripe account; add spec.stripe to it", name)
	case !platform.DeletionTimestamp.IsZero() && account.DeletionTimestamp.IsZero():
		return nil, fault.Wait(v1alpha1.ReasonWaitingForPlatform, 0, "the platform %s is being deleted", name)
	}
	return platform, nil
}

// alone refuses a coach who has an older object: one coach has one account.
func (r *Reconciler) alone(ctx context.Context, account *v1alpha1.PayoutAccount) error {
	var same v1alpha1.PayoutAccountList
	err := r.Client.List(ctx, &same, client.InNamespace(account.Namespace), client.MatchingFields{coachIndex: coachOf(account)})
	if err != nil {
		return fmt.Errorf("searching for objects of the same coach: %w", err)
	}
	for i := range same.Items {
		other := &same.Items[i]
		if other.UID != account.UID && older(other, account) {
			return fault.New(fault.Conflict, v1alpha1.ReasonDuplicateAccounts,
				"the object %s is of the same coach (spec.coachID) and older; delete one of them: the account stays with the other", other.Name)
		}
	}
	return nil
}

// older says which of two objects of a coach keeps the account: the one that has it, or was made first.
func older(x, y *v1alpha1.PayoutAccount) bool {
	hasX, hasY := x.Annotations[v1alpha1.AnnotationAccount] != "", y.Annotations[v1alpha1.AnnotationAccount] != ""
	if hasX != hasY {
		return hasX
	}
	if x.CreationTimestamp.Equal(&y.CreationTimestamp) {
		return x.UID < y.UID
	}
	return x.CreationTimestamp.Before(&y.CreationTimestamp)
}

// countries are those that the platform's class allows.
func (r *Reconciler) countries(ctx context.Context, platform *v1alpha1.CoachPlatform) ([]string, error) {
	var class v1alpha1.PlatformClass
	err := r.Client.Get(ctx, types.NamespacedName{Name: platform.Spec.ClassName}, &class)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fault.Wait(v1alpha1.ReasonWaitingForPlatform, 0, "the class %s of the platform does not exist (yet)", platform.Spec.ClassName)
	case err != nil:
		return nil, fmt.Errorf("reading the class: %w", err)
	case class.Spec.Stripe.Mode != platform.Spec.Stripe.Mode:
		return nil, fault.New(fault.Denied, v1alpha1.ReasonModeMismatch,
			"the class %s and the platform are not in the same mode of Stripe; the platform's condition PayoutsReady has the details", class.Name)
	}
	return class.Spec.Stripe.Countries, nil
}

// gate reads the platform's report. It is evidence, and only the operator writes it.
func (r *Reconciler) gate(ctx context.Context, platform *v1alpha1.CoachPlatform) (evidence.Gated, error) {
	found := &v1alpha1.SecurityReport{}
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(platform), found)
	owner := metav1.GetControllerOf(found)
	switch {
	case apierrors.IsNotFound(err), err == nil && (owner == nil || owner.UID != platform.UID):
		return evidence.Gating(nil, r.Clock.Now()), nil
	case err != nil:
		return evidence.Gated{}, fmt.Errorf("reading the security report: %w", err)
	}
	return evidence.Gating(&found.Report, r.Clock.Now()), nil
}

// gateOf is what the gate means for accounts. A platform whose Stripe account or endpoint is not in order
// makes no new ones either.
func (r *Reconciler) gateOf(platform *v1alpha1.CoachPlatform, gated evidence.Gated) scope.Gate {
	g := scope.Gate{Open: gated.Open, Why: gated.Why}
	if kind := v1alpha1.ConditionPayoutsReady; !met(platform, kind) {
		g.Open, g.Why = false, joined(g.Why, "the platform's condition "+kind+" is not True")
	}
	suspends := platform.Spec.Stripe.OnPlatformViolation == v1alpha1.ViolationSuspend
	g.Suspend = suspends && !gated.Violated.IsZero() && r.Clock.Since(gated.Violated) >= r.Grace
	g.Hold = suspends && !gated.Open
	return g
}

func joined(x, y string) string {
	if x == "" {
		return y
	}
	return x + ", " + y
}

// namespaces remembers the UIDs of the namespaces of platforms: a platform never leaves its namespace, and
// does not outlive it. It is safe for concurrent use.
type namespaces struct {
	mu  sync.Mutex
	all map[types.UID]string
}

// maxNamespaces bounds what is remembered; when it is reached, everything is read anew.
const maxNamespaces = 10_000

func (n *namespaces) of(ctx context.Context, live client.Reader, platform *v1alpha1.CoachPlatform) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if uid, ok := n.all[platform.UID]; ok {
		return uid, nil
	}
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := live.Get(ctx, types.NamespacedName{Name: platform.Namespace}, namespace); err != nil {
		return "", fmt.Errorf("reading the namespace: %w", err)
	}
	if n.all == nil || len(n.all) >= maxNamespaces {
		n.all = map[types.UID]string{}
	}
	n.all[platform.UID] = string(namespace.UID)
	return string(namespace.UID), nil
}
