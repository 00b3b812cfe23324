package sensitive

import (
	"slices"
	"strings"
)

// issuer is whose cards begin with a number between from and to, and how long their numbers are.
type issuer struct {
	from, to string
	lengths  []int
}

// issuers by ISO/IEC 7812. Visa's old 13 digits are left out: nobody issues them, and they look like times.
var issuers = []issuer{
	{"4", "4", []int{16, 19}},           // Visa
	{"51", "55", []int{16}},             // Mastercard
	{"2221", "2720", []int{16}},         // Mastercard
	{"34", "34", []int{15}},             // American Express
	{"37", "37", []int{15}},             // American Express
	{"6011", "6011", []int{16}},         // Discover
	{"644", "649", []int{16}},           // Discover
	{"65", "65", []int{16}},             // Discover
	{"300", "305", []int{14}},           // Diners Club
	{"36", "36", []int{14}},             // Diners Club
	{"38", "39", []int{14}},             // Diners Club
	{"3528", "3589", []int{16}},         // JCB
	{"62", "62", []int{16, 17, 18, 19}}, // UnionPay
	{"8171", "8171", []int{16}},         // UnionPay in Pakistan
}

const (
	shortestCard, longestCard = 13, 19
	// leastGroup is how many digits of a card are written together at least.
	leastGroup = 3
)

// card says whether a text holds a card's number (PAN): an issuer's, of the right length and check digit,
// in groups perhaps, and not part of a longer word.
func card(text string) bool {
	for i := 0; i < len(text); {
		if !isDigit(text[i]) {
			i++
			continue
		}
		groups, end := run(text[i:])
		if !glued(text, i, i+end) && cardIn(groups) {
			return true
		}
		i += end
	}
	return false
}

// run splits the digits that begin a text into groups, with one space or hyphen between two, and says where
// they end.
func run(text string) (groups []string, end int) {
	for begin := 0; ; begin = end + 1 {
		for end = begin; isDigit(at(text, end)); {
			end++
		}
		if end == begin {
			return groups, end - 1
		}
		groups = append(groups, text[begin:end])
		if c := at(text, end); c != ' ' && c != '-' || !isDigit(at(text, end+1)) {
			return groups, end
		}
	}
}

// glued says that digits are part of a longer word, or of a fraction.
func glued(text string, begin, end int) bool {
	before, after := at(text, begin-1), at(text, end)
	return isLetter(before) || before == '_' || before == '.' || isLetter(after) || after == '_' || after == '.' && isAlnum(at(text, end+1))
}

// cardIn says that groups that follow each other make up a number.
func cardIn(groups []string) bool {
	for begin := range groups {
		for end := begin + 1; end <= len(groups) && len(groups[end-1]) >= leastGroup; end++ {
			number := strings.Join(groups[begin:end], "")
			if len(number) > longestCard {
				break
			}
			if len(number) >= shortestCard && issued(number) && luhn(number) {
				return true
			}
		}
	}
	return false
}

func issued(number string) bool {
	return slices.ContainsFunc(issuers, func(i issuer) bool {
		prefix := number[:len(i.from)]
		return i.from <= prefix && prefix <= i.to && slices.Contains(i.lengths, len(number))
	})
}

// luhn says that the last digit checks the others (ISO/IEC 7812-1, annex B).
func luhn(number string) bool {
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
