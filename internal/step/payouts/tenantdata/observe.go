package tenantdata

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// State is what was seen of a tenant's objects.
type State struct {
	// Objects is how many were scanned.
	Objects int
	// Findings say where something was found, and of which class it is, never what.
	Findings []string
	// Partly are the objects that were more than can be scanned.
	Partly []string
}

// Observe implements converge.Resource. An object in which nothing was found is scanned again once it
// has changed.
func (r *resource) Observe(ctx context.Context, in *scope.Platform, _ State, _ bool) (converge.Observation[State], error) {
	at := r.Clock.Now()
	all, err := r.objects(ctx, in)
	if err != nil {
		return converge.Observation[State]{}, err
	}
	got, known, clean := State{Objects: len(all)}, r.known(in.Owner), make(map[types.UID]string, len(all))
	for _, one := range all {
		if known[one.uid] == one.version {
			clean[one.uid] = one.version
			continue
		}
		findings, whole, err := one.scan()
		switch {
		case err != nil:
			return converge.Observation[State]{}, unanswered(err, in)
		case len(findings) > 0:
			got.Findings = append(got.Findings, findings...)
		case !whole:
			got.Partly = append(got.Partly, one.shown())
		default:
			clean[one.uid] = one.version
		}
	}
	r.remember(in.Owner, clean)
	slices.Sort(got.Findings)
	slices.Sort(got.Partly)
	return converge.Observation[State]{Exists: true, Settled: true, ID: in.Owner, At: at, State: got}, nil
}

// objects are the platform and the accounts that name it. They are read as they are in the cache, and nobody
// writes to them.
func (r *resource) objects(ctx context.Context, in *scope.Platform) ([]object, error) {
	platform := &v1alpha1.CoachPlatform{}
	err := r.Kube.Get(ctx, types.NamespacedName{Namespace: in.Tenant.Namespace, Name: in.Tenant.Name}, platform)
	if err != nil {
		return nil, unanswered(err, in)
	}
	var accounts v1alpha1.PayoutAccountList
	err = r.Kube.List(ctx, &accounts, client.InNamespace(in.Tenant.Namespace),
		client.MatchingFields{v1alpha1.PlatformNameField: in.Tenant.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, unanswered(err, in)
	}
	all := []object{objectOf("CoachPlatform", platform.ObjectMeta, &platform.Spec, &platform.Status)}
	for i := range accounts.Items {
		a := &accounts.Items[i]
		all = append(all, objectOf("PayoutAccount", a.ObjectMeta, &a.Spec, &a.Status))
	}
	return all, nil
}

// unanswered says that the objects could not be read. Of the error no more is repeated than its reason, since
// its words may quote what is in an object.
func unanswered(err error, in *scope.Platform) error {
	return fault.New(fault.Transient, v1alpha1.ReasonTransientError,
		"the platform and its payout accounts in the namespace %s could not be read (%s); it is tried again", in.Tenant.Namespace,
		reason(err))
}

func reason(err error) string {
	if r := apierrors.ReasonForError(err); r != "" {
		return string(r)
	}
	return "no answer"
}

// known are the objects that the last pass kept. What is kept is replaced and never changed.
func (r *resource) known(platform string) map[types.UID]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clean[platform]
}

// remember keeps what is there now, and nothing of what was.
func (r *resource) remember(platform string, clean map[types.UID]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clean[platform] = clean
}
