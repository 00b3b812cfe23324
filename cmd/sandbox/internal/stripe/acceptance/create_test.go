package acceptance

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v76"
)

var loopback = []net.IP{net.IPv4(127, 0, 0, 1)}

func TestANewAccountIsWhatWasRequested(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	account := s.create(s.test())
	got := []any{
		account.Country, account.Controller.Losses.Payments, account.Controller.RequirementCollection,
		account.Controller.StripeDashboard.Type, account.Capabilities.Transfers, account.Metadata["coach_key"],
		account.Settings.Payouts.Schedule.Interval, account.Settings.Payouts.Schedule.DelayDays, account.DetailsSubmitted,
		account.PayoutsEnabled, string(account.Requirements.DisabledReason), len(account.Requirements.CurrentlyDue) > 0,
	}
	wanted := []any{
		"US", stripe.AccountControllerLossesPaymentsApplication, stripe.AccountControllerRequirementCollectionStripe,
		stripe.AccountControllerStripeDashboardTypeExpress, stripe.AccountCapabilityStatusInactive, "one",
		stripe.AccountSettingsPayoutsScheduleIntervalDaily, int64(7), false, false, "requirements.past_due", true,
	}
	if !slices.Equal(got, wanted) {
		t.Errorf("got  %v\nwant %v", got, wanted)
	}
	again, err := s.test().Accounts.GetByID(account.ID, nil)
	want(t, err, "")
	if again.ID != account.ID || again.Created != account.Created {
		t.Errorf("read %s, made %s", again.ID, account.ID)
	}
}

func TestACreateThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	long := strings.Repeat("x", 501)
	for name, test := range map[string]struct {
		change func(*stripe.AccountParams)
		want   string
	}{
		"type and controller": {func(p *stripe.AccountParams) { p.Type = new("express") }, "Bad Request invalid_request_error"},
		"a country that is none": {
			func(p *stripe.AccountParams) { p.Country = new("Germany") }, "Bad Request country_code_invalid",
		},
		"a country the platform has no business in": {
			func(p *stripe.AccountParams) { p.Country = new("JM") }, "Bad Request country_unsupported",
		},
		"a parameter that does not exist": {
			func(p *stripe.AccountParams) { p.AddExtra("mood", "good") }, "Bad Request parameter_unknown",
		},
		"one within another": {
			func(p *stripe.AccountParams) { p.AddExtra("controller[mood]", "good") }, "Bad Request parameter_unknown",
		},
		"an unknown word": {
			func(p *stripe.AccountParams) { p.Controller.Losses.Payments = new("nobody") }, "Bad Request invalid_request_error",
		},
		"a recipient who takes cards": {func(p *stripe.AccountParams) {
			p.TOSAcceptance = &stripe.AccountTOSAcceptanceParams{ServiceAgreement: new("recipient")}
			p.Capabilities.CardPayments = &stripe.AccountCapabilitiesCardPaymentsParams{Requested: new(true)}
		}, "Bad Request invalid_request_error"},
		"a full dashboard without losses": {
			func(p *stripe.AccountParams) { p.Controller.StripeDashboard.Type = new("full") }, "Bad Request invalid_request_error",
		},
		"what only the coach may give": {
			func(p *stripe.AccountParams) { p.Individual = &stripe.PersonParams{FirstName: new("A")} },
			"Forbidden invalid_request_error",
		},
		"long metadata": {func(p *stripe.AccountParams) { p.Metadata["a"] = long }, "Bad Request invalid_request_error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := params()
			test.change(p)
			_, err := s.test().Accounts.New(p)
			want(t, err, test.want)
		})
	}
}

func TestAPlatformThatMayNotIsRefused(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.post("/stripe/platforms/"+s.platform, map[string]any{"approved": false}, nil)
	_, err := s.test().Accounts.New(params())
	want(t, err, "Bad Request invalid_request_error")
	recipient := params()
	recipient.Country = new("DE")
	recipient.TOSAcceptance = &stripe.AccountTOSAcceptanceParams{ServiceAgreement: new("recipient")}
	_, err = s.test().Accounts.New(recipient)
	want(t, err, "")
	s.post("/stripe/platforms/"+s.platform, map[string]any{"connect": false, "approved": true}, nil)
	_, err = s.test().Accounts.New(params())
	want(t, err, "Bad Request invalid_request_error")
}

func TestKeysOpenWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	var linksOnly struct{ Key string }
	s.post("/stripe/platforms/"+s.platform+"/keys", map[string]any{"restricted": true, "permissions": []string{"links"}}, &linksOnly)
	account := s.create(s.test())
	_, err := s.as(linksOnly.Key).Accounts.New(params())
	want(t, err, "Forbidden more_permissions_required")
	_, err = s.as(linksOnly.Key).AccountLinks.New(link(account.ID))
	want(t, err, "")
	_, err = s.as("rk_test_nobody").Accounts.New(params())
	want(t, err, "Unauthorized invalid_request_error")
	_, err = s.live().Accounts.GetByID(account.ID, nil)
	want(t, err, "Forbidden account_invalid")
	s.ask("DELETE", "/stripe/platforms/"+s.platform+"/keys/"+s.keys["testSecret"]+"?expire=true", nil, nil)
	_, err = s.as("testSecret").Accounts.Get()
	want(t, err, "Unauthorized api_key_expired")
	s.ask("DELETE", "/stripe/platforms/"+s.platform+"/keys/"+s.keys["testRestricted"], nil, nil)
	_, err = s.test().Accounts.New(params())
	want(t, err, "Unauthorized invalid_request_error")
}

