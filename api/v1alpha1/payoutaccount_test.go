package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// payoutYAML is a good object that gives every field a value.
const payoutYAML = `
apiVersion: payouts.coachplatform.io/v1alpha1
kind: PayoutAccount
metadata: {name: jo, namespace: default}
spec:
  platformName: studio
  coachID: coach-7f3a
  country: DE
  capabilities: [transfers, card_payments]
  serviceAgreement: Full
  payouts:
    schedule: {interval: Weekly, delayDays: 7, weeklyAnchor: Monday}
    suspended: false
  businessProfile:
    url: https://coach.example.com/jo
    productDescription: Coaching for runners
    mcc: "8299"
  onboarding: Hosted
  deletionPolicy: Retain
  adopt: acct_1AbC2dEf
`

const (
	coachIDWords     = "coachID: letters, digits, hyphens, dots and underscores, such as coach-7f3a: an ID of your own, not an e-mail address or a name"
	countryWords     = "country: two capital letters as in ISO 3166-1, such as DE"
	otherPlatform    = "platformName cannot change, since accounts do not move between businesses; make a new object"
	otherCoach       = "coachID cannot change, since it finds the coach's one account again; make a new object"
	otherCountry     = "country cannot change, since Stripe ties an account to its country; make a new object with a new coachID"
	otherAgreement   = "serviceAgreement cannot change once the account is made; make a new object with a new coachID"
	otherAdoption    = "adopt cannot be changed once it is set; make a new object"
	noTransfers      = "capabilities must hold transfers, without which nobody is paid"
	weeklyWords      = "weeklyAnchor goes with interval Weekly, and only with it"
	monthlyWords     = "monthlyAnchor goes with interval Monthly, and only with it"
	manualDelay      = "delayDays has no meaning with interval Manual; leave one of them out"
	recipientCharges = "an account under the Recipient agreement cannot charge cards (https://docs.stripe.com/connect/service-agreement-types); leave card_payments out, or use serviceAgreement Full"
)

// schedule is one from pairs of a field and its value.
func schedule(pairs ...any) map[string]any {
	s := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		s[pairs[i].(string)] = pairs[i+1]
	}
	return s
}

