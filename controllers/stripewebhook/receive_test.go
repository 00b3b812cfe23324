package stripewebhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	updated      = "account.updated"
	deauthorized = "account.application.deauthorized"
	payoutFailed = "payout.failed"
	payoutPaid   = "payout.paid"
)

// event is the body of one of Stripe's events.
type event struct {
	id, kind, account, version string
	live                       bool
	created                    time.Time
	object                     string
}

func (e event) String() string {
	if e.version == "" {
		e.version = "2023-10-16"
	}
	if e.object == "" {
		e.object = `{}`
	}
	return fmt.Sprintf(`{"id":%q,"object":"event","type":%q,"account":%q,"api_version":%q,"created":%d,"livemode":%t,"data":{"object":%s}}`,
		e.id, e.kind, e.account, e.version, e.created.Unix(), e.live, e.object)
}

// signed is the header that Stripe sends with a body.
// https://docs.stripe.com/webhooks#verify-manually
func signed(body, secret string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

// post delivers a body and returns the status of the answer, which has no body.
func (r *receiving) post(method, url, body, signature string) int {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, url, strings.NewReader(body))
	must(r.t, err)
	if signature != "" {
		request.Header.Set("Stripe-Signature", signature)
	}
	answer, err := r.stripe.Do(request)
	must(r.t, err)
	must(r.t, answer.Body.Close())
	return answer.StatusCode
}

