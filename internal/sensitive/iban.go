package sensitive

import "strings"

// lengths of International Bank Account Numbers, by country.
// https://www.swift.com/standards/data-standards/iban-international-bank-account-number
var lengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21,
	"CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18,
	"FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23,
	"IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27,
	"MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28,
	"PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
	"SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

// iban says whether a text holds an International Bank Account Number: of its country's length exactly, with
// two check digits that are right (ISO 13616), and no letter or digit next to it.
func iban(text string) bool {
	for i := 0; i+1 < len(text); i++ {
		if isLetter(text[i]) && !isAlnum(at(text, i-1)) && ibanAt(text[i:]) {
			return true
		}
	}
	return false
}

// ibanAt says whether one begins a text.
func ibanAt(text string) bool {
	want, known := lengths[strings.ToUpper(text[:2])]
	if !known {
		return false
	}
	number, end := make([]byte, 0, want), 0
	for ; len(number) < want && end < len(text); end++ {
		c := text[end]
		switch {
		case isAlnum(c) && c < 0x80:
			number = append(number, c)
		case separator(c) && len(number) > 0 && isAlnum(at(text, end-1)):
		default:
			return false
		}
	}
	return len(number) == want && !isAlnum(at(text, end)) && isDigit(number[2]) && isDigit(number[3]) && checks(number)
}

// separator is what people write between groups of digits.
func separator(c byte) bool { return c == ' ' || c == '-' || c == '.' }

// checks says that the check digits are right: the number, its first four characters moved to its end and
// its letters counted from 10, leaves 1 when divided by 97.
func checks(number []byte) bool {
	rest := 0
	for _, c := range append(append([]byte(nil), number[4:]...), number[:4]...) {
		if isDigit(c) {
			rest = (rest*10 + int(c-'0')) % 97
			continue
		}
		rest = (rest*100 + int(c|0x20-'a') + 10) % 97
	}
	return rest == 1
}
