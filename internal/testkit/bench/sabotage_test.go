//go:build bench

package bench

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

const (
	// broken is how many platforms are broken in each way, as far as there are so many.
	broken = 40
	// seenLimit is how long it may take until a broken promise is reported.
	seenLimit = 3 * time.Minute
)

// breach is one broken promise.
type breach struct {
	platform string
	bySQL    bool
	make     func()
	// at is when it was broken, and took how long the report did not say so; zero until then.
	at   time.Time
	took time.Duration
}

// beBroken breaks promises of many platforms behind the operator's back, evenly over a resync, and measures
// how long it takes until the platform's report says so.
func (w *world) beBroken() {
	w.t.Helper()
	breaches := w.breaches()
	w.say("breaking a promise of %d platforms", len(breaches))
	reports := w.reports()
	defer reports.Stop()
	began := time.Now()
	limit := time.After(w.settings.Resync + seenLimit)
	tick := time.NewTicker(max(w.settings.Resync/time.Duration(len(breaches)), time.Millisecond))
	defer tick.Stop()
	made, seen := 0, 0
	for seen < len(breaches) {
		select {
		case <-tick.C:
			if made < len(breaches) {
				breaches[made].at = time.Now()
				breaches[made].make()
				made++
			}
		case event := <-reports.ResultChan():
			seen += notice(breaches[:made], event)
		case <-limit:
			w.t.Fatalf("%d of %d breaches were not seen; the operator's log is in %s", len(breaches)-seen, len(breaches), *folder)
		}
	}
	w.say("all were seen after %s", time.Since(began).Round(time.Second))
	w.addSeen("AWS", "the firewall opened to everybody, or backups off", breaches, false)
	w.addSeen("SQL", "a right for everybody, or a login that was not requested", breaches, true)
}

// breaches are those to make, by AWS and by SQL in turns, one of a platform at most.
func (w *world) breaches() []*breach {
	w.t.Helper()
	databases, each := w.databases(), min(broken, *count/2)
	var all []*breach
	for i, d := range databases[:2*each] {
		b := &breach{platform: d.platform, bySQL: i%2 == 1}
		switch i % 4 {
		case 0, 2:
			name := [...]string{"open-firewall", "backup-off"}[i%4/2]
			b.make = func() { w.account.Sabotage(w.t, name, map[string]any{"resource": d.identifier}) }
		case 1:
			b.make = func() { d.Do(w.t, "GRANT CONNECT ON DATABASE coach TO PUBLIC") }
		case 3:
			b.make = func() { d.Do(w.t, "CREATE ROLE intruder LOGIN") }
		}
		all = append(all, b)
	}
	return all
}

// reports watches all reports.
func (w *world) reports() watch.Interface {
	w.t.Helper()
	c, err := client.NewWithWatch(w.cluster.Config, client.Options{Scheme: w.cluster.Client.Scheme()})
	if err != nil {
		w.t.Fatalf("creating a client that watches: %v", err)
	}
	reports, err := c.Watch(w.t.Context(), &v1alpha1.SecurityReportList{})
	if err != nil {
		w.t.Fatalf("watching the reports: %v", err)
	}
	return reports
}

// notice takes the time of the breach that a report shows, and says how many it was.
func notice(breaches []*breach, event watch.Event) int {
	report, ok := event.Object.(*v1alpha1.SecurityReport)
	if !ok || report.Report.Summary.Violated == 0 {
		return 0
	}
	name := report.Namespace + "/" + report.Name
	i := slices.IndexFunc(breaches, func(b *breach) bool { return b.platform == name && b.took == 0 })
	if i < 0 {
		return 0
	}
	breaches[i].took = time.Since(breaches[i].at)
	return 1
}

// addSeen adds how long breaches of one kind took to be reported.
func (w *world) addSeen(by, what string, breaches []*breach, bySQL bool) {
	var took []time.Duration
	for _, b := range breaches {
		if b.bySQL == bySQL {
			took = append(took, b.took)
		}
	}
	slices.SortFunc(took, cmp.Compare[time.Duration])
	for _, percentile := range []int{50, 99} {
		w.report.Add(Figure{
			fmt.Sprintf("broken by %s to Violated, p%d", by, percentile), nearest(took, percentile).Seconds(), "s",
			fmt.Sprintf("of %d platforms: %s", len(took), what), "60",
		})
	}
}

// nearest is a percentile by nearest rank of what is sorted and not empty.
func nearest(sorted []time.Duration, percentile int) time.Duration {
	return sorted[(len(sorted)*percentile+99)/100-1]
}
