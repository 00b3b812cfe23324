package coachplatform

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/evidence"
)

const (
	// progressPace is how often the status of a platform that is on its way is written: its steps pass
	// through many states within seconds, and each would be a write and an event.
	progressPace = 10 * time.Second
	// throttledPatience is how long a ready platform stays as it was observed last while AWS or Stripe
	// throttle: a thousand platforms must not write twice each that a budget was used up for a moment. It
	// is shorter than any observation counts.
	throttledPatience = time.Minute
	// firstReport is how long a platform that is on its way has no report: until everything could be observed
	// once, that would list what is not created yet.
	firstReport = evidence.ReportBound
)

// pace keeps what is written of platforms within bounds. What it holds back is written later or is not so any
// more; what it remembers can be lost. It is safe for concurrent use.
type pace struct {
	mu  sync.Mutex
	all map[types.UID]*paced
}

// paced is what is remembered of one platform.
type paced struct {
	// wrote is when the status was last written, throttled since when calls are throttled.
	wrote, throttled time.Time
	// writes are those of passes since then, for the next event.
	writes []string
}

func (p *pace) of(uid types.UID) *paced {
	if p.all == nil {
		p.all = map[types.UID]*paced{}
	}
	if p.all[uid] == nil {
		p.all[uid] = &paced{}
	}
	return p.all[uid]
}

func (p *pace) forget(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, uid)
}

// throttled says that a pass has nothing to say but that a ready platform could not be observed for a moment.
func (p *pace) throttled(platform *v1alpha1.CoachPlatform, said report.Pass, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.of(platform.UID)
	_, reconciling, _ := said.Summary()
	status := &platform.Status
	if reconciling.Status != metav1.ConditionTrue || reconciling.Reason != v1alpha1.ReasonThrottled || said.Writes() != "" ||
		!meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) ||
		status.ObservedGeneration != platform.Generation || status.ReconcileHandled != requested(platform) {
		known.throttled = time.Time{}
		return false
	}
	if known.throttled.IsZero() {
		known.throttled = now
	}
	return now.Sub(known.throttled) < throttledPatience
}

// progress says that a pass only found a platform a little further on its way, shortly after the status was
// written. What it wrote is kept for the next event. For any other pass it returns what was kept.
func (p *pace) progress(before, after *v1alpha1.CoachPlatform, said report.Pass, now time.Time) (held bool, writes []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.of(after.UID)
	was, is := &before.Status, &after.Status
	if onItsWay(was) && onItsWay(is) && now.Sub(known.wrote) < progressPace &&
		was.ObservedGeneration == is.ObservedGeneration && was.ReconcileHandled == is.ReconcileHandled &&
		news(was.Drift, is.Drift) == "" && was.Approval == is.Approval {
		if said.Writes() != "" {
			known.writes = append(known.writes, said.Writes())
		}
		return true, nil
	}
	writes, known.writes, known.wrote = known.writes, nil, now
	return false, writes
}

func onItsWay(s *v1alpha1.CoachPlatformStatus) bool {
	return meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionReconciling)
}
