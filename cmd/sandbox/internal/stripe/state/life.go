package state

import (
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

// submit is the coach's part: all is given, and Stripe reviews it.
func (a *Account) submit() {
	a.doc["details_submitted"], a.doc["business_type"] = true, "individual"
	a.doc["individual"] = decoyIndividual(a.ID)
	object.Merge(a.doc, object.Object{"tos_acceptance": object.Object{
		"date": object.At(a.doc, "created"), "ip": decoyIP, "user_agent": nil,
	}})
	a.stop(needs{checked: documents, reason: "requirements.pending_verification"}, "pending")
}

// stop keeps the account from being paid, for a reason.
func (a *Account) stop(n needs, capabilities string) {
	a.doc["payouts_enabled"], a.doc["charges_enabled"] = false, false
	a.setCapabilities(capabilities)
	a.needs(n)
}

func (a *Account) needs(n needs) { a.doc["requirements"] = requirements(n) }

// ask wants to know more, and leaves what is stopped or not as it is.
func (a *Account) ask(n needs) {
	n.reason = object.Text(a.doc, "requirements", "disabled_reason")
	a.needs(n)
}

// enable is an account in good order.
func (a *Account) enable() {
	_, cards := a.requested["card_payments"]
	a.doc["payouts_enabled"], a.doc["charges_enabled"] = true, cards
	a.setCapabilities("active")
	a.needs(needs{})
	a.kept = false
}

// onboard verifies an account that is not yet, without a word: what is to happen
// only happens to those that are.
func (w *World) onboard(a *Account) {
	if object.Bool(a.doc, "details_submitted") {
		return
	}
	a.submit()
	a.enable()
	a.addBank()
}

// verify is Stripe's part: the coach may be paid.
func (w *World) verify(a *Account) {
	if !object.Bool(a.doc, "details_submitted") {
		a.submit()
	}
	if len(a.requested) == 0 { // what action-required took away comes back
		a.requested["transfers"] = w.Clock()
	}
	a.enable()
	a.doc["future_requirements"] = requirements(needs{})
	event := "account.external_account.updated"
	if a.addBank() {
		event = "account.external_account.created"
	}
	a.bankAccount()["status"] = "new"
	w.commit(a, "account.updated")
	w.emit(a, event, Encode(a.bankAccount()))
	w.emit(a, "person.updated", Encode(decoyIndividual(a.ID)))
	w.capabilitiesChanged(a)
}

func (w *World) capabilitiesChanged(a *Account) {
	for _, name := range sortedKeys(a.requested) {
		w.emit(a, "capability.updated", Encode(a.capability(name)))
	}
}

// reject ends all, for a reason, and for good.
func (w *World) reject(a *Account, reason string) {
	a.stop(needs{reason: reason}, "inactive")
	w.commit(a, "account.updated")
	w.capabilitiesChanged(a)
}

// bankAccount is where the money goes; nil before there is one.
func (a *Account) bankAccount() object.Object {
	accounts, _ := object.At(a.doc, "external_accounts", "data").([]any)
	if len(accounts) == 0 {
		return nil
	}
	account, _ := accounts[0].(object.Object)
	return account
}

// addBank adds a bank account unless there is one.
func (a *Account) addBank() bool {
	if a.bankAccount() != nil {
		return false
	}
	accounts := object.Child(a.doc, "external_accounts")
	accounts["data"], accounts["total_count"] = []any{decoyBankAccount(a)}, 1
	return true
}

// payout is a payout that ends, or begins, with a status.
func payout(status string) func(*World, *Account, Act) error {
	return func(w *World, a *Account, act Act) error {
		w.onboard(a)
		const amount = 1100
		now := w.Clock()
		p := object.Object{
			"id": newID("po_1", 23), "object": "payout", "amount": amount, "arrival_date": now.Add(24 * time.Hour).Unix(), "automatic": true,
			"balance_transaction": newID("txn_1", 23), "created": now.Unix(), "currency": object.Text(a.doc, "default_currency"),
			"description": "STRIPE PAYOUT", "destination": object.Text(a.bankAccount(), "id"), "failure_balance_transaction": nil,
			"failure_code": nil, "failure_message": nil, "livemode": a.space.Live, "metadata": object.Object{}, "method": "standard",
			"original_payout": nil, "reconciliation_status": "completed", "reversed_by": nil, "source_type": "card",
			"statement_descriptor": nil, "status": status, "type": "bank_account",
		}
		if status == "failed" {
			if act.Code == "" {
				act.Code = "account_closed"
			}
			p["failure_code"], p["failure_message"] = act.Code, decoyFailure
		}
		a.payouts = append(a.payouts, p)
		w.commit(a)
		if status != "in_transit" {
			w.emit(a, "payout."+status, Encode(p))
		}
		return nil
	}
}
