package env

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// StripePlatform is a Stripe account that connects others.
type StripePlatform struct {
	ID   string
	Keys StripeKeys
}

// StripeKeys are those that a platform was made with.
type StripeKeys struct{ TestRestricted, TestSecret, LiveRestricted, LiveSecret string }

// StripePermission is what a restricted key may do.
type StripePermission string

// The permissions.
const (
	MayAccounts StripePermission = "accounts"
	MayWebhooks StripePermission = "webhooks"
	MayLinks    StripePermission = "links"
)

// StripeAccount is a connected account in full, also what Stripe's API hides.
type StripeAccount struct {
	ID, Mode              string
	Deleted, Deauthorized bool
	Country               string
	Metadata              map[string]string
	Controller            StripeController
	// Capabilities are the statuses of those that were requested.
	Capabilities    map[string]string
	Schedule        StripeSchedule
	BusinessProfile StripeBusinessProfile

	DetailsSubmitted, PayoutsEnabled bool
	DisabledReason                   string
}

// StripeController says who bears what of an account.
type StripeController struct {
	Fees                  struct{ Payer string }
	Losses                struct{ Payments string }
	RequirementCollection string                `json:"requirement_collection"`
	StripeDashboard       struct{ Type string } `json:"stripe_dashboard"`
}

// StripeSchedule is how often payouts are made.
type StripeSchedule struct {
	Interval      string
	DelayDays     int    `json:"delay_days"`
	WeeklyAnchor  string `json:"weekly_anchor"`
	MonthlyAnchor int    `json:"monthly_anchor"`
}

// StripeBusinessProfile is what the business says about itself.
type StripeBusinessProfile struct {
	URL                string
	ProductDescription string `json:"product_description"`
	MCC                string
	Name               string
}

// StripeEndpoint is a webhook endpoint.
type StripeEndpoint struct {
	ID, Mode, URL, APIVersion string
	Events                    []string
	Connect, Disabled         bool
	Metadata                  map[string]string
	// Secret is the newest.
	Secret string
}

// StripeEvent is an event and what became of it.
type StripeEvent struct {
	ID, Type, Account, Mode string
	Deliveries              []StripeDelivery
}

// StripeDelivery is an event on its way to one endpoint.
type StripeDelivery struct {
	URL string
	// Status is the HTTP status of the last attempt, 0 if there was none or no answer.
	Status, Attempts int
}

