//go:build bench

package bench

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/step"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// quietBeats is for how many resyncs the quiet operator is watched.
const quietBeats = 3

// reports are the SecurityReports, as the audit log calls them.
const reports = "payouts.coachplatform.io/securityreports"

// limits of what is waited for.
const (
	readyLimit   = time.Hour
	restartLimit = 5 * time.Minute
)

func TestPlatforms(t *testing.T) {
	w := newWorld(t)
	w.report.Platforms = *count
	w.start()
	w.becomeReadyAlone()
	w.becomeReady()
	w.beQuiet()
	w.restart("upgrade: restart to converged", "SIGTERM, then until a new process has found all platforms as wanted", w.operator.Stop)
	w.restart("lost node: kill to converged", "SIGKILL, then the same; the dead one's lease has to run out", w.operator.Kill)
	w.countStamps()
	w.beBroken()
	w.print()
}

func (w *world) start() {
	w.t.Helper()
	w.operator.Start(w.t)
	w.pass(w.settings.Sweep()) // until it leads and its caches are filled
	w.report.Add(Figure{
		Name: "memory at the start", Value: mebibytes(w.operator.Usage(w.t).Memory), Unit: "MiB",
		Meaning: "resident, before the first platform",
	})
}

// becomeReady creates the platforms and waits for all of them.
func (w *world) becomeReady() {
	w.t.Helper()
	w.say("%d platforms in %d namespaces", *count, namespaces)
	mark, used := w.account.Mark(w.t), w.operator.Usage(w.t).CPU
	busy, whole := w.machine()
	began := time.Now()
	w.create(1)
	waited := map[string]float64{}
	// A list of a thousand platforms is work for the API server as well.
	interval := max(2*time.Second, time.Duration(*count)*10*time.Millisecond)
	logged := time.Now()
	w.until(readyLimit, interval, "all platforms Ready", func() bool {
		ready := tally(w.all(w.t.Context()), waited)
		if time.Since(logged) > 10*time.Second {
			logged = time.Now()
			w.say("%d of %d are Ready", ready, *count)
		}
		return ready == *count
	})
	took := readyTimes(slices.DeleteFunc(w.all(w.t.Context()), first))
	last := took[len(took)-1]
	w.ready = time.Now()
	end := w.ready.Sub(began).Seconds()
	after := w.operator.Usage(w.t)
	busyNow, wholeNow := w.machine()
	calls := w.account.Calls(w.t, mark)
	w.count(calls, func(c *Calls, some []env.Call) { c.Ready, c.Rate = len(some), rate(some) })
	objects, others := w.objects(), float64(*count-1)
	writes := w.writes(began, time.Now()).all()
	w.report.Waited = shares(waited)
	w.report.Add(
		Figure{"platforms", others / last.Minutes(), "a minute", "from the first one's creation until the last one is Ready", ""},
		Figure{"time to Ready, median", took[len(took)/2].Seconds(), "s", "of one platform; each state of a database lasts " + pace.String() + " here", ""},
		Figure{"time to Ready, last", last.Seconds(), "s", "of the slowest platform", "80 at 100 platforms"},
		Figure{"calls per AWS object", float64(len(calls)) / float64(objects), "", fmt.Sprintf("all calls until Ready, over %d objects that exist then", objects), ""},
		Figure{"RDS calls a database", float64(callsOf(calls, "rds")) / others, "", "all calls to RDS until Ready", "4"},
		Figure{"throttled answers", float64(throttled(calls)), "", "of AWS, until all are Ready", "10"},
		Figure{"Kubernetes writes a platform", float64(writes) / others, "", "by the operator, until all are Ready", "20"},
		Figure{"processor time a platform", (after.CPU - used) / others, "s", "of the operator, until Ready", ""},
		Figure{"operator's processor time", (after.CPU - used) / end, "cores", "while platforms become Ready", ""},
		Figure{"machine's processors busy", 100 * (busyNow - busy) / (wholeNow - whole), "%", "at that time, with the sandbox and the API server", ""},
	)
}

// first says that a platform is the one that was created alone.
func first(p v1alpha1.CoachPlatform) bool { return p.Name == platform(0).Name }

// callsOf is how many of the calls are to a service.
func callsOf(calls []env.Call, service string) (n int) {
	for _, c := range calls {
		if c.Service == service {
			n++
		}
	}
	return n
}

// throttled is how many of the calls AWS refused since there were too many.
func throttled(calls []env.Call) (n int) {
	for _, c := range calls {
		if slices.Contains([]string{"Throttling", "ThrottlingException", "RequestLimitExceeded"}, c.Error) {
			n++
		}
	}
	return n
}

