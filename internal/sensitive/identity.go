package sensitive

// form is how a Social Security number is written: 9 stands for a digit, and - for a separator.
// https://www.ssa.gov/employer/randomization.html
const form = "999-99-9999"

// socialSecurity says whether a text holds a Social Security number of the United States, written with its
// separators.
func socialSecurity(text string) bool {
	for i := 0; i+len(form) <= len(text); i++ {
		number := text[i : i+len(form)]
		if formed(number) && alone(text, i, i+len(form)) && issuable(number) {
			return true
		}
	}
	return false
}

func formed(number string) bool {
	for i := range len(form) {
		if (form[i] == '9') != isDigit(number[i]) {
			return false
		}
	}
	return number[3] == number[6] && (number[3] == '-' || number[3] == ' ')
}

// issuable leaves out what is never issued: areas 000, 666 and 9xx, group 00 and serial 0000.
func issuable(number string) bool {
	area, group, serial := number[:3], number[4:6], number[7:]
	return area != "000" && area != "666" && area[0] != '9' && group != "00" && serial != "0000"
}

// alone says that a number is no part of a longer word or of a longer row of digits.
func alone(text string, begin, end int) bool {
	part := func(c, next byte) bool {
		return isWord(c) || (c == '-' || c == '.') && isAlnum(next)
	}
	return !part(at(text, begin-1), at(text, begin-2)) && !part(at(text, end), at(text, end+1))
}

const (
	// nearby is how far a name may be from its number, in bytes.
	nearby = 40
	// leastBare and mostBare are how many digits a number without a form of its own has.
	leastBare, mostBare = 6, 17
)

// bare says whether a text holds a number without a form of its own, such as an account's, right after a name
// that says what it is. The number alone proves nothing: one in ten has the right check digit by chance.
func bare(text string) (Class, bool) {
	for i := 0; i < len(text); i++ {
		begin := i
		for isDigit(at(text, i)) {
			i++
		}
		if n := i - begin; n < leastBare || n > mostBare || !alone(text, begin, i) {
			continue
		}
		before := tokens(wordsBefore(text, begin))
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
