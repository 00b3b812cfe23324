package sensitive

import (
	"strings"
	"unicode"
)

// names are those of fields that hold what belongs at Stripe only, written as one word. More than one token
// may make up a name: sort_code is sortcode.
var names = plurals(map[Class][]string{
	Bank: {
		"iban", "bic", "swift", "accountnumber", "acctnumber", "bankaccount", "routingnumber", "abarouting", "sortcode", "bsb", "clabe",
		"ifsc", "transitnumber", "externalaccount", "accounttoken", "banktoken",
	},
	Card: {"cardnumber", "pan", "cvc", "cvv"},
	Identity: {
		"ssn", "ssnlast4", "itin", "ein", "tin", "taxid", "idnumber", "nationalid", "passport", "dob", "dateofbirth", "pin",
	},
})

const (
	// longestRun is how many tokens one name has at most, as in date of birth or ssn last 4.
	longestRun = 3
	// shortWord is the length up to which a name has no plural: pans and tins are something else.
	shortWord = 3
)

// plurals adds the plural of every name.
func plurals(all map[Class][]string) map[string]Class {
	classes := map[string]Class{}
	for class, words := range all {
		for _, word := range words {
			classes[word] = class
			if len(word) > shortWord {
				classes[word+"s"] = class
			}
		}
	}
	return classes
}

// Name says whether a field of this name would hold bank, card or identity data. Whole tokens count, and runs
// of them: bankAccount does, arabic and timespan do not.
func Name(key string) (Class, bool) { return nameIn(tokens(normal(key))) }

func nameIn(all []string) (Class, bool) {
	for begin := range all {
		for end := begin + 1; end <= min(begin+longestRun, len(all)); end++ {
			if class, ok := names[strings.Join(all[begin:end], "")]; ok {
				return class, true
			}
		}
	}
	return "", false
}

// tokens splits a name where its writer would: at what is neither letter nor digit, before a capital, before
// the last capital of an abbreviation, and between letters and digits.
func tokens(name string) []string {
	var all []string
	runes, begin := []rune(name), 0
	cut := func(end int) {
		if end > begin {
			all = append(all, strings.ToLower(string(runes[begin:end])))
		}
		begin = end
	}
	for i, r := range runes {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			cut(i)
			begin = i + 1
			continue
		}
		if i > begin && bounds(runes, i) {
			cut(i)
		}
	}
	cut(len(runes))
	return all
}

// bounds says that a token begins at i, which is not the first rune of one.
func bounds(runes []rune, i int) bool {
	before, at := runes[i-1], runes[i]
	switch {
	case unicode.IsDigit(before) != unicode.IsDigit(at):
		return true
	case !unicode.IsUpper(at):
		return false
	case !unicode.IsUpper(before):
		return true
	}
	return i+1 < len(runes) && unicode.IsLower(runes[i+1])
}