// tally counts who is Ready, and notes what the others wait for.
func tally(platforms []v1alpha1.CoachPlatform, waited map[string]float64) (ready int) {
	for i := range platforms {
		c := meta.FindStatusCondition(platforms[i].Status.Conditions, v1alpha1.ConditionReady)
		switch {
		case c == nil:
			waited["not observed yet"]++
		case c.Status == metav1.ConditionTrue:
			ready++
		default:
			who, _, _ := strings.Cut(c.Message, ":")
			waited[who+": "+c.Reason]++
		}
	}
	return ready
}

// readyTimes are the times from the first creation until each platform became Ready, sorted.
func readyTimes(platforms []v1alpha1.CoachPlatform) []time.Duration {
	first := slices.MinFunc(platforms, func(x, y v1alpha1.CoachPlatform) int {
		return x.CreationTimestamp.Compare(y.CreationTimestamp.Time)
	}).CreationTimestamp.Time
	var took []time.Duration
	for i := range platforms {
		c := meta.FindStatusCondition(platforms[i].Status.Conditions, v1alpha1.ConditionReady)
		took = append(took, c.LastTransitionTime.Sub(first))
	}
	slices.Sort(took)
	return took
}

// beQuiet watches the operator while there is nothing to do.
func (w *world) beQuiet() {
	w.t.Helper()
	resync := w.settings.Resync
	w.say("all are Ready; until everything is quiet")
	w.pass(resync + w.settings.Lag)
	w.pass(untilPast(resync, resync/2))
	w.say("quiet: watching %d resyncs of %s", quietBeats, resync)
	before := w.sessions()
	mark, used, from := w.account.Mark(w.t), w.operator.Usage(w.t), time.Now()
	w.pass(quietBeats * resync)
	to, usage := time.Now(), w.operator.Usage(w.t)
	sessions := float64(w.sessions()-before-*count) / quietBeats // one in each database was this benchmark's
	calls := w.account.Calls(w.t, mark)
	w.count(calls, func(c *Calls, some []env.Call) { c.Quiet = float64(len(some)) / quietBeats })
	written := w.writes(from, to)
	pages := (*count + 99) / 100
	w.report.Add(
		Figure{"quiet AWS calls", float64(len(calls)) / quietBeats, "a resync", "of the whole operator; below by operation", ""},
		Figure{
			"quiet DescribeDBInstances", float64(len(of(calls, "rds:DescribeDBInstances"))) / quietBeats, "a resync", "one call is a page of 100",
			fmt.Sprintf("%d", pages),
		},
		Figure{"quiet database sessions", sessions, "a resync", "of the whole operator; besides, each database is tried without TLS once", "-"},
		Figure{"  of each platform", sessions / float64(*count), "a resync", "passwords are tried once in " + w.settings.Freshness.String() + ", not here", ""},
		Figure{"quiet Kubernetes writes", float64(written.others), "in 3 resyncs", "by the operator, from the API server's audit log", "0"},
		Figure{"  stamps of reports", float64(written.stamps), "in 3 resyncs", "beside them; see also stamps of a report", ""},
		Figure{"  lease renewals", float64(written.leases), "in 3 resyncs", "of leader election, in the same time", ""},
		Figure{"quiet processor time", (usage.CPU - used.CPU) / to.Sub(from).Seconds(), "cores", "of the operator", ""},
		Figure{"  of each platform", 1000 * (usage.CPU - used.CPU) / quietBeats / float64(*count), "ms a resync", "of the operator", "2"},
		Figure{"memory at the peak", mebibytes(usage.Peak), "MiB", "most that ever was resident", "256 at 1000 platforms"},
		Figure{"memory when quiet", mebibytes(usage.Memory), "MiB", "resident, after the quiet resyncs", "256 at 1000 platforms"},
	)
}

// countStamps counts how often reports were written since all platforms are Ready: a quiet one is written
// anew every five minutes, which may be outside the quiet resyncs.
func (w *world) countStamps() {
	w.t.Helper()
	now := time.Now()
	w.report.Add(Figure{
		"stamps of a report", float64(w.writes(w.ready, now).stamps) / float64(*count) / now.Sub(w.ready).Minutes() * 60, "an hour",
		"each platform's, from all Ready until after the restarts", "12",
	})
}

// untilPast is how long it is until the given time after a beat, at which all that is quiet is observed.
func untilPast(resync, beat time.Duration) time.Duration {
	now := time.Now()
	return (beat + resync - now.Sub(now.Truncate(resync))) % resync
}

