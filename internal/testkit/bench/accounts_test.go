//go:build bench

package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/step"
	"github.com/coachplatform/coach-operator/internal/step/payouts/payoutaccount"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	// payoutResync is how often all accounts are listed here; by default it is ten minutes.
	payoutResync = time.Minute
	// createLimit is how long it may take until all accounts are created.
	createLimit = 30 * time.Minute
	// slice is how much of a resync passes until all quiet accounts have been observed, and more.
	slice = payoutResync / 4
)

// Operations of Stripe, in the words of its OpenAPI description.
const (
	listAccounts  = "stripe:GetAccounts"
	createAccount = "stripe:PostAccounts"
)

func TestAccounts(t *testing.T) {
	b := newBusiness(t)
	b.open()
	b.onboard()
	b.beQuiet()
	b.receive()
	b.restart()
	b.print()
}

// onboard creates the objects of all coaches and waits until each has its account.
func (b *business) onboard() {
	b.t.Helper()
	b.say("%d accounts", *coaches)
	b.report.Add(Figure{"memory at the start", mebibytes(b.operator.Usage(b.t).Memory), "MiB", "resident, before the first account", ""})
	mark, used := b.mark(), b.operator.Usage(b.t).CPU
	busy, whole := b.machine()
	began := time.Now()
	b.hire()
	hired, logged := time.Since(began), time.Now()
	b.until(createLimit, time.Second, "all accounts at Onboarding", func() bool {
		stand := b.operator.Count(b.t, "coach_payout_standings_total", map[string]string{"phase": string(v1alpha1.PhaseOnboarding)})
		if time.Since(logged) > 10*time.Second {
			logged = time.Now()
			b.say("%.0f stand at Onboarding", stand)
		}
		return int(stand) >= *coaches && b.stand(v1alpha1.PhaseOnboarding) == *coaches
	})
	took := time.Since(began)
	b.rest()
	rested := time.Since(began)
	after := b.operator.Usage(b.t)
	busyNow, wholeNow := b.machine()
	calls := b.calls(mark)
	b.count(calls, func(c *Calls, some []env.Call) { c.Ready, c.Rate = len(some), rate(some) })
	written := b.writes(began, time.Now())
	b.report.Add(
		Figure{"accounts", float64(*coaches) / took.Minutes(), "a minute", "until all stand at Onboarding; Stripe's limit, of which 80 % are used, allows 4800", ""},
		Figure{"  at rest", float64(*coaches) / rested.Minutes(), "a minute", "until nothing was read or changed any more", ""},
		Figure{"  their objects", float64(*coaches) / hired.Minutes(), "a minute", "created meanwhile by this benchmark", ""},
		Figure{"  accounts created at Stripe", rate(of(calls, createAccount)), "a second", "from the first to the last", "80 at most"},
		Figure{"Stripe calls an account", float64(len(calls)) / float64(*coaches), "", "all calls until rest, also listings", ""},
		Figure{"  listings of all accounts", float64(len(of(calls, listAccounts))), "calls", "of those; a call is a page of 100", ""},
		Figure{"Kubernetes writes an account", float64(written.others) / float64(*coaches), "", "by the operator, until rest, also events", ""},
		Figure{"operator's processor time", (after.CPU - used) / rested.Seconds(), "cores", "meanwhile", ""},
		Figure{"machine's processors busy", 100 * (busyNow - busy) / (wholeNow - whole), "%", "meanwhile, with the sandbox and the API server", ""},
		Figure{"memory after it", mebibytes(after.Peak), "MiB", "the peak until then", ""},
	)
}

// rest waits until no account is read by its ID any more: the read that follows a change was the last.
func (b *business) rest() {
	b.t.Helper()
	b.say("until all are at rest")
	b.until(createLimit, time.Second, "all accounts at rest", func() bool {
		mark := b.mark()
		b.pass(5 * time.Second)
		return one(b.calls(mark)) == 0
	})
}

