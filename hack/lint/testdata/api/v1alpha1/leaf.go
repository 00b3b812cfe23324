// Package v1alpha1 is a leaf.
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/internal/fault" // want depguard
)

// Thing is an API type.
type Thing struct {
	metav1.TypeMeta `json:",inline"`
	// Unbounded has no bound.
	// +optional
	Unbounded string `json:"unbounded,omitempty"` // want kubeapilinter
	// Unmarked is neither required nor optional.
	// +kubebuilder:validation:MaxLength=8
	Unmarked string `json:"unmarked,omitempty"` // want kubeapilinter
}

// Class is from inside.
var Class fault.Class
