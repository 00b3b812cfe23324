package onboarding_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/onboarding"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// link mints a link that must be one.
func (w *world) link() stripe.Link {
	w.t.Helper()
	link, err := w.minter.Link(w.t.Context(), w.order, pages)
	if err != nil {
		w.t.Fatal(err)
	}
	return link
}

// visit opens a link and returns the status of the page.
func (w *world) visit(link stripe.Link) int {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, link.URL.Reveal(), http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := w.browser.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func TestALinkWorksOnceAndEveryMintingMakesAnother(t *testing.T) {
	w := newWorld(t)
	first, second := w.link(), w.link()
	if first.URL.Reveal() == second.URL.Reveal() {
		t.Error("two mintings gave the same link")
	}
	if got := []int{w.visit(first), w.visit(first), w.visit(second)}; !cmp.Equal(got, []int{http.StatusOK, http.StatusGone, http.StatusOK}) {
		t.Errorf("visits of the first link twice, and of the second: %v", got)
	}
	if !strings.HasPrefix(first.URL.Reveal(), "https://connect.stripe.com/") || first.Expires.IsZero() {
		t.Error("the link leads elsewhere, or has no end")
	}
}

func TestTheFirstMintingNotesItsDayAndLaterOnesDoNot(t *testing.T) {
	w := newWorld(t)
	w.link()
	if got := w.started(w.id); got != "2026-12-01" {
		t.Errorf("the account notes %q", got)
	}
	w.clock.SetTime(start.Add(48 * time.Hour))
	w.link()
	if got := w.started(w.id); got != "2026-12-01" {
		t.Errorf("two days later the account notes %q", got)
	}
	want := []string{"PostAccountsAccount", "PostAccountLinks", "PostAccountLinks"}
	if diff := cmp.Diff(want, w.writes()); diff != "" {
		t.Errorf("the note comes first, and once (-want +got):\n%s", diff)
	}
}

func TestAMintingKeepsAllOtherMarks(t *testing.T) {
	w := newWorld(t)
	w.link()
	want := w.coach("jo").Metadata()
	want[naming.MetaOnboarding] = "2026-12-01"
	if diff := cmp.Diff(want, w.sandbox.StripeAccounts(t, w.stripe.ID)[0].Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

func TestACoachWhoHasBegunGetsALinkToGoOn(t *testing.T) {
	w := newWorld(t)
	for _, act := range []string{"submit", "verify"} {
		w.sandbox.Act(t, w.id, act, nil)
		if status := w.visit(w.link()); status != http.StatusOK {
			t.Errorf("after %s: status %d", act, status)
		}
	}
}

func TestASessionIsForAPageOfTheBusinesss(t *testing.T) {
	w := newWorld(t)
	w.embedded()
	session, err := w.minter.Session(t.Context(), w.order)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(session.ClientSecret.Reveal(), "accs_secret__") || session.Expires.IsZero() {
		t.Error("this is no session's secret, or it has no end")
	}
	if got := w.started(w.id); got != "2026-12-01" {
		t.Errorf("the account notes %q", got)
	}
}

func TestNobodyIsSentToTheFormsOfAnAccountThatIsNotTheCoachs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		want   string
		class  fault.Class
	}{
		"no account yet": {func(w *world) { w.order.Account.Annotations = nil }, "has no account at Stripe yet", fault.Waiting},
		"a damaged record": {
			func(w *world) { w.order.Account.Annotations[v1alpha1.AnnotationAccount] = w.id }, "is no record of the operator's", fault.Conflict,
		},
		"a record that is no account's": {
			func(w *world) { w.records(w.stripe.ID, "jo") }, "bad_id", fault.Invalid,
		},
		"the object is being deleted": {
			func(w *world) { w.order.Account.DeletionTimestamp = &metav1.Time{Time: start} }, "is being deleted", fault.Invalid,
		},
		"an object of another platform": {
			func(w *world) { w.order.Account.Spec.PlatformName = "gym" }, "is not of the platform studio", fault.Invalid,
		},
		"an object of another namespace": {
			func(w *world) { w.order.Account.Namespace = "tenant-b" }, "is not of the platform studio", fault.Invalid,
		},
		"the coach of another one's account": {
			func(w *world) { w.order.Account.Spec.CoachID = "joe" }, "marked as somebody else's", fault.Conflict,
		},
		"the account of another coach": {
			func(w *world) { w.records(w.stripe.ID, w.create(w.coach("joe").Metadata())) }, "marked as somebody else's", fault.Conflict,
		},
		"an account without marks": {
			func(w *world) { w.records(w.stripe.ID, w.create(nil)) }, "marked as somebody else's", fault.Conflict,
		},
		"another installation":               {func(w *world) { w.order.Installation = "elsewhere" }, "marked as somebody else's", fault.Conflict},
		"a namespace that was created again": {func(w *world) { w.order.NamespaceUID = "3333-4444" }, "marked as somebody else's", fault.Conflict},
		"no installation":                    {func(w *world) { w.order.Installation = "" }, "must be known", fault.Transient},
		"no namespace":                       {func(w *world) { w.order.NamespaceUID = "" }, "must be known", fault.Transient},
		"rejected by Stripe": {
			func(w *world) { w.sandbox.Act(w.t, w.id, "reject", env.StripeAct{Reason: "rejected.fraud"}) }, "is rejected, for good", fault.Denied,
		},
		"deleted, and Stripe answers that":     {deletedAs("deleted"), "disconnected it, or it was deleted", fault.Conflict},
		"deleted, and Stripe answers 403":      {deletedAs("forbidden"), "disconnected it, or it was deleted", fault.Conflict},
		"deleted, and Stripe knows of nothing": {deletedAs("missing"), "disconnected it, or it was deleted", fault.Conflict},
		"disconnected": {
			func(w *world) { w.sandbox.Act(w.t, w.id, "deauthorize", nil) }, "disconnected it, or it was deleted", fault.Conflict,
		},
		"no key":                   {func(w *world) { w.order.Key = scope.Secret{} }, "there is no Stripe key", fault.Invalid},
		"something that is no key": {func(w *world) { w.order.Key = scope.NewSecret("pk_test_decoykey") }, "publishable key", fault.Invalid},
		"a key of the other mode": {
			func(w *world) { w.order.Key = scope.NewSecret(w.stripe.Keys.LiveRestricted) }, "spec.stripe.mode is Test", fault.Denied,
		},
		"a key of another business": {
			func(w *world) { w.order.Key = scope.NewSecret(w.sandbox.NewStripePlatform(w.t).Keys.TestRestricted) },
			"and this coach's account was created under", fault.Denied,
		},
		"a key that was revoked": {
			func(w *world) { w.sandbox.RevokeStripeKey(w.t, w.stripe.ID, w.stripe.Keys.TestRestricted) }, "does not accept the key", fault.Denied,
		},
		"a key that may not read accounts": {
			func(w *world) {
				w.order.Key = scope.NewSecret(w.sandbox.NewStripeKey(w.t, w.stripe.ID, false, env.MayLinks))
			},
			"", fault.Denied,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.change(w)
			if _, err := w.minter.Link(t.Context(), w.order, pages); !w.refuses(err, c.want, c.class) {
				t.Errorf("a link: %v", err)
			}
			w.embedded()
			if _, err := w.minter.Session(t.Context(), w.order); !w.refuses(err, c.want, c.class) {
				t.Errorf("a session: %v", err)
			}
			if writes := w.writes(); len(writes) > 0 {
				t.Errorf("something was written: %v", writes)
			}
		})
	}
}

