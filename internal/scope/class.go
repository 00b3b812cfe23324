package scope

import (
	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
)

// Class is one reconcile of a PlatformClass.
type Class struct {
	// Owner names what the class's platforms share.
	Owner naming.Class
	// Class is the object; steps read its spec.
	Class *v1alpha1.PlatformClass

	// Network is set by the step network.
	Network ClassNetwork
	// Quotas are set by the step account.
	Quotas []v1alpha1.Quota
}

// ClassNetwork is what the step network observed.
type ClassNetwork struct {
	VPCID     string
	SubnetIDs []string
}
