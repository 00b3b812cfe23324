package payoutaccount_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// leg is a part of an account's life in which the operator writes.
type leg struct {
	name string
	// prepare brings a coach to the start of the leg, with an operator that lives.
	prepare func(w *world, coach string)
	// arrived says that the leg is done.
	arrived func(w *world, coach string) bool
}

// hired makes the object of a new coach.
func hired(w *world, coach string) {
	w.coach(coach, func(a *v1alpha1.PayoutAccount) {
		a.Spec.BusinessProfile.URL = "https://coach.example.com"
		a.Spec.Payouts.Schedule = v1alpha1.PayoutSchedule{Interval: v1alpha1.IntervalDaily, DelayDays: 1}
	})
}

var legs = []leg{
	{
		"from nothing to onboarding",
		hired,
		func(w *world, coach string) bool { return w.at(coach, v1alpha1.PhaseOnboarding) },
	},
	{
		"from the end of the review to being paid",
		func(w *world, coach string) {
			hired(w, coach)
			w.stands(coach, v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
			w.act(coach, "submit", nil)
			w.stands(coach, v1alpha1.PhaseInReview, v1alpha1.ReasonPendingVerification)
			w.act(coach, "verify", nil)
		},
		func(w *world, coach string) bool { return w.at(coach, v1alpha1.PhaseEnabled) },
	},
	{
		"from one spec to another",
		func(w *world, coach string) {
			hired(w, coach)
			w.stands(coach, v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
			w.edit(coach, func(a *v1alpha1.PayoutAccount) {
				a.Spec.BusinessProfile = v1alpha1.BusinessProfile{URL: "https://other.example.com", MCC: "8299", ProductDescription: "Coaching"}
				a.Spec.Capabilities = []v1alpha1.Capability{v1alpha1.CapabilityTransfers, v1alpha1.CapabilityCardPayments}
			})
		},
		func(w *world, coach string) bool {
			return w.at(coach, v1alpha1.PhaseOnboarding) && w.account(coach).Status.ObservedGeneration == 2
		},
	},
	{
		"from being deleted to being released",
		func(w *world, coach string) {
			hired(w, coach)
			w.stands(coach, v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
			w.must(w.client.Delete(w.t.Context(), w.account(coach)))
		},
		func(w *world, coach string) bool { return w.account(coach) == nil },
	},
}

// at says whether a coach's object is at rest in a phase.
func (w *world) at(coach string, phase v1alpha1.PayoutPhase) bool {
	a := w.account(coach)
	return a != nil && a.Status.Phase == phase && synced(a)
}

func synced(a *v1alpha1.PayoutAccount) bool {
	return slices.ContainsFunc(a.Status.Conditions, func(c metav1.Condition) bool {
		return c.Type == v1alpha1.ConditionSpecSynced && c.Status == metav1.ConditionTrue
	})
}

// travel makes passes until the leg is done, and restarts the operator when it died.
func (w *world) travel(l leg, coach string, through *path) {
	w.t.Helper()
	for range maxPasses {
		_, _ = w.pass(coach) // what fails is tried again, as the queue would
		if through.alive() && l.arrived(w, coach) {
			return
		}
		if !through.alive() {
			through = &path{}
			w.restart(through)
		}
		w.clock.Step(30 * time.Second)
	}
	w.t.Fatalf("the operator does not get there: %s", describe(w.account(coach)))
}

// minCrashes is how many deaths and losses this suite must have covered.
const minCrashes = 50

// tally counts deaths and losses by what was written.
type tally struct {
	mu      sync.Mutex
	covered map[string]int
	struck  int
}

func (c *tally) add(what string, m mode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.struck++
	c.covered[what+", "+string(m)]++
}

func TestAnOperatorThatDiesAnywhereMakesOneAccount(t *testing.T) {
	count := &tally{covered: map[string]int{}}
	t.Run("legs", func(t *testing.T) {
		for _, l := range legs {
			t.Run(l.name, func(t *testing.T) {
				t.Parallel()
				dieOn(newWorld(t), l, count)
			})
		}
	})
	for _, key := range slices.Sorted(maps.Keys(count.covered)) {
		t.Logf("%3d x %s", count.covered[key], key)
	}
	if count.struck < minCrashes {
		t.Errorf("%d deaths and losses, want at least %d", count.struck, minCrashes)
	}
}

// dieOn travels a leg undisturbed, and then once for each way to be disturbed at each write on it.
func dieOn(w *world, l leg, count *tally) {
	w.t.Helper()
	w.restart(nil)
	l.prepare(w, "calm")
	calm := &path{}
	w.restart(calm)
	w.travel(l, "calm", calm)
	want := w.ofCoach("calm")
	for nth, what := range calm.writes {
		modes := []mode{after, lost}
		// A death before a write leaves the world that the death after the write that precedes it leaves: the first
		// of each kind shows it.
		if slices.Index(calm.writes, what) == nth {
			modes = append(modes, before)
		}
		for i, m := range modes {
			coach := fmt.Sprintf("coach-%d-%d", nth+1, i)
			w.restart(nil)
			l.prepare(w, coach)
			rough := &path{mode: m, nth: nth + 1}
			w.restart(rough)
			w.travel(l, coach, rough)
			if !rough.struck() {
				w.t.Errorf("it %s write %d, %s: there was no such write", m, nth+1, what)
				continue
			}
			count.add(what, m)
			if diff := cmp.Diff(want, w.ofCoach(coach)); diff != "" {
				w.t.Errorf("it %s write %d, %s: Stripe's accounts of the coach (-without, +with):\n%s", m, nth+1, what, diff)
			}
		}
	}
}

// ofCoach is what Stripe holds of a coach, without what differs from coach to coach.
func (w *world) ofCoach(coach string) []env.StripeAccount {
	w.t.Helper()
	var all []env.StripeAccount
	for _, a := range w.mine() {
		if a.Metadata["coach_key"] != w.key(coach) {
			continue
		}
		a.ID = ""
		a.Metadata = maps.Clone(a.Metadata)
		for _, key := range []string{"coach_key", "cr_uid"} {
			if a.Metadata[key] == "" {
				w.t.Errorf("the account of %s has no metadata %s", coach, key)
			}
			delete(a.Metadata, key)
		}
		all = append(all, a)
	}
	return all
}

// key is the coach_key of a coach's account.
func (w *world) key(coach string) string { return w.identity(coach).Key() }

func TestWhatIsLostAndLateMakesNoSecondAccount(t *testing.T) {
	for name, c := range map[string]struct {
		// fault is what goes wrong with the first creation.
		fault env.InjectedFault
		// meanwhile happens between the first pass and those that follow.
		meanwhile func(w *world)
		attempts  string
	}{
		"an answer that is lost": {env.InjectedFault{Kind: env.Lost}, func(*world) {}, "1"},
		"an answer that is lost, and a day passes": {
			env.InjectedFault{Kind: env.Lost}, func(w *world) { w.later(26 * time.Hour) }, "1",
		},
		"a call that is lost, and a day passes": {
			env.InjectedFault{Kind: env.Drop}, func(w *world) { w.later(26 * time.Hour) }, "2",
		},
		"a call that is lost, and the key is about to end": {
			env.InjectedFault{Kind: env.Drop}, func(w *world) {
				w.later(24 * time.Hour)
				_, _ = w.pass("jo")
				if n := len(w.mine()); n != 0 {
					w.t.Errorf("%d accounts were created with a key that is about to end", n)
				}
				w.later(2 * time.Hour)
			}, "2",
		},
		"a stored failure after which the account exists": {
			env.InjectedFault{Kind: env.Failure, Code: "api_error", Status: 500, After: true}, func(*world) {}, "1",
		},
		"a stored failure, and a day passes": {
			env.InjectedFault{Kind: env.Failure, Code: "api_error", Status: 500, After: true}, func(w *world) { w.later(26 * time.Hour) }, "1",
		},
		"an answer that is lost, and the status with it": {
			env.InjectedFault{Kind: env.Lost}, func(w *world) {
				a := w.account("jo")
				a.Status = v1alpha1.PayoutAccountStatus{}
				w.must(w.client.Status().Update(w.t.Context(), a))
			}, "1",
		},
		"an answer that is lost, and the annotations with it": {
			env.InjectedFault{Kind: env.Lost}, func(w *world) { w.edit("jo", func(a *v1alpha1.PayoutAccount) { a.Annotations = nil }) }, "1",
		},
		"an answer that is lost, and the object is created anew": {env.InjectedFault{Kind: env.Lost}, func(w *world) { w.remake("jo", "jo") }, "1"},
		"an answer that is lost, and the object is created anew under another name, a day later": {
			env.InjectedFault{Kind: env.Lost}, func(w *world) {
				w.remake("jo", "joanna")
				w.later(26 * time.Hour)
			}, "1",
		},
		"an answer that is lost, and another body is requested since": {
			env.InjectedFault{Kind: env.Lost}, func(w *world) {
				w.edit("jo", func(a *v1alpha1.PayoutAccount) {
					a.Spec.Capabilities = []v1alpha1.Capability{"transfers", "card_payments"}
				})
			}, "1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.coach("jo")
			c.fault.Service, c.fault.Operation, c.fault.Account = "stripe", "PostAccounts", w.stripe.ID
			fault := w.sandbox.InjectFault(t, c.fault) // in force for the whole pass: net/http repeats calls that have an idempotency key
			_, _ = w.pass("jo")
			w.sandbox.RemoveInjectedFault(t, fault)
			if a := w.account("jo"); a.Annotations[v1alpha1.AnnotationCreation] == "" || a.Annotations[v1alpha1.AnnotationAccount] != "" {
				t.Fatalf("the fault did not strike: %s", describe(a))
			}
			c.meanwhile(w)
			w.restart(nil)
			object := w.theOnly()
			w.stands(object, v1alpha1.PhaseOnboarding, v1alpha1.ReasonNotStarted)
			mine := w.mine()
			if len(mine) != 1 {
				t.Fatalf("there are %d accounts, want 1", len(mine))
			}
			if got := w.account(object).Status.AccountID; got != mine[0].ID || mine[0].Metadata["create_attempt"] != c.attempts {
				t.Errorf("the object has %s and Stripe %s, made in attempt %s, want %s", got, mine[0].ID,
					mine[0].Metadata["create_attempt"], c.attempts)
			}
		})
	}
}

// later lets time pass, here and at Stripe.
func (w *world) later(d time.Duration) {
	w.t.Helper()
	w.clock.Step(d)
	w.sandbox.Clock(w.t, d)
}

// remake deletes an object as if its finalizer were not there, and makes it anew.
func (w *world) remake(name, as string) {
	w.t.Helper()
	w.edit(name, func(a *v1alpha1.PayoutAccount) { a.Finalizers = nil })
	w.must(w.client.Delete(w.t.Context(), w.account(name)))
	w.coach(as, func(a *v1alpha1.PayoutAccount) { a.Spec.CoachID = name })
}

// theOnly is the name of the only object.
func (w *world) theOnly() string {
	w.t.Helper()
	var all v1alpha1.PayoutAccountList
	w.must(w.client.List(w.t.Context(), &all, client.InNamespace(w.namespace)))
	var names []string
	for _, a := range all.Items {
		names = append(names, a.Name)
	}
	if len(names) != 1 {
		w.t.Fatalf("there are the objects %s, want one", strings.Join(names, " "))
	}
	return names[0]
}