var payoutEdges = []edge{
	{path: "metadata.name", good: []any{strings.Repeat("a", 63)}, bad: map[string]any{"metadata.name: at most 63 characters": strings.Repeat("a", 64)}},
	{path: "platformName", good: []any{"a", "shop.one", strings.Repeat("a", 40)}, bad: map[string]any{
		"Required value": absent{}, "at least 1 char": "", "Too long": strings.Repeat("a", 41), "should match": "other/studio",
	}},
	{path: "platformName", was: "studio", good: []any{"studio"}, bad: map[string]any{otherPlatform: "other"}},
	{path: "coachID", good: []any{"a", "7", "Coach_7.f-3a", strings.Repeat("a", 64)}, bad: map[string]any{
		"Required value": absent{}, "at least 1 char": "", "Too long": strings.Repeat("a", 65), coachIDWords: "jo@example.com",
	}},
	{path: "coachID", bad: map[string]any{coachIDWords: "Jo Doe"}},
	{path: "coachID", bad: map[string]any{coachIDWords: "-jo"}},
	{path: "coachID", bad: map[string]any{coachIDWords: "jo."}},
	{path: "coachID", bad: map[string]any{coachIDWords: "jo\n"}},
	{path: "coachID", was: "coach-7f3a", good: []any{"coach-7f3a"}, bad: map[string]any{otherCoach: "coach-7F3A"}},
	{path: "country", good: []any{"US", "TH"}, bad: map[string]any{
		"Required value": absent{}, "at least 2 chars": "D", "Too long": "DEU", countryWords: "de",
	}},
	{path: "country", bad: map[string]any{countryWords: "D1"}},
	{path: "country", was: "DE", good: []any{"DE"}, bad: map[string]any{otherCountry: "AT"}},
	{path: "capabilities", good: []any{absent{}, []string{"transfers"}, []string{"card_payments", "transfers"}}, bad: map[string]any{
		"should have at least 1 items": []string{}, "Unsupported value": []string{"transfers", "legacy_payments"},
		"Duplicate value": []string{"transfers", "transfers"}, noTransfers: []string{"card_payments"},
		"must have at most 2 items": []string{"transfers", "card_payments", "transfers"},
	}},
	{path: "capabilities", was: []string{"transfers"}, good: []any{[]string{"transfers", "card_payments"}, absent{}}},
	{path: "serviceAgreement", good: []any{"Full", absent{}}, bad: map[string]any{"Unsupported value": "None", recipientCharges: "Recipient"}},
	{path: "serviceAgreement", was: "Full", good: []any{"Full", absent{}}, bad: map[string]any{otherAgreement: "Recipient"}},
	{path: "payouts", good: []any{absent{}, map[string]any{}}},
	{path: "payouts.suspended", good: []any{true, false, absent{}}, bad: map[string]any{"must be of type boolean": "yes"}},
	{path: "payouts.schedule", good: []any{
		absent{},
		schedule(), schedule("interval", "Manual"), schedule("interval", "Daily", "delayDays", 31),
		schedule("delayDays", 1), schedule("interval", "Weekly", "weeklyAnchor", "Sunday"),
		schedule("interval", "Monthly", "monthlyAnchor", 1), schedule("interval", "Monthly", "monthlyAnchor", 31, "delayDays", 1),
	}, bad: map[string]any{
		weeklyWords: schedule("interval", "Weekly"), monthlyWords: schedule("interval", "Monthly"),
		manualDelay: schedule("interval", "Manual", "delayDays", 1),
	}},
	{path: "payouts.schedule", bad: map[string]any{
		weeklyWords: schedule("interval", "Daily", "weeklyAnchor", "Monday"), monthlyWords: schedule("interval", "Daily", "monthlyAnchor", 1),
	}},
	{path: "payouts.schedule", bad: map[string]any{
		weeklyWords: schedule("weeklyAnchor", "Monday"), monthlyWords: schedule("monthlyAnchor", 1),
	}},
	{path: "payouts.schedule", bad: map[string]any{
		weeklyWords:  schedule("interval", "Monthly", "monthlyAnchor", 1, "weeklyAnchor", "Monday"),
		monthlyWords: schedule("interval", "Weekly", "weeklyAnchor", "Monday", "monthlyAnchor", 1),
	}},
	{path: "payouts.schedule.interval", bad: map[string]any{"Unsupported value": "Hourly"}},
	{path: "payouts.schedule.delayDays", good: []any{1, 31, absent{}}, bad: map[string]any{
		"greater than or equal to 1": 0, "less than or equal to 31": 32,
	}},
	{path: "payouts.schedule.weeklyAnchor", good: []any{"Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}, bad: map[string]any{
		"Unsupported value": "monday", weeklyWords: absent{},
	}},
	{path: "payouts.schedule", bad: map[string]any{
		"greater than or equal to 1": schedule("interval", "Monthly", "monthlyAnchor", 0),
		"less than or equal to 31":   schedule("interval", "Monthly", "monthlyAnchor", 32),
	}},
	{path: "businessProfile", good: []any{absent{}, map[string]any{}}},
	{path: "businessProfile.url", good: []any{
		absent{}, "https://a", "https://coach.example.com:8443/a/b~c_d-e.f%20", "https://a/" + strings.Repeat("a", 490),
	}, bad: map[string]any{
		"should match": "http://coach.example.com", "at least 9 chars": "https://", "Too long": "https://a/" + strings.Repeat("a", 491),
	}},
	{path: "businessProfile.url", bad: map[string]any{"should match": "https://jo:password@coach.example.com"}},
	{path: "businessProfile.url", bad: map[string]any{"should match": "https://coach.example.com/?email=jo"}},
	{path: "businessProfile.productDescription", bad: map[string]any{
		"productDescription: no white space at its ends, which Stripe would take off": " Coaching",
	}},
	{path: "businessProfile.productDescription", good: []any{absent{}, "a", strings.Repeat("ü", 500)}, bad: map[string]any{
		"at least 1 char": "", "Too long": strings.Repeat("a", 501),
	}},
	{path: "businessProfile.mcc", good: []any{absent{}, "0742"}, bad: map[string]any{
		"should match": "82a9", "at least 4 chars": "829", "Too long": "82990", "must be of type string": 8299,
	}},
	{path: "onboarding", good: []any{"Hosted", "Embedded", absent{}}, bad: map[string]any{"Unsupported value": "Mail"}},
	{path: "deletionPolicy", good: []any{"Retain", absent{}}, bad: map[string]any{"Unsupported value": "Delete"}},
	{path: "adopt", good: []any{absent{}, "acct_1", "acct_" + strings.Repeat("1", 59)}, bad: map[string]any{
		"should match": "acct_1/../2", "at least 6 chars": "acct_", "Too long": "acct_" + strings.Repeat("1", 60),
	}},
	{path: "adopt", bad: map[string]any{"should match": "sk_test_1"}},
	{path: "adopt", was: "acct_1AbC2dEf", good: []any{"acct_1AbC2dEf"}, bad: map[string]any{otherAdoption: "acct_2"}},
	{path: "adopt", was: "acct_1AbC2dEf", bad: map[string]any{otherAdoption: absent{}}},
	{path: "adopt", was: absent{}, good: []any{"acct_1AbC2dEf", absent{}}},
}

