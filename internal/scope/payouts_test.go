package scope

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestASecretIsNeverPrinted(t *testing.T) {
	const text = "decoy-of-a-key"
	secret := NewSecret(text)
	holders := map[string]any{
		"the secret": secret, "a pointer to it": &secret, "a list": []Secret{secret}, "a map": map[string]Secret{"key": secret},
		"a business": Business{Key: secret}, "a payout": Payout{Key: secret}, "what events are signed with": Signing{Endpoint: "we_1", Secret: secret},
		"a platform": Platform{Business: Business{Key: secret, Problem: errors.New("x")}},
	}
	for name, holder := range holders {
		t.Run(name, func(t *testing.T) {
			said := ""
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				said += fmt.Sprintf(verb, holder)
			}
			if encoded, err := json.Marshal(holder); err == nil {
				said += string(encoded)
			}
			if strings.Contains(said, text) || strings.Contains(said, fmt.Sprintf("%x", text)) {
				t.Error("it is printed")
			}
		})
	}
	if secret.Reveal() != text || secret.Empty() || !NewSecret("").Empty() {
		t.Error("a secret must be that which was hidden")
	}
	if fmt.Sprint(secret) == fmt.Sprint(Secret{}) {
		t.Error("none reads like one")
	}
}

func TestTheRecordOfAnAccountIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringMatching(`acct_[a-zA-Z0-9]{1,20}`)
		r := AccountRecord{Business: part.Draw(t, "business"), Account: part.Draw(t, "account")}
		if got := ParseAccountRecord(r.String()); got != r {
			t.Errorf("%q reads as %+v, want %+v", r.String(), got, r)
		}
	})
}

func TestOnlyAnEmptyTextIsNoRecordOfAnAccount(t *testing.T) {
	for _, text := range []string{"/", "//", "acct_1/", "/acct_2", "acct_1", "acct_1/acct_2/acct_3", " "} {
		if got := ParseAccountRecord(text); got.Account != text || got.Business != "" {
			t.Errorf("%q reads as %+v: a damaged record must be kept whole", text, got)
		}
	}
	if ParseAccountRecord("") != (AccountRecord{}) || (AccountRecord{}).String() != "" {
		t.Error("no text must be no record")
	}
}
