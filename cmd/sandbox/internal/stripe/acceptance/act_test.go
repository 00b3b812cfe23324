package acceptance

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v76"
)

// facts are what the operator judges an account by.
type facts struct {
	submitted, payouts       bool
	transfers, reason        string
	now, late, later, checks string // counts of requirements, or their names
	deadline                 int64
	bank                     string
}

func factsOf(a *stripe.Account) facts {
	r := a.Requirements
	f := facts{
		submitted: a.DetailsSubmitted, payouts: a.PayoutsEnabled, reason: string(r.DisabledReason), deadline: r.CurrentDeadline,
		now: strings.Join(r.CurrentlyDue, " "), late: strings.Join(r.PastDue, " "), later: strings.Join(r.EventuallyDue, " "),
		checks: strings.Join(r.PendingVerification, " "),
	}
	if a.Capabilities != nil {
		f.transfers = string(a.Capabilities.Transfers)
	}
	if len(a.ExternalAccounts.Data) > 0 {
		f.bank = string(a.ExternalAccounts.Data[0].BankAccount.Status)
	}
	return f
}

const document = "individual.verification.document"

func TestEachActLeavesTheAccountAsStripeWould(t *testing.T) {
	t.Parallel()
	fields := []string{"individual.id_number"}
	good := facts{submitted: true, payouts: true, transfers: "active", bank: "new"}
	stopped := func(reason string) facts {
		return facts{submitted: true, transfers: "inactive", reason: reason, bank: "new"}
	}
	with := func(f facts, change func(*facts)) facts {
		change(&f)
		return f
	}
	for name, test := range map[string]struct {
		args map[string]any
		want facts
	}{
		"submit": {nil, facts{
			submitted: true, transfers: "pending", reason: "requirements.pending_verification", checks: document,
		}},
		"verify":  {nil, good},
		"release": {nil, good},
		"require": {map[string]any{"fields": fields, "deadline": "2030-01-02T03:04:05Z"}, with(good, func(f *facts) {
			f.now, f.later, f.deadline = fields[0], fields[0], 1893553445
		})},
		"past-due": {map[string]any{"fields": fields}, with(stopped("requirements.past_due"), func(f *facts) {
			f.now, f.late, f.later = fields[0], fields[0], fields[0]
		})},
		"eventually-due": {map[string]any{"fields": fields}, with(good, func(f *facts) { f.later = fields[0] })},
		"future":         {map[string]any{"fields": fields, "deadline": "2030-01-02T03:04:05Z"}, good},
		"pending-verification": {nil, with(stopped("requirements.pending_verification"), func(f *facts) {
			f.checks, f.transfers = document, "pending"
		})},
		"under-review":    {nil, stopped("under_review")},
		"listed":          {nil, stopped("listed")},
		"other":           {nil, stopped("other")},
		"pause":           {nil, stopped("platform_paused")},
		"action-required": {nil, with(stopped("action_required.requested_capabilities"), func(f *facts) { f.transfers = "" })},
		"reject": {map[string]any{"reason": "platform_fraud"}, facts{
			transfers: "inactive", reason: "rejected.platform_fraud",
		}},
		"bank-error":    {map[string]any{"status": "verification_failed"}, with(good, func(f *facts) { f.bank = "verification_failed" })},
		"bank-removed":  {nil, with(good, func(f *facts) { f.bank = "" })},
		"payout-failed": {nil, good},
		"payout-paid":   {nil, good},
		"set": {map[string]any{"merge": map[string]any{"requirements": map[string]any{
			"disabled_reason": "moon.phase", "currently_due": []string{}, "past_due": []string{}, "eventually_due": []string{},
		}}}, facts{transfers: "inactive", reason: "moon.phase"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			account := s.create(s.test())
			row := s.act(account.ID, name, test.args)
			got, err := s.test().Accounts.GetByID(account.ID, nil)
			want(t, err, "")
			if f := factsOf(got); f != test.want {
				t.Errorf("got  %+v\nwant %+v", f, test.want)
			}
			if row.DisabledReason != test.want.reason || row.PayoutsEnabled != test.want.payouts || row.DetailsSubmitted != test.want.submitted {
				t.Errorf("the oracle says %+v", row)
			}
			if name == "future" && (len(got.FutureRequirements.CurrentlyDue) != 1 || got.FutureRequirements.CurrentDeadline != 1893553445) {
				t.Errorf("future requirements: %+v", got.FutureRequirements)
			}
		})
	}
}

func TestRequestingMoreChangesNothingElse(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	account := s.create(s.test())
	s.act(account.ID, "submit", nil)
	if row := s.act(account.ID, "bank-error", nil); row.PayoutsEnabled {
		t.Errorf("a bank error enables payouts: %+v", row)
	}
	s.act(account.ID, "under-review", nil)
	if row := s.act(account.ID, "require", map[string]any{"fields": []string{document}}); row.DisabledReason != "under_review" {
		t.Errorf("the review is over: %+v", row)
	}
	if row := s.act(account.ID, "release", nil); row.DisabledReason != "" || !row.PayoutsEnabled {
		t.Errorf("released: %+v", row)
	}
}

