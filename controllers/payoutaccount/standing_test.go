package payoutaccount

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/report"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// noon is the time of these tests.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// paying are the facts of an account that is paid: what every row of the table is distinguished from.
func paying() facts {
	return facts{
		recorded: true,
		account: scope.Account{
			ID: "acct_1", Country: "DE", DetailsSubmitted: true, PayoutsEnabled: true, Transfers: capabilityActive,
			Schedule: scope.Schedule{Interval: "daily", DelayDays: 3}, Metadata: map[string]string{naming.MetaOpened: "true"},
		},
		before: standing{phase: v1alpha1.PhaseEnabled, action: v1alpha1.ActorNone},
	}
}

// row is a line of the table: what makes it apply to an account, and where such an account stands.
type row struct {
	n      int
	says   string
	make   func(*facts)
	phase  v1alpha1.PayoutPhase
	reason string
	action v1alpha1.PayoutActor
}

// unseen makes an account one that could not be observed.
func unseen(class fault.Class, reason string) func(*facts) {
	return func(f *facts) {
		f.account.ID, f.problem = "", fault.New(class, reason, "what is wrong, and the way out")
	}
}

// missing makes an account one that there is none of.
func missing(class fault.Class, reason string) func(*facts) {
	return func(f *facts) {
		unseen(class, reason)(f)
		f.recorded, f.before = false, standing{}
	}
}

func disabled(why string) func(*facts) {
	return func(f *facts) { f.account.PayoutsEnabled, f.account.Requirements.DisabledReason = false, why }
}

// payable takes away what would come first, so that a row about payouts applies.
func payable(f *facts) {
	f.account.PayoutsEnabled, f.account.Requirements.DisabledReason = true, ""
}

func held(f *facts) {
	payable(f)
	f.account.Schedule = scope.Schedule{Interval: manualInterval}
}

