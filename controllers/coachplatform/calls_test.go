package coachplatform_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/clock"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	// mostCalls is how many calls to AWS one platform may need until it is Ready, where AWS takes 0.1 s for each state
	// of a database and the class is Ready.
	mostCalls = 30
	// mostRDS is how many of them may be to RDS.
	mostRDS = 4
	// soonest is how long that may take.
	soonest = 8 * time.Second
)

// TestOnePlatformNeedsFewCallsUntilItIsReady counts what AWS is asked, at the pace at which the queue would look again.
func TestOnePlatformNeedsFewCallsUntilItIsReady(t *testing.T) {
	w := newWorld(t)
	pace := "100ms"
	w.account.Sandbox().Set(t, w.account.ID, env.Settings{Pace: &pace})
	sessions := w.account.Sessions(t, aws.Options{Share: 1000})
	w.reconciler.Clock, w.reconciler.Steps = clock.RealClock{}, step.Cloud(sessions)
	shared := &scope.Class{Owner: naming.Class{Installation: installation, Name: w.class.Name}, Class: w.class}
	for _, s := range step.Class(sessions) {
		if out := s.Run(t.Context(), shared, converge.Mode{Write: true}); out.Err != nil {
			t.Fatalf("step %s of the class: %v", s.Name(), out.Err)
		}
	}
	since, began := w.account.Mark(t), time.Now()
	w.start()
	for passes := 1; ; passes++ {
		result, err := w.pass()
		if err != nil {
			t.Fatalf("pass %d: %v", passes, err)
		}
		if meta.IsStatusConditionTrue(w.platform().Status.Conditions, v1alpha1.ConditionReady) {
			break
		}
		select {
		case <-time.After(result.RequeueAfter):
		case <-t.Context().Done():
			t.Fatal("the test ends")
		}
	}
	took := time.Since(began)
	counts, all, rds := map[string]int{}, 0, 0
	for _, c := range w.account.Calls(t, since) {
		if c.Service == "logs" {
			continue // the goal is without the log groups, which take seven
		}
		counts[c.Action()]++
		all++
		if c.Service == "rds" {
			rds++
		}
	}
	text := ""
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		text += fmt.Sprintf("\n%3d %s", counts[name], name)
	}
	t.Logf("Ready after %.1f s, %d calls, %d of them to RDS:%s", took.Seconds(), all, rds, text)
	if all > mostCalls || rds > mostRDS || took > soonest {
		t.Errorf("%d calls to AWS, %d of them to RDS, in %s; want at most %d, %d and %s", all, rds, took, mostCalls, mostRDS, soonest)
	}
}
