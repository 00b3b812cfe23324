package payoutaccount

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// conditionReason is what the API server takes as one.
var conditionReason = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`)

func paths() *rapid.Generator[[]string] {
	return rapid.SliceOfN(rapid.SampledFrom([]string{"external_account", "person_1.dob.day", "interv_1.identity.form", "a.b", "?"}), 0, 40)
}

func times() *rapid.Generator[time.Time] {
	return rapid.SampledFrom([]time.Time{{}, noon, noon.AddDate(-30, 0, 0), noon.AddDate(7000, 0, 0)})
}

func accounts() *rapid.Generator[scope.Account] {
	return rapid.Custom(func(t *rapid.T) scope.Account {
		metadata := map[string]string{}
		for _, key := range []string{naming.MetaOnboarding, naming.MetaOpened} {
			if rapid.Bool().Draw(t, key) {
				metadata[key] = "true"
			}
		}
		word := rapid.SampledFrom([]string{"", "active", "pending", "inactive", "unrequested", "dormant"})
		return scope.Account{
			ID: rapid.SampledFrom([]string{"", "acct_1"}).Draw(t, "id"), Country: rapid.SampledFrom([]string{"", "DE", "US", "TH", "?"}).Draw(t, "country"),
			Metadata: metadata, DetailsSubmitted: rapid.Bool().Draw(t, "submitted"), PayoutsEnabled: rapid.Bool().Draw(t, "payouts"),
			Transfers: word.Draw(t, "transfers"), CardPayments: word.Draw(t, "cards"),
			Requirements: scope.Requirements{
				CurrentlyDue: paths().Draw(t, "due"), PastDue: paths().Draw(t, "late"), EventuallyDue: paths().Draw(t, "later"),
				PendingVerification: paths().Draw(t, "checked"), Deadline: times().Draw(t, "deadline"),
				DisabledReason: rapid.SampledFrom([]string{
					"", disabledPastDue, disabledPending, disabledRequest, disabledPaused, "rejected.fraud", "rejected.platform_other",
					disabledReview, disabledListed, disabledOther, "frobnicated",
				}).Draw(t, "why"),
			},
			Future:     scope.FutureRequirements{CurrentlyDue: paths().Draw(t, "future"), Deadline: times().Draw(t, "future deadline")},
			Schedule:   scope.Schedule{Interval: rapid.SampledFrom([]string{"", "manual", "daily", "weekly", "hourly"}).Draw(t, "interval")},
			BankStatus: rapid.SampledFrom([]string{"", "new", "errored", "verification_failed", "?"}).Draw(t, "bank"),
		}
	})
}

// problems are those that a pass can end in, of every class.
func problems() *rapid.Generator[*fault.Error] {
	return rapid.Custom(func(t *rapid.T) *fault.Error {
		if rapid.Bool().Draw(t, "well") {
			return nil
		}
		return fault.New(
			rapid.SampledFrom([]fault.Class{fault.Transient, fault.Waiting, fault.Held, fault.Denied, fault.Conflict, fault.Invalid}).Draw(t, "class"),
			rapid.SampledFrom([]string{
				"OwnedByAnother", "DuplicateAccounts", "DeletedOutOfBand", "AccessRevokedOrDeleted", "CreateRejected", "CountryNotAllowed",
				"InvalidSpec", "GateClosed", "WaitingForPlatform", "CreationUncertain", "TransientError", "Applied", "ReplacementRefused",
				"PlatformCredentialsInvalid", "Paused", "ConfirmingAbsence",
			}).Draw(t, "reason"),
			"%s", rapid.StringN(1, 2000, -1).Draw(t, "message"),
		)
	})
}

func someFacts() *rapid.Generator[facts] {
	return rapid.Custom(func(t *rapid.T) facts {
		phases := rapid.SampledFrom([]v1alpha1.PayoutPhase{
			"", "Creating", "Failed", "Conflict", "Missing", "Rejected", "Onboarding", "Restricted", "InReview", "RestrictedSoon", "Suspended",
			"Enabled", "Deleting",
		})
		f := facts{
			deleting: rapid.Bool().Draw(t, "deleting"), account: accounts().Draw(t, "account"), problem: problems().Draw(t, "problem"),
			recorded: rapid.Bool().Draw(t, "recorded"), deauthorized: rapid.Bool().Draw(t, "deauthorized"),
			payoutFailed: rapid.SampledFrom([]string{"", "account_closed"}).Draw(t, "failed"), suspended: rapid.Bool().Draw(t, "suspended"),
			closed:   rapid.Bool().Draw(t, "closed"),
			still:    rapid.SampledFrom([]string{"", v1alpha1.ReasonPaused, v1alpha1.ReasonObserving}).Draw(t, "still"),
			violated: rapid.Bool().Draw(t, "violated"), manual: rapid.Bool().Draw(t, "manual"), before: standing{phase: phases.Draw(t, "before")},
		}
		if f.before.phase != "" {
			f.before.action = v1alpha1.ActorCoach
		}
		return f
	})
}

func changes() *rapid.Generator[[]converge.Change] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) converge.Change {
		return converge.Change{Step: "payoutaccount", Path: "country", Drift: rapid.Bool().Draw(t, "drift")}
	}), 0, 3)
}

func TestEveryAnswerOfStripeHasAClearMessage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := someFacts().Draw(t, "facts")
		s, conditions := f.all(changes().Draw(t, "changes"))
		if s.phase == "" || s.reason == "" || s.action == "" || s.message == "" {
			t.Fatalf("something is left open: %+v", s)
		}
		for _, c := range conditions {
			if !conditionReason.MatchString(c.Reason) || c.Message == "" || len([]rune(c.Message)) > messageLimit {
				t.Fatalf("%s reads %q, %d characters: %q", c.Type, c.Reason, len([]rune(c.Message)), c.Message)
			}
		}
		if err := contradiction(conditions); err != nil {
			t.Fatal(err)
		}
	})
}

// contradiction says which of the conditions that pipelines read cannot be true together.
func contradiction(all []metav1.Condition) error {
	is := func(kind string) bool { return meta.IsStatusConditionTrue(all, kind) }
	ready, moving, stalled := is(v1alpha1.ConditionReady), is(v1alpha1.ConditionReconciling), is(v1alpha1.ConditionStalled)
	switch {
	case moving && stalled:
		return fmt.Errorf("Reconciling and Stalled at once: %+v", all)
	case ready && (moving || stalled):
		return fmt.Errorf("Ready, and Reconciling %t, Stalled %t: %+v", moving, stalled, all)
	}
	return nil
}

func TestWhatPassesByItselfStallsNothing(t *testing.T) {
	t.Parallel()
	for name, problem := range map[string]*fault.Error{
		"a platform that is created in the same moment": fault.Wait(v1alpha1.ReasonWaitingForPlatform, 0, "m"),
		"a gate that is about to open":                  fault.Wait(v1alpha1.ReasonGateClosed, 0, "m"),
		"a call that did not get through":               fault.New(fault.Transient, v1alpha1.ReasonStripeUnreachable, "m"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, conditions := facts{problem: problem}.all(nil)
			if !meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReconciling) || meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled) {
				t.Errorf("a pipeline would give up: %+v", conditions)
			}
		})
	}
}
