package sensitive_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/coachplatform/coach-operator/internal/sensitive"
)

func TestANameSaysWhatItsFieldHolds(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]sensitive.Class{
		"iban": sensitive.Bank, "IBAN": sensitive.Bank, "coach_iban": sensitive.Bank, "coachIBAN": sensitive.Bank, "IBANOfCoach": sensitive.Bank,
		"bank-account": sensitive.Bank, "bankAccounts": sensitive.Bank, "payout.sort.code": sensitive.Bank, "externalAccount": sensitive.Bank,
		"accountNumber": sensitive.Bank, "acct number": sensitive.Bank, "example.com/routing-number": sensitive.Bank, "iban2": sensitive.Bank,
		"card_number": sensitive.Card, "PAN": sensitive.Card, "cvc": sensitive.Card, "cardCVV": sensitive.Card,
		"ssn": sensitive.Identity, "ssn_last_4": sensitive.Identity, "dateOfBirth": sensitive.Identity, "dob": sensitive.Identity,
		"national_id": sensitive.Identity, "taxID": sensitive.Identity, "tax_ids": sensitive.Identity, "passports": sensitive.Identity,
		"\uff49\uff42\uff41\uff4e": sensitive.Bank, "i\u200bban": sensitive.Bank,
	} {
		if got, ok := sensitive.Name(name); !ok || got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{
		"", "-", "timespan", "bulletin", "arabic", "company", "panel", "spin", "opinion", "pinned", "expand", "ebsbook", "swiftly",
		"protein", "tins", "pans", "account", "accountID", "number", "phoneNumber", "card", "cardPayments", "sort", "code", "bank",
	} {
		if got, ok := sensitive.Name(name); ok {
			t.Errorf("%q passes for %q", name, got)
		}
	}
}

func TestNoFieldOfOurOwnKindsIsTakenForANumber(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	fields := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var definition any
		if err := yaml.Unmarshal(text, &definition); err != nil {
			t.Fatal(err)
		}
		collect(definition, fields)
	}
	if len(fields) < 100 || !fields["credentialsSecretName"] || !fields["accountID"] {
		t.Fatalf("fields found: %d", len(fields))
	}
	for field := range fields {
		if class, bad := sensitive.Name(field); bad {
			t.Errorf("%s passes for %s", field, class)
		}
		if class, bad := sensitive.Value(field); bad {
			t.Errorf("%s passes for a value: %s", field, class)
		}
	}
}

// collect adds the names of all properties of a schema.
func collect(schema any, fields map[string]bool) {
	switch s := schema.(type) {
	case map[string]any:
		if properties, ok := s["properties"].(map[string]any); ok {
			for name := range properties {
				fields[fmt.Sprint(name)] = true
			}
		}
		for _, inner := range s {
			collect(inner, fields)
		}
	case []any:
		for _, inner := range s {
			collect(inner, fields)
		}
	}
}