func TestAnInterventionNamesItself(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	account := s.create(s.test())
	s.act(account.ID, "intervene", nil)
	got, err := s.test().Accounts.GetByID(account.ID, nil)
	want(t, err, "")
	if r := got.Requirements; r.DisabledReason != "other" || len(r.PastDue) != 1 || !strings.HasPrefix(r.PastDue[0], "interv_") {
		t.Errorf("requirements: %+v", r)
	}
}

func TestRequestingACapabilityAgainEnablesItUnlessKept(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("kept %t", keep), func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			account := s.create(s.test())
			s.act(account.ID, "action-required", map[string]any{"keep": keep})
			capability, err := s.test().Capabilities.Update("transfers", &stripe.CapabilityParams{
				Account: new(account.ID), Requested: new(true),
			})
			want(t, err, "")
			got, err := s.test().Accounts.GetByID(account.ID, nil)
			want(t, err, "")
			if got.PayoutsEnabled == keep || (capability.Status == "active") == keep {
				t.Errorf("payouts %t, transfers %s", got.PayoutsEnabled, capability.Status)
			}
		})
	}
}

func TestADeauthorizedAccountIsGoneAndComesBack(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	account := s.create(s.test())
	s.act(account.ID, "verify", nil)
	if row := s.act(account.ID, "deauthorize", nil); !row.Deauthorized {
		t.Errorf("the oracle says %+v", row)
	}
	_, err := s.test().Accounts.GetByID(account.ID, nil)
	want(t, err, "Forbidden account_invalid")
	if ids, _ := listed(t, s.test(), nil); len(ids) != 0 {
		t.Errorf("listed: %v", ids)
	}
	s.act(account.ID, "release", nil)
	_, err = s.test().Accounts.GetByID(account.ID, nil)
	want(t, err, "")
	s.act(account.ID, "delete", nil)
	_, err = s.test().Accounts.GetByID(account.ID, nil)
	want(t, err, "Forbidden account_invalid")
	if status, _ := s.raw("POST", "/stripe/accounts/"+account.ID+"/act", map[string]any{"act": "verify"}); status != 400 {
		t.Errorf("a deleted account acts: %d", status)
	}
}

func TestPayoutsAreTheAccountsOwn(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	account := s.create(s.test())
	s.act(account.ID, "payout-paid", nil)
	s.act(account.ID, "payout-failed", map[string]any{"code": "account_closed"})
	p := &stripe.PayoutListParams{Status: new("failed")}
	p.SetStripeAccount(account.ID)
	var codes []string
	for i := s.test().Payouts.List(p); i.Next(); {
		codes = append(codes, string(i.Payout().FailureCode))
	}
	if !slices.Equal(codes, []string{"account_closed"}) {
		t.Errorf("failed payouts: %v", codes)
	}
	s.act(account.ID, "balance", map[string]any{"available": 12, "pending": 3})
	b := &stripe.BalanceParams{}
	b.SetStripeAccount(account.ID)
	balance, err := s.test().Balance.Get(b)
	want(t, err, "")
	if balance.Available[0].Amount != 12 || balance.Pending[0].Amount != 3 {
		t.Errorf("balance: %+v", balance)
	}
}

func TestALinkWorksOnceForFiveMinutesAndLocksWhatIsGiven(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	account := s.create(s.test())
	s.act(account.ID, "submit", nil)
	if got, _ := s.test().Accounts.GetByID(account.ID, nil); got.Individual == nil {
		t.Error("before a link, the platform does not see what it should not")
	}
	follow := func(url string) string {
		path, _ := strings.CutPrefix(url, "https://connect.stripe.com")
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := s.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		return fmt.Sprint(response.StatusCode, strings.Contains(string(body), "Onboarding"))
	}
	first, err := s.test().AccountLinks.New(link(account.ID))
	want(t, err, "")
	if got := []string{follow(first.URL), follow(first.URL)}; !slices.Equal(got, []string{"200 true", "410 false"}) {
		t.Errorf("followed twice: %v", got)
	}
	second, err := s.test().AccountLinks.New(link(account.ID))
	want(t, err, "")
	s.post("/stripe/clock", map[string]any{"advance": "5m"}, nil)
	if got := follow(second.URL); got != "410 false" {
		t.Errorf("followed late: %v", got)
	}
	if got, _ := s.test().Accounts.GetByID(account.ID, nil); got.Individual != nil {
		t.Error("after a link, the platform sees what the coach gave")
	}
	_, err = s.test().Accounts.Update(account.ID, &stripe.AccountParams{BusinessType: new("company")})
	want(t, err, "Forbidden invalid_request_error")
	update := link(account.ID)
	update.Type = new("account_update")
	_, err = s.test().AccountLinks.New(update)
	want(t, err, "Bad Request invalid_request_error")
	session, err := s.test().AccountSessions.New(&stripe.AccountSessionParams{
		Account: new(account.ID), Components: &stripe.AccountSessionComponentsParams{
			AccountOnboarding: &stripe.AccountSessionComponentsAccountOnboardingParams{Enabled: new(true)},
		},
	})
	want(t, err, "")
	if session.ClientSecret == "" || !session.Components.AccountOnboarding.Enabled {
		t.Errorf("session %+v", session)
	}
	login, err := s.test().LoginLinks.New(&stripe.LoginLinkParams{Account: new(account.ID)})
	want(t, err, "")
	if !strings.HasPrefix(login.URL, "https://connect.stripe.com/express/") {
		t.Errorf("login at %s", login.URL)
	}
}
