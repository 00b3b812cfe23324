package payoutaccount_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/onsi/gomega"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// since counts the calls of Stripe after one, by operation, and returns the last.
func (w *world) since(last int64) (map[string]int, int64) {
	w.t.Helper()
	counts := map[string]int{}
	for _, call := range w.sandbox.StripeCalls(w.t, w.stripe.ID, last) {
		counts[call.Operation]++
		last = max(last, call.Seq)
	}
	return counts, last
}

func TestAQuietResyncWritesNothingAndListsEverythingOnce(t *testing.T) {
	const unmanaged, coaches, resyncs = 250, 6, 4
	w := newWorld(t)
	w.sandbox.StripeUnmanaged(t, w.stripe.ID, false, unmanaged, nil)
	var names []string
	for i := range coaches {
		names = append(names, fmt.Sprintf("coach-%d", i))
		w.coach(names[i])
		w.stands(names[i], v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
		if i > 0 { // they wait for different things
			w.act(names[i], []string{"", "submit", "verify", "require", "pause", "reject"}[i], nil)
		}
		w.settles(names[i])
	}
	quiet := &path{}
	w.restart(quiet)
	w.clock.Step(resync)
	_, last := w.since(0)
	for n := range resyncs {
		for _, name := range names {
			result, err := w.pass(name)
			w.must(err)
			if result.RequeueAfter <= 0 || result.RequeueAfter > resync*11/10 {
				t.Errorf("the next pass over %s is in %s", name, result.RequeueAfter)
			}
		}
		var counts map[string]int
		gomega.NewWithT(t).Eventually(func() int { // a newer listing is read in the background
			counts, _ = w.since(last)
			return counts["GetAccounts"]
		}, "20s", "20ms").Should(gomega.BeNumerically(">=", 3))
		counts, last = w.since(last)
		// 256 accounts are three pages of a hundred, and the key is observed once.
		if diff := cmp.Diff(map[string]int{"GetAccounts": 3, "GetAccount": 1}, counts); diff != "" {
			t.Errorf("calls in resync %d (-want +got):\n%s", n, diff)
		}
		w.clock.Step(resync)
	}
	if len(quiet.writes) != 0 {
		t.Errorf("%d writes to Kubernetes or Stripe: %v", len(quiet.writes), quiet.writes)
	}
}

func TestAnEventReadsOneAccountAndNoOther(t *testing.T) {
	w := newWorld(t)
	w.sandbox.StripeUnmanaged(t, w.stripe.ID, false, 150, nil)
	verified(w)
	w.settles("jo")
	_, last := w.since(0)
	w.hint("jo")
	_, err := w.pass("jo")
	w.must(err)
	counts, _ := w.since(last)
	if diff := cmp.Diff(map[string]int{"GetAccountsAccount": 1}, counts); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