// rows is the table of the states, in its order. Rows of one number are ways into the same row.
var rows = []row{
	{1, "the object is deleted", func(f *facts) { f.deleting = true }, "Deleting", "Releasing", "Platform"},
	{2, "the key is not accepted", func(f *facts) {
		unseen(fault.Denied, "PlatformCredentialsInvalid")(f)
		f.recorded, f.before.phase = true, v1alpha1.PhaseEnabled
	}, "Enabled", "PlatformCredentialsInvalid", "Platform"},
	{3, "Stripe refuses to make it", missing(fault.Invalid, "CreateRejected"), "Failed", "CreateRejected", "TenantAdmin"},
	{3, "the class refuses the country", missing(fault.Invalid, "CountryNotAllowed"), "Failed", "CountryNotAllowed", "TenantAdmin"},
	{4, "there is none yet", func(f *facts) {
		f.account.ID, f.recorded, f.problem, f.before, f.still = "", false, nil, standing{}, ""
	}, "Creating", "Creating", "None"},
	{4, "there is none, and nobody may make one", func(f *facts) {
		f.account.ID, f.recorded, f.problem, f.before, f.still = "", false, nil, standing{}, v1alpha1.ReasonPaused
	}, "Creating", "Paused", "TenantAdmin"},
	{4, "it is not known yet", missing(fault.Waiting, "CreationUncertain"), "Creating", "CreationUncertain", "None"},
	{4, "the gate is closed", missing(fault.Waiting, "GateClosed"), "Creating", "GateClosed", "Platform"},
	{4, "the key is not accepted and none was created", missing(fault.Denied, "PlatformCredentialsInvalid"), "Creating", "PlatformCredentialsInvalid", "Platform"},
	{4, "Stripe does not answer and none was created", missing(fault.Transient, "StripeUnreachable"), "Creating", "StripeUnreachable", "None"},
	{5, "it is somebody else's", unseen(fault.Conflict, "OwnedByAnother"), "Conflict", "OwnedByAnother", "Platform"},
	{5, "there are two", unseen(fault.Conflict, "DuplicateAccounts"), "Conflict", "DuplicateAccounts", "Platform"},
	{6, "the coach has disconnected it", func(f *facts) {
		unseen(fault.Conflict, "AccessRevokedOrDeleted")(f)
		f.deauthorized = true
	}, "Disconnected", "Deauthorized", "Coach"},
	{7, "it is not shown any more", func(f *facts) {
		unseen(fault.Conflict, "AccessRevokedOrDeleted")(f)
		f.deauthorized = false
	}, "Missing", "AccessRevokedOrDeleted", "Platform"},
	{7, "it was deleted", unseen(fault.Conflict, "DeletedOutOfBand"), "Missing", "DeletedOutOfBand", "Platform"},
	{7, "it was disconnected and deleted", func(f *facts) {
		unseen(fault.Conflict, "DeletedOutOfBand")(f)
		f.deauthorized = true
	}, "Missing", "DeletedOutOfBand", "Platform"},
	{8, "Stripe rejected it", disabled("rejected.fraud"), "Rejected", "RejectedByStripe", "Platform"},
	{8, "Stripe rejected it in a way nobody knew", disabled("rejected.some_new_way"), "Rejected", "RejectedByStripe", "Platform"},
	{8, "the business rejected it", disabled("rejected.platform_fraud"), "Rejected", "RejectedByPlatform", "Platform"},
	{9, "the business paused it", disabled("platform_paused"), "Paused", "PausedByPlatform", "Platform"},
	{10, "the coach was never sent to the forms", func(f *facts) {
		f.account.DetailsSubmitted, f.account.Metadata = false, nil
	}, "Onboarding", "NotStarted", "Coach"},
	{10, "the coach stopped in the forms", func(f *facts) {
		f.account.DetailsSubmitted, f.account.Metadata = false, map[string]string{naming.MetaOnboarding: "2026-03-01"}
	}, "Onboarding", "Incomplete", "Coach"},
	{11, "answers are past due", func(f *facts) { f.account.Requirements.PastDue = []string{"a"} }, "Restricted", "RequirementsPastDue", "Coach"},
	{11, "Stripe says that something is past due", disabled("requirements.past_due"), "Restricted", "RequirementsPastDue", "Coach"},
	{11, "a reviewer asks the coach", func(f *facts) {
		disabled("other")(f)
		f.account.Requirements.CurrentlyDue = []string{"interv_1.identity.form"}
	}, "Restricted", "RequirementsPastDue", "Coach"},
	{12, "a capability is missing", disabled("action_required.requested_capabilities"), "Restricted", "CapabilityNotRequested", "Platform"},
	{13, "answers are verified", disabled("requirements.pending_verification"), "InReview", "PendingVerification", "Stripe"},
	{13, "answers are verified before payouts", func(f *facts) {
		f.account.PayoutsEnabled, f.account.Requirements.PendingVerification = false, []string{"a"}
	}, "InReview", "PendingVerification", "Stripe"},
	{13, "transfers are pending", func(f *facts) { f.account.Transfers = "pending" }, "InReview", "PendingVerification", "Stripe"},
	{14, "Stripe reviews it", disabled("under_review"), "InReview", "UnderStripeReview", "Stripe"},
	{14, "Stripe compares it with lists", disabled("listed"), "InReview", "UnderStripeReview", "Stripe"},
	{14, "Stripe stopped it for another reason", disabled("other"), "InReview", "UnderStripeReview", "Stripe"},
	{15, "the bank account is in error", func(f *facts) { f.account.BankStatus = "errored" }, "Restricted", "PayoutMethodErrored", "Coach"},
	{15, "the bank account was not verified", func(f *facts) { f.account.BankStatus = "verification_failed" }, "Restricted", "PayoutMethodErrored", "Coach"},
	{15, "the last payout failed", func(f *facts) { f.payoutFailed = "account_closed" }, "Restricted", "PayoutMethodErrored", "Coach"},
	{16, "answers are due by a day", func(f *facts) {
		payable(f)
		f.account.Requirements.CurrentlyDue, f.account.Requirements.Deadline = []string{"a", "b"}, noon
	}, "RestrictedSoon", "RequirementsDue", "Coach"},
	{17, "the spec stops payouts", func(f *facts) {
		held(f)
		f.suspended = true
	}, "Suspended", "SuspendedBySpec", "TenantAdmin"},
	{17, "the platform is not safe", func(f *facts) {
		held(f)
		f.violated, f.suspended = true, false
	}, "Suspended", "SuspendedByViolation", "Platform"},
	{17, "payouts were never opened", func(f *facts) {
		held(f)
		f.account.Metadata, f.suspended, f.violated, f.closed = nil, false, false, true
	}, "Suspended", "GateClosed", "Platform"},
	{18, "all is well", func(f *facts) {
		payable(f)
		f.account.Transfers = capabilityActive
	}, "Enabled", "PayoutsEnabled", "None"},
	{18, "all is well and more will be due one day", func(f *facts) {
		payable(f)
		f.account.Transfers = capabilityActive
		f.account.Requirements.EventuallyDue = []string{"a"}
	}, "Enabled", "PayoutsEnabled", "None"},
	{19, "Stripe sends an unknown value", disabled("frobnicated"), "Restricted", "UnknownStripeState", "Platform"},
	{19, "transfers have an unknown value", func(f *facts) { f.account.Transfers = "dormant" }, "Restricted", "UnknownStripeState", "Platform"},
	{19, "there are no transfers", func(f *facts) { f.account.Transfers = "" }, "Restricted", "UnknownStripeState", "Platform"},
	{19, "there are no payouts and no reason", func(f *facts) { f.account.PayoutsEnabled = false }, "Restricted", "UnknownStripeState", "Platform"},
}