func TestAnUpdateMergesAndReadsBackWhatStripeMadeOfIt(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	account := s.create(s.test())
	update := &stripe.AccountParams{
		Metadata:        map[string]string{"coach_key": "", "tenant": "demo"},
		BusinessProfile: &stripe.AccountBusinessProfileParams{URL: new("https://coach.example")},
		Settings: &stripe.AccountSettingsParams{Payouts: &stripe.AccountSettingsPayoutsParams{
			DebitNegativeBalances: new(true),
			Schedule: &stripe.AccountSettingsPayoutsScheduleParams{
				Interval: new("weekly"), WeeklyAnchor: new("monday"), DelayDays: stripe.Int64(1),
			},
		}},
	}
	got, err := s.test().Accounts.Update(account.ID, update)
	want(t, err, "")
	if len(got.Metadata) != 1 || got.Metadata["tenant"] != "demo" || got.BusinessProfile.URL != "https://coach.example" {
		t.Errorf("metadata %v, profile %+v", got.Metadata, got.BusinessProfile)
	}
	payouts := got.Settings.Payouts
	if payouts.Schedule.DelayDays != 2 || payouts.Schedule.WeeklyAnchor != "monday" || !payouts.DebitNegativeBalances {
		t.Errorf("payouts %+v %+v", payouts, payouts.Schedule)
	}
	schedule := &stripe.AccountSettingsPayoutsScheduleParams{Interval: new("manual"), DelayDaysMinimum: new(true)}
	got, err = s.test().Accounts.Update(account.ID, &stripe.AccountParams{Settings: &stripe.AccountSettingsParams{
		Payouts: &stripe.AccountSettingsPayoutsParams{Schedule: schedule},
	}})
	want(t, err, "")
	if s := got.Settings.Payouts.Schedule; s.Interval != "manual" || s.WeeklyAnchor != "" || s.DelayDays != 2 {
		t.Errorf("schedule %+v", s)
	}
	schedule.Interval = new("weekly")
	_, err = s.test().Accounts.Update(account.ID, &stripe.AccountParams{Settings: &stripe.AccountSettingsParams{
		Payouts: &stripe.AccountSettingsPayoutsParams{Schedule: schedule},
	}})
	want(t, err, "Bad Request parameter_missing")
}

func TestAnEndIsForAccountsWithoutMoney(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	live, test := s.create(s.live()), s.create(s.test())
	s.act(live.ID, "balance", map[string]any{"pending": 5})
	s.act(test.ID, "balance", map[string]any{"pending": 5})
	_, err := s.live().Accounts.Del(live.ID, nil)
	want(t, err, "Bad Request account_non_zero_balance")
	_, err = s.live().Accounts.Reject(live.ID, &stripe.AccountRejectParams{Reason: new("fraud")})
	want(t, err, "Bad Request account_non_zero_balance")
	gone, err := s.test().Accounts.Del(test.ID, nil)
	want(t, err, "")
	if !gone.Deleted {
		t.Error("the answer to a deletion says nothing of it")
	}
	for answer, wanted := range map[string]string{
		"forbidden": "Forbidden account_invalid", "missing": "Not Found resource_missing", "deleted": "",
	} {
		s.post("/stripe/settings", map[string]any{"deletedAnswer": answer}, nil)
		account, err := s.test().Accounts.GetByID(test.ID, nil)
		want(t, err, wanted)
		if wanted == "" && !account.Deleted {
			t.Error("a deleted account is read as one that is there")
		}
	}
	s.act(live.ID, "balance", nil)
	rejected, err := s.live().Accounts.Reject(live.ID, &stripe.AccountRejectParams{Reason: new("fraud")})
	want(t, err, "")
	if rejected.Requirements.DisabledReason != "rejected.fraud" {
		t.Errorf("rejected: %s", rejected.Requirements.DisabledReason)
	}
	_, err = s.live().AccountLinks.New(link(live.ID))
	want(t, err, "Bad Request invalid_request_error")
}

func TestWhatStripeHasAndTheSandboxHasNotIsNotFound(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	_, err := s.test().Customers.New(&stripe.CustomerParams{})
	want(t, err, "Not Found invalid_request_error")
	spec, err := s.test().CountrySpecs.Get("DE", nil)
	want(t, err, "")
	if spec.DefaultCurrency != "eur" {
		t.Errorf("Germany pays in %s", spec.DefaultCurrency)
	}
	self, err := s.test().Accounts.Get()
	want(t, err, "")
	if self.ID != s.platform {
		t.Errorf("the platform is %s, not %s", self.ID, s.platform)
	}
}

func link(account string) *stripe.AccountLinkParams {
	return &stripe.AccountLinkParams{
		Account: new(account), Type: new("account_onboarding"),
		RefreshURL: new("https://coach.example/again"), ReturnURL: new("https://coach.example/back"),
	}
}
