package state

import (
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

// Stripe requires these of a new account.
var wanted = []any{
	"business_profile.mcc", "business_profile.url", "business_type", "external_account",
	"individual.dob.day", "individual.dob.month", "individual.dob.year", "individual.first_name", "individual.last_name",
	"tos_acceptance.date", "tos_acceptance.ip",
}

// newDocument is a new account in full, as the API shows it.
func newDocument(id, country string, created int64) object.Object {
	return object.Object{
		"id": id, "object": "account", "created": created, "country": country, "default_currency": currencyOf(country),
		"business_profile": object.Object{
			"annual_revenue": nil, "estimated_worker_count": nil, "mcc": nil, "name": nil, "product_description": nil,
			"support_address": nil, "support_email": nil, "support_phone": nil, "support_url": nil, "url": nil,
		},
		"business_type": nil, "capabilities": object.Object{}, "charges_enabled": false, "details_submitted": false,
		"email": decoyEmail, "metadata": object.Object{}, "payouts_enabled": false, "type": "none",
		"external_accounts": object.Object{
			"object": "list", "data": []any{}, "has_more": false, "total_count": 0, "url": "/v1/accounts/" + id + "/external_accounts",
		},
		"requirements": requirements(needs{now: wanted, late: wanted, later: wanted, reason: "requirements.past_due"}),
		// Stripe leaves alternatives and errors in, empty, for the future.
		"future_requirements": requirements(needs{}),
		"settings":            newSettings(country),
		"tos_acceptance":      object.Object{"date": nil, "ip": nil, "user_agent": nil},
	}
}

func newSettings(country string) object.Object {
	const usual = 7
	return object.Object{
		"bacs_debit_payments": object.Object{"display_name": nil, "service_user_number": nil},
		"branding":            object.Object{"icon": nil, "logo": nil, "primary_color": nil, "secondary_color": nil},
		"card_issuing":        object.Object{"tos_acceptance": object.Object{"date": nil, "ip": nil}},
		"card_payments": object.Object{
			"decline_on":                  object.Object{"avs_failure": false, "cvc_failure": false},
			"statement_descriptor_prefix": nil, "statement_descriptor_prefix_kana": nil, "statement_descriptor_prefix_kanji": nil,
		},
		"dashboard": object.Object{"display_name": nil, "timezone": "Etc/UTC"},
		"invoices":  object.Object{"default_account_tax_ids": nil},
		"payments": object.Object{
			"statement_descriptor": nil, "statement_descriptor_kana": nil, "statement_descriptor_kanji": nil,
		},
		"payouts": object.Object{
			"debit_negative_balances": false, "statement_descriptor": nil,
			"schedule": object.Object{"interval": "daily", "delay_days": max(usual, minimumDelay(country))},
		},
		"sepa_debit_payments": object.Object{},
	}
}

// needs are what Stripe wants to know.
type needs struct {
	now, late, later, checked []any // currently due, past due, eventually due, pending verification
	reason                    string
	deadline                  any // seconds, or nil
	errors                    []any
}

func requirements(n needs) object.Object {
	var reason any
	if n.reason != "" {
		reason = n.reason
	}
	return object.Object{
		"alternatives": []any{}, "current_deadline": n.deadline, "currently_due": list(n.now), "disabled_reason": reason,
		"errors": list(n.errors), "eventually_due": list(n.later), "past_due": list(n.late), "pending_verification": list(n.checked),
	}
}

// list is never null.
func list(values []any) []any {
	if values == nil {
		return []any{}
	}
	return values
}

// standardController holds for an account created without a controller.
func standardController() object.Object {
	return object.Object{
		"fees": object.Object{"payer": "account"}, "losses": object.Object{"payments": "stripe"},
		"requirement_collection": "stripe", "stripe_dashboard": object.Object{"type": "full"},
	}
}

// typed is the controller that each of the older types stands for.
func typed(kind string) object.Object {
	controller := standardController()
	if kind == "standard" {
		return controller
	}
	object.Merge(controller, object.Object{
		"fees": object.Object{"payer": "application_" + kind}, "losses": object.Object{"payments": "application"},
		"stripe_dashboard": object.Object{"type": "express"},
	})
	if kind == "custom" {
		controller["requirement_collection"] = "application"
		controller["stripe_dashboard"] = object.Object{"type": "none"}
	}
	return controller
}
