package coachplatform

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/telemetry"
)

const (
	// reportTimeout bounds the writing of a report, so that time is left for the status.
	reportTimeout = 5 * time.Second
	// fewFlips is how many controls that hold again, or went out of sight, in one pass are reported one by
	// one. More have one cause, such as AWS out of reach, and are reported together: a thousand platforms must
	// not tell dozens of things each.
	fewFlips = 3
)

// writeReport writes what was seen into the platform's report, if that says anything else than before or is
// about to end, and emits an event for what flipped. A platform that is being deleted is not observed any more: its
// report ends by itself, and goes with it.
func (r *Reconciler) writeReport(ctx context.Context, platform *v1alpha1.CoachPlatform, answers []evidence.Answer) error {
	if !platform.DeletionTimestamp.IsZero() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	if stored, err := stored(ctx, r.Client, platform); err == nil && stored != nil {
		if _, due := r.next(stored, answers); !due {
			return nil
		}
	}
	// A cache may not know of our own last write; what is written and emitted builds on what is there now.
	before, err := stored(ctx, r.Live, platform)
	if err != nil {
		return err
	}
	if before == nil {
		return r.firstReport(ctx, platform, answers)
	}
	after, due := r.next(before, answers)
	if !due {
		return nil
	}
	if err := r.Client.Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("writing the security report: %w", err)
	}
	r.emitFlips(platform, evidence.Flips(before.Report.Controls, after.Report.Controls))
	return nil
}

// next is the report that replaces a stored one, and whether it has to.
func (r *Reconciler) next(stored *v1alpha1.SecurityReport, answers []evidence.Answer) (*v1alpha1.SecurityReport, bool) {
	now, after := r.Clock.Now(), stored.DeepCopy()
	after.Report = evidence.Report(answers, &stored.Report, now)
	return after, evidence.Due(&stored.Report, &after.Report, now)
}

// firstReport makes the report. It goes with its platform, which it does not keep from going.
func (r *Reconciler) firstReport(ctx context.Context, platform *v1alpha1.CoachPlatform, answers []evidence.Answer) error {
	first := &v1alpha1.SecurityReport{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: platform.Namespace, Name: platform.Name,
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: kind, Name: platform.Name, UID: platform.UID, Controller: new(true),
			}},
		},
		Report: evidence.Report(answers, nil, r.Clock.Now()),
	}
	if err := r.Client.Create(ctx, first); err != nil {
		return fmt.Errorf("creating the security report: %w", err)
	}
	return nil
}

// stored returns the report of a platform, nil if there is none. One that is not the platform's own is
// left alone.
func stored(ctx context.Context, from client.Reader, platform *v1alpha1.CoachPlatform) (*v1alpha1.SecurityReport, error) {
	found := &v1alpha1.SecurityReport{}
	if err := from.Get(ctx, client.ObjectKeyFromObject(platform), found); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil, nil //nolint:nilnil // there is none, which is no failure
		}
		return nil, fmt.Errorf("reading the security report: %w", err)
	}
	owner := metav1.GetControllerOf(found)
	switch {
	case owner != nil && owner.UID == platform.UID:
		return found, nil
	case owner != nil && owner.Kind == kind && owner.Name == platform.Name:
		// Its platform is gone, and Kubernetes is about to collect it; that wakes this one up.
		return nil, fault.Wait(v1alpha1.ReasonReleasing, 0, "the SecurityReport of an earlier platform of this name is being removed")
	}
	return nil, fault.New(fault.Conflict, v1alpha1.ReasonConflict,
		"the SecurityReport %s is not this platform's own and is not overwritten: delete it, and it is created again", found.Name)
}

// reported says that the platform has a report of its own, and is not being deleted.
func (r *Reconciler) reported(ctx context.Context, platform *v1alpha1.CoachPlatform) bool {
	found, err := stored(ctx, r.Client, platform)
	return err == nil && found != nil && platform.DeletionTimestamp.IsZero()
}