// restart ends the operator and waits until a new process has found all platforms as wanted.
func (w *world) restart(name, meaning string, end func(testing.TB)) {
	w.t.Helper()
	// Early between two beats: no platform is to be counted twice because a beat comes meanwhile.
	w.pass(untilPast(w.settings.Resync, w.settings.Resync/5))
	w.say("%s", name)
	mark, began := w.account.Mark(w.t), time.Now()
	end(w.t)
	w.operator.Start(w.t)
	started := time.Now()
	steps := step.Platform(step.Parts{})
	last := map[string]string{"kind": "CoachPlatform", "step": steps[len(steps)-1].Name(), "class": "converged"}
	w.until(restartLimit, 250*time.Millisecond, name, func() bool {
		return int(w.operator.Count(w.t, "coach_step_outcome_total", last)) >= *count
	})
	took := time.Since(began)
	calls := w.account.Calls(w.t, mark)
	w.count(calls, func(c *Calls, some []env.Call) { c.Restart = len(some) })
	written := w.writes(began, time.Now())
	w.report.Add(
		Figure{name, took.Seconds(), "s", meaning, "60"},
		Figure{"  Kubernetes writes of it", float64(written.others), "", fmt.Sprintf("besides leases and %d stamps of reports", written.stamps), "0"},
		Figure{"  memory after it", mebibytes(w.operator.Usage(w.t).Peak), "MiB", "the new process's peak", "256 at 1000 platforms"},
	)
	w.say("took %s, %s of it after the process served", took.Round(time.Millisecond), time.Since(started).Round(time.Millisecond))
}

// written is what the operator wrote to the API server.
type written struct {
	// leases are renewals, stamps changes of reports, which have nothing else to change when all is quiet.
	leases, stamps, others int
}

func (w written) all() int { return w.stamps + w.others }

// writes counts what the operator wrote to the API server. What was refused, and reads that are sent by
// writing (who may read metrics), leave nothing behind and do not count.
func (w *world) writes(from, to time.Time) (n written) {
	w.t.Helper()
	kinds := map[string]int{}
	for _, write := range w.cluster.Writes(w.t, env.OperatorUser, from, to) {
		switch {
		case write.Status >= http.StatusMultipleChoices, strings.HasSuffix(write.Resource, "reviews"):
		case write.Resource == "coordination.k8s.io/leases":
			n.leases++
		case write.Verb == "patch" && write.Resource == reports:
			n.stamps++
		default:
			n.others++
			kinds[write.Verb+" "+write.Resource]++
		}
	}
	if len(kinds) > 0 {
		w.say("the operator wrote: %v", kinds)
	}
	return n
}

// count files calls by operation.
func (w *world) count(calls []env.Call, set func(*Calls, []env.Call)) {
	for _, action := range slices.Sorted(maps.Keys(byAction(calls))) {
		i := slices.IndexFunc(w.report.Calls, func(c Calls) bool { return c.Operation == action })
		if i < 0 {
			i = len(w.report.Calls)
			w.report.Calls = append(w.report.Calls, Calls{Operation: action})
		}
		set(&w.report.Calls[i], of(calls, action))
	}
}

func byAction(calls []env.Call) map[string][]env.Call {
	found := map[string][]env.Call{}
	for _, c := range calls {
		found[c.Action()] = append(found[c.Action()], c)
	}
	return found
}

func of(calls []env.Call, action string) []env.Call { return byAction(calls)[action] }

// rate is how many calls there were in a second, from the first to the last.
func rate(calls []env.Call) float64 {
	if len(calls) < 2 {
		return 0
	}
	return float64(len(calls)-1) / max(calls[len(calls)-1].Time.Sub(calls[0].Time).Seconds(), 1)
}

// objects is how many AWS objects the operator created.
func (w *world) objects() int {
	w.t.Helper()
	inventory, _ := w.account.Inventory(w.t).(map[string]any)
	made := 0
	for _, kind := range []string{"instances", "subnetGroups", "parameterGroups", "keys", "aliases", "securityGroups"} {
		items, _ := inventory[kind].([]any)
		for _, item := range items {
			text := fmt.Sprint(item)
			if strings.Contains(text, "coach:managed-by") || kind == "aliases" {
				made++
			}
		}
	}
	return made
}

// shares turns counts into parts of their sum.
func shares(counts map[string]float64) map[string]float64 {
	sum := 0.0
	for _, n := range counts {
		sum += n
	}
	parts := map[string]float64{}
	for what, n := range counts {
		parts[what] = n / sum
	}
	return parts
}

func mebibytes(bytes uint64) float64 { return float64(bytes) / (1 << 20) }
