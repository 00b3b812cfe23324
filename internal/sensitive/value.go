package sensitive

import "strings"

// Value says whether a text holds a bank, card or identity number, or a secret of Stripe's, plainly or in
// base64.
func Value(text string) (Class, bool) {
	if class, ok := plain(normal(text)); ok {
		return class, true
	}
	if inner, ok := decoded(text); ok {
		return plain(normal(inner))
	}
	return "", false
}

// plain checks a text in its normal form.
func plain(text string) (Class, bool) {
	if secret(text) {
		return Secret, true
	}
	digits := count(text)
	if digits < leastDigits {
		return "", false
	}
	if strings.Count(text, "-") >= 4 { // as a UUID has
		text = uuid.ReplaceAllString(text, "|")
	}
	switch {
	case iban(text):
		return Bank, true
	case digits >= shortestCard && card(text):
		return Card, true
	case socialSecurity(text):
		return Identity, true
	}
	return bare(text)
}

// leastDigits is how many digits the shortest number has: a KW or JO account may have letters besides its
// two check digits.
const leastDigits = 2

func count(text string) (n int) {
	for i := range len(text) {
		if isDigit(text[i]) {
			n++
		}
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80 }

func isAlnum(c byte) bool { return isDigit(c) || isLetter(c) }

// at is the byte at i, and a space outside of the text.
func at(text string, i int) byte {
	if i < 0 || i >= len(text) {
		return ' '
	}
	return text[i]
}

// isWord is what words are made of, those of identifiers too.
func isWord(c byte) bool { return isAlnum(c) || c == '_' }
