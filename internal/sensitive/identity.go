package sensitive

import "regexp"

var (
	// ssn is how a Social Security number is written. https://www.ssa.gov/employer/randomization.html
	ssn = regexp.MustCompile(`[0-9]{3}([- ])[0-9]{2}([- ])[0-9]{4}`)
	// long is a number that may be an account's, a bank's or a person's, if a name says so.
	long = regexp.MustCompile(`[0-9]{6,17}`)
)

// socialSecurity says whether a text holds a Social Security number of the United States, written with its
// separators.
func socialSecurity(text string) bool {
	for from := 0; from < len(text); {
		found := ssn.FindStringSubmatchIndex(text[from:])
		if found == nil {
			return false
		}
		begin, end := from+found[0], from+found[1]
		if text[begin+3] == text[begin+6] && alone(text, begin, end) && issuable(text[begin:end]) {
			return true
		}
		from = begin + 1
	}
	return false
}

// issuable leaves out what is never issued: areas 000, 666 and 9xx, group 00 and serial 0000.
func issuable(number string) bool {
	area, group, serial := number[:3], number[4:6], number[7:]
	return area != "000" && area != "666" && area[0] != '9' && group != "00" && serial != "0000"
}

// alone says that a number is no part of a longer word or of a longer row of digits.
func alone(text string, begin, end int) bool {
	part := func(c, next byte) bool {
		return isAlnum(c) || c == '_' || (c == '-' || c == '.') && isAlnum(next)
	}
	return !part(at(text, begin-1), at(text, begin-2)) && !part(at(text, end), at(text, end+1))
}

// nearby is how far a name may be from its number, in bytes.
const nearby = 40

// bare says whether a text holds a number without a form of its own, such as an account's, right after a name
// that says what it is. The number alone proves nothing: one in ten has the right check digit by chance.
func bare(text string) (Class, bool) {
	for _, span := range long.FindAllStringIndex(text, -1) {
		if isDigit(at(text, span[0]-1)) || isDigit(at(text, span[1])) || !alone(text, span[0], span[1]) {
			continue
		}
		before := tokens(wordsBefore(text, span[0]))
		if class, ok := nameIn(before[max(0, len(before)-longestRun-1):]); ok {
			return class, true
		}
	}
	return "", false
}

// wordsBefore are the whole words that are near before i.
func wordsBefore(text string, i int) string {
	begin := max(0, i-nearby)
	for begin > 0 && begin < i && isAlnum(text[begin-1]) {
		begin++
	}
	return text[begin:i]
}
