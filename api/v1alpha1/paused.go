package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Paused says whether nothing may be written for an object. Any value but "false" is taken as a wish that
// writes stop.
func Paused(o metav1.Object) bool {
	value := o.GetAnnotations()[AnnotationPaused]
	return value != "" && value != "false"
}