func TestTheRecipientAgreementIsForTransfersAlone(t *testing.T) {
	c := env.APIServer(t).Client
	for name, row := range map[string]struct {
		capabilities any
		refused      bool
	}{
		"transfers alone":         {[]string{"transfers"}, false},
		"by default":              {absent{}, false},
		"and charges for cards":   {[]string{"transfers", "card_payments"}, true},
		"charges for cards first": {[]string{"card_payments", "transfers"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			u := with(t, with(t, parse(t, payoutYAML), "serviceAgreement", "Recipient"), "capabilities", row.capabilities)
			err := c.Create(t.Context(), u, client.DryRunAll, strict)
			if (err != nil) != row.refused || err != nil && !strings.Contains(err.Error(), recipientCharges) {
				t.Errorf("%v, want it refused: %t", err, row.refused)
			}
		})
	}
}

// Whoever writes these into a spec must not find them stored: they belong to the coach and to Stripe, or
// would take from Stripe what it must collect itself.
func TestWhatIsNobodysBusinessHasNoField(t *testing.T) {
	c := env.APIServer(t).Client
	for _, path := range []string{
		"iban", "bankAccount", "cardNumber", "email", "firstName", "lastName", "dateOfBirth", "taxID", "individual", "externalAccount",
		"controller", "requirementCollection", "requirement_collection", "businessProfile.supportEmail", "businessProfile.supportPhone",
		"payouts.bankAccount", "payouts.schedule.timezone", "namespace", "stripeKey",
	} {
		t.Run(path, func(t *testing.T) {
			err := c.Create(t.Context(), with(t, parse(t, payoutYAML), path, "value"), client.DryRunAll, strict)
			if err == nil || !strings.Contains(err.Error(), "unknown field") {
				t.Errorf("%v, want it refused as unknown", err)
			}
			pruned := with(t, parse(t, payoutYAML), path, "value")
			if err := c.Create(t.Context(), pruned, client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parse(t, payoutYAML).Object["spec"], pruned.Object["spec"]); diff != "" {
				t.Errorf("it is stored (-want +got):\n%s", diff)
			}
		})
	}
}
