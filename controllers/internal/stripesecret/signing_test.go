package stripesecret_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/stripesecret"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	tenant    = "tenant"
	first     = "whsec_first_0123456789"
	second    = "whsec_second_0123456789"
	third     = "whsec_third_0123456789"
	kept      = "studio-stripe-webhook"
	untilName = "payouts.coachplatform.io/previous-until"
)

// bench is a platform and its Secrets over an API server in memory.
type bench struct {
	t        *testing.T
	client   client.WithWatch
	clock    *testclock.FakePassiveClock
	platform *v1alpha1.CoachPlatform
	// fails is what every call ends in, if anything.
	fails error
}

func newBench(t *testing.T) *bench {
	t.Helper()
	scheme, err := env.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		t: t, clock: testclock.NewFakePassiveClock(time.Unix(1_800_000_000, 0)),
		platform: &v1alpha1.CoachPlatform{
			ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: "studio", UID: "1"},
			Spec:       v1alpha1.CoachPlatformSpec{Stripe: v1alpha1.PlatformStripe{CredentialsSecretName: "key"}},
		},
	}
	b.client = interceptor.NewClient(fake.NewClientBuilder().WithScheme(scheme).Build(), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			return unless(b.fails, func() error { return c.Get(ctx, key, o, options...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			return unless(b.fails, func() error { return c.Create(ctx, o, options...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, options ...client.PatchOption) error {
			return unless(b.fails, func() error { return c.Patch(ctx, o, patch, options...) })
		},
	})
	return b
}

func unless(err error, otherwise func() error) error {
	if err != nil {
		return err
	}
	return otherwise()
}

func (b *bench) signing() stripesecret.Signing {
	return stripesecret.Signing{Client: b.client, Live: b.client, Clock: b.clock, Platform: b.platform}
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) store(endpoint, secret string) {
	b.t.Helper()
	b.must(b.signing().Store(b.t.Context(), endpoint, scope.NewSecret(secret)))
}

// valid are the secrets that count.
func (b *bench) valid() []string {
	b.t.Helper()
	secrets, err := b.signing().Valid(b.t.Context())
	b.must(err)
	var all []string
	for _, s := range secrets {
		all = append(all, s.Reveal())
	}
	return all
}

func (b *bench) secret(name string) *corev1.Secret {
	b.t.Helper()
	secret := &corev1.Secret{}
	b.must(b.client.Get(b.t.Context(), client.ObjectKey{Namespace: tenant, Name: name}, secret))
	return secret
}

func (b *bench) edit(change func(*corev1.Secret)) {
	b.t.Helper()
	secret := b.secret(kept)
	change(secret)
	b.must(b.client.Update(b.t.Context(), secret))
}

func TestWhichSecretsCount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(*bench)
		want []string
	}{
		"none before there is one":    {do: func(*bench) {}},
		"the one that is kept":        {do: func(b *bench) { b.store("we_1", first) }, want: []string{first}},
		"the new one and that before": {do: func(b *bench) { b.store("we_1", first); b.store("we_2", second) }, want: []string{second, first}},
		"the one before until its day is over": {do: func(b *bench) {
			b.store("we_1", first)
			b.store("we_2", second)
			b.clock.SetTime(b.clock.Now().Add(24*time.Hour - time.Second))
		}, want: []string{second, first}},
		"not the one before after its day": {do: func(b *bench) {
			b.store("we_1", first)
			b.store("we_2", second)
			b.clock.SetTime(b.clock.Now().Add(24 * time.Hour))
		}, want: []string{second}},
		"no more than two": {do: func(b *bench) {
			b.store("we_1", first)
			b.store("we_2", second)
			b.store("we_3", third)
		}, want: []string{third, second}},
		"the one before when the new one is kept again": {do: func(b *bench) {
			b.store("we_1", first)
			b.store("we_2", second)
			b.store("we_2", second)
		}, want: []string{second, first}},
		"not the one before without a time": {do: func(b *bench) {
			b.store("we_1", first)
			b.store("we_2", second)
			b.edit(func(s *corev1.Secret) { delete(s.Annotations, untilName) })
		}, want: []string{second}},
		"not the one before with a time that is none": {do: func(b *bench) {
			b.store("we_1", first)
			b.store("we_2", second)
			b.edit(func(s *corev1.Secret) { s.Annotations[untilName] = "tomorrow" })
		}, want: []string{second}},
		"not an empty one after it was lost": {do: func(b *bench) {
			b.store("we_1", first)
			b.edit(func(s *corev1.Secret) { s.Data = nil })
			b.store("we_2", second)
		}, want: []string{second}},
		"the one under the name that the spec gives": {do: func(b *bench) {
			b.store("we_1", first)
			b.platform.Spec.Stripe.WebhookSecretName = "other"
			b.store("we_2", second)
		}, want: []string{second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			c.do(b)
			if diff := cmp.Diff(c.want, b.valid()); diff != "" {
				t.Errorf("they differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsStoredIsWhatWasKeptLast(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	is := func(endpoint, secret string) {
		t.Helper()
		got, err := b.signing().Stored(t.Context())
		b.must(err)
		if got.Endpoint != endpoint || got.Secret.Reveal() != secret {
			t.Errorf("that of %s is stored, want %s", got.Endpoint, endpoint)
		}
	}
	is("", "")
	b.store("we_1", first)
	is("we_1", first)
	b.store("we_2", second)
	is("we_2", second)
	b.store("we_3", second)
	is("we_3", second)
}

func TestTheSecretGoesWithItsPlatformAndIsMarkedAsOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store("we_1", first)
	owner := metav1.GetControllerOf(b.secret(kept))
	if owner == nil || owner.UID != b.platform.UID || owner.Kind != "CoachPlatform" {
		t.Errorf("it is owned by %+v", owner)
	}
	if labels := b.secret(kept).Labels; labels["payouts.coachplatform.io/platform"] != "studio" || len(labels) != 2 {
		t.Errorf("it is labelled %v", labels)
	}
}

func TestASecretOfSomebodyElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, labels := range map[string]map[string]string{
		"nobody's":           nil,
		"another platform's": {"app.kubernetes.io/managed-by": "coach-operator", "payouts.coachplatform.io/platform": "gym"},
		"somebody else's":    {"app.kubernetes.io/managed-by": "helm", "payouts.coachplatform.io/platform": "studio"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			theirs := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: kept, Labels: labels}, Data: map[string][]byte{"secret": []byte(third)},
			}
			b.must(b.client.Create(t.Context(), theirs))
			_, stored := b.signing().Stored(t.Context())
			secrets, valid := b.signing().Valid(t.Context())
			for what, err := range map[string]error{
				"Stored": stored, "Valid": valid, "Store": b.signing().Store(t.Context(), "we_1", scope.NewSecret(first)),
			} {
				if f := fault.As(err); err == nil || f.Class != fault.Conflict || f.Reason != v1alpha1.ReasonConflict {
					t.Errorf("%s: %v", what, err)
				}
				silent(t, err)
			}
			if diff := cmp.Diff(theirs.Data, b.secret(kept).Data); diff != "" || len(secrets) != 0 {
				t.Errorf("it was changed, or counts: %d", len(secrets))
			}
		})
	}
}

