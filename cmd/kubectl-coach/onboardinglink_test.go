package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

const back = "https://studio.example.com/welcome"

func TestALinkIsPrintedOnceAndAlone(t *testing.T) {
	w := newWorld(t)
	w.coach("jo", w.account(w.marks("jo")))
	out, errs, code := w.call("onboarding-link", "jo", "--return-url", back)
	if code != codeFine || strings.Count(out, "\n") != 1 || !strings.HasPrefix(out, "https://connect.stripe.com/setup/") {
		t.Fatalf("exit code %d, %d lines: %s", code, strings.Count(out, "\n"), errs)
	}
	link := strings.TrimSpace(out)
	if strings.Contains(errs, link) || !strings.Contains(errs, "works once, until ") || !strings.Contains(errs, "do not mail it") {
		t.Error("the hint has the link in it, or does not say what it must")
	}
	if first, second := w.visit(link), w.visit(link); first != http.StatusOK || second != http.StatusGone {
		t.Errorf("the first visit: %d, the second: %d", first, second)
	}
	w.storesNothing(link)
}

// storesNothing searches for a link, or a part of it, in everything that is stored.
func (w *world) storesNothing(link string) {
	w.t.Helper()
	token := link[strings.LastIndex(link, "/")+1:]
	for _, list := range []client.ObjectList{
		&v1alpha1.PayoutAccountList{}, &v1alpha1.CoachPlatformList{}, &corev1.SecretList{}, &corev1.ConfigMapList{}, &corev1.EventList{},
	} {
		if err := w.cluster.Client.List(w.t.Context(), list); err != nil {
			w.t.Fatal(err)
		}
		all, err := json.Marshal(list)
		if err != nil {
			w.t.Fatal(err)
		}
		if strings.Contains(string(all), token) {
			w.t.Errorf("%T holds the link", list)
		}
	}
	for _, a := range w.sandbox.StripeAccounts(w.t, w.stripe.ID) {
		for key, value := range a.Metadata {
			if strings.Contains(value, token) {
				w.t.Errorf("the metadata %s hold the link", key)
			}
		}
	}
}

func TestTheCoachComesBackToTheBusinesssPageUnlessSetOtherwise(t *testing.T) {
	w := newWorld(t)
	w.coach("jo", w.account(w.marks("jo")), func(a *v1alpha1.PayoutAccount) { a.Spec.BusinessProfile.URL = "https://studio.example.com" })
	if _, errs, code := w.call("onboarding-link", "jo"); code != codeFine {
		t.Errorf("exit code %d: %s", code, errs)
	}
	w.refused("the refresh URL must be an https address", "onboarding-link", "jo", "--refresh-url", "http://studio.example.com")
	w.refused("the return URL must be an https address", "onboarding-link", "jo", "--return-url", "http://studio.example.com")
}

func TestAFailedLinkReportsWhatToDo(t *testing.T) {
	w := newWorld(t)
	w.coach("new", "")
	w.coach("embedded", w.account(w.marks("embedded")), func(a *v1alpha1.PayoutAccount) { a.Spec.Onboarding = v1alpha1.OnboardingEmbedded })
	w.coach("thief", w.account(w.marks("jo")))
	w.coach("loud", "acct_1decoy", func(a *v1alpha1.PayoutAccount) {
		a.Annotations[v1alpha1.AnnotationAccount] = "acct_\x1b[31m1/acct_1decoy"
	})
	w.coach("rejected", w.account(w.marks("rejected")))
	for _, a := range w.sandbox.StripeAccounts(t, w.stripe.ID) {
		if a.Metadata["coach_key"] == w.marks("rejected")["coach_key"] {
			w.sandbox.Act(t, a.ID, "reject", nil)
		}
	}
	for name, want := range map[string]string{
		"nobody":   "there is no PayoutAccount nobody in the namespace " + w.tenant.Namespace,
		"new":      "the PayoutAccount new has no account at Stripe yet; kubectl -n " + w.tenant.Namespace + " describe pa new",
		"embedded": "spec.onboarding of embedded is Embedded",
		"thief":    "marked as somebody else's",
		"rejected": "is rejected, for good",
		"loud":     "was created under acct_ [31m1",
	} {
		w.refused(want, "onboarding-link", name, "--return-url", back)
	}
	w.refused("set the page that the coach returns to", "onboarding-link", "new")
	w.coach("jo", w.account(w.marks("jo")))
	w.refused("marked as somebody else's", "onboarding-link", "jo", "--return-url", back, "--installation-id", "elsewhere")
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("something was written: %v", writes)
	}
}

func TestALinkThatCannotBePrintedIsAnError(t *testing.T) {
	w := newWorld(t)
	w.coach("jo", w.account(w.marks("jo")))
	var errs bytes.Buffer
	code := run(t.Context(), app{out: closed{}, errs: &errs, stripe: w.options()},
		[]string{"onboarding-link", "jo", "--return-url", back, "--kubeconfig", w.kubeconfig(), "-n", w.tenant.Namespace})
	if code != codeUnknown || !strings.Contains(errs.String(), "run the command again") || strings.Contains(errs.String(), "/setup/") {
		t.Errorf("exit code %d, or the error shows the link", code)
	}
}

// closed takes nothing, and quotes it.
type closed struct{}

// Write implements io.Writer.
func (closed) Write(p []byte) (int, error) { return 0, quoted(p) }

type quoted string

// Error implements error.
func (q quoted) Error() string { return "cannot write " + string(q) }