// stands fails if facts do not stand at a row.
func (r row) stands(t *testing.T, f facts) {
	t.Helper()
	s := judge(f)
	if s.phase != r.phase || s.reason != r.reason || s.action != r.action || s.message == "" {
		t.Errorf("stands at %s %s, %s acts: %q; want %s %s, %s", s.phase, s.reason, s.action, s.message, r.phase, r.reason, r.action)
	}
}

func TestEveryStateHasItsRow(t *testing.T) {
	t.Parallel()
	for _, r := range rows {
		t.Run(fmt.Sprintf("%d %s", r.n, r.says), func(t *testing.T) {
			t.Parallel()
			f := paying()
			r.make(&f)
			r.stands(t, f)
		})
	}
	if numbers := slices.Compact(slices.Sorted(func(yield func(int) bool) {
		for _, r := range rows {
			if !yield(r.n) {
				return
			}
		}
	})); len(numbers) != 19 {
		t.Errorf("the table has rows %v, want 19", numbers)
	}
}

func TestTheFirstRowThatFitsCounts(t *testing.T) {
	t.Parallel()
	for _, first := range rows {
		for _, later := range rows {
			if later.n <= first.n {
				continue
			}
			t.Run(fmt.Sprintf("%d %s, and %d %s", first.n, first.says, later.n, later.says), func(t *testing.T) {
				t.Parallel()
				f := paying()
				later.make(&f)
				first.make(&f)
				first.stands(t, f)
			})
		}
	}
}

func TestWhatNobodyKnowsEndsInTheLastRow(t *testing.T) {
	t.Parallel()
	for _, why := range []string{
		"rejected", "fields_needed", "requirements", "requirements.", "requirements.past_due2", "Listed", "LISTED", "listed.again",
		"under_review.again", "platform_paused.", "action_required", "action_required.more", "others", "?", "active", "pending",
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			f := paying()
			disabled(why)(&f)
			rows[len(rows)-1].stands(t, f)
			f.account.PayoutsEnabled = true // a reason that is unknown counts more
			rows[len(rows)-1].stands(t, f)
		})
	}
}

