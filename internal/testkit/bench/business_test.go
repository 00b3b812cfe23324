//go:build bench

package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	// receiverName is under which name Stripe finds the operator.
	receiverName = "hooks.bench.test"
	// keySecret is the Secret with the key of the business's Stripe account.
	keySecret = "stripe"
	// plenty is how many calls the sandbox takes in a second: what the operator keeps to is measured, not what
	// it meets.
	plenty = 100_000
	// makers is how many objects are created at a time.
	makers = 20
)

// business is a platform with a Stripe account in live mode, and with many coaches.
type business struct {
	*world
	platform *v1alpha1.CoachPlatform
	stripe   env.StripePlatform
	// flags are the operator's, beside its defaults.
	flags []string
}

func newBusiness(t *testing.T) *business {
	t.Helper()
	b := &business{world: newWorld(t), platform: platform(0)}
	b.report.Accounts = *coaches
	sandbox := b.account.Sandbox()
	b.stripe = sandbox.NewStripePlatform(t)
	address, flags := b.operator.Receiver(t, receiverName)
	b.flags = slices.Concat(flags, []string{"--stripe-resync", payoutResync.String()})
	limit := plenty
	sandbox.SetStripeOf(t, b.stripe.ID, env.StripeSettings{
		ReadsPerSecond: &limit, WritesPerSecond: &limit, Resolve: map[string]string{receiverName: address},
	})
	return b
}

// open creates the platform and waits until its coaches may have accounts.
func (b *business) open() {
	b.t.Helper()
	b.operator.Start(b.t, b.flags...)
	class := b.account.Class()
	class.Spec.Stripe = v1alpha1.ClassStripe{
		Mode: v1alpha1.StripeLive, Countries: []string{"DE"}, WebhookBaseURL: "https://" + receiverName,
	}
	b.platform.Spec.Stripe = v1alpha1.PlatformStripe{CredentialsSecretName: keySecret, Mode: v1alpha1.StripeLive}
	b.make(
		&v1alpha1.PlatformClass{ObjectMeta: metav1.ObjectMeta{Name: class.Name}, Spec: class.Spec},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.platform.Namespace}},
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: b.platform.Namespace, Name: keySecret},
			Data:       map[string][]byte{"apiKey": []byte(b.stripe.Keys.LiveRestricted)},
		},
	)
	b.cluster.Grant(b.t, b.platform.Namespace)
	b.make(b.platform)
	b.say("one platform with payouts")
	b.until(restartLimit, time.Second, "the platform Ready and verified", b.safe)
}

func (b *business) make(objects ...client.Object) {
	b.t.Helper()
	for _, o := range objects {
		if err := b.cluster.Client.Create(b.t.Context(), o); err != nil {
			b.t.Fatalf("creating a %T: %v", o, err)
		}
	}
}

// safe says whether the platform is Ready, with Stripe, and every control that payouts depend on Verified.
func (b *business) safe() bool {
	b.t.Helper()
	key, report := client.ObjectKeyFromObject(b.platform), &v1alpha1.SecurityReport{}
	if err := b.cluster.Client.Get(b.t.Context(), key, b.platform); err != nil {
		b.t.Fatalf("reading the platform: %v", err)
	}
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionPayoutsReady} {
		if !meta.IsStatusConditionTrue(b.platform.Status.Conditions, kind) {
			return false
		}
	}
	err := b.cluster.Client.Get(b.t.Context(), key, report)
	if client.IgnoreNotFound(err) != nil {
		b.t.Fatalf("reading the platform's report: %v", err)
	}
	return err == nil && evidence.Gating(&report.Report, time.Now()).Open
}

// hire creates the objects of all coaches, as fast as the API server takes them.
func (b *business) hire() {
	b.t.Helper()
	group, ctx := errgroup.WithContext(b.t.Context())
	group.SetLimit(makers)
	for i := range *coaches {
		group.Go(func() error {
			return b.cluster.Client.Create(ctx, &v1alpha1.PayoutAccount{
				ObjectMeta: metav1.ObjectMeta{Namespace: b.platform.Namespace, Name: fmt.Sprintf("coach-%05d", i)},
				Spec:       v1alpha1.PayoutAccountSpec{PlatformName: b.platform.Name, CoachID: fmt.Sprintf("c-%05d", i), Country: "DE"},
			})
		})
	}
	if err := group.Wait(); err != nil {
		b.t.Fatalf("creating the objects of coaches: %v", err)
	}
}

// accounts are all of the platform.
func (b *business) accounts() *v1alpha1.PayoutAccountList {
	b.t.Helper()
	list := &v1alpha1.PayoutAccountList{}
	if err := b.cluster.Client.List(b.t.Context(), list, client.InNamespace(b.platform.Namespace)); err != nil {
		b.t.Fatalf("listing the accounts: %v", err)
	}
	return list
}

// stand is how many accounts are in a phase.
func (b *business) stand(phase v1alpha1.PayoutPhase) (n int) {
	b.t.Helper()
	for _, a := range b.accounts().Items {
		if a.Status.Phase == phase {
			n++
		}
	}
	return n
}

// calls are those at Stripe after one.
func (b *business) calls(since int64) []env.Call {
	b.t.Helper()
	var calls []env.Call
	for _, c := range b.account.Sandbox().StripeCalls(b.t, b.stripe.ID, since) {
		calls = append(calls, c.Call)
	}
	return calls
}

// mark is the sequence number of the last call at Stripe.
func (b *business) mark() int64 {
	b.t.Helper()
	calls := b.calls(0)
	if len(calls) == 0 {
		return 0
	}
	return calls[len(calls)-1].Seq
}