// silent fails the test if an error quotes what is secret.
func silent(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{first, second, third, "rk_test", "0123456789"} {
		if text := fmt.Sprintf("%v %+v %#v", err, err, fault.As(err)); strings.Contains(text, secret) {
			t.Error("an error quotes a secret")
		}
	}
}

func TestAFailureIsReportedByItsKindAndNotInItsWords(t *testing.T) {
	t.Parallel()
	secrets := schema.GroupResource{Resource: "secrets"}
	quoting := errors.New("the server quotes " + first)
	terminating := apierrors.NewForbidden(secrets, kept, quoting)
	terminating.ErrStatus.Details.Causes = append(terminating.ErrStatus.Details.Causes, metav1.StatusCause{Type: corev1.NamespaceTerminatingCause})
	for name, c := range map[string]struct {
		fails  error
		class  fault.Class
		reason string
	}{
		"a namespace without a grant":       {fails: apierrors.NewForbidden(secrets, kept, quoting), class: fault.Denied, reason: v1alpha1.ReasonNamespaceNotGranted},
		"a namespace that is being deleted": {fails: terminating, class: fault.Waiting, reason: v1alpha1.ReasonReleasing},
		"a Secret that changed meanwhile":   {fails: apierrors.NewConflict(secrets, kept, quoting), class: fault.Transient},
		"an API server that fails":          {fails: apierrors.NewInternalError(quoting), class: fault.Transient},
		"a refused Secret":                  {fails: apierrors.NewBadRequest("quotes " + first), class: fault.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, stored := range []bool{false, true} {
				b := newBench(t)
				if stored {
					b.store("we_1", second)
				}
				signing := b.signing()
				signing.Client = failing{Client: b.client, err: c.fails}
				err := signing.Store(t.Context(), "we_2", scope.NewSecret(first))
				if f := fault.As(err); err == nil || f.Class != c.class || c.reason != "" && f.Reason != c.reason {
					t.Errorf("a write when one is stored (%t): %v", stored, err)
				}
				silent(t, err)
			}
		})
	}
	t.Run("a read without a grant", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.fails = apierrors.NewForbidden(secrets, kept, quoting)
		_, err := b.signing().Valid(t.Context())
		if f := fault.As(err); f.Class != fault.Denied || f.Reason != v1alpha1.ReasonNamespaceNotGranted {
			t.Errorf("%v", err)
		}
		silent(t, err)
	})
	t.Run("a read that fails", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.fails = apierrors.NewServiceUnavailable("busy")
		for what, call := range map[string]func() error{
			"Valid":  func() error { _, err := b.signing().Valid(t.Context()); return err },
			"Stored": func() error { _, err := b.signing().Stored(t.Context()); return err },
			"Store":  func() error { return b.signing().Store(t.Context(), "we_1", scope.NewSecret(first)) },
		} {
			if err := call(); err == nil || fault.As(err).Class != fault.Transient {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// failing is an API server that refuses every write.
type failing struct {
	client.Client

	err error
}

func (f failing) Create(context.Context, client.Object, ...client.CreateOption) error { return f.err }

func (f failing) Patch(context.Context, client.Object, client.Patch, ...client.PatchOption) error {
	return f.err
}

func TestTwoWritersDoNotLoseASecret(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store("we_1", first)
	signing := b.signing()
	signing.Client = meanwhile{Client: b.client, first: func() { b.store("we_2", second) }}
	if err := signing.Store(t.Context(), "we_3", scope.NewSecret(third)); err == nil {
		t.Error("a write over what was not read is taken")
	}
	if diff := cmp.Diff([]string{second, first}, b.valid()); diff != "" {
		t.Errorf("what counts (-want +got):\n%s", diff)
	}
}

// meanwhile is a client whose patches come after something else.
type meanwhile struct {
	client.Client

	first func()
}

func (m meanwhile) Patch(ctx context.Context, o client.Object, patch client.Patch, options ...client.PatchOption) error {
	m.first()
	return m.Client.Patch(ctx, o, patch, options...)
}