func TestWhatIsNotStripesChangesNothing(t *testing.T) { //nolint:tparallel // the cases change one tenant, in turns
	t.Parallel()
	namespace := newNamespace(t)
	studio, other := newTenant(t, namespace, "studio"), newTenant(t, namespace, "other")
	must(t, studio.client.Create(t.Context(), &v1alpha1.CoachPlatform{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bare"},
		Spec:       v1alpha1.CoachPlatformSpec{ClassName: studio.platform.Spec.ClassName, DisplayName: "Bare"},
	}))
	r := startReceiver(t, clock.RealClock{}, namespace)
	url := r.url(namespace, "studio")
	studio.listen(url)
	other.listen(r.url(namespace, "other"))
	account := studio.coach("jo")
	gomega.NewWithT(t).Eventually(func() int { // the cache has seen them
		return r.post(http.MethodPost, r.url(namespace, "bare"), "", "")
	}, deadline).Should(gomega.Equal(http.StatusBadRequest))

	secret := studio.secret.Reveal()
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		forge  env.StripeForgery
		status int
		// result is the metric's word; "" is a request that is not even counted.
		result string
	}{
		"no signature":         {forge: env.StripeForgery{Header: text("")}, status: 400, result: "not_signed"},
		"a signature of noise": {forge: env.StripeForgery{Header: text("t=1,v1=00")}, status: 400, result: "bad_signature"},
		"a secret that is not the platform's": {
			forge: env.StripeForgery{Secret: "whsec_somebody_elses_secret"}, status: 400, result: "bad_signature",
		},
		"the secret of another platform": {forge: env.StripeForgery{Secret: other.secret.Reveal()}, status: 400, result: "bad_signature"},
		"an empty secret":                {forge: env.StripeForgery{Secret: ""}, status: 400, result: "bad_signature"},
		"a short secret":                 {forge: env.StripeForgery{Secret: "whsec"}, status: 400, result: "bad_signature"},
		"a signature of ten minutes ago": {forge: env.StripeForgery{Secret: secret, Age: "10m"}, status: 400, result: "too_old"},
		"a body without data": {
			forge:  env.StripeForgery{Secret: secret, Body: text(`{"id":"evt_1","object":"event","type":"account.updated","account":"` + account + `"}`)},
			status: 400, result: "malformed",
		},
		"a thin event": {
			forge: env.StripeForgery{Secret: secret, Body: text(
				`{"id":"evt_1","object":"v2.core.event","type":"v1.account.updated","created":"2026-01-15T08:00:00Z","related_object":{"id":"` + account + `"}}`)},
			status: 400, result: "malformed",
		},
		"an event of another version of the API": {
			forge: env.StripeForgery{Secret: secret, APIVersion: "2020-08-27"}, status: 400, result: "version",
		},
		"a payout that failed in another version": {
			forge: env.StripeForgery{Secret: secret, APIVersion: "2020-08-27", Type: payoutFailed}, status: 400, result: "version",
		},
		"an event of live mode":                {forge: env.StripeForgery{Secret: secret, Live: true}, status: 200, result: "wrong_mode"},
		"an event of an account nobody has":    {forge: env.StripeForgery{Secret: secret, Account: "acct_nobodys"}, status: 200, result: "unknown_account"},
		"an event of the business itself":      {forge: env.StripeForgery{Secret: secret, Account: "-"}, status: 200, result: "not_of_an_account"},
		"a platform that does not exist":       {forge: env.StripeForgery{Secret: secret, URL: r.url(namespace, "nobody")}, status: 400, result: "no_platform"},
		"a namespace that does not exist":      {forge: env.StripeForgery{Secret: secret, URL: r.url("nowhere", "studio")}, status: 400, result: "no_platform"},
		"a platform without Stripe":            {forge: env.StripeForgery{Secret: secret, URL: r.url(namespace, "bare")}, status: 400, result: "no_platform"},
		"a path beyond the platform's":         {forge: env.StripeForgery{Secret: secret, URL: url + "/more"}, status: 404},
		"a path that leads out of the tenants": {forge: env.StripeForgery{Secret: secret, URL: "https://" + r.address + "/"}, status: 404},
		"a path with dots":                     {forge: env.StripeForgery{Secret: secret, URL: "https://" + r.address + "/stripe/x/../" + namespace + "/studio"}, status: 307},
	} {
		t.Run(name, func(t *testing.T) {
			if c.forge.URL == "" {
				c.forge.URL = url
			}
			switch c.forge.Account {
			case "":
				c.forge.Account = account
			case "-":
				c.forge.Account = ""
			}
			was := r.counted(c.result)
			if status := r.sandbox.Forge(t, c.forge); status != c.status {
				t.Errorf("answered with %d, want %d", status, c.status)
			}
			if c.result != "" && r.counted(c.result) != was+1 {
				t.Errorf("%s was counted %v times, want once", c.result, r.counted(c.result)-was)
			}
			if diff := cmp.Diff(map[string]string{}, studio.hints("jo")); diff != "" {
				t.Errorf("the object was changed (-want +got):\n%s", diff)
			}
		})
	}
	body, large := event{id: "evt_1", kind: updated, account: account, created: time.Now()}.String(), strings.Repeat("a", 1<<20+1)
	if status := r.post(http.MethodPost, url, body, signed(body, secret, time.Now().Add(time.Hour))); status != http.StatusBadRequest || r.counted("too_new") != 1 {
		t.Errorf("a signature of the next hour is answered with %d", status)
	}
	status := r.post(http.MethodPost, url, large, signed(large, secret, time.Now()))
	if status != http.StatusRequestEntityTooLarge || r.counted("too_large") != 1 {
		t.Errorf("a body that is too large is answered with %d", status)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete} {
		if status := r.post(method, url, body, signed(body, secret, time.Now())); status != http.StatusMethodNotAllowed {
			t.Errorf("%s is answered with %d", method, status)
		}
	}
	if diff := cmp.Diff(map[string]string{}, studio.hints("jo")); diff != "" {
		t.Errorf("the object was changed (-want +got):\n%s", diff)
	}
}

