package report

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// Paused says whether nothing may be written for an object. Whoever sets the annotation wants the writes
// to stop, however it is spelled.
func Paused(o client.Object) bool {
	value := o.GetAnnotations()[v1alpha1.AnnotationPaused]
	return value != "" && value != "false"
}
