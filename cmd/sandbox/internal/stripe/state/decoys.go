package state

import "github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"

// What stands in accounts and events and must never be found anywhere else. None
// of it is likely to occur by chance.
const (
	decoyLast4       = "84QZ"
	decoyRouting     = "021000897"
	decoyBank        = "Quillfeather Savings Bank"
	decoyHolder      = "Zacharias Quillfeather"
	decoyFingerprint = "dEcOyFpR1nT9Xq7z"
	decoyFirstName   = "Zacharias"
	decoyLastName    = "Quillfeather"
	decoySSN         = "QX71"
	decoyEmail       = "zacharias@quillfeather.example"
	decoyPhone       = "+12025550147"
	decoyIP          = "203.0.113.77"
	decoyAddress     = "47 Crookshank Lane"
	decoyCity        = "Nether Wallop"
	decoyReason      = "The address on the document, 47 Crookshank Lane, does not match the one provided."
	decoyFailure     = "The bank account of Zacharias Quillfeather has been closed."
)

// Decoys are strings that no one but Stripe and the coach may ever hold.
func Decoys() []string {
	return []string{
		decoyLast4, decoyRouting, decoyBank, decoyHolder, decoyFingerprint, decoyFirstName, decoyLastName,
		decoySSN, decoyEmail, decoyPhone, decoyIP, decoyAddress, decoyCity,
	}
}

func decoyIndividual(account string) object.Object {
	return object.Object{
		"id": "person_1" + account[len("acct_"):], "object": "person", "account": account,
		"first_name": decoyFirstName, "last_name": decoyLastName, "email": decoyEmail, "phone": decoyPhone,
		"dob": object.Object{"day": 13, "month": 11, "year": 1951}, "ssn_last_4": decoySSN, "ssn_last_4_provided": true,
		"id_number_provided": true,
		"address": object.Object{
			"line1": decoyAddress, "line2": nil, "city": decoyCity, "state": nil, "postal_code": nil, "country": nil,
		},
		"verification": object.Object{"status": "verified", "document": object.Object{"front": nil, "back": nil}},
	}
}

func decoyBankAccount(a *Account) object.Object {
	return object.Object{
		"id": newID("ba_1", 23), "object": "bank_account", "account": a.ID,
		"account_holder_name": decoyHolder, "account_holder_type": "individual", "account_type": nil,
		"available_payout_methods": []any{"standard"}, "bank_name": decoyBank,
		"country": object.Text(a.doc, "country"), "currency": object.Text(a.doc, "default_currency"),
		"default_for_currency": true, "fingerprint": decoyFingerprint, "last4": decoyLast4, "metadata": object.Object{},
		"routing_number": decoyRouting, "status": "new",
	}
}

func decoyErrors() []any {
	return []any{object.Object{
		"code": "verification_document_address_mismatch", "requirement": "individual.verification.document",
		"reason": decoyReason,
	}}
}
