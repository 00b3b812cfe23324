package state

import (
	"slices"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

// Payouts are those of the account that the caller acts as, newest first.
func (c Caller) Payouts(params object.Object) (object.Object, *Error) {
	var found []object.Object
	for _, p := range slices.Backward(c.payouts()) {
		created, _ := p["created"].(int64)
		arrival, _ := p["arrival_date"].(int64)
		status := object.Text(params, "status")
		if inRange(params["created"], created) && inRange(params["arrival_date"], arrival) &&
			(status == "" || status == object.Text(p, "status")) {
			found = append(found, p)
		}
	}
	return page("/v1/payouts", params, found, func(p object.Object) string { return object.Text(p, "id") },
		func(p object.Object) object.Object { return p })
}

// Payout is one of them.
func (c Caller) Payout(id string) (object.Object, *Error) {
	payouts := c.payouts()
	i := slices.IndexFunc(payouts, func(p object.Object) bool { return p["id"] == id })
	if i < 0 {
		return nil, missing("payout", id)
	}
	return payouts[i], nil
}

func (c Caller) payouts() []object.Object {
	if c.Account == nil {
		return nil
	}
	return c.Account.payouts
}

// Balance is that of the account that the caller acts as.
func (c Caller) Balance() object.Object {
	balance, currency := Balance{}, currencyOf(c.Country)
	if c.Account != nil {
		balance, currency = c.Account.balance, object.Text(c.Account.doc, "default_currency")
	}
	funds := func(amount int) []any {
		return []any{object.Object{"amount": amount, "currency": currency, "source_types": object.Object{"card": amount}}}
	}
	return object.Object{
		"object": "balance", "available": funds(balance.Available), "pending": funds(balance.Pending), "livemode": c.Live,
	}
}

// CountrySpec is what Stripe does in a country.
func CountrySpec(country string) (object.Object, *Error) {
	if !isCountry(country) || slices.Contains(closed, country) {
		return nil, missing("country_spec", country)
	}
	currency := currencyOf(country)
	fields := object.Object{"minimum": wanted, "additional": []any{}}
	return object.Object{
		"id": country, "object": "country_spec", "default_currency": currency,
		"supported_bank_account_currencies": object.Object{currency: []any{country}},
		"supported_payment_currencies":      []any{currency}, "supported_payment_methods": []any{"card", "stripe"},
		"supported_transfer_countries": countries,
		"verification_fields":          object.Object{"individual": fields, "company": fields},
	}, nil
}

// Self is the account that calls: the platform, or the one it acts as.
func (w *World) Self(c Caller) ([]byte, *Error) {
	if c.Account != nil {
		return c.Account.body(), nil
	}
	doc := newDocument(c.ID, c.Country, time.Unix(1_600_000_000, 0).Unix())
	object.Merge(doc, object.Object{
		"type": "standard", "controller": object.Object{"type": "account"}, "details_submitted": true, "charges_enabled": true,
		"payouts_enabled": true, "requirements": requirements(needs{}),
		"capabilities": object.Object{"card_payments": "active", "transfers": "active"},
	})
	return Encode(doc), nil
}
