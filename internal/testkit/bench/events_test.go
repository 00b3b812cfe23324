//go:build bench

package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	// acting is how many accounts something happens to at Stripe, as far as there are so many, and actEvery
	// how long after one another.
	acting   = 500
	actEvery = 50 * time.Millisecond
	// hearLimit is how long the last may take to be shown.
	hearLimit = 3 * time.Minute
)

// deed is something that happened to an account at Stripe.
type deed struct {
	act  string
	want v1alpha1.PayoutPhase
	at   time.Time
	// received is how long the event took to be on the object, and shown the status; zero until then.
	received, shown time.Duration
}

// deeds are those to be seen, by the object's name. It is safe for concurrent use.
type deeds struct {
	mu  sync.Mutex
	all map[string]*deed
}

// receive plays the part of coaches and of Stripe for some accounts, before, in and after a sweep of all accounts, and
// measures how long it takes until the status of each shows it.
func (b *business) receive() {
	b.t.Helper()
	list := b.accounts()
	changes := b.changes(list.ResourceVersion)
	defer changes.Stop()
	waiting := &deeds{all: map[string]*deed{}}
	go waiting.follow(changes)
	some := min(acting, *coaches/2)
	// A fifth happens before the next sweep of all accounts.
	b.pass(untilPast(payoutResync, payoutResync-time.Duration(some)*actEvery/5))
	sweep := time.Now().Truncate(payoutResync).Add(payoutResync)
	b.say("something happens to %d accounts at Stripe, and all are observed meanwhile", some)
	mark, used, observed, began := b.mark(), b.operator.Usage(b.t).CPU, b.observed(), time.Now()
	delivered := b.operator.Count(b.t, "coach_stripe_events_total", nil)
	stored := b.stored()
	b.act(waiting, list, some)
	acted := time.Since(began)
	b.until(hearLimit, 100*time.Millisecond, "all acts shown", func() bool { return waiting.left() == 0 })
	took := time.Since(began)
	b.say("all were shown after %s", took.Round(time.Second))
	b.until(hearLimit, time.Second, "all accounts observed in the sweep", func() bool { return int(b.observed()-observed) >= *coaches })
	b.rest()
	whole := time.Since(began)
	calls := b.calls(mark)
	b.addReceived(waiting, sweep, float64(some)/acted.Seconds())
	b.report.Add(
		Figure{"deliveries an act", (b.operator.Count(b.t, "coach_stripe_events_total", nil) - delivered) / float64(some), "", "that the receiver answered", ""},
		Figure{"  not stored of them", 100 * (1 - (b.stored()-stored)/(b.operator.Count(b.t, "coach_stripe_events_total", nil)-delivered)), "%", "repeated, refused, or of no known account", "0"},
		Figure{"Stripe calls an act", float64(len(calls)-len(of(calls, listAccounts))) / float64(some), "", "beside listings", ""},
		Figure{"Kubernetes writes an act", float64(b.writes(began, time.Now()).others) / float64(some), "", "hints, statuses, events", ""},
		Figure{"processor time of acts", (b.operator.Usage(b.t).CPU - used) / whole.Seconds(), "cores", "of the operator, meanwhile", ""},
	)
}

// act lets something happen to some accounts at Stripe, evenly.
func (b *business) act(waiting *deeds, list *v1alpha1.PayoutAccountList, some int) {
	b.t.Helper()
	tick := time.NewTicker(actEvery)
	defer tick.Stop()
	deadline := time.Now().Add(24 * time.Hour)
	for n, i := range rand.Perm(len(list.Items))[:some] {
		<-tick.C
		a, act := &list.Items[i], "submit"
		d := &deed{act: act, want: v1alpha1.PhaseInReview}
		var args any
		if n%2 == 1 {
			d.act, d.want, args = "require", v1alpha1.PhaseRestrictedSoon, env.StripeAct{Deadline: &deadline}
		}
		waiting.expect(a.Name, d)
		b.account.Sandbox().Act(b.t, a.Status.AccountID, d.act, args)
	}
}

// stored is how many events were stored as hints.
func (b *business) stored() float64 {
	return b.operator.Count(b.t, "coach_stripe_events_total", map[string]string{"result": "stored"})
}

// changes watches the accounts from a moment on.
func (b *business) changes(version string) watch.Interface {
	b.t.Helper()
	c, err := client.NewWithWatch(b.cluster.Config, client.Options{Scheme: b.cluster.Client.Scheme()})
	if err != nil {
		b.t.Fatalf("creating a client that watches: %v", err)
	}
	changes, err := c.Watch(b.t.Context(), &v1alpha1.PayoutAccountList{}, client.InNamespace(b.platform.Namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: version}})
	if err != nil {
		b.t.Fatalf("watching the accounts: %v", err)
	}
	return changes
}

// expect notes that a deed is about to be done.
func (w *deeds) expect(object string, d *deed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d.at = time.Now()
	w.all[object] = d
}

// follow takes the times until the watch ends.
func (w *deeds) follow(changes watch.Interface) {
	for event := range changes.ResultChan() {
		if a, ok := event.Object.(*v1alpha1.PayoutAccount); ok {
			w.notice(a, time.Now())
		}
	}
}

func (w *deeds) notice(a *v1alpha1.PayoutAccount, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.all[a.Name]
	if d == nil {
		return
	}
	// The receiver notes when it took the event.
	_, when, _ := strings.Cut(a.Annotations[v1alpha1.AnnotationEvent], "@")
	if at, err := time.Parse(time.RFC3339Nano, when); err == nil && d.received == 0 && at.After(d.at) {
		d.received = at.Sub(d.at)
	}
	if d.shown == 0 && a.Status.Phase == d.want {
		d.shown = now.Sub(d.at)
	}
}

// left is how many were not shown yet.
func (w *deeds) left() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.all {
		if d.shown == 0 {
			n++
		}
	}
	return n
}

// addReceived adds how long it took until events were received, and shown: those of the sweep's first seconds, in
// which all accounts are observed, and those of quiet times.
func (b *business) addReceived(w *deeds, sweep time.Time, pace float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var received, swept, quiet []time.Duration
	for _, d := range w.all {
		if d.at.Before(sweep) || d.at.After(sweep.Add(slice)) {
			quiet = append(quiet, d.shown)
		} else {
			swept = append(swept, d.shown)
		}
		if d.received > 0 {
			received = append(received, d.received)
		}
	}
	from := fmt.Sprintf("%.0f a second: from what happened at Stripe until a watch shows it", pace)
	b.addTimes("event to status", swept, fmt.Sprintf("%d in the first %s of a sweep of all accounts, %s", len(swept), slice, from), "0.1", "1")
	b.addTimes("  without a sweep", quiet, fmt.Sprintf("%d before it and after it, %s", len(quiet), from), "", "")
	slices.Sort(received)
	for _, p := range []int{50, 99} {
		if len(received) > 0 {
			b.report.Add(Figure{
				fmt.Sprintf("  event to hint, p%d", p), float64(nearest(received, p).Microseconds()) / 1000, "ms",
				fmt.Sprintf("%d of these: until the receiver had verified the event", len(received)), "",
			})
		}
	}
}

// addTimes adds the median of times and their 99th percentile, each with its target, in seconds.
func (b *business) addTimes(name string, times []time.Duration, meaning, median, most string) {
	if len(times) == 0 {
		return
	}
	slices.Sort(times)
	b.report.Add(
		Figure{name + ", p50", nearest(times, 50).Seconds(), "s", meaning, median},
		Figure{name + ", p99", nearest(times, 99).Seconds(), "s", meaning, most},
	)
}
