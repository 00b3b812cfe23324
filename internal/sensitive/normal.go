package sensitive

import (
	"encoding/base64"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// normal writes a text as a machine would: letters and digits in other dress, dashes, spaces and the digits of
// all scripts become the plain ones, and what cannot be seen is dropped. That is what of NFKC matters to numbers,
// and more than it does to digits. https://www.unicode.org/reports/tr15/
func normal(text string) string {
	if ascii(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Cf, unicode.Mn, unicode.Variation_Selector):
			return -1
		case unicode.Is(unicode.Pd, r), r == '\u2212': // the sign of minus is no dash
			return '-'
		case unicode.Is(unicode.Zs, r):
			return ' '
		case unicode.IsDigit(r):
			return digit(r)
		}
		return undressed(r)
	}, text)
}

// dress is a row of characters that stand for plain ones in a row.
type dress struct{ from, to, plain rune }

// dresses are those of whole alphabets and of digits. A name for each is in
// https://www.unicode.org/charts/
var dresses = []dress{
	{'\uff01', '\uff5e', '!'},                            // fullwidth
	{'\u00b2', '\u00b3', '2'}, {'\u00b9', '\u00b9', '1'}, // superscript
	{'\u2070', '\u2070', '0'}, {'\u2074', '\u2079', '4'}, // superscript
	{'\u2080', '\u2089', '0'},                            // subscript
	{'\u2460', '\u2468', '1'}, {'\u24ea', '\u24ea', '0'}, // circled
	{'\u2474', '\u247c', '1'}, {'\u2488', '\u2490', '1'}, // in parentheses, and with a full stop
	{'\u2776', '\u277e', '1'}, {'\u2780', '\u2788', '1'}, // dingbats
	{'\u24b6', '\u24cf', 'A'}, {'\u24d0', '\u24e9', 'a'}, // circled
	{'\U0001f130', '\U0001f149', 'A'}, {'\U0001f150', '\U0001f169', 'A'}, {'\U0001f170', '\U0001f189', 'A'}, // squared
}

const (
	// Mathematical letters: alphabets of 26 capitals and 26 small ones, one after another.
	firstMath, lastMath, alphabet = '\U0001d400', '\U0001d6a3', 26
)

// undressed is the plain character that another stands for.
func undressed(r rune) rune {
	if firstMath <= r && r <= lastMath {
		n := (r - firstMath) % (2 * alphabet)
		if n < alphabet {
			return 'A' + n
		}
		return 'a' + n - alphabet
	}
	for _, d := range dresses {
		if d.from <= r && r <= d.to {
			return d.plain + r - d.from
		}
	}
	return r
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// digit is a decimal digit of any script as one of ours. Each script has its ten in a row, from nought to nine;
// those of mathematics follow each other without a gap.
// https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-4/#G124142
func digit(r rune) rune {
	const ten = 10
	for _, span := range unicode.Nd.R16 {
		if rune(span.Lo) <= r && r <= rune(span.Hi) {
			return '0' + (r-rune(span.Lo))%ten
		}
	}
	for _, span := range unicode.Nd.R32 {
		if rune(span.Lo) <= r && r <= rune(span.Hi) { //nolint:gosec // a code point
			return '0' + (r-rune(span.Lo))%ten //nolint:gosec // a code point
		}
	}
	return r
}

const (
	// decodable bounds what is tried as base64: a number needs no more, and 16 digits no less.
	leastEncoded, decodable = 16, 4 << 10
)

// urlSafe turns the alphabet of URLs into the other one (RFC 4648).
var urlSafe = strings.NewReplacer("-", "+", "_", "/")

// decoded is what a text says in base64, if that is text as well.
func decoded(text string) (string, bool) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	if len(text) < leastEncoded || len(text) > decodable {
		return "", false
	}
	text = urlSafe.Replace(text)
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

// uuid is taken out of a text before numbers are searched for: its digits are chance.
var uuid = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
