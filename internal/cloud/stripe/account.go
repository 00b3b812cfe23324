package stripe

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/stripe/stripe-go/v76/form"

	"github.com/coachplatform/coach-operator/internal/scope"
)

const accountsPath = "/v1/accounts"

// Creation is what is said when an account is created. Whatever can be said later is not part of it: a
// repeated creation must be the same to the letter.
type Creation struct {
	// Country is the two-letter code.
	Country    string
	Controller scope.Controller
	// Transfers and CardPayments ask for these capabilities.
	Transfers, CardPayments bool
	// Agreement is the service agreement; "" leaves it to Stripe, which takes the full one.
	Agreement string
	Metadata  map[string]string
}

// Update is what is changed of an account; what is zero stays as it is.
type Update struct {
	// Capabilities are requested, or given back.
	Capabilities map[string]bool
	// Profile is the business's; fields that are empty stay as they are.
	Profile  *scope.BusinessProfile
	Schedule *scope.Schedule
	// Metadata are added; an empty value takes its key away.
	Metadata map[string]string
}

// Get reads an account. IsGone says of an error that there is none for this key; an account that was
// deleted may also be returned as gone.
func (c *Client) Get(ctx context.Context, id string) (scope.Account, error) {
	const operation = "GetAccount"
	if err := checkID(operation, id); err != nil {
		return scope.Account{}, err
	}
	return c.account(ctx, request{operation: operation, method: http.MethodGet, path: accountsPath + "/" + id})
}

// Create makes an account. The same idempotency key returns the same account for at least a day, and
// makes another one some time after that.
// https://docs.stripe.com/api/accounts/create https://docs.stripe.com/api/idempotent_requests
func (c *Client) Create(ctx context.Context, what Creation, idempotencyKey string) (scope.Account, error) {
	if idempotencyKey == "" {
		return scope.Account{}, &Error{Operation: operationCreateAcct, Type: typeClient, Code: codeNoKey}
	}
	return c.account(ctx, request{
		operation: operationCreateAcct, method: http.MethodPost, path: accountsPath, key: idempotencyKey, fields: what.fields(),
	})
}

// Update changes an account.
// https://docs.stripe.com/api/accounts/update
func (c *Client) Update(ctx context.Context, id string, what Update) (scope.Account, error) {
	const operation = "UpdateAccount"
	if err := checkID(operation, id); err != nil {
		return scope.Account{}, err
	}
	return c.account(ctx, request{
		operation: operation, method: http.MethodPost, path: accountsPath + "/" + id, fields: what.fields(),
	})
}

// account makes a call that answers with an account, and remembers it. What is read was so when the call
// began, or later; what is written is so when the answer comes, whatever others read meanwhile.
func (c *Client) account(ctx context.Context, r request) (scope.Account, error) {
	asked := c.clock.Now()
	var answer wireAccount
	if err := c.call(ctx, r, &answer); err != nil {
		if IsGone(err) && r.method == http.MethodGet {
			c.accounts.drop(strings.TrimPrefix(r.path, accountsPath+"/"), asked)
		}
		return scope.Account{}, err
	}
	if r.method != http.MethodGet {
		asked = c.clock.Now()
	}
	if !idPattern.MatchString(answer.ID) {
		return scope.Account{}, &Error{Operation: r.operation, HTTP: http.StatusOK, Type: typeUnreadable}
	}
	a := answer.account()
	if a.Gone {
		c.accounts.drop(a.ID, asked)
		return a, nil
	}
	c.accounts.remember(seen{&a, asked})
	return a, nil
}

// fields is the body of a creation, version v1 of naming.Coach.IdempotencyKey: whoever changes it changes
// that version too.
func (w Creation) fields() *form.Values {
	f := body(
		"country", w.Country,
		"controller[fees][payer]", w.Controller.Fees,
		"controller[losses][payments]", w.Controller.Losses,
		"controller[requirement_collection]", w.Controller.RequirementCollection,
		"controller[stripe_dashboard][type]", w.Controller.Dashboard,
	)
	if w.CardPayments {
		f.Add("capabilities[card_payments][requested]", "true")
	}
	if w.Transfers {
		f.Add("capabilities[transfers][requested]", "true")
	}
	if w.Agreement != "" {
		f.Add("tos_acceptance[service_agreement]", w.Agreement)
	}
	addMetadata(f, w.Metadata)
	return f
}

func (w Update) fields() *form.Values {
	f := &form.Values{}
	for _, name := range slices.Sorted(maps.Keys(w.Capabilities)) {
		f.Add("capabilities["+name+"][requested]", strconv.FormatBool(w.Capabilities[name]))
	}
	if p := w.Profile; p != nil {
		addAll(f, "business_profile", "mcc", p.MCC, "product_description", p.ProductDescription, "url", p.URL)
	}
	if s := w.Schedule; s != nil {
		addAll(f, "settings[payouts][schedule]", scheduleFields(*s)...)
	}
	addMetadata(f, w.Metadata)
	return f
}

// scheduleFields says what applies to the interval: Stripe refuses the rest.
// https://docs.stripe.com/connect/manage-payout-schedule
func scheduleFields(s scope.Schedule) []string {
	fields := []string{"interval", s.Interval}
	switch s.Interval {
	case "manual":
		return fields
	case "weekly":
		fields = append(fields, "weekly_anchor", s.WeeklyAnchor)
	case "monthly":
		fields = append(fields, "monthly_anchor", strconv.Itoa(s.MonthlyAnchor))
	}
	if s.DelayDays == 0 {
		return append(fields, "delay_days", "minimum")
	}
	return append(fields, "delay_days", strconv.Itoa(s.DelayDays))
}

// addAll adds those of the pairs that have a value.
func addAll(f *form.Values, parent string, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			f.Add(parent+"["+pairs[i]+"]", pairs[i+1])
		}
	}
}

func addMetadata(f *form.Values, metadata map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		f.Add("metadata["+key+"]", metadata[key])
	}
}
