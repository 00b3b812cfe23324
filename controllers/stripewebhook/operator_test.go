package stripewebhook_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/payoutaccount"
	"github.com/coachplatform/coach-operator/controllers/stripewebhook"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/step"
	payoutstep "github.com/coachplatform/coach-operator/internal/step/payouts/payoutaccount"
	"github.com/coachplatform/coach-operator/internal/telemetry"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// resync is how often the operator observes a quiet account.
const resync = 10 * time.Minute

// operator is a controller of accounts and a receiver, without a manager: the test says when each does
// something, and its clock moves only when the test moves it.
type operator struct {
	t          *testing.T
	client     client.Client
	clock      *testclock.FakeClock
	class      string
	reconciler *payoutaccount.Reconciler
	receiver   http.Handler
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	sandbox := env.StartSandbox(t)
	class := &v1alpha1.PlatformClass{ObjectMeta: metav1.ObjectMeta{GenerateName: "class-"}, Spec: sandbox.Account(t).Class().Spec}
	class.Spec.Stripe = v1alpha1.ClassStripe{Mode: v1alpha1.StripeTest, Countries: []string{"DE"}, WebhookBaseURL: "https://hooks.example.com"}
	must(t, env.APIServer(t).Client.Create(t.Context(), class))
	o := &operator{t: t, client: indexed(t), clock: testclock.NewFakeClock(time.Now()), class: class.Name}
	o.restart()
	return o
}

// restart replaces the operator by a new process, which remembers nothing.
func (o *operator) restart() {
	o.t.Helper()
	metrics, err := telemetry.New(prometheus.NewRegistry())
	must(o.t, err)
	sandbox := env.StartSandbox(o.t)
	clients := stripe.New(stripe.Options{
		URL: sandbox.Stripe, HTTPClient: &http.Client{Transport: transport(o.t, sandbox)}, Clock: o.clock,
		Sweep: resync * 9 / 10, Reads: 1e6, Writes: 1e6,
	})
	kube := env.Observed(o.client, o.clock)
	o.reconciler = &payoutaccount.Reconciler{
		Client: kube, Live: kube, Steps: step.Payout(payoutstep.Options{Stripe: clients, Clock: o.clock, Sweep: resync * 9 / 10}),
		Installation: "test-installation", Events: nobody{}, Metrics: metrics, Clock: o.clock, Resync: resync, Grace: resync, Workers: 1,
	}
	o.receiver = (&stripewebhook.Receiver{Client: o.client, Live: o.client, Clock: o.clock, Metrics: metrics}).Handler()
}

// nobody hears the operator's events.
type nobody struct{}

// Eventf implements events.EventRecorder.
func (nobody) Eventf(_, _ runtime.Object, _, _, _, _ string, _ ...any) {}

// indexed is a client without a cache that finds objects by the indexes that a manager's cache keeps.
func indexed(t *testing.T) client.Client {
	t.Helper()
	scheme, err := env.Scheme()
	must(t, err)
	c, err := client.NewWithWatch(env.APIServer(t).Config, client.Options{Scheme: scheme})
	must(t, err)
	return interceptor.NewClient(c, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			all := client.ListOptions{}
			all.ApplyOptions(options)
			accounts, ok := list.(*v1alpha1.PayoutAccountList)
			if !ok || all.FieldSelector == nil {
				return c.List(ctx, list, options...)
			}
			wanted := all.FieldSelector.Requirements()[0]
			if err := c.List(ctx, accounts, client.InNamespace(all.Namespace)); err != nil {
				return err
			}
			kept := accounts.Items[:0]
			for _, a := range accounts.Items {
				values := []string{a.Spec.PlatformName + "/" + a.Spec.CoachID}
				if wanted.Field == stripewebhook.AccountIndex {
					values = stripewebhook.AccountOf(&a)
				}
				if len(values) > 0 && values[0] == wanted.Value {
					kept = append(kept, a)
				}
			}
			accounts.Items = kept
			return nil
		},
	})
}

// tenant makes a tenant whose platform is in order and proven safe.
func (o *operator) tenant(namespace, name string) *tenant {
	o.t.Helper()
	n := newTenantOf(o.t, namespace, name, o.class)
	before := n.platform.DeepCopy()
	for _, kind := range []string{v1alpha1.ConditionPayoutsReady} {
		meta.SetStatusCondition(&n.platform.Status.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "Converged"})
	}
	must(o.t, n.client.Status().Patch(o.t.Context(), n.platform, client.MergeFrom(before)))
	now := metav1.NewTime(o.clock.Now())
	report := &v1alpha1.SecurityReport{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name,
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "CoachPlatform", Name: name, UID: n.platform.UID, Controller: new(true),
			}},
		},
		Report: v1alpha1.SecurityReportContent{
			ObservedAt: now, ValidUntil: metav1.NewTime(now.Add(evidence.ReportBound)), Summary: v1alpha1.ReportSummary{Text: "6/6"},
		},
	}
	for _, id := range evidence.Gate {
		report.Report.Controls = append(report.Report.Controls, v1alpha1.ReportedControl{
			ID: id, Claim: "c", Statement: "s", Status: v1alpha1.SecurityVerified, Since: now, ObservedAt: now, ValidUntil: report.Report.ValidUntil,
		})
	}
	must(o.t, n.client.Create(o.t.Context(), report))
	return n
}

// ask makes the object of a coach, named as the coach's ID, and nothing at Stripe.
func (n *tenant) ask(name string) {
	n.t.Helper()
	must(n.t, n.client.Create(n.t.Context(), &v1alpha1.PayoutAccount{
		ObjectMeta: metaOf(n, name), Spec: v1alpha1.PayoutAccountSpec{PlatformName: n.platform.Name, CoachID: name, Country: "DE"},
	}))
}

func metaOf(n *tenant, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: n.platform.Namespace, Name: name}
}

// account is an object as the API server has it.
func (n *tenant) account(name string) *v1alpha1.PayoutAccount {
	n.t.Helper()
	account := &v1alpha1.PayoutAccount{}
	must(n.t, n.client.Get(n.t.Context(), client.ObjectKey{Namespace: n.platform.Namespace, Name: name}, account))
	return account
}

// pass is one reconcile.
func (o *operator) pass(n *tenant, name string) (ctrl.Result, error) {
	o.t.Helper()
	return o.reconciler.Reconcile(o.t.Context(), n.account(name))
}

// settle passes until a pass, and the one after it, say the same and ask for no pass within a minute.
func (o *operator) settle(n *tenant, name string) v1alpha1.PayoutAccountStatus {
	o.t.Helper()
	for range 30 {
		before := n.account(name).Status
		result, err := o.pass(n, name)
		after := n.account(name).Status
		if err == nil && result.RequeueAfter > time.Minute && same(before, after) {
			return after
		}
		o.clock.Step(3 * time.Second)
	}
	o.t.Fatalf("%s does not come to rest: %+v", name, n.account(name).Status)
	return v1alpha1.PayoutAccountStatus{}
}
