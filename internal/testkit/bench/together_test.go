//go:build bench

package bench

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestTogether measures what one operator uses for many platforms of which one has many payout accounts.
func TestTogether(t *testing.T) {
	b := newBusiness(t)
	b.report.Platforms = *count
	b.open()
	b.settle()
	b.onboard()
	b.beQuietTogether()
	b.print()
}

// settle creates the other platforms and waits for all of them.
func (b *business) settle() {
	b.t.Helper()
	for i := range namespaces {
		if name := namespace(i); name != b.platform.Namespace {
			b.make(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
			b.cluster.Grant(b.t, name)
		}
	}
	b.becomeReady()
}

// beQuietTogether watches the operator while there is nothing to do for platforms and accounts.
func (b *business) beQuietTogether() {
	b.t.Helper()
	b.say("all are at rest; until everything is quiet")
	b.pass(payoutResync)
	b.say("quiet: watching %d resyncs of %s", quietBeats, payoutResync)
	used, from := b.operator.Usage(b.t), time.Now()
	b.pass(quietBeats * payoutResync)
	to, usage := time.Now(), b.operator.Usage(b.t)
	b.report.Add(
		Figure{"quiet processor time", (usage.CPU - used.CPU) / to.Sub(from).Seconds(), "cores", "of the operator, for platforms and accounts", ""},
		Figure{"memory when quiet", mebibytes(usage.Memory), "MiB", fmt.Sprintf("resident, with %d platforms and %d accounts", *count, *coaches), "256"},
		Figure{"memory at the peak", mebibytes(usage.Peak), "MiB", "most that ever was resident", "256"},
	)
}
