package crash_test

import (
	"context"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coachplatform/coach-operator/controllers/coachplatform"
	"github.com/coachplatform/coach-operator/controllers/installation"
	"github.com/coachplatform/coach-operator/controllers/platformclass"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/step"
	"github.com/coachplatform/coach-operator/internal/step/data/dbrole"
	"github.com/coachplatform/coach-operator/internal/step/payouts/tenantdata"
	"github.com/coachplatform/coach-operator/internal/telemetry"
)

const (
	// resync is how often an operator observes what is quiet, by its own clock.
	resync = 20 * time.Second
	// freshness is how old the proof of a login may be, by the same clock.
	freshness = 15 * time.Minute
	// retry is how long it waits after a failed pass.
	retry = time.Second
	// calm is how long it waits at least after a pass that wrote nothing: a pass that waits for AWS may come
	// late, and each pass costs the same.
	calm = resync
	// passes is how many passes an operator may need to get anywhere.
	passes = 150
)

// operator is one process of the operator as seen from outside: it shares no memory with
// another one. Its two controllers take turns, so that the order of its calls is always the same.
type operator struct {
	*plan
	wire  *wire
	loops []*loop
}

// loop is one controller with its one object.
type loop struct {
	pass func(context.Context) (ctrl.Result, error)
	// due is when its next pass is, quiet how many passes it made since anything was last written.
	due   time.Time
	quiet int
	err   error
}

// start starts an operator whose calls go through the wire; nil when it died of it.
func (p *plan) start(t *testing.T, w *wire) *operator {
	t.Helper()
	c := w.client(p.direct(t))
	id, err := installation.ID(t.Context(), c, p.home, installationID)
	if w.died() {
		return nil
	}
	if err != nil {
		t.Fatalf("finding the installation: %v", err)
	}
	metrics, err := telemetry.New(prometheus.NewRegistry())
	if err != nil {
		t.Fatalf("creating metrics: %v", err)
	}
	cfg := p.account.Administrator(t)
	cfg.APIOptions = append(cfg.APIOptions, w.attach)
	sessions, err := aws.NewSessions(t.Context(), aws.Options{
		Clock: p.clock, Lag: patience, Share: 1000, Load: func(context.Context) (awssdk.Config, error) { return cfg, nil },
	})
	if err != nil {
		t.Fatalf("opening sessions: %v", err)
	}
	parts := step.Parts{
		Sessions: sessions, Secrets: c,
		Databases: dbrole.Options{Dial: w.dial(p.account.Sandbox().Dial), Freshness: freshness, Clock: p.clock},
		Objects:   tenantdata.Options{Kube: c, Clock: p.clock},
	}
	classes := &platformclass.Reconciler{
		Client: c, Live: c, Steps: step.Class(sessions), Installation: id, Events: mute{}, Metrics: metrics,
		Clock: p.clock, Resync: resync,
	}
	platforms := &coachplatform.Reconciler{
		Client: c, Live: c, Steps: step.Platform(parts), Installation: id, Namespace: p.home, Events: mute{},
		Metrics: metrics, Clock: p.clock, Resync: resync, Workers: 1,
	}
	return &operator{plan: p, wire: w, loops: []*loop{
		looping(p.clock.Now(), c, platforms, client.ObjectKeyFromObject(p.platform)),
		looping(p.clock.Now(), c, classes, client.ObjectKeyFromObject(p.class)),
	}}
}

// direct returns a client without any wire.
func (p *plan) direct(t *testing.T) client.WithWatch {
	t.Helper()
	c, err := client.NewWithWatch(p.cluster.Config, client.Options{Scheme: p.cluster.Client.Scheme(), Mapper: p.cluster.Client.RESTMapper()})
	if err != nil {
		t.Fatalf("creating a client: %v", err)
	}
	return c
}

func looping[O client.Object](now time.Time, c client.Client, of reconcile.ObjectReconciler[O], key client.ObjectKey) *loop {
	reconciler := reconcile.AsReconciler(c, of)
	return &loop{due: now, pass: func(ctx context.Context) (ctrl.Result, error) {
		return reconciler.Reconcile(ctx, reconcile.Request{NamespacedName: key})
	}}
}

// mute drops events.
type mute struct{}

func (mute) Eventf(_, _ runtime.Object, _, _, _, _ string, _ ...any) {}

// turn makes one pass of the controller whose turn it is.
func (o *operator) turn(t *testing.T) {
	t.Helper()
	next := o.loops[0]
	for _, l := range o.loops[1:] {
		if l.due.Before(next.due) {
			next = l
		}
	}
	if wait := next.due.Sub(o.clock.Now()); wait > 0 {
		o.clock.Wait(t.Context(), wait)
	}
	o.wire.begin()
	before := o.wire.writes()
	result, err := next.pass(t.Context())
	after := retry
	if err == nil {
		after = result.RequeueAfter
	}
	if o.wire.writes() != before {
		for _, l := range o.loops {
			l.quiet = 0
		}
	} else {
		next.quiet++
		after = max(after, calm)
	}
	next.err, next.due = err, o.clock.Now().Add(after)
}

// quiet says that every controller made so many passes since anything was written.
func (o *operator) quiet(n int) bool {
	for _, l := range o.loops {
		if l.quiet < n {
			return false
		}
	}
	return true
}

// settle works until the platform is ready and nothing is left to do, and says whether it lived so long.
func (o *operator) settle(t *testing.T) bool {
	t.Helper()
	if o == nil {
		return false
	}
	for range passes {
		o.turn(t)
		if o.wire.died() {
			return false
		}
		if o.quiet(1) && o.finished(t) == "" {
			return true
		}
	}
	t.Fatalf("still, after %d passes: %s\nthe last pass of the platform: %v\nthe last pass of the class: %v\nthe calls of this operator:%s",
		passes, o.finished(t), o.loops[0].err, o.loops[1].err, o.wire.story())
	return false
}

// idle makes more passes of an operator that settled and fails the test when they write, to the database
// too. A report may be stamped anew, as long as it says the same.
func (o *operator) idle(t *testing.T, rounds int) {
	t.Helper()
	before, says, written := len(o.wire.made()), o.evidence(t), o.transactions(t)
	for !o.quiet(1 + rounds) {
		o.turn(t)
		if !o.quiet(1) {
			t.Fatalf("an operator with nothing to do has written; its calls since: %v", o.wire.made()[before:])
		}
	}
	if now := o.evidence(t); now != says {
		t.Errorf("a report that was to be stamped anew says something else (-before +after):\n%s", cmp.Diff(says, now))
	}
	if now := o.transactions(t); now != written {
		t.Errorf("an operator with nothing to do has written to the database: transactions %s, then %s", written, now)
	}
}
