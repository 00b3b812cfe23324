package platformclass

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// usage is who uses a class.
type usage struct {
	platforms int32
	// example is namespace/name of one of them: the first by that text.
	example string
}

// usage counts the platforms that name the class. For a class that is being deleted they are read
// past the cache: what follows from "none" cannot be taken back.
func (r *Reconciler) usage(ctx context.Context, class *v1alpha1.PlatformClass) (usage, error) {
	var from client.Reader = r.Client
	if !class.DeletionTimestamp.IsZero() {
		from = r.Live
	}
	var all v1alpha1.CoachPlatformList
	if err := from.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil { // only read, below
		return usage{}, fmt.Errorf("listing the platforms of the class: %w", err)
	}
	var used usage
	for i := range all.Items {
		p := &all.Items[i]
		if p.Spec.ClassName != class.Name {
			continue
		}
		used.platforms++
		if name := p.Namespace + "/" + p.Name; used.example == "" || name < used.example {
			used.example = name
		}
	}
	return used, nil
}

// keep is why a deleted class stays.
func (u usage) keep() *fault.Error {
	return fault.New(fault.Conflict, v1alpha1.ReasonInUse,
		"the class is deleted and kept, since platforms use it: %d, such as %s; delete them (kubectl get cp -A), and the "+
			"class goes by itself", u.platforms, u.example)
}
