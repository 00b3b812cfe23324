//go:build bench

package bench

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// aloneLimit is how long the first platform may take.
const aloneLimit = 5 * time.Minute

// becomeReadyAlone creates the first platform while there is no other, once its class is Ready, and measures
// what one platform takes when nothing delays it.
func (w *world) becomeReadyAlone() {
	w.t.Helper()
	w.prepare()
	w.until(aloneLimit, 100*time.Millisecond, "the class Ready", func() bool {
		var classes v1alpha1.PlatformClassList
		if err := w.cluster.Client.List(w.t.Context(), &classes); err != nil {
			w.t.Fatalf("listing the classes: %v", err)
		}
		return len(classes.Items) == 1 && meta.IsStatusConditionTrue(classes.Items[0].Status.Conditions, v1alpha1.ConditionReady)
	})
	w.say("one platform")
	mark, used, began := w.account.Mark(w.t), w.operator.Usage(w.t).CPU, time.Now()
	if err := w.cluster.Client.Create(w.t.Context(), platform(0)); err != nil {
		w.t.Fatalf("creating a platform: %v", err)
	}
	w.until(aloneLimit, 50*time.Millisecond, "the first platform Ready", func() bool {
		for _, p := range w.all(w.t.Context()) {
			c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
			return c != nil && c.Status == metav1.ConditionTrue
		}
		return false
	})
	took, calls := time.Since(began), w.account.Calls(w.t, mark)
	written := w.writes(began, time.Now())
	w.report.Add(
		Figure{"one platform: time to Ready", took.Seconds(), "s", "alone; each state of a database lasts " + pace.String() + " here", "8"},
		Figure{"  its AWS calls", float64(len(calls)), "", "all of the operator until then: " + tallied(calls), "30"},
		Figure{"  its Kubernetes writes", float64(written.all()), "", "all of the operator until then, besides leases", "16"},
		Figure{"  its processor time", w.operator.Usage(w.t).CPU - used, "s", "of the operator until then", ""},
	)
}

// tallied lists how many calls there were to each service.
func tallied(calls []env.Call) string {
	counts, order := map[string]int{}, []string(nil)
	for _, c := range calls {
		service, _, _ := strings.Cut(c.Action(), ":")
		if counts[service] == 0 {
			order = append(order, service)
		}
		counts[service]++
	}
	parts := make([]string, 0, len(order))
	for _, service := range order {
		parts = append(parts, fmt.Sprintf("%s %d", service, counts[service]))
	}
	return strings.Join(parts, ", ")
}
