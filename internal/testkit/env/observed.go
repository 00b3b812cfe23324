package env

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/evidence"
)

// Observed returns a client for tests without the controller of platforms: each SecurityReport reads as if that had
// found just now what the stored report says. One that ended when it was observed is left as it is.
func Observed(c client.Client, now clock.PassiveClock) client.Client { return observed{c, now} }

type observed struct {
	client.Client
	clock clock.PassiveClock
}

// Get implements client.Reader.
func (o observed) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if err := o.Client.Get(ctx, key, into, options...); err != nil {
		return err
	}
	report, ok := into.(*v1alpha1.SecurityReport)
	if !ok || !report.Report.ValidUntil.After(report.Report.ObservedAt.Time) {
		return nil
	}
	now := metav1.NewTime(o.clock.Now())
	until := metav1.NewTime(now.Add(evidence.ReportBound))
	report.Report.ObservedAt, report.Report.ValidUntil = now, until
	for i := range report.Report.Controls {
		if c := &report.Report.Controls[i]; c.Status != v1alpha1.SecurityUnknown {
			c.ObservedAt, c.ValidUntil = now, until
		}
	}
	return nil
}