// deletedAs deletes the account, for which Stripe then answers in one of its ways.
func deletedAs(answer string) func(w *world) {
	return func(w *world) {
		w.t.Helper()
		w.sandbox.SetStripeOf(w.t, w.stripe.ID, env.StripeSettings{DeletedAnswer: &answer})
		w.sandbox.Act(w.t, w.id, "delete", nil)
	}
}

// refuses says whether an error is of the class, says what it should, and shows nothing that it must not.
func (w *world) refuses(err error, want string, class fault.Class) bool {
	return err != nil && fault.ClassOf(err) == class && strings.Contains(err.Error(), want) && w.discreet(err)
}

// discreet says whether a value can be printed in any way: without keys, links, anything personal and
// Stripe's own texts.
func (w *world) discreet(value any) bool {
	w.t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		w.t.Fatal(err)
	}
	text := string(content)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		text += fmt.Sprintf(verb, value)
	}
	keys := w.stripe.Keys
	for _, secret := range append(w.sandbox.Decoys(w.t),
		keys.TestRestricted, keys.TestSecret, keys.LiveRestricted, keys.LiveSecret, w.order.Key.Reveal(),
		"/setup/", "accs_secret", "This account has been", "fraud", "No such account") {
		if secret != "" && (strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret))) {
			return false
		}
	}
	return true
}

