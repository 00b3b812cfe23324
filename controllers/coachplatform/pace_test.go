package coachplatform_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// ledger counts what the controller writes to the API server.
type ledger struct {
	client.Client
	all []string
}

func (l *ledger) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	l.all = append(l.all, fmt.Sprintf("create %T", o))
	return l.Client.Create(ctx, o, opts...)
}

func (l *ledger) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	l.all = append(l.all, fmt.Sprintf("patch %T", o))
	return l.Client.Patch(ctx, o, p, opts...)
}

func (l *ledger) Status() client.SubResourceWriter {
	l.all = append(l.all, "status")
	return l.Client.Status()
}

func (l *ledger) count(what string) int {
	n := 0
	for _, w := range l.all {
		if strings.HasPrefix(w, what) {
			n++
		}
	}
	return n
}

// fewest is what a platform may cost from its creation until it is Ready, without its Secrets (six, of which
// each is one write) and its class's count.
const fewest = 16 - 7

var throttle = fault.New(fault.Transient, v1alpha1.ReasonThrottled, "the share of calls is used up")

func TestAPlatformCostsFewWritesUntilItIsReady(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	written := &ledger{Client: b.client}
	b.reconciler.Client = written
	b.start()
	state := func(busy string) func() { return func() { w.database.change(func(m *memory) { m.busy = busy }) } }
	slow := func(err error) func() { return func() { w.firewall.change(func(m *memory) { m.looking = err }) } }
	for i, then := range []func(){
		func() { w.firewall.change(func(m *memory) { m.looking = throttle }) },
		state("it is being created"), slow(nil), state("it is backed up"), slow(throttle), slow(nil),
		func() { w.key.change(func(m *memory) { m.busy = "it is enabled" }) }, state("it is being modified"), slow(throttle), slow(nil), state("it is backed up again"),
		func() { w.key.change(func(m *memory) { m.busy = "" }) }, state(""), func() {}, func() {},
	} {
		if _, err := b.pass(); err != nil && w.firewall.looking == nil {
			t.Fatalf("pass %d: %v", i, err)
		}
		then()
		b.later(2 * time.Second)
	}
	b.expect(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonConverged)
	emitted := b.emitted.take()
	all := append(slices.Clone(written.all), emitted...)
	t.Logf("%d writes:\n%s", len(all), strings.Join(all, "\n"))
	if len(all) > fewest {
		t.Errorf("%d writes, want at most %d", len(all), fewest)
	}
	if n := written.count("create *v1alpha1.SecurityReport"); n != 1 || written.count("patch *v1alpha1.SecurityReport") > 0 {
		t.Errorf("%d reports were created, and one was written again", n)
	}
	if s := b.proof().Report.Summary; int(s.Verified) != len(applicable()) {
		t.Errorf("the first report counts %+v", s)
	}
	told := strings.Join(emitted, "\n")
	for _, what := range []string{"key: created", "database: created", "firewall: created"} {
		if strings.Count(told, what) != 1 {
			t.Errorf("%q is in the events %d times", what, strings.Count(told, what))
		}
	}
	if strings.Contains(told, "Warning") {
		t.Error("a new platform warns of its own half-made state")
	}
}

func TestAReadyPlatformThatIsThrottledForAMomentSaysNothing(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	before := b.settle()
	report := b.proof()
	b.emitted.take()
	w.firewall.change(func(m *memory) { m.looking = throttle })
	for _, after := range []time.Duration{0, 5 * time.Second, 50 * time.Second} {
		b.later(after)
		if _, err := b.pass(); err == nil {
			t.Error("a throttled pass must be tried again")
		}
	}
	if diff := cmp.Diff(before.Status, b.platform().Status); diff != "" || b.proof().ResourceVersion != report.ResourceVersion {
		t.Errorf("it was written (-before +after):\n%s", diff)
	}
	b.later(10 * time.Second)
	_, _ = b.pass()
	b.expect(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonThrottled)
	if b.proof().Report.Summary.Unknown != 3 {
		t.Errorf("after a minute the report counts %+v", b.proof().Report.Summary)
	}
	w.colour("blue")
	b.settle()
	b.emitted.take()
	w.firewall.change(func(m *memory) { m.looking = throttle })
	if _, _ = b.pass(); !is(b.platform(), v1alpha1.ConditionReady, metav1.ConditionTrue) {
		t.Error("the patience of the first time does not count for the second")
	}
	if emitted := b.emitted.take(); emitted != nil {
		t.Errorf("emitted %v", emitted)
	}
}

func TestAPlatformThatIsLongOnItsWayIsReportedOn(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.mustPass()
	w.database.change(func(m *memory) { m.busy = "it is being created" })
	b.mustPass()
	if b.proof() != nil {
		t.Error("there is a report of what is not created yet")
	}
	b.later(11 * time.Minute)
	b.mustPass()
	if b.proof() == nil {
		t.Error("there is no report")
	}
}

func TestProgressIsShownWithinItsPace(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	b.mustPass()
	w.database.change(func(m *memory) { m.busy = "it is being created" })
	for _, c := range []struct {
		after  time.Duration
		reason string
	}{{9 * time.Second, v1alpha1.ReasonApplied}, {time.Second, v1alpha1.ReasonSettling}} {
		b.later(c.after)
		b.mustPass()
		b.expect(v1alpha1.ConditionReady, metav1.ConditionFalse, c.reason)
	}
	w.database.change(func(m *memory) { m.looking = fault.New(fault.Denied, v1alpha1.ReasonAccessDenied, "grant it") })
	b.mustPass()
	b.expect(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonAccessDenied) // what needs a person is shown at once
}
