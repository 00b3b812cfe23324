package appsecret

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Observe implements converge.Resource. Every observation is an uncached read: one listing, and one more request for each
// Secret that it lacks, which is not there or has lost its labels. The set is always there, if empty.
func (r *resource) Observe(ctx context.Context, in *scope.Platform, want State, _ bool) (
	converge.Observation[State], error,
) {
	var list corev1.SecretList
	if err := r.kube.List(ctx, &list, client.InNamespace(in.Tenant.Namespace), client.MatchingLabels(labelsOf(in))); err != nil {
		return converge.Observation[State]{}, classify(err, in.Tenant.Namespace, "Secrets")
	}
	var got State
	for _, one := range want.Secrets {
		password, err := storedFor(ctx, in, one.login)
		if err != nil {
			return converge.Observation[State]{}, err
		}
		one.want = want.secret(in, one, password)
		if one.live, err = r.find(ctx, list.Items, one.want); err != nil {
			return converge.Observation[State]{}, err
		}
		one.condition = judge(in, one)
		if !one.login.IAM && password == "" {
			one.condition = unready
		}
		got.Secrets = append(got.Secrets, one)
	}
	for i := range list.Items {
		if live := &list.Items[i]; surplus(in, want, live) {
			got.Secrets = append(got.Secrets, Secret{Name: live.Name, condition: unwanted, live: live})
		}
	}
	got.sort()
	return converge.Observation[State]{Exists: true, Settled: true, ID: in.Owner, State: got}, nil
}

// storedFor returns the password of a login, "" if there is none or the login needs none.
func storedFor(ctx context.Context, in *scope.Platform, login scope.RoleLogin) (string, error) {
	if login.IAM {
		return "", nil
	}
	return in.Passwords.Stored(ctx, login.Name)
}

// find returns what has the name of a Secret, nil if nothing has.
func (r *resource) find(ctx context.Context, listed []corev1.Secret, want *corev1.Secret) (*corev1.Secret, error) {
	if i := slices.IndexFunc(listed, func(s corev1.Secret) bool { return s.Name == want.Name }); i >= 0 {
		return &listed[i], nil
	}
	var live corev1.Secret
	err := r.kube.Get(ctx, types.NamespacedName{Namespace: want.Namespace, Name: want.Name}, &live)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // absence is an answer
	}
	return &live, classify(err, want.Namespace, "Secret "+want.Name)
}

// judge says how a Secret is.
func judge(in *scope.Platform, one Secret) condition {
	want, live := one.want, one.live
	if live == nil {
		return missing
	}
	owner := whose(in, live)
	switch {
	case owner == unowned:
		return unowned
	case live.DeletionTimestamp != nil:
		return going
	case owner == former:
		return former
	case live.Type != want.Type, live.Immutable != nil && *live.Immutable:
		return unfit
	case !attached(want, live):
		return edited
	case equality.Semantic.DeepEqual(want.Data, live.Data) && live.Annotations[annotationWritten] == want.Annotations[annotationWritten]:
		return current
	case live.Annotations[annotationWritten] == fingerprint(live.Data):
		return outdated
	}
	return edited
}

// attached says that a Secret has our labels and annotations, among others perhaps, and our owner alone: a
// second one would keep it when the platform goes.
func attached(want, live *corev1.Secret) bool {
	return contains(live.Labels, want.Labels) &&
		live.Annotations[naming.AnnotationTenant] == want.Annotations[naming.AnnotationTenant] &&
		equality.Semantic.DeepEqual(live.OwnerReferences, want.OwnerReferences)
}

func contains(all, some map[string]string) bool {
	for key, value := range some {
		if got, there := all[key]; !there || got != value {
			return false
		}
	}
	return true
}

// whose says whose a Secret is: current for ours, else unowned or former. Ours belongs to the platform's
// object, or carries our labels and has no owner.
func whose(in *scope.Platform, live *corev1.Secret) condition {
	switch {
	case owned(in, live):
		return current
	case !contains(live.Labels, labelsOf(in)):
		return unowned
	case len(live.OwnerReferences) == 0:
		return current
	case slices.ContainsFunc(live.OwnerReferences, func(r metav1.OwnerReference) bool { return namesake(in, r) }):
		return former
	}
	return unowned
}

func owned(in *scope.Platform, live *corev1.Secret) bool {
	return slices.ContainsFunc(live.OwnerReferences, func(r metav1.OwnerReference) bool { return string(r.UID) == in.Owner })
}

// namesake says that an owner is an object of the platform's kind and name.
func namesake(in *scope.Platform, r metav1.OwnerReference) bool {
	group, err := schema.ParseGroupVersion(r.APIVersion)
	return err == nil && group.Group == v1alpha1.GroupVersion.Group && r.Kind == platformKind && r.Name == in.Tenant.Name
}

// surplus says that a listed Secret is ours, labels and owner both, and of a login that is not desired. One
// whose login is only out of order keeps its Secret, and a copy under another name is its maker's.
func surplus(in *scope.Platform, want State, live *corev1.Secret) bool {
	binding, ofOurs := strings.CutPrefix(live.Name, nameOf(in, ""))
	return ofOurs && (binding == "" || binding[0] == '-') && owned(in, live) && live.DeletionTimestamp == nil &&
		want.index(live.Name) < 0 && !slices.Contains(want.absent, live.Name)
}
