// Package pass is the skeleton of one reconcile, the same for all kinds: claim the finalizer, run the
// steps, report, patch the status once; on deletion release the steps in reverse order and drop the
// finalizer. What a kind reads, reports and refuses is its controller's.
package pass

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/telemetry"
)

const (
	// Timeout bounds one pass: a call that stalls must not hold a worker.
	Timeout = 3 * time.Minute
	// stepTimeout bounds one step of a pass: a call that stalls must not hold the steps that follow.
	stepTimeout = time.Minute
	// endTimeout bounds the writes that end a pass.
	endTimeout = 15 * time.Second
	// releasePoll is when a release is tried again.
	releasePoll = 2 * time.Second
)

// Kind is one kind of object, O, whose steps read In. All fields are required.
type Kind[O client.Object, In any] struct {
	// Name is the metric label of the kind.
	Name string
	// Finalizer of the kind.
	Finalizer string
	Client    client.Client
	// Steps in their order.
	Steps   []converge.Step[In]
	Metrics *telemetry.Metrics
	Clock   clock.PassiveClock
	// Resync is how often a quiet object is observed.
	Resync time.Duration
	// WithStatus returns an object with the status of another; it may share everything with both.
	WithStatus func(object, status O) O
}

// Names returns the names of the steps.
func (k Kind[O, In]) Names() []string {
	names := make([]string, 0, len(k.Steps))
	for _, step := range k.Steps {
		names = append(names, step.Name())
	}
	return names
}

// Claimed says whether the object has the finalizer: without it, nothing was ever created for the object.
func (k Kind[O, In]) Claimed(object O) bool {
	return controllerutil.ContainsFinalizer(object, k.Finalizer)
}

// Claim stores the finalizer before the first call to the outside. The pass goes on: a finalizer does not
// change the generation, so waiting for the update's own event could wait for ever.
func (k Kind[O, In]) Claim(ctx context.Context, object O) error {
	if k.Claimed(object) {
		return nil
	}
	return k.patchFinalizers(ctx, object, func() { controllerutil.AddFinalizer(object, k.Finalizer) })
}

// Drop lets the object go.
func (k Kind[O, In]) Drop(ctx context.Context, object O) error {
	return client.IgnoreNotFound(
		k.patchFinalizers(ctx, object, func() { controllerutil.RemoveFinalizer(object, k.Finalizer) }))
}

// patchFinalizers writes the list of finalizers. A merge patch replaces a list as a whole, so the lock keeps
// those that others added or removed meanwhile.
func (k Kind[O, In]) patchFinalizers(ctx context.Context, object O, edit func()) error {
	before := object.DeepCopyObject().(O) // a copy is of the same type
	edit()
	return k.Client.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// Run runs the steps, each within the time of a step, measured and logged.
func (k Kind[O, In]) Run(ctx context.Context, in In, mode converge.Mode) []converge.Outcome {
	outcomes := make([]converge.Outcome, 0, len(k.Steps))
	for _, step := range k.Steps {
		outcomes = append(outcomes, k.run(ctx, step, in, mode))
	}
	return outcomes
}

func (k Kind[O, In]) run(ctx context.Context, step converge.Step[In], in In, mode converge.Mode) converge.Outcome {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	log := logf.FromContext(ctx).WithValues("step", step.Name())
	started := k.Clock.Now()
	out := step.Run(logf.IntoContext(ctx, log), in, mode)
	class, effects := "converged", make([]string, 0, len(out.Changes))
	for _, c := range out.Changes {
		effects = append(effects, c.Effect.String())
		log.V(1).Info("Step found a difference", "change", c.Path, "held", c.Held, "written", out.Applied && !c.Held)
	}
	if out.Err != nil {
		class = fault.ClassOf(out.Err).String()
		log.Info("Step is not converged", "class", class, "reason", out.Err.Error(), "changes", len(out.Changes))
	}
	k.Metrics.Step(k.Name, step.Name(), class, effects, k.Clock.Since(started))
	return out
}

// Release releases the steps in reverse order. One that fails does not keep the others. It returns what
// there is to say about each, in the order of the steps, and whether nothing was left to do. Only a step
// that is not done requests a pass soon: one that waits for the others does not.
func (k Kind[O, In]) Release(ctx context.Context, in In) (outcomes []converge.Outcome, done bool) {
	done = true
	for _, step := range slices.Backward(k.Steps) {
		ended, err := k.release(ctx, step, in)
		done = done && ended
		outcomes = append(outcomes, converge.Outcome{Step: step.Name(), Err: err, ObserveFailed: true})
	}
	slices.Reverse(outcomes)
	return outcomes, done
}

func (k Kind[O, In]) release(ctx context.Context, step converge.Step[In], in In) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	done, err := step.Release(ctx, in)
	switch {
	case err != nil:
		logf.FromContext(ctx).Info("Step is not released", "step", step.Name(), "reason", err.Error())
		return false, err
	case !done:
		return false, fault.Wait(v1alpha1.ReasonReleasing, releasePoll, "being released; nothing that it holds is lost")
	}
	return true, fault.Wait(v1alpha1.ReasonReleasing, k.Resync, "released")
}

// Finish reports what a pass saw and patches the status, once, if it is not that of before. It does so even
// when the time of the pass is up: a status that is not rewritten would go on claiming what was true once.
// Of an operator that is ending it says nothing, since its reads were cancelled by us: the next operator
// observes again.
func (k Kind[O, In]) Finish(ctx context.Context, before, object O, report func(context.Context) error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	return errors.Join(report(ctx), k.patchStatus(ctx, k.WithStatus(object, before), object))
}

// patchStatus writes nothing if nothing changed: idle means idle. The patch carries no optimistic lock, since
// the operator is the only writer of status and a lost status is harmless.
func (k Kind[O, In]) patchStatus(ctx context.Context, base, object O) error {
	if equality.Semantic.DeepEqual(base, object) {
		return nil
	}
	if err := k.Client.Status().Patch(ctx, object, client.MergeFrom(base)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("writing the status: %w", err))
	}
	return nil
}