// StripeAct are the arguments of an act; what does not belong to it stays empty.
type StripeAct struct {
	Fields   []string   `json:"fields,omitempty"`
	Deadline *time.Time `json:"deadline,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Status   string     `json:"status,omitempty"`
	Code     string     `json:"code,omitempty"`
	// Interval and what follows belong to schedule.
	Interval      string `json:"interval,omitempty"`
	DelayDays     int    `json:"delayDays,omitempty"`
	WeeklyAnchor  string `json:"weeklyAnchor,omitempty"`
	MonthlyAnchor int    `json:"monthlyAnchor,omitempty"`
	// Merge belongs to set: JSON that is written over the account.
	Merge map[string]any `json:"merge,omitempty"`
	// Keep belongs to action-required: requesting the capability again does not help.
	Keep bool `json:"keep,omitempty"`
	// Available and Pending belong to balance.
	Available int `json:"available,omitempty"`
	Pending   int `json:"pending,omitempty"`
}

// StripeSettings are Stripe's; nil keeps what is.
type StripeSettings struct {
	ListLag *string `json:"listLag,omitempty"`
	Latency *string `json:"latency,omitempty"`
	// DeletedAnswer is "deleted", "forbidden" or "missing".
	DeletedAnswer *string `json:"deletedAnswer,omitempty"`
	// ReadsPerSecond and WritesPerSecond are Stripe's own limits at 0.
	ReadsPerSecond  *int              `json:"readsPerSecond,omitempty"`
	WritesPerSecond *int              `json:"writesPerSecond,omitempty"`
	CrossMode       *bool             `json:"crossMode,omitempty"`
	Retry           *string           `json:"retry,omitempty"`
	Resolve         map[string]string `json:"resolve,omitempty"`
	Delivery        *StripeFaults     `json:"delivery,omitempty"`
}

// StripeFaults are what goes wrong with events on their way; nil keeps what is.
type StripeFaults struct {
	Duplicate *int    `json:"duplicate,omitempty"`
	Delay     *string `json:"delay,omitempty"`
	Reorder   *bool   `json:"reorder,omitempty"`
	Drop      *bool   `json:"drop,omitempty"`
}

// StripeForgery is an event that Stripe never sent.
type StripeForgery struct {
	URL        string `json:"url"`
	Secret     string `json:"secret"`
	Type       string `json:"type,omitempty"`
	Account    string `json:"account"`
	Live       bool   `json:"livemode"`
	APIVersion string `json:"apiVersion,omitempty"`
	// Age is how old its signature is: a Go duration.
	Age string `json:"age,omitempty"`
	// Body and Header, the signature, are sent as they are.
	Body   *string `json:"body,omitempty"`
	Header *string `json:"header,omitempty"`
}

// StripeCall is one call of Stripe that the sandbox received.
type StripeCall struct {
	Call
	// Mode is "live" or "test".
	Mode           string `json:"region"`
	IdempotencyKey string
}

// NewStripePlatform creates a platform of its own for a test.
func (s *Sandbox) NewStripePlatform(t testing.TB) StripePlatform {
	t.Helper()
	return s.StripePlatform(t, "")
}

// StripePlatform creates the platform with that ID, or finds it.
func (s *Sandbox) StripePlatform(t testing.TB, id string) StripePlatform {
	t.Helper()
	var platform StripePlatform
	s.must(t, http.MethodPost, "/stripe/platforms", nil, map[string]string{"id": id}, &platform)
	return platform
}

// ChangeStripePlatform says whether a platform has signed up for Connect, and may request transfers alone.
func (s *Sandbox) ChangeStripePlatform(t testing.TB, platform string, connect, approved bool) {
	t.Helper()
	s.must(t, http.MethodPost, "/stripe/platforms/"+platform, nil, map[string]bool{"connect": connect, "approved": approved}, nil)
}

// NewStripeKey creates a restricted key.
func (s *Sandbox) NewStripeKey(t testing.TB, platform string, live bool, may ...StripePermission) string {
	t.Helper()
	order := struct {
		Live        bool               `json:"live"`
		Restricted  bool               `json:"restricted"`
		Permissions []StripePermission `json:"permissions"`
	}{live, true, append([]StripePermission{}, may...)}
	var created struct{ Key string }
	s.must(t, http.MethodPost, "/stripe/platforms/"+platform+"/keys", nil, order, &created)
	return created.Key
}

// RevokeStripeKey takes a key away.
func (s *Sandbox) RevokeStripeKey(t testing.TB, platform, key string) {
	t.Helper()
	s.must(t, http.MethodDelete, "/stripe/platforms/"+platform+"/keys/"+key, nil, nil, nil)
}

// ExpireStripeKey lets a key expire.
func (s *Sandbox) ExpireStripeKey(t testing.TB, platform, key string) {
	t.Helper()
	s.must(t, http.MethodDelete, "/stripe/platforms/"+platform+"/keys/"+key, query("expire", "true"), nil, nil)
}

// StripeAccounts are all accounts of the platform that ever were, by ID.
func (s *Sandbox) StripeAccounts(t testing.TB, platform string) []StripeAccount {
	t.Helper()
	var accounts []StripeAccount
	s.must(t, http.MethodGet, "/stripe/platforms/"+platform+"/accounts", nil, nil, &accounts)
	return accounts
}

// StripeUnmanaged creates accounts that are not the operator's, and returns their IDs.
func (s *Sandbox) StripeUnmanaged(t testing.TB, platform string, live bool, count int, metadata map[string]string) []string {
	t.Helper()
	order := struct {
		Count    int               `json:"count"`
		Live     bool              `json:"live"`
		Metadata map[string]string `json:"metadata"`
	}{count, live, metadata}
	var created struct{ Accounts []string }
	s.must(t, http.MethodPost, "/stripe/platforms/"+platform+"/accounts", nil, order, &created)
	return created.Accounts
}

// Act plays the coach's or Stripe's part and returns the account after it. args are a StripeAct, or nil.
func (s *Sandbox) Act(t testing.TB, account, name string, args any) StripeAccount {
	t.Helper()
	order := map[string]any{}
	content, err := json.Marshal(args)
	if err == nil && args != nil {
		err = json.Unmarshal(content, &order)
	}
	if err != nil {
		t.Fatalf("arguments of the act %s: %v", name, err)
	}
	order["act"] = name
	var row StripeAccount
	s.must(t, http.MethodPost, "/stripe/accounts/"+account+"/act", nil, order, &row)
	return row
}

// StripeEndpoints are the platform's, by ID.
func (s *Sandbox) StripeEndpoints(t testing.TB, platform string) []StripeEndpoint {
	t.Helper()
	var endpoints []StripeEndpoint
	s.must(t, http.MethodGet, "/stripe/platforms/"+platform+"/endpoints", nil, nil, &endpoints)
	return endpoints
}

// RollStripeSecret gives an endpoint a new secret; both sign until the overlap is over.
func (s *Sandbox) RollStripeSecret(t testing.TB, platform, endpoint string, overlap time.Duration) string {
	t.Helper()
	var rolled struct{ Secret string }
	s.must(t, http.MethodPost, "/stripe/platforms/"+platform+"/endpoints/"+endpoint+"/roll", nil,
		map[string]string{"overlap": overlap.String()}, &rolled)
	return rolled.Secret
}

// StripeEvents are the platform's, oldest first in each mode.
func (s *Sandbox) StripeEvents(t testing.TB, platform string) []StripeEvent {
	t.Helper()
	var events []StripeEvent
	s.must(t, http.MethodGet, "/stripe/platforms/"+platform+"/events", nil, nil, &events)
	return events
}

// ResendStripeEvent sends an event once more.
func (s *Sandbox) ResendStripeEvent(t testing.TB, event string) {
	t.Helper()
	s.must(t, http.MethodPost, "/stripe/events/"+event+"/resend", nil, nil, nil)
}

// Clock moves Stripe's clock on, for everybody.
func (s *Sandbox) Clock(t testing.TB, by time.Duration) {
	t.Helper()
	s.must(t, http.MethodPost, "/stripe/clock", nil, map[string]string{"advance": by.String()}, nil)
}

// SetStripe changes the settings of all platforms that have none of their own.
func (s *Sandbox) SetStripe(t testing.TB, settings StripeSettings) {
	t.Helper()
	s.SetStripeOf(t, "", settings)
}

// SetStripeOf gives a platform settings of its own.
func (s *Sandbox) SetStripeOf(t testing.TB, platform string, settings StripeSettings) {
	t.Helper()
	s.must(t, http.MethodPost, "/stripe/settings", query("platform", platform), settings, nil)
}

// Forge sends a forged event and returns the status of the answer.
func (s *Sandbox) Forge(t testing.TB, forgery StripeForgery) int {
	t.Helper()
	var answer struct{ Status int }
	s.must(t, http.MethodPost, "/stripe/forge", nil, forgery, &answer)
	return answer.Status
}

// Decoys are texts in Stripe's accounts and events that must be found nowhere else.
func (s *Sandbox) Decoys(t testing.TB) []string {
	t.Helper()
	var decoys []string
	s.must(t, http.MethodGet, "/stripe/decoys", nil, nil, &decoys)
	return decoys
}

// StripeCalls are the calls of a platform after one, oldest first.
func (s *Sandbox) StripeCalls(t testing.TB, platform string, since int64) []StripeCall {
	t.Helper()
	var calls []StripeCall
	s.must(t, http.MethodGet, "/calls", query("account", platform, "since", strconv.FormatInt(since, 10)), nil, &calls)
	return calls
}

// ResetStripe forgets all platforms.
func (s *Sandbox) ResetStripe(t testing.TB) {
	t.Helper()
	s.must(t, http.MethodPost, "/stripe/reset", nil, nil, nil)
}