func TestAnEventIsKeptOnItsObject(t *testing.T) { //nolint:tparallel // the cases change one tenant, in turns
	t.Parallel()
	namespace := newNamespace(t)
	studio := newTenant(t, namespace, "studio")
	coaches := map[string]string{} // made before the receiver starts, so that its cache knows them
	for _, name := range []string{"jo", "kim", "lee"} {
		coaches[name] = studio.coach(name)
	}
	r := startReceiver(t, clock.RealClock{}, namespace)
	studio.listen(r.url(namespace, "studio"))
	g := gomega.NewWithT(t)
	// kept are the hints of an object, without the times at which they came.
	kept := func(name string) map[string]string {
		hints := studio.hints(name)
		for key, value := range hints {
			if key == v1alpha1.AnnotationPayout {
				continue
			}
			hints[key], _, _ = strings.Cut(value, "@")
		}
		return hints
	}

	t.Run("a change of the account is a hint to observe it", func(t *testing.T) {
		studio.sandbox.Act(t, coaches["jo"], "verify", nil)
		all := studio.delivered(updated, http.StatusOK)
		g.Expect(studio.hints("jo")).To(gomega.HaveKey(v1alpha1.AnnotationEvent))
		g.Expect(studio.hints("jo")).NotTo(gomega.HaveKey(v1alpha1.AnnotationDeauthorized))
		g.Expect(r.counted("stored")).To(gomega.BeNumerically(">", 0))
		first := all[0].ID
		again := func() string {
			studio.sandbox.ResendStripeEvent(t, first)
			return kept("jo")[v1alpha1.AnnotationEvent]
		}
		g.Eventually(again, deadline).Should(gomega.Equal(first))
		was := r.counted("repeated")
		g.Eventually(func() float64 { again(); return r.counted("repeated") }, deadline).Should(gomega.BeNumerically(">", was))
		g.Eventually(again, deadline).Should(gomega.Equal(first)) // others of the same change may still be on their way
	})
	t.Run("a coach who leaves is remembered, whatever version of the API reports it", func(t *testing.T) {
		studio.sandbox.Act(t, coaches["kim"], "deauthorize", nil)
		left := studio.delivered(deauthorized, http.StatusOK)[0].ID
		g.Expect(kept("kim")).To(gomega.Equal(map[string]string{v1alpha1.AnnotationEvent: left, v1alpha1.AnnotationDeauthorized: left}))
	})
	t.Run("of a payout that fails there is the code, and no more", func(t *testing.T) {
		studio.sandbox.Act(t, coaches["lee"], "payout-failed", env.StripeAct{Code: "account_closed"})
		studio.delivered(payoutFailed, http.StatusOK)
		code, at, _ := strings.Cut(studio.hints("lee")[v1alpha1.AnnotationPayout], "@")
		_, err := time.Parse(time.RFC3339, at)
		if code != "account_closed" || err != nil {
			t.Errorf("kept %q", studio.hints("lee")[v1alpha1.AnnotationPayout])
		}
	})
	t.Run("nothing of what Stripe knows of people is kept", func(t *testing.T) {
		for _, name := range []string{"jo", "kim", "lee"} {
			text := fmt.Sprint(studio.hints(name))
			for _, decoy := range studio.sandbox.Decoys(t) {
				if strings.Contains(text, decoy) {
					t.Errorf("the object %s holds a decoy", name)
				}
			}
		}
	})
	t.Run("that Stripe delivers is kept on the platform", func(t *testing.T) {
		platform := &v1alpha1.CoachPlatform{}
		must(t, studio.client.Get(t.Context(), client.ObjectKeyFromObject(studio.platform), platform))
		at, err := time.Parse(time.RFC3339, platform.Annotations[v1alpha1.AnnotationDelivered])
		if err != nil || time.Since(at) > time.Hour {
			t.Errorf("kept %q", platform.Annotations[v1alpha1.AnnotationDelivered])
		}
	})
}