func TestAnAccountThatCannotBeObservedStaysWhereItWas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		problem *fault.Error
		before  standing
		want    standing
	}{
		"a key that is not accepted is the platform's to repair": {
			fault.New(fault.Denied, "PlatformCredentialsInvalid", "m"),
			standing{phase: "InReview", action: "Stripe"},
			standing{"InReview", "PlatformCredentialsInvalid", "Platform", "m"},
		},
		"a call that passes leaves who acts": {
			fault.New(fault.Transient, "StripeUnreachable", "m"),
			standing{phase: "Onboarding", action: "Coach"},
			standing{"Onboarding", "StripeUnreachable", "Coach", "m"},
		},
		"a platform that is missing leaves who acts": {
			fault.Wait("WaitingForPlatform", 0, "m"),
			standing{phase: "Enabled", action: "None"},
			standing{"Enabled", "WaitingForPlatform", "None", "m"},
		},
		"a status that was lost is not restored": {
			fault.New(fault.Transient, "StripeUnreachable", "m"), standing{}, standing{"Creating", "StripeUnreachable", "None", "m"},
		},
		"a country that is allowed no more": {
			fault.New(fault.Invalid, "CountryNotAllowed", "m"),
			standing{phase: "Enabled", action: "None"},
			standing{"Enabled", "CountryNotAllowed", "TenantAdmin", "m"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := judge(facts{recorded: true, problem: c.problem, before: c.before})
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(standing{})); diff != "" {
				t.Errorf("standing (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 30 {
		many = append(many, fmt.Sprintf("field.%d", i))
	}
	for name, c := range map[string]struct{ given, want []string }{
		"nothing is nothing":                   {nil, nil},
		"a path stays":                         {[]string{"business_profile.url"}, []string{"business_profile.url"}},
		"a bank account is called one":         {[]string{"external_account"}, []string{"bank account"}},
		"whose person it is does not matter":   {[]string{"person_1Abc.first_name"}, []string{"person.first_name"}},
		"two persons are shown once":           {[]string{"person_1.dob.day", "person_2.dob.day"}, []string{"person.dob.day"}},
		"a reviewer's question keeps its kind": {[]string{"interv_1Xyz.identity.form"}, []string{"stripe-review.identity"}},
		"a reviewer's bare question":           {[]string{"interv_1Xyz"}, []string{"stripe-review"}},
		"twenty are enough":                    {many, many[:20]},
		"a long one is cut":                    {[]string{strings.Repeat("x", 200)}, []string{strings.Repeat("x", 127) + "…"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, words(c.given)); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given time.Time
		want  string
	}{
		"none":                        {time.Time{}, ""},
		"a time":                      {noon, "2026-03-01T12:00:00Z"},
		"a time elsewhere":            {noon.In(time.FixedZone("x", 3600)), "2026-03-01T12:00:00Z"},
		"a time that is far away yet": {noon.AddDate(900, 0, 0), "2926-03-01T12:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := day(c.given); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFailedPayout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		annotation, code string
		at               time.Time
	}{
		"none":                       {"", "", time.Time{}},
		"one that failed":            {"account_closed@2026-03-01T12:00:00Z", "account_closed", noon},
		"one that arrived":           {"paid@2026-03-01T12:00:00Z", "", time.Time{}},
		"a code without a time":      {"account_closed", "", time.Time{}},
		"a time that is none":        {"account_closed@yesterday", "", time.Time{}},
		"a code as long as a letter": {strings.Repeat("x", 100) + "@2026-03-01T12:00:00Z", strings.Repeat("x", 63) + "…", noon},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			account := &v1alpha1.PayoutAccount{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationPayout: c.annotation}}}
			code, at := failedPayout(account)
			if code != c.code || !at.Equal(c.at) {
				t.Errorf("%q at %s, want %q at %s", code, at, c.code, c.at)
			}
		})
	}
}

// shown is all that an object shows of an account.
func shown(t *testing.T, account scope.Account) v1alpha1.PayoutAccountStatus {
	t.Helper()
	clock := testclock.NewFakePassiveClock(noon)
	r := &Reconciler{Clock: clock, Resync: 10 * time.Minute}
	object := &v1alpha1.PayoutAccount{ObjectMeta: metav1.ObjectMeta{
		UID: "uid", Annotations: map[string]string{v1alpha1.AnnotationAccount: "acct_0/acct_1"},
	}}
	in := &inputs{run: scope.Payout{Spec: &object.Spec, Account: account}, platform: &v1alpha1.CoachPlatform{}}
	r.report(object, in, []converge.Outcome{{Step: "payoutaccount", Exists: true}})
	return object.Status
}

