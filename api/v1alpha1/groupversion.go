// Package v1alpha1 holds the kinds of the group payouts.coachplatform.io: what a cluster operator
// offers (PlatformClass), what a tenant requests (CoachPlatform) and what was seen to hold
// (SecurityReport).
// +kubebuilder:object:generate=true
// +groupName=payouts.coachplatform.io
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of all kinds in this package.
var GroupVersion = schema.GroupVersion{Group: "payouts.coachplatform.io", Version: "v1alpha1"}

// AddToScheme registers the kinds.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&PlatformClass{}, &PlatformClassList{}, &CoachPlatform{}, &CoachPlatformList{}, &PayoutAccount{}, &PayoutAccountList{},
		&SecurityReport{}, &SecurityReportList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