func TestTheLastPayoutCountsInWhateverOrderTheEventsCome(t *testing.T) { //nolint:tparallel // the cases change one tenant, in turns
	t.Parallel()
	namespace := newNamespace(t)
	studio := newTenant(t, namespace, "studio")
	r := startReceiver(t, clock.RealClock{}, namespace)
	studio.listen(r.url(namespace, "studio"))
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	failed := func(id, code string, at time.Time) event {
		return event{id: id, kind: payoutFailed, created: at, object: fmt.Sprintf(`{"failure_code":%q,"failure_message":"decoy"}`, code)}
	}
	paid := func(id string, at time.Time) event { return event{id: id, kind: payoutPaid, created: at} }
	for name, c := range map[string]struct {
		events []event
		want   string
	}{
		"one that failed":                {[]event{failed("evt_1", "account_closed", noon)}, "account_closed@2026-03-01T12:00:00Z"},
		"one that failed without a code": {[]event{{id: "evt_1", kind: payoutFailed, created: noon}}, "failed@2026-03-01T12:00:00Z"},
		"one that arrived after it":      {[]event{failed("evt_1", "account_closed", noon), paid("evt_2", noon.Add(time.Hour))}, "paid@2026-03-01T13:00:00Z"},
		"one that arrived before it, delivered later": {
			[]event{failed("evt_1", "account_closed", noon), paid("evt_2", noon.Add(-time.Hour))}, "account_closed@2026-03-01T12:00:00Z",
		},
		"a failure before the coach gives other bank data": {
			[]event{failed("evt_1", "account_closed", noon), {id: "evt_2", kind: "account.external_account.created", created: noon.Add(time.Hour)}},
			"paid@2026-03-01T13:00:00Z",
		},
		"a failure before the coach gives other bank data, delivered later": {
			[]event{{id: "evt_2", kind: "account.external_account.created", created: noon.Add(time.Hour)}, failed("evt_1", "account_closed", noon)},
			"paid@2026-03-01T13:00:00Z",
		},
		"a failure after the coach has given other bank data": {
			[]event{{id: "evt_2", kind: "account.external_account.updated", created: noon}, failed("evt_1", "account_closed", noon.Add(time.Hour))},
			"account_closed@2026-03-01T13:00:00Z",
		},
		"a failure that is delivered again": {
			[]event{failed("evt_1", "account_closed", noon), paid("evt_2", noon.Add(time.Hour)), failed("evt_1", "account_closed", noon)},
			"paid@2026-03-01T13:00:00Z",
		},
		"a failure and an arrival in the same second": {
			[]event{failed("evt_1", "account_closed", noon), paid("evt_2", noon)}, "account_closed@2026-03-01T12:00:00Z",
		},
		"an arrival and a failure in the same second": {
			[]event{paid("evt_2", noon), failed("evt_1", "account_closed", noon)}, "account_closed@2026-03-01T12:00:00Z",
		},
		"two failures in the same second": {
			[]event{failed("evt_1", "no_account", noon), failed("evt_2", "account_closed", noon)}, "no_account@2026-03-01T12:00:00Z",
		},
		"a year of payouts, the newest first": {
			[]event{
				paid("evt_5", noon.AddDate(0, 5, 0)), failed("evt_4", "could_not_process", noon.AddDate(0, 4, 0)), paid("evt_3", noon.AddDate(0, 3, 0)),
				failed("evt_2", "account_closed", noon.AddDate(0, 2, 0)), paid("evt_1", noon.AddDate(0, 1, 0)),
			}, "paid@2026-08-01T12:00:00Z",
		},
	} {
		t.Run(name, func(t *testing.T) {
			name := fmt.Sprintf("coach-%d", time.Now().UnixNano())
			account := studio.coach(name)
			gomega.NewWithT(t).Eventually(func() string { // the cache has seen it
				r.deliver(studio, event{id: "evt_0", kind: updated, account: account, created: noon})
				return studio.hints(name)[v1alpha1.AnnotationEvent]
			}, deadline).ShouldNot(gomega.BeEmpty())
			for _, e := range c.events {
				e.account = account
				if status := r.deliver(studio, e); status != http.StatusOK {
					t.Fatalf("%s is answered with %d", e.id, status)
				}
			}
			if got := studio.hints(name)[v1alpha1.AnnotationPayout]; got != c.want {
				t.Errorf("kept %q, want %q", got, c.want)
			}
		})
	}
}

// deliver delivers one event as Stripe does, now.
func (r *receiving) deliver(to *tenant, e event) int {
	r.t.Helper()
	body := e.String()
	return r.post(http.MethodPost, r.url(to.platform.Namespace, to.platform.Name), body, signed(body, to.secret.Reveal(), r.clock.Now()))
}

