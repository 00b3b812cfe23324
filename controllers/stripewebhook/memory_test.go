package stripewebhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/stripesecret"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/telemetry"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	theSecret  = "whsec_of_the_tests_0123456789"
	theAccount = "acct_1"
)

// small is a receiver over an API server in memory, with the platforms studio and gym and the coach jo, for
// what takes thousands of requests.
type small struct {
	receiver *Receiver
	handler  http.Handler
	client   client.Client
	clock    *testclock.FakeClock
}

func newSmall(t testing.TB) *small {
	t.Helper()
	scheme, err := env.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := telemetry.New(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	var objects []client.Object
	for _, name := range []string{"studio", "gym"} {
		objects = append(objects, &v1alpha1.CoachPlatform{
			ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: name, UID: types.UID(name)},
			Spec:       v1alpha1.CoachPlatformSpec{Stripe: v1alpha1.PlatformStripe{CredentialsSecretName: "key", Mode: v1alpha1.StripeTest}},
		})
	}
	objects = append(objects, &v1alpha1.PayoutAccount{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "tenant", Name: "jo",
			Annotations: map[string]string{v1alpha1.AnnotationAccount: scope.AccountRecord{Business: "acct_0", Account: theAccount}.String()},
		},
		Spec: v1alpha1.PayoutAccountSpec{PlatformName: "studio", CoachID: "jo"},
	})
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithIndex(&v1alpha1.PayoutAccount{}, AccountIndex, AccountOf).Build()
	s := &small{client: c, clock: testclock.NewFakeClock(time.Unix(1_800_000_000, 0))}
	for _, platform := range objects[:2] {
		signing := stripesecret.Signing{Client: c, Live: c, Clock: s.clock, Platform: platform.(*v1alpha1.CoachPlatform)}
		if err := signing.Store(t.Context(), "we_1", scope.NewSecret(theSecret)); err != nil {
			t.Fatal(err)
		}
	}
	s.receiver = &Receiver{Client: c, Live: c, Clock: s.clock, Metrics: metrics}
	s.handler = s.receiver.Handler()
	return s
}

// post delivers a body, whatever its path looks like, and returns the status of the answer.
func (s *small) post(ctx context.Context, path string, body io.Reader, signature string) int {
	q := (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: path}, Header: http.Header{signatureHeader: {signature}}, Body: io.NopCloser(body),
	}).WithContext(ctx)
	answer := httptest.NewRecorder()
	s.handler.ServeHTTP(answer, q)
	return answer.Code
}

// hints are jo's annotations, but for the operator's own record.
func (s *small) hints(t testing.TB) map[string]string {
	t.Helper()
	account := &v1alpha1.PayoutAccount{}
	if err := s.client.Get(t.Context(), types.NamespacedName{Namespace: "tenant", Name: "jo"}, account); err != nil {
		t.Fatal(err)
	}
	delete(account.Annotations, v1alpha1.AnnotationAccount)
	return account.Annotations
}

// signature signs as Stripe does. https://docs.stripe.com/webhooks#verify-manually
func signature(body []byte, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(theSecret))
	fmt.Fprintf(mac, "%d.", at.Unix())
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// counting is an API server that refuses every read, and counts them.
type counting struct {
	client.Reader

	reads int
}

func (c *counting) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	c.reads++
	return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "name", nil)
}

// stamp is a time as signatures have it.
func stamp(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
