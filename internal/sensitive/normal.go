package sensitive

import (
	"encoding/base64"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normal writes a text as a machine would: compatibility forms, dashes, spaces and digits of all scripts
// become the plain ones, and what cannot be seen is dropped.
func normal(text string) string {
	if ascii(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r):
			return -1
		case unicode.Is(unicode.Pd, r):
			return '-'
		case unicode.Is(unicode.Zs, r):
			return ' '
		case unicode.IsDigit(r):
			return digit(r)
		}
		return r
	}, norm.NFKC.String(text))
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// digit is a decimal digit of any script as one of ours. Each script has its ten in a row.
// https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-4/#G124142
func digit(r rune) rune {
	const ten = 10
	for _, span := range unicode.Nd.R16 {
		if rune(span.Lo) <= r && r <= rune(span.Hi) {
			return '0' + (r-rune(span.Lo))%ten
		}
	}
	for _, span := range unicode.Nd.R32 {
		if rune(span.Lo) <= r && r <= rune(span.Hi) {
			return '0' + (r-rune(span.Lo))%ten
		}
	}
	return r
}

const (
	// decodable bounds what is tried as base64: a number needs no more, and 16 digits no less.
	leastEncoded, decodable = 16, 4 << 10
)

// decoded is what a text says in base64, if that is text as well.
func decoded(text string) (string, bool) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	if len(text) < leastEncoded || len(text) > decodable {
		return "", false
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	plain, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || !utf8.Valid(plain) {
		return "", false
	}
	for _, r := range string(plain) {
		if !unicode.IsPrint(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) {
			return "", false
		}
	}
	return string(plain), true
}

// uuid is taken out of a text before numbers are looked for: its digits are chance.
var uuid = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
