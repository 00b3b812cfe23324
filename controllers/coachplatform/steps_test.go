package coachplatform_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// thing is what a step of these tests owns. Its colour changes in place, its size interrupts, and
// another kind is another thing.
type thing struct{ Colour, Size, Kind string }

// memory is a world that holds at most one thing.
type memory struct {
	name  string
	clock clock.PassiveClock

	mu               sync.Mutex
	exists, released bool
	// busy is what the world does with the thing at present; "" is nothing.
	busy string
	live thing
	// looking, writing and leaving are the errors of looks, writes and releases.
	looking, writing, leaving error
	// onLook is called at every look, onWrite before every write.
	onLook  func()
	onWrite func(context.Context, *scope.Platform) error
	// record is published as the platform's database.
	record scope.Record
	// fresh are the looks so far, and whether each had to be fresh; writes are the writes.
	fresh  []bool
	writes []string
	// order is shared by steps: which was released when.
	order *[]string
}

func (m *memory) Observe(_ context.Context, _ *scope.Platform, _ thing, fresh bool) (converge.Observation[thing], error) {
	if m.onLook != nil {
		m.onLook()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fresh = append(m.fresh, fresh)
	if m.looking != nil {
		return converge.Observation[thing]{}, m.looking
	}
	return converge.Observation[thing]{
		Exists: m.exists, Settled: m.busy == "", Busy: m.busy, ID: m.name, At: m.clock.Now(), State: m.live,
	}, nil
}

func (m *memory) Apply(
	ctx context.Context, in *scope.Platform, want thing, _ converge.Observation[thing], changes []converge.Change,
) error {
	if m.onWrite != nil {
		if err := m.onWrite(ctx, in); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.writing != nil {
		return m.writing
	}
	for _, c := range changes {
		m.writes = append(m.writes, c.Path)
		switch c.Path {
		case "colour":
			m.live.Colour = want.Colour
		case "size":
			m.live.Size = want.Size
		case "kind":
			m.live.Kind = want.Kind
		}
	}
	m.exists, m.released = true, false
	return nil
}

func (m *memory) Release(context.Context, *scope.Platform) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.order != nil {
		*m.order = append(*m.order, m.name)
	}
	if m.leaving != nil {
		return false, m.leaving
	}
	if !m.exists || m.released {
		return true, nil
	}
	m.released = true
	m.writes = append(m.writes, "release")
	return false, nil
}

// written returns the writes since it was last asked.
func (m *memory) written() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	writes := m.writes
	m.writes = nil
	return writes
}

// looks returns how many looks there were since it was last asked, and how many had to be fresh.
func (m *memory) looks() (all, fresh int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.fresh {
		if f {
			fresh++
		}
	}
	all = len(m.fresh)
	m.fresh = nil
	return all, fresh
}

// change edits the world behind everybody's back.
func (m *memory) change(edit func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	edit(m)
}

// condition is where the step of that name counts.
func (m *memory) condition() string {
	return map[string]string{
		"key": v1alpha1.ConditionKeyReady, "firewall": v1alpha1.ConditionNetworkReady, "database": v1alpha1.ConditionDatabaseReady,
	}[m.name]
}

// step makes a step of the memory. It answers the controls whose IDs begin with one of the prefixes.
func (m *memory) step(prefixes ...string) converge.Step[*scope.Platform] {
	of := converge.Of[*scope.Platform, thing]{
		ID: m.name, Condition: m.condition(),
		Desire: func(in *scope.Platform) (thing, error) {
			return thing{Colour: in.Spec.DisplayName, Size: in.Spec.Database.InstanceClass, Kind: "one"}, nil
		},
		Resource: m,
		Fields: []converge.Field[thing]{
			{Path: "colour", Get: func(s thing) string { return s.Colour }},
			{Path: "size", Get: func(s thing) string { return s.Size }, Effect: converge.Disruptive},
			{Path: "kind", Get: func(s thing) string { return s.Kind }, Effect: converge.Replace},
		},
		Publish: func(in *scope.Platform, _ thing) {
			if m.record != (scope.Record{}) {
				in.Database = scope.Database{Identifier: m.name, State: "available", Record: m.record}
			}
		},
	}
	for _, c := range evidence.Catalogue {
		if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(c.ID, prefix+"-") }) {
			of.Controls = append(of.Controls, converge.Control[thing]{
				ID: c.ID, Check: func(want, got thing) (converge.Verdict, string) {
					return converge.VerdictOf(got.Colour == want.Colour), "it is " + got.Colour
				},
			})
		}
	}
	return of
}

// applicable are the controls of a platform without a Stripe account.
func applicable() []evidence.Control {
	return evidence.Applicable(false)
}

// trio are the three steps of most of these tests.
type trio struct {
	key, firewall, database *memory
	order                   []string
}

var theRecord = scope.Record{AccountID: "123456789012", Region: "eu-central-1", ResourceID: "db-ONE"}

// newTrio returns a bench with three steps over empty memories.
func newTrio(t *testing.T) (*bench, *trio) {
	t.Helper()
	b := newBench(t)
	w := &trio{}
	w.key = &memory{name: "key", clock: b.clock, order: &w.order}
	w.firewall = &memory{name: "firewall", clock: b.clock, order: &w.order}
	w.database = &memory{name: "database", clock: b.clock, order: &w.order, record: theRecord}
	b.reconciler.Steps = []converge.Step[*scope.Platform]{
		w.key.step("CP-KEY"), w.firewall.step("CP-NET"), w.database.step("CP-DB", "CP-TLS", "CP-ROLE", "CP-DATA", "CP-LOG"),
	}
	return b, w
}

// written are the writes of all steps since it was last asked.
func (w *trio) written() []string {
	return slices.Concat(w.key.written(), w.firewall.written(), w.database.written())
}

// later lets time pass.
func (b *bench) later(d time.Duration) { b.clock.SetTime(b.clock.Now().Add(d)) }
