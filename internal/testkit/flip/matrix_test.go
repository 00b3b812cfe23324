package flip_test

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// What the suite covers at least; it fails below. Raise these with the rows.
const (
	// leastViolated are the rows in which a control was broken and seen Violated.
	leastViolated = 327
	// leastUnknown are the rows in which a control's observation was made to fail and it was seen Unknown.
	leastUnknown = 506
	// leastEach are the rows of the first kind, or of what was refused, that every control has.
	leastEach = 2
)

const (
	// soon is how long a breach may stay unseen while passes are made: listings are a moment late.
	soon = 10 * time.Second
	// reads is how often what cannot be observed is read, and must stay Unknown.
	reads = 2
)

// route is how something is broken.
type route string

const (
	byAWS        route = "AWS"
	bySQL        route = "SQL"
	byKubernetes route = "Kubernetes"
	bySabotage   route = "sabotage"
	byTime       route = "time"
	byNetwork    route = "network"
	byStripe     route = "Stripe"
)

type (
	// breach breaks controls in live state.
	breach struct {
		what     string
		by       route
		controls []string
		do       func(*world)
		// repair undoes it; nil where the operator does.
		repair func(*world)
		// unseen says why the operator does not see it. Such a row does not count, and fails once it is seen.
		unseen string
	}
	// blindness makes the observation of controls fail.
	blindness struct {
		what     string
		by       route
		controls []string
		do       func(*world)
		// undo ends it; nil where the operator does, in the pass that saw it.
		undo func(*world)
	}
	// refusal is a breach that is not possible: the service refuses it.
	refusal struct {
		what     string
		by       route
		controls []string
		do       func(*world) error
		// answer is part of the refusal.
		answer string
	}
	// family is what is tried on one platform, one after another.
	family struct {
		name, major string
		// stripe says that the platform has a Stripe account.
		stripe      bool
		change      func(*v1alpha1.CoachPlatformSpec)
		breaches    []breach
		blindnesses []blindness
		refusals    []refusal
	}
)

func TestMain(m *testing.M) {
	logf.SetLogger(logr.Discard())
	os.Exit(env.Main(m, env.SharesAPIServer))
}

func TestEveryControlFlips(t *testing.T) {
	families := []family{
		network, instance, blindToInstances, remade, blindToKeys, blindToNetworks, blind, roles, logins, lending, taken("14"), taken("18"), transport, transportOf14,
		networkOfClass, key, logs, data, payouts,
	}
	m := &matrix{began: time.Now()}
	t.Run("families", func(t *testing.T) {
		for i, f := range families {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				m.run(t, f, i)
			})
		}
	})
	m.publish(t, families)
}

// entry is one row of the table.
type entry struct {
	order                         int
	control, what, by, seen, ends string
}

// Words of the table for what was seen.
const (
	seenViolated = "Violated"
	seenUnknown  = "Unknown"
	seenRefused  = "refused"
	seenNot      = "**not seen**"
)

// Words of the table for who ended it.
const (
	byOperator = "operator"
	byApproved = "operator, once approved"
	byTest     = "test"
)

// matrix is control x mutation, as far as it was tried.
type matrix struct {
	began time.Time

	mu      sync.Mutex
	entries []entry
	// others counts the controls that a row did not name and that did not hold while it was in force.
	others int
}

func (m *matrix) run(t *testing.T, f family, index int) {
	t.Helper()
	w := newWorld(t, f)
	w.begin()
	order := index * 1000
	each := func(name string, do func(w *world, order int)) {
		order++
		t.Run(name, func(t *testing.T) {
			inner := *w
			inner.T, inner.approved = t, false
			do(&inner, order)
			inner.T = w.T
			*w = inner
		})
	}
	for _, b := range f.breaches {
		each(b.what, func(w *world, order int) { m.breach(w, b, order) })
	}
	for _, r := range f.refusals {
		each(r.what, func(w *world, order int) { m.refusal(w, r, order) })
	}
	for _, b := range f.blindnesses {
		each(b.what, func(w *world, order int) { m.blindness(w, b, order) })
	}
}

// breach breaks something, sees it and sees it repaired. The operator may write all the while: it has to
// report what it saw in the very pass that repairs it.
func (m *matrix) breach(w *world, b breach, order int) {
	w.Helper()
	b.do(w)
	seen, ends := m.see(w, b), byOperator
	if b.repair != nil {
		b.repair(w)
		ends = byTest
	}
	w.settle()
	if w.approved && b.repair == nil {
		ends = byApproved
	}
	if !w.Failed() {
		m.add(order, b.controls, b.what, b.by, seen, ends)
	}
}

// see makes passes until every control of a breach was Violated.
func (m *matrix) see(w *world, b breach) string {
	w.Helper()
	left, all := slices.Clone(b.controls), 0
	violated := func(c string) bool { return w.status(c) == evidence.Violated }
	if b.unseen != "" {
		for range reads {
			w.observe()
			if i := slices.IndexFunc(left, violated); i >= 0 {
				w.Errorf("%s is Violated now: the row counts, so let it say no more that it is unseen", left[i])
			}
		}
		return seenNot + ": " + b.unseen
	}
	if !w.within(soon, func() bool {
		w.observe()
		all = max(all, len(w.platform.Status.Security.Open))
		left = slices.DeleteFunc(left, violated)
		return len(left) == 0
	}) {
		w.Errorf("%s: not seen Violated by %s%s", strings.Join(left, " "), b.by, w.describe())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.others += max(0, all-len(b.controls))
	return seenViolated
}

// within makes passes for a while, until something holds.
func (w *world) within(limit time.Duration, holds func() bool) bool {
	deadline := time.After(limit)
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			return false
		}
	}
	return true
}

// blindness makes an observation fail. From the first pass on the controls must be Unknown.
func (m *matrix) blindness(w *world, b blindness, order int) {
	w.Helper()
	b.do(w)
	n, ends := reads, byTest
	if b.undo == nil {
		n, ends = 1, byOperator
	}
	for range n {
		w.observe()
		for _, c := range b.controls {
			if got := w.status(c); got != evidence.Unknown {
				w.Errorf("%s is %s and cannot be observed: %s", c, got, w.row(c).Seen)
			}
		}
	}
	if b.undo != nil {
		b.undo(w)
	}
	w.settle()
	if !w.Failed() {
		m.add(order, b.controls, b.what, b.by, seenUnknown, ends)
	}
}

// refusal tries what must be refused, and sees that nothing came of it.
func (m *matrix) refusal(w *world, r refusal, order int) {
	w.Helper()
	err := r.do(w)
	if err == nil || !strings.Contains(err.Error(), r.answer) {
		w.Errorf("it must be refused with %q: %v", r.answer, err)
	}
	w.observe()
	for _, c := range r.controls {
		if got := w.status(c); got != evidence.Verified {
			w.Errorf("%s is %s though nothing was changed", c, got)
		}
	}
	if !w.Failed() {
		m.add(order, r.controls, r.what, r.by, seenRefused, "")
	}
}

func (m *matrix) add(order int, controls []string, what string, by route, seen, ends string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range controls {
		m.entries = append(m.entries, entry{order, c, what, string(by), seen, ends})
	}
}
