package platformclass_test

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// stalling is a step whose call to AWS stalls until the time of the pass is up.
type stalling struct {
	*scripted
	// left is how much time the step was given at most.
	left time.Duration
}

func (s *stalling) stall(ctx context.Context) error {
	if end, ok := ctx.Deadline(); ok {
		s.left = time.Until(end)
	}
	<-ctx.Done()
	return ctx.Err()
}

// Run implements converge.Step.
func (s *stalling) Run(ctx context.Context, _ *scope.Class, _ converge.Mode) converge.Outcome {
	return converge.Outcome{Step: s.name, Err: s.stall(ctx)}
}

// Release implements converge.Step.
func (s *stalling) Release(ctx context.Context, _ *scope.Class) (bool, error) {
	return false, s.stall(ctx)
}

// stalledPass is a pass, of at most the given time, that stalls in the network's step.
func (b *bench) stalledPass(limit time.Duration) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), limit)
	defer cancel()
	b.reconciler.Steps = []converge.Step[*scope.Class]{b.account, &stalling{scripted: b.network}, b.parameters}
	if _, err := b.reconciler.Reconcile(ctx, b.class()); err == nil {
		b.t.Error("the pass that stalled is not tried again")
	}
}

func TestAStepHoldsTheOthersForAMinuteAtMost(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	stalled := &stalling{scripted: b.network}
	b.reconciler.Steps = []converge.Step[*scope.Class]{stalled}
	time.AfterFunc(2*time.Second, cancel) // nobody wants to wait for that minute
	if _, err := b.reconciler.Reconcile(ctx, b.class()); err == nil {
		t.Error("the pass that stalled is not tried again")
	}
	if stalled.left == 0 || stalled.left > time.Minute {
		t.Errorf("a step may hold the others for %s", stalled.left)
	}
}

func TestAPassThatRunsOutOfTimeDoesNotLeaveTheClassReady(t *testing.T) {
	t.Parallel()
	for name, deleted := range map[string]bool{"in use": false, "being released": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if class := b.mustPass(); !meta.IsStatusConditionTrue(class.Status.Conditions, v1alpha1.ConditionReady) {
				t.Fatalf("not ready before: %v", brief(class))
			}
			if deleted {
				b.delete()
			}
			b.stalledPass(5 * time.Second)
			network := meta.FindStatusCondition(b.class().Status.Conditions, "NetworkReady")
			if network.Status != "Unknown" {
				t.Errorf("the step that saw nothing says %s/%s", network.Status, network.Reason)
			}
			if class := b.class(); meta.IsStatusConditionTrue(class.Status.Conditions, v1alpha1.ConditionReady) {
				t.Errorf("the class says what was true once: %v", brief(class))
			}
		})
	}
}

func TestWhatWasReleasedRequestsNoPassSoon(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		parameters func() (bool, error)
		want       time.Duration
	}{
		"only what waits for a person is left": {nil, time.Minute},
		"something is still being released":    {func() (bool, error) { return false, nil }, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.mustPass()
			b.delete()
			b.parameters.release = c.parameters
			b.network.release = func() (bool, error) {
				return false, fault.New(fault.Denied, v1alpha1.ReasonAccessDenied, "grant it")
			}
			if result, err := b.pass(); err != nil || result.RequeueAfter != c.want {
				t.Errorf("got %v, %v, want a pass in %s", result, err, c.want)
			}
		})
	}
}

func TestAnEmptyListIsNoNews(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.network.run = func(in *scope.Class, _ converge.Mode) converge.Outcome {
		in.Network.VPCID, in.Network.SubnetIDs, in.Quotas = "vpc-00000001", []string{}, []v1alpha1.Quota{}
		return converge.Outcome{}
	}
	b.mustPass()
	writes := &writes{Client: b.client}
	b.reconciler.Client = writes
	b.mustPass()
	if len(writes.all) > 0 {
		t.Errorf("written: %v", writes.all)
	}
}
