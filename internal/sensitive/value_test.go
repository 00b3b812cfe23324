package sensitive_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/coachplatform/coach-operator/internal/sensitive"
)

// Numbers that publishers print as examples: no account, card or person has them.
const (
	germanIBAN = "DE89370400440532013000"
	visa       = "4242424242424242"
	person     = "123-45-6789"
)

var found = map[string]struct {
	text string
	want sensitive.Class
}{
	"an IBAN":                               {germanIBAN, sensitive.Bank},
	"an IBAN in groups":                     {"pay to DE89 3704 0044 0532 0130 00, please", sensitive.Bank},
	"an IBAN with hyphens":                  {"GB82-WEST-1234-5698-7654-32", sensitive.Bank},
	"an IBAN with dots":                     {"nl91.abna.0417.1643.00", sensitive.Bank},
	"the shortest IBAN":                     {"NO9386011117947", sensitive.Bank},
	"a long IBAN":                           {"MT84MALT011000012345MTLCAST001S", sensitive.Bank},
	"an IBAN after a word":                  {"iban=" + germanIBAN, sensitive.Bank},
	"an IBAN after a UUID":                  {"0b1e53d4-1f34-4f0f-9d1f-3c6a7b8c9d0e " + germanIBAN, sensitive.Bank},
	"an IBAN with what cannot be seen":      {"DE89\u200b3704\u00ad0044\u20600532\ufeff0130 00", sensitive.Bank},
	"a card with more that cannot be seen":  {"4242\u200b\u20604242\u200b\u20604242\u200b\u20604242", sensitive.Card},
	"an IBAN in full width":                 {"ＤＥ８９３７０４００４４０５３２０１３０００", sensitive.Bank},
	"an IBAN in mathematical letters":       {"𝐃𝐄𝟖𝟗𝟑𝟕𝟎𝟒𝟎𝟎𝟒𝟒𝟎𝟓𝟑𝟐𝟎𝟏𝟑𝟎𝟎𝟎", sensitive.Bank},
	"a bank account with its name":          {"account number: 000123456789", sensitive.Bank},
	"a routing number with its name":        {"the routingNumber is 110000000", sensitive.Bank},
	"a sort code with its name":             {"sort code 108800", sensitive.Bank},
	"Visa":                                  {visa, sensitive.Card},
	"Visa in groups":                        {"4242 4242 4242 4242", sensitive.Card},
	"Visa with hyphens":                     {"card 4242-4242-4242-4242!", sensitive.Card},
	"Visa with no-break spaces":             {"4242\u00a04242\u00a04242\u00a04242", sensitive.Card},
	"Visa with typographic hyphens":         {"4242‑4242‑4242‑4242", sensitive.Card},
	"Visa and its year":                     {"4242 4242 4242 4242 2029", sensitive.Card},
	"Visa at the end of a sentence":         {"it is " + visa + ".", sensitive.Card},
	"Visa in Arabic digits":                 {"٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", sensitive.Card},
	"Visa in double-struck digits":          {"𝟜𝟚𝟜𝟚𝟜𝟚𝟜𝟚𝟜𝟚𝟜𝟚𝟜𝟚𝟜𝟚", sensitive.Card},
	"Visa in monospaced digits":             {"𝟺𝟸𝟺𝟸𝟺𝟸𝟺𝟸𝟺𝟸𝟺𝟸𝟺𝟸𝟺𝟸", sensitive.Card},
	"Visa in circles":                       {"④②④②④②④②④②④②④②④②", sensitive.Card},
	"Mastercard":                            {"5555555555554444", sensitive.Card},
	"Mastercard of the new range":           {"2223003122003222", sensitive.Card},
	"American Express":                      {"3782 822463 10005", sensitive.Card},
	"Discover":                              {"6011111111111117", sensitive.Card},
	"Diners Club":                           {"3056 930902 5904", sensitive.Card},
	"JCB":                                   {"3566002020360505", sensitive.Card},
	"UnionPay":                              {"6200000000000005", sensitive.Card},
	"a Social Security number":              {person, sensitive.Identity},
	"a Social Security number in a text":    {"her number (123 45 6789)", sensitive.Identity},
	"a passport with its name":              {"passport 123456789", sensitive.Identity},
	"a key":                                 {"sk_live_51H0ABCDEFGHIJ", sensitive.Secret},
	"a restricted key":                      {"STRIPE=rk_test_51H0ABCDEFGHIJ", sensitive.Secret},
	"a signing secret":                      {"whsec_abcdefghijklmnop", sensitive.Secret},
	"a token of a bank account":             {"btok_1H0ABCDEFGHIJKLM", sensitive.Secret},
	"a token of a card":                     {"tok_1H0ABCDEFGHIJKLMNO", sensitive.Secret},
	"a token of an account":                 {"ct_1H0ABCDEFGHIJKLMNO", sensitive.Secret},
	"a token of a CVC":                      {"cvtok_1H0ABCDEFGHIJKLMNO", sensitive.Secret},
	"the secret of a session":               {"accs_secret__OcFqk", sensitive.Secret},
	"a link to Stripe's onboarding":         {"see https://connect.stripe.com/setup/e/acct_1/abc", sensitive.Secret},
	"a link to Stripe's dashboard":          {"HTTPS://CONNECT.STRIPE.COM/express/Ln7FfnNpUcCU", sensitive.Secret},
	"an IBAN in base64":                     {base64.StdEncoding.EncodeToString([]byte(germanIBAN)), sensitive.Bank},
	"a card in base64 of addresses":         {base64.RawURLEncoding.EncodeToString([]byte("card: " + visa + "?>")), sensitive.Card},
	"a card in the base64 of a long text":   {base64.StdEncoding.EncodeToString([]byte(strings.Repeat("no ", 900) + visa)), sensitive.Card},
	"a card in base64 that Unicode dresses": {base64.StdEncoding.EncodeToString([]byte("４２４２４２４２４２４２４２４２")), sensitive.Card},
}

func TestNumbersAreFoundHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	for name, c := range found {
		if got, ok := sensitive.Value(c.text); !ok || got != c.want {
			t.Errorf("%s is %q, want %q", name, got, c.want)
		}
	}
}

func TestWhatOnlyResemblesANumberPasses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                             "",
		"a sentence":                          "Coaching for runners, since 2019, in 12 lessons",
		"an IBAN with a wrong check digit":    "DE88370400440532013000",
		"an IBAN that is too short":           "DE8937040044053201300",
		"an IBAN that is too long":            germanIBAN + "0",
		"an IBAN inside a word":               "x" + germanIBAN,
		"an IBAN of no country":               "QQ89370400440532013000",
		"an IBAN that is torn apart":          "DE89  3704 0044 0532 0130 00",
		"a card with a wrong check digit":     "4242424242424241",
		"a card of no issuer":                 "9999999999999995",
		"Visa's old length":                   "4222222222222",
		"a card inside a word":                "order_4242424242424242",
		"a card as a fraction":                "0.4242424242424242",
		"a card inside a longer number":       "42424242424242424242424242424242",
		"a Social Security number of nobody":  "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000",
		"a date":                              "2026-11-22T17:56:31Z",
		"a phone number":                      "+49 170 1234567",
		"a row of nine digits":                "110000000",
		"nine digits far from a name":         "an account number is nothing that we would ever have asked of anybody: 110000000",
		"an account's ID":                     "acct_1032D82eZvKYlo2C",
		"a platform's key by its beginning":   "keys begin with sk_live_ or rk_test_",
		"a page of Stripe's":                  "https://connect.stripe.com/",
		"a fingerprint":                       "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"a UUID that would be a card":         "42424242-4242-4242-8242-424242424242",
		"base64 that is no text":              "3q2+7wAAAAAAAAAAAAAAAA==",
		"base64 beyond what is tried":         base64.StdEncoding.EncodeToString([]byte(strings.Repeat("no ", 1100) + visa)),
		"words that end as a token's prefix":  "risk_assessment_done task_12345678 prok_12345678",
		"an object's name":                    "coach-7f3a2b9c8d",
		"an endpoint of RDS":                  "coach-1a2b3c4d5e6f.cxyz123456.eu-central-1.rds.amazonaws.com:5432",
		"a role's ARN":                        "arn:aws:iam::123456789012:role/coach-operator",
		"a record of the operator's":          "acct_1032D82eZvKYlo2C live acct_1H0ABCDEFGHIJKLM",
		"a version of Stripe's API":           "2023-10-16",
		"a merchant category code":            "8299",
		"what is broken in the middle of one": "4242 4242 \xff\xfe 4242 4242",
	} {
		if got, ok := sensitive.Value(text); ok {
			t.Errorf("%s passes for %q", name, got)
		}
	}
}

func FuzzValue(f *testing.F) {
	for _, c := range found {
		f.Add(c.text)
	}
	f.Add("\xff\u200b-- __ 12")
	f.Fuzz(func(t *testing.T, text string) {
		class, bad := sensitive.Value(text)
		if bad != (class != "") {
			t.Errorf("class %q, found %t", class, bad)
		}
		again, still := sensitive.Value(text)
		if again != class || still != bad {
			t.Error("two answers to one question")
		}
		_, _ = sensitive.Name(text)
		if shown := sensitive.Shown(text); len(shown) > 2000 {
			t.Errorf("%d bytes are shown", len(shown))
		} else if _, bad := sensitive.Value(shown); bad {
			t.Errorf("what is shown holds a number: %q", shown)
		}
	})
}