func TestALinkIsForHostedOnboardingAndASessionForEmbedded(t *testing.T) {
	w := newWorld(t)
	if _, err := w.minter.Session(t.Context(), w.order); !w.refuses(err, "spec.onboarding of jo is Hosted", fault.Invalid) {
		t.Errorf("a session: %v", err)
	}
	w.embedded()
	if _, err := w.minter.Link(t.Context(), w.order, pages); !w.refuses(err, "spec.onboarding of jo is Embedded", fault.Invalid) {
		t.Errorf("a link: %v", err)
	}
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("something was written: %v", writes)
	}
}

func TestACoachComesBackOverTLSOnly(t *testing.T) {
	const good = "https://studio.example.com/welcome"
	w := newWorld(t)
	for name, address := range map[string]string{
		"none": "", "plain": "http://studio.example.com", "a path": "/begin", "another scheme": "ftp://studio.example.com/", "no host": "https:///welcome",
		"a user": "https://jo:pass@studio.example.com/", "a script": "javascript:alert(1)", "a control character": "https://studio.example.com/\x1b",
		"no host but a port": "https://:443/", "too long": "https://studio.example.com/" + strings.Repeat("a", 2000),
	} {
		for what, pages := range map[string]onboarding.Pages{
			"return": {Return: address, Refresh: good}, "refresh": {Return: good, Refresh: address},
		} {
			_, err := w.minter.Link(t.Context(), w.order, pages)
			if !w.refuses(err, "the "+what+" URL must be an https address", fault.Invalid) || address != "" && strings.Contains(err.Error(), address) {
				t.Errorf("%s as %s URL: %v", name, what, err)
			}
		}
	}
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("something was written: %v", writes)
	}
}

func TestWhatStripeRefusesAtTheLastMomentIsReported(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(w *world)
		want      string
		class     fault.Class
	}{
		"the account is rejected meanwhile": {
			func(w *world) { w.sandbox.Act(w.t, w.id, "reject", env.StripeAct{Reason: "rejected.fraud"}) },
			"most likely the account is rejected", fault.Denied,
		},
		"the account is deleted meanwhile": {
			func(w *world) { w.sandbox.Act(w.t, w.id, "delete", nil) }, "disconnected it, or it was deleted", fault.Conflict,
		},
		"the key is revoked meanwhile": {
			func(w *world) { w.sandbox.RevokeStripeKey(w.t, w.stripe.ID, w.stripe.Keys.TestRestricted) }, "does not accept the key", fault.Denied,
		},
	} {
		for _, call := range []string{"POST /v1/account_links", "POST /v1/account_sessions"} {
			t.Run(name+" "+call, func(t *testing.T) {
				w := newWorld(t)
				w.before = func(creating string) {
					if creating == call {
						c.meanwhile(w)
					}
				}
				_, err := w.minter.Link(t.Context(), w.order, pages)
				if call == "POST /v1/account_sessions" {
					w.embedded()
					_, err = w.minter.Session(t.Context(), w.order)
				}
				if !w.refuses(err, c.want, c.class) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

func TestAKeyWithoutTheRightToCreateLinksIsReported(t *testing.T) {
	w := newWorld(t)
	w.order.Key = scope.NewSecret(w.sandbox.NewStripeKey(t, w.stripe.ID, false, env.MayAccounts))
	if _, err := w.minter.Link(t.Context(), w.order, pages); !w.refuses(err, "give the restricted key that right", fault.Denied) {
		t.Errorf("got %v", err)
	}
}

func TestNothingThatWasMintedIsEverPrinted(t *testing.T) {
	w := newWorld(t)
	link := w.link()
	w.embedded()
	session, err := w.minter.Session(t.Context(), w.order)
	if err != nil {
		t.Fatal(err)
	}
	if w.discreet(link.URL.Reveal()) || w.discreet(session.ClientSecret.Reveal()) || w.discreet(w.order.Key.Reveal()) {
		t.Fatal("what is shown would not be noticed")
	}
	for name, value := range map[string]any{
		"a link": link, "a session": session, "its address": &link, "an order": w.order, "links in a list": []stripe.Link{link},
		"an error": fmt.Errorf("no use for %v", link),
	} {
		if !w.discreet(value) {
			t.Errorf("%s shows what it holds", name)
		}
	}
}
