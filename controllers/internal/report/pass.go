package report

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/telemetry"
)

const (
	// PassTimeout bounds one pass: a call that stalls must not hold a worker.
	PassTimeout = 3 * time.Minute
	// StepTimeout bounds one step of a pass: a call that stalls must not hold the steps that follow.
	StepTimeout = time.Minute
	// endTimeout bounds the writes that end a pass.
	endTimeout = 15 * time.Second
)

// Observer is who hears of the steps that run.
type Observer struct {
	// Kind is the metric label of the controller.
	Kind    string
	Metrics *telemetry.Metrics
	Clock   clock.PassiveClock
}

// Run runs one step within the time of a step, measured and logged.
func Run[In any](
	ctx context.Context, o Observer, step converge.Step[In], in In, mode converge.Mode,
) converge.Outcome {
	ctx, cancel := context.WithTimeout(ctx, StepTimeout)
	defer cancel()
	log := logf.FromContext(ctx).WithValues("step", step.Name())
	started := o.Clock.Now()
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
	o.Metrics.Step(o.Kind, step.Name(), class, effects, o.Clock.Since(started))
	return out
}

// Release releases one step's thing, within the time of a step.
func Release[In any](ctx context.Context, step converge.Step[In], in In) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, StepTimeout)
	defer cancel()
	return step.Release(ctx, in)
}

// Stopping says that the operator is ending, and not that the time of a pass is up. What a pass saw then
// says nothing: its reads were cancelled by us, and the next operator observes again.
func Stopping(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// Ending returns the context of the writes that end a pass. They happen even when the time of the pass
// is up: a status that is not rewritten would go on claiming what was true once.
func Ending(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
}

// PatchStatus writes the status of an object, once, and only if it is not that of base: idle means
// idle. base is a copy of the object with the status that it had before. The patch carries no
// optimistic lock, since nobody else writes status and a lost status is harmless.
func PatchStatus(ctx context.Context, c client.Client, base, object client.Object) error {
	if equality.Semantic.DeepEqual(base, object) {
		return nil
	}
	if err := c.Status().Patch(ctx, object, client.MergeFrom(base)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("writing the status: %w", err))
	}
	return nil
}
