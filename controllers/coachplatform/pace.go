package coachplatform

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/evidence"
)

// progressPace is for how long it may be held back that a platform is further on its way: its steps pass
// through many states within seconds, and each would be a write of status and report, and an event.
const progressPace = 15 * time.Second

// pace holds back what only says that a platform is a little further on its way, for progressPace at most. Only
// good news is held back: whatever fails, is unknown or violated, or needs a person, is written at once. What is
// held back is lost with the process, whose successor observes again. It is safe for concurrent use.
type pace struct {
	mu  sync.Mutex
	all map[types.UID]paced
}

// paced is what is remembered of a platform on its way.
type paced struct {
	// told is the status that was written last. The cache may not know it yet.
	told v1alpha1.CoachPlatformStatus
	// held is the status that was held back after that, and since is when the first one was; nil is none.
	held  *v1alpha1.CoachPlatformStatus
	since time.Time
	// writes are those of the passes that were held back, for the next event.
	writes []string
}

// resume returns the status that the next pass builds on: what was seen last, whether or not that was written.
func (p *pace) resume(platform *v1alpha1.CoachPlatform) v1alpha1.CoachPlatformStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, written := p.all[platform.UID]
	switch {
	case known.held != nil:
		return *known.held.DeepCopy()
	case written:
		return *known.told.DeepCopy()
	}
	return platform.Status
}

// hold says whether what a pass saw is held back, and if so keeps it: it is nothing but progress, and the next
// pass comes before anything was held back for longer than progressPace.
func (p *pace) hold(platform *v1alpha1.CoachPlatform, said report.Pass, next ctrl.Result, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, written := p.all[platform.UID]
	if known.held == nil {
		known.since = now
	}
	inTime := next.RequeueAfter > 0 && !now.Add(next.RequeueAfter).After(known.since.Add(progressPace))
	if !written || !inTime || !progress(&known.told, &platform.Status) {
		return false
	}
	known.held = platform.Status.DeepCopy()
	if writes := said.Writes(); writes != "" {
		known.writes = append(known.writes, writes)
	}
	p.all[platform.UID] = known
	return true
}

// earlier are the writes of the passes that were held back.
func (p *pace) earlier(uid types.UID) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[uid].writes
}

// wrote remembers that the status and the report of a platform were written. Of one that is not on its way
// nothing is remembered.
func (p *pace) wrote(platform *v1alpha1.CoachPlatform) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !onItsWay(&platform.Status) {
		delete(p.all, platform.UID)
		return
	}
	if p.all == nil {
		p.all = map[types.UID]paced{}
	}
	p.all[platform.UID] = paced{told: *platform.Status.DeepCopy()}
}

// forget has the next pass written, whatever it says.
func (p *pace) forget(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, uid)
}

// progress says that the second status only tells of a platform that was on its way, and is further now.
func progress(was, is *v1alpha1.CoachPlatformStatus) bool {
	return onItsWay(was) && onItsWay(is) && !worse(was.Security.Open, is.Security.Open) &&
		was.ObservedGeneration == is.ObservedGeneration && was.ReconcileHandled == is.ReconcileHandled &&
		was.Approval == is.Approval && (was.Drift == is.Drift || is.Drift == none) &&
		!slices.ContainsFunc(is.Conditions, func(c metav1.Condition) bool {
			return c.Status != metav1.ConditionTrue && meta.IsStatusConditionTrue(was.Conditions, c.Type)
		})
}

// onItsWay says that everything was observed, nobody has to act, and something is not done yet.
func onItsWay(s *v1alpha1.CoachPlatformStatus) bool {
	return meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionReconciling) &&
		meta.IsStatusConditionFalse(s.Conditions, v1alpha1.ConditionReady)
}

// worse says that a control is not verified now that was before, or is so otherwise. Why one is unknown may change.
func worse(was, is []v1alpha1.OpenControl) bool {
	return slices.ContainsFunc(is, func(now v1alpha1.OpenControl) bool {
		return !slices.ContainsFunc(was, func(then v1alpha1.OpenControl) bool {
			return then.Control == now.Control && then.Status == now.Status &&
				(then.Seen == now.Seen || now.Status == string(evidence.Unknown))
		})
	})
}