// beQuiet watches the operator while there is nothing to do.
func (b *business) beQuiet() {
	b.t.Helper()
	b.say("all are at rest; until everything is quiet")
	b.pass(payoutResync / 2) // a listing that is under way ends
	b.pass(untilPast(payoutResync, payoutResync/2))
	b.say("quiet: watching %d resyncs of %s", quietBeats, payoutResync)
	mark, used, from := b.mark(), b.operator.Usage(b.t), time.Now()
	b.pass(quietBeats * payoutResync)
	to, usage := time.Now(), b.operator.Usage(b.t)
	calls := b.calls(mark)
	b.count(calls, func(c *Calls, some []env.Call) { c.Quiet = float64(len(some)) / quietBeats })
	written := b.writes(from, to)
	b.report.Add(
		Figure{
			"quiet Stripe calls", float64(len(calls)) / quietBeats, "a resync", "of the whole operator; below by operation",
			fmt.Sprint((*coaches+99)/100 + 5),
		},
		Figure{"  about one account", float64(one(calls)) / quietBeats, "a resync", "of those, neither a listing nor about the business", "0"},
		Figure{"quiet Kubernetes writes", float64(written.others), "in 3 resyncs", "by the operator, from the API server's audit log", "0"},
		Figure{"  stamps of reports", float64(written.stamps), "in 3 resyncs", "beside them: the platform's, every five minutes", ""},
		Figure{"quiet processor time", (usage.CPU - used.CPU) / to.Sub(from).Seconds(), "cores", "of the operator, which observes all in each minute; ten by default", ""},
		Figure{"memory when quiet", mebibytes(usage.Memory), "MiB", "resident, after the quiet resyncs", ""},
		Figure{"memory at the peak", mebibytes(usage.Peak), "MiB", "most that ever was resident", ""},
	)
}

// restart ends the operator as an upgrade does and waits until a new process has observed all accounts.
func (b *business) restart() {
	b.t.Helper()
	b.pass(untilPast(payoutResync, slice)) // lest a beat come meanwhile, and some be observed twice
	b.say("restart")
	mark, began := b.mark(), time.Now()
	b.operator.Stop(b.t)
	b.operator.Start(b.t, b.flags...)
	served := time.Since(began)
	used := b.operator.Usage(b.t).CPU
	b.until(restartLimit, 250*time.Millisecond, "all accounts observed", func() bool {
		return int(b.observed()) >= *coaches
	})
	took := time.Since(began)
	usage, calls := b.operator.Usage(b.t), b.calls(mark)
	b.count(calls, func(c *Calls, some []env.Call) { c.Restart = len(some) })
	written := b.writes(began, time.Now())
	b.report.Add(
		Figure{"restart to all observed", took.Seconds(), "s", fmt.Sprintf("SIGTERM, then until a new process found all as wanted; it served after %.1f s", served.Seconds()), ""},
		Figure{"  Stripe calls of it", float64(len(calls)), "", fmt.Sprintf("of which %d about one account", one(calls)), ""},
		Figure{"  Kubernetes writes of it", float64(written.others), "", fmt.Sprintf("besides leases and %d stamps of reports", written.stamps), ""},
		Figure{"  processor time of it", usage.CPU - used, "s", "of the new process, since it serves", ""},
		Figure{"  memory after it", mebibytes(usage.Peak), "MiB", "the new process's peak", ""},
	)
}

// observed is how often the operator found an account as wanted.
func (b *business) observed() float64 {
	b.t.Helper()
	return b.operator.Count(b.t, "coach_step_outcome_total", map[string]string{
		"kind": "PayoutAccount", "step": step.Payout(payoutaccount.Options{})[0].Name(), "class": "converged",
	})
}

// one is how many calls were about one account of a coach: neither listings nor about the business.
func one(calls []env.Call) (n int) {
	others := map[string]bool{
		listAccounts: true, "stripe:GetAccount": true, "stripe:GetWebhookEndpoints": true, "stripe:PostWebhookEndpointsWebhookEndpoint": true,
	}
	for _, c := range calls {
		if !others[c.Action()] {
			n++
		}
	}
	return n
}