func TestNobodyIsTippedOff(t *testing.T) {
	t.Parallel()
	for name, alike := range map[string][]string{
		"what Stripe searches for is not reported":        {"under_review", "listed", "other"},
		"why Stripe rejected is not reported":             {"rejected.fraud", "rejected.listed", "rejected.terms_of_service", "rejected.other", "rejected.incomplete_verification", "rejected.sanctions"},
		"why the business rejected is not reported":       {"rejected.platform_fraud", "rejected.platform_terms_of_service", "rejected.platform_other"},
		"what this version does not know is not reported": {"sanctioned", "frobnicated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var first v1alpha1.PayoutAccountStatus
			for i, why := range alike {
				f := paying()
				disabled(why)(&f)
				f.account.Transfers = "inactive"
				f.account.Requirements.Errors = []scope.RequirementError{{Code: why, Requirement: why}}
				status := shown(t, f.account)
				if i == 0 {
					first = status
				}
				if diff := cmp.Diff(first, status); diff != "" {
					t.Errorf("%s reads differently from %s:\n%s", why, alike[0], diff)
				}
				text := fmt.Sprintf("%+v", status)
				for _, secret := range []string{"listed", "fraud", "sanction", "terms_of_service", "under_review", "incomplete_verification", "frobnicated"} {
					if strings.Contains(text, secret) {
						t.Errorf("the status reports %q: %s", secret, text)
					}
				}
			}
		})
	}
}

func TestAnObservationThatFoundSomethingNewIsDated(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*scope.Account){
		"what is due":         func(a *scope.Account) { a.Requirements.CurrentlyDue = []string{"a"} },
		"how many are due":    func(a *scope.Account) { a.Requirements.EventuallyDue = []string{"a"} },
		"by when":             func(a *scope.Account) { a.Requirements.Deadline = noon },
		"the schedule":        func(a *scope.Account) { a.Schedule.DelayDays = 9 },
		"what will be due":    func(a *scope.Account) { a.Future.CurrentlyDue = []string{"a"} },
		"nothing but a phase": func(a *scope.Account) { a.PayoutsEnabled, a.Requirements.DisabledReason = false, "platform_paused" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := testclock.NewFakePassiveClock(noon)
			r := &Reconciler{Clock: clock, Resync: 10 * time.Minute}
			object := &v1alpha1.PayoutAccount{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationAccount: "acct_0/acct_1"}}}
			in := &inputs{run: scope.Payout{Spec: &object.Spec, Account: paying().account}, platform: &v1alpha1.CoachPlatform{}}
			visit := func(at time.Time) time.Time {
				clock.SetTime(at)
				r.report(object, in, []converge.Outcome{{Step: "payoutaccount", Exists: true}})
				return object.Status.LastSyncTime.Time
			}
			if got := visit(noon); !got.Equal(noon) {
				t.Errorf("the first observation is dated %s", got)
			}
			if got := visit(noon.Add(time.Minute)); !got.Equal(noon) {
				t.Errorf("an observation that found nothing new is dated %s", got)
			}
			change(&in.run.Account)
			if got := visit(noon.Add(time.Hour)); !got.Equal(noon.Add(time.Hour)) {
				t.Errorf("an observation that found something new is dated %s", got)
			}
		})
	}
}

// messageLimit is what Kubernetes allows of a condition's message that people read.
const messageLimit = 1024

// all are the conditions of an object as they are stored.
func (f facts) all(changes []converge.Change) (standing, []metav1.Condition) {
	r := &Reconciler{Clock: testclock.NewFakePassiveClock(noon), Resync: 10 * time.Minute}
	object := &v1alpha1.PayoutAccount{}
	s := judge(f)
	var stored []metav1.Condition
	report.Set(&stored, 1, noon, r.conditions(object, f, s, []converge.Outcome{{Changes: changes}})...)
	return s, stored
}
