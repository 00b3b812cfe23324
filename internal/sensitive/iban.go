package sensitive

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// forms of what follows the country and the two check digits, in the registry's own notation: so many digits
// (n), capitals (a) or of both (c). Without them one in a hundred words of the right length and beginning
// would pass, such as the fingerprint be32ae102a976cbf.
// https://www.swift.com/standards/data-standards/iban-international-bank-account-number
var forms = parsed(map[string]string{
	"AD": "n8c12", "AE": "n19", "AL": "n8c16", "AT": "n16", "AZ": "a4c20", "BA": "n16", "BE": "n12", "BG": "a4n6c8", "BH": "a4c14",
	"BI": "n23", "BR": "n23a1c1", "BY": "c4n4c16", "CH": "n5c12", "CR": "n18", "CY": "n8c16", "CZ": "n20", "DE": "n18", "DJ": "n23",
	"DK": "n14", "DO": "c4n20", "EE": "n16", "EG": "n25", "ES": "n20", "FI": "n14", "FK": "a2n12", "FO": "n14", "FR": "n10c11n2",
	"GB": "a4n14", "GE": "a2n16", "GI": "a4c15", "GL": "n14", "GR": "n7c16", "GT": "c24", "HN": "a4n20", "HR": "n17", "HU": "n24",
	"IE": "a4n14", "IL": "n19", "IQ": "a4n15", "IS": "n22", "IT": "a1n10c12", "JO": "a4n4c18", "KW": "a4c22", "KZ": "n3c13",
	"LB": "n4c20", "LC": "a4c24", "LI": "n5c12", "LT": "n16", "LU": "n3c13", "LV": "a4c13", "LY": "n21", "MC": "n10c11n2",
	"MD": "c20", "ME": "n18", "MK": "n3c10n2", "MN": "n16", "MR": "n23", "MT": "a4n5c18", "MU": "a4n19a3", "NI": "a4n20",
	"NL": "a4n10", "NO": "n11", "OM": "n3c16", "PK": "a4c16", "PL": "n24", "PS": "a4c21", "PT": "n21", "QA": "a4c21", "RO": "a4c16",
	"RS": "n18", "RU": "n14c15", "SA": "n2c18", "SC": "a4n20a3", "SD": "n14", "SE": "n20", "SI": "n15", "SK": "n20",
	"SM": "a1n10c12", "SO": "n19", "ST": "n21", "SV": "a4n20", "TL": "n19", "TN": "n20", "TR": "n6c16", "UA": "n6c19", "VA": "n18",
	"VG": "a4n16", "XK": "n16", "YE": "a4n4c18",
})

// part of a form: so many characters of one kind.
type part struct {
	kind  byte
	count int
}

// head are the country and the check digits.
const head = 4

func parsed(texts map[string]string) map[string][]part {
	all := map[string][]part{}
	for country, text := range texts {
		for text != "" {
			end := 1
			for isDigit(at(text, end)) {
				end++
			}
			count, _ := strconv.Atoi(text[1:end]) // they are digits
			all[country], text = append(all[country], part{text[0], count}), text[end:]
		}
	}
	return all
}

// iban says whether a text holds an International Bank Account Number: of its country's length exactly, with
// two check digits that are right (ISO 13616), and no part of a longer word.
func iban(text string) bool {
	for i := 0; i+1 < len(text); i++ {
		if isLetter(text[i]) && !isWord(at(text, i-1)) && ibanAt(text[i:]) {
			return true
		}
	}
	return false
}

// ibanAt says whether one begins a text.
func ibanAt(text string) bool {
	form, known := forms[strings.ToUpper(text[:2])]
	if !known || !isDigit(at(text, 2)) && !separator(at(text, 2)) {
		return false
	}
	want := head
	for _, p := range form {
		want += p.count
	}
	number, end := make([]byte, 0, want), 0
	for ; len(number) < want && end < len(text); end++ {
		c := text[end]
		switch {
		case isAlnum(c) && c < utf8.RuneSelf:
			number = append(number, c)
		case separator(c) && len(number) > 0 && isAlnum(at(text, end-1)):
		default:
			return false
		}
	}
	return len(number) == want && !isAlnum(at(text, end)) && fits(number, form) && checks(number)
}

// fits says that the check digits are digits, and the rest is of its country's form.
func fits(number []byte, form []part) bool {
	if !isDigit(number[2]) || !isDigit(number[3]) {
		return false
	}
	rest := number[head:]
	for _, p := range form {
		for _, c := range rest[:p.count] {
			if p.kind == 'n' && !isDigit(c) || p.kind == 'a' && isDigit(c) {
				return false
			}
		}
		rest = rest[p.count:]
	}
	return true
}

// separator is what people write between groups of digits.
func separator(c byte) bool { return c == ' ' || c == '-' || c == '.' }

// checks says that the check digits are right: the number, its first four characters moved to its end and
// its letters counted from 10, leaves 1 when divided by 97.
func checks(number []byte) bool {
	rest := 0
	for i := range number {
		c := number[(i+4)%len(number)]
		if isDigit(c) {
			rest = (rest*10 + int(c-'0')) % 97
			continue
		}
		rest = (rest*100 + int(c|0x20-'a') + 10) % 97
	}
	return rest == 1
}