// emitFlips counts flips, and emits events for those that are news.
func (r *Reconciler) emitFlips(platform *v1alpha1.CoachPlatform, flips []evidence.Flip) {
	news := map[evidence.Status][]evidence.Flip{}
	for _, f := range flips {
		r.Metrics.Flip(f.After.ID, string(f.After.Status))
		if f.News() {
			news[f.After.Status] = append(news[f.After.Status], f)
		}
	}
	for _, as := range []struct {
		status              evidence.Status
		kind, reason, words string
	}{
		{evidence.Violated, corev1.EventTypeWarning, v1alpha1.ReasonControlViolated, ""},
		{evidence.Unknown, corev1.EventTypeWarning, v1alpha1.ReasonControlUnknown, "cannot be observed any more"},
		{evidence.Verified, corev1.EventTypeNormal, v1alpha1.ReasonControlVerified, "are verified again"},
	} {
		for _, note := range notes(news[as.status], as.words) {
			r.Events.Eventf(platform, nil, as.kind, as.reason, report.ActionReconcile, "%s", report.Note(note))
		}
	}
}

// notes are the texts of events about flips to one status. With words, many flips share a text.
func notes(flips []evidence.Flip, words string) []string {
	all := make([]string, 0, len(flips))
	ids := make([]string, 0, len(flips))
	for _, f := range flips {
		all = append(all, fmt.Sprintf("%s, %q: %s", f.After.ID, f.After.Statement, f.After.Seen))
		ids = append(ids, f.After.ID)
	}
	if words == "" || len(flips) <= fewFlips {
		return all
	}
	return []string{fmt.Sprintf("%d controls %s (%s): %s", len(flips), words, flips[0].After.Seen, strings.Join(ids, " "))}
}

// retried is an error of a report that the queue has to try again. The others are logged, and shown by
// the condition EvidenceFresh.
func retried(ctx context.Context, unwritten error) error {
	if unwritten == nil || fault.Handle(fault.ClassOf(unwritten)).Backoff {
		return unwritten
	}
	log := logf.FromContext(ctx)
	if fault.ClassOf(unwritten) == fault.Waiting {
		log.Info("The security report is not written yet", "reason", unwritten.Error())
		return nil
	}
	log.Error(unwritten, "The security report is not written")
	return nil
}

// measure counts, until the context ends, the controls of all platforms whenever the metrics are read. It
// counts what the cache holds, so nothing has to be remembered and forgotten with platforms.
func (r *Reconciler) measure(ctx context.Context) error {
	r.Metrics.Controls(func() map[telemetry.Control]int { return r.census(ctx) })
	<-ctx.Done()
	r.Metrics.Controls(nil)
	return nil
}

// census counts platforms by control and status. One that is being deleted counts no more; one that was
// not observed yet is unknown throughout.
func (r *Reconciler) census(ctx context.Context) map[telemetry.Control]int {
	var platforms v1alpha1.CoachPlatformList
	if err := r.Client.List(ctx, &platforms, client.UnsafeDisableDeepCopy); err != nil {
		logf.FromContext(ctx).Error(err, "Counting the controls of all platforms")
		return nil
	}
	all := map[telemetry.Control]int{}
	for _, c := range evidence.Catalogue {
		for _, status := range []evidence.Status{evidence.Verified, evidence.Violated, evidence.Unknown, evidence.Exempt} {
			all[telemetry.Control{ID: c.ID, Status: string(status)}] = 0
		}
	}
	for i := range platforms.Items {
		if p := &platforms.Items[i]; p.DeletionTimestamp.IsZero() {
			add(all, p)
		}
	}
	return all
}

// add adds the controls that apply to one platform.
func add(all map[telemetry.Control]int, p *v1alpha1.CoachPlatform) {
	s, open := &p.Status.Security, map[string]string{}
	for _, c := range s.Open {
		open[c.Control] = c.Status
	}
	for _, c := range evidence.Applicable(hasStripe(p)) {
		status := open[c.ID]
		switch {
		case s.Summary == "":
			status = string(evidence.Unknown)
		case status == "":
			status = string(evidence.Verified)
		}
		all[telemetry.Control{ID: c.ID, Status: status}]++
	}
}