func TestAReplayDoesNotHideANewerEvent(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	studio := newTenant(t, namespace, "studio")
	r := startReceiver(t, clock.RealClock{}, namespace)
	studio.listen(r.url(namespace, "studio"))
	account := studio.coach("jo")
	hint := func() string { return studio.hints("jo")[v1alpha1.AnnotationEvent] }
	send := func(id, kind string) {
		t.Helper()
		gomega.NewWithT(t).Eventually(func() string {
			r.deliver(studio, event{id: id, kind: kind, account: account, created: time.Now()})
			return hint()
		}, deadline).Should(gomega.HavePrefix(id))
	}
	send("evt_1", updated)
	acted := hint() // the controller has acted on the first when the second comes, and the first once more
	send("evt_2", updated)
	send("evt_1", updated)
	if hint() == acted {
		t.Error("the hint is the one that was acted upon: the second event has vanished")
	}
}

func TestNothingIsAcknowledgedThatIsNotKept(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	studio := newTenant(t, namespace, "studio")
	r := startReceiver(t, clock.RealClock{}, namespace)
	studio.listen(r.url(namespace, "studio"))
	account := studio.coach("jo")
	gomega.NewWithT(t).Eventually(func() float64 { // the cache has seen the object
		r.deliver(studio, event{id: "evt_0", kind: updated, account: account, created: time.Now()})
		return r.counted("stored")
	}, deadline).Should(gomega.BeNumerically(">", 0))
	for _, kind := range []string{updated, payoutFailed, deauthorized} {
		before := studio.hints("jo")
		r.faults.accounts.Store(1)
		e := event{id: "evt_" + strings.ReplaceAll(kind, ".", "_"), kind: kind, account: account, created: time.Now()}
		if status := r.deliver(studio, e); status != http.StatusInternalServerError {
			t.Errorf("%s, which was not kept, is answered with %d", kind, status)
		}
		if diff := cmp.Diff(before, studio.hints("jo")); diff != "" {
			t.Errorf("%s was kept all the same (-before +after):\n%s", kind, diff)
		}
		if status := r.deliver(studio, e); status != http.StatusOK {
			t.Errorf("%s is answered with %d when it comes again", kind, status)
		}
		if hint := studio.hints("jo")[v1alpha1.AnnotationEvent]; !strings.HasPrefix(hint, e.id) {
			t.Errorf("%s was acknowledged, and the object holds %q", kind, hint)
		}
	}
	// Stripe itself delivers again what was not acknowledged.
	r.faults.accounts.Store(2)
	studio.sandbox.Act(t, account, "payout-failed", env.StripeAct{Code: "no_account"})
	if e := studio.delivered(payoutFailed, http.StatusOK)[0]; !strings.HasPrefix(studio.hints("jo")[v1alpha1.AnnotationPayout], "no_account@") {
		t.Errorf("%s was acknowledged and not kept", e.ID)
	}
}

func TestThatStripeDeliversIsKeptWhenTheFirstWriteFails(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	studio := newTenant(t, namespace, "studio")
	r := startReceiver(t, clock.RealClock{}, namespace)
	studio.listen(r.url(namespace, "studio"))
	r.faults.platforms.Store(1)
	g := gomega.NewWithT(t)
	e := event{id: "evt_1", kind: updated, account: "acct_nobodys", created: time.Now()}
	g.Eventually(func() int { return r.deliver(studio, e) }, deadline).Should(gomega.Equal(http.StatusInternalServerError))
	g.Eventually(func() int { return r.deliver(studio, e) }, deadline).Should(gomega.Equal(http.StatusOK))
	platform := &v1alpha1.CoachPlatform{}
	must(t, studio.client.Get(t.Context(), client.ObjectKeyFromObject(studio.platform), platform))
	if !metav1.HasAnnotation(platform.ObjectMeta, v1alpha1.AnnotationDelivered) {
		t.Error("the platform does not know that Stripe delivers")
	}
}
