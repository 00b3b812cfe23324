package sensitive

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a scan. No object of an API server comes near them, but for one that means to.
const (
	deepest  = 64
	largest  = 4 << 20
	mostHits = 100
)

// lastApplied is where kubectl apply keeps all it was given, also what the API server has dropped since.
// https://kubernetes.io/docs/reference/labels-annotations-taints/#kubectl-kubernetes-io-last-applied-configuration
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Hit is where something was found, and of which class it is. It never holds what was found.
type Hit struct {
	Path  string
	Class Class
}

// Scan searches an object, as decoded from JSON, at every key and every value. whole is false when it
// was more than can be searched, so that the rest was not.
func Scan(object any) (hits []Hit, whole bool) {
	s := &scan{left: largest}
	s.value(nil, object)
	return s.hits, s.left >= 0
}

// scan is one search of an object.
type scan struct {
	hits []Hit
	// left is how many bytes may be read yet; less than 0 when a bound was reached.
	left int
}

func (s *scan) value(path []string, value any) {
	if s.left < 0 {
		return
	}
	if len(path) > deepest || len(s.hits) >= mostHits {
		s.left = -1
		return
	}
	switch v := value.(type) {
	case map[string]any:
		s.object(path, v)
	case []any:
		for i, one := range v {
			s.value(append(path, strconv.Itoa(i)), one)
		}
	case string:
		s.text(path, v)
	case json.Number:
		s.text(path, v.String())
	case float64:
		s.text(path, strconv.FormatFloat(v, 'f', -1, 64))
	case int64:
		s.text(path, strconv.FormatInt(v, 10))
	}
}

func (s *scan) object(path []string, object map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		s.left -= len(key)
		inner := slices.Concat(path, []string{Shown(key)})
		class, bad := Name(key)
		if !bad {
			class, bad = Value(key)
		}
		text, is := object[key].(string)
		switch {
		case bad:
			s.found(inner, class)
		case is && key == lastApplied && s.applied(inner, text):
		default:
			s.value(inner, object[key])
		}
	}
	s.named(path, object)
}

// named checks a pair of a name and a value, where the name is no key: {name: iban, value: 1234567}.
func (s *scan) named(path []string, object map[string]any) {
	for _, key := range []string{"name", "key"} {
		name, _ := object[key].(string)
		text, _ := object["value"].(string)
		if _, found := Value(text); found {
			continue // that was found already
		}
		if class, ok := Value(name + " " + text); ok {
			s.found(append(path, "value"), class)
		}
	}
}

// applied searches an object that is written in an annotation, and says whether anything was found there.
// If not, the text itself is still to be checked: of two equal keys the object has the last one only.
func (s *scan) applied(path []string, text string) bool {
	before := len(s.hits)
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var object any
	if s.left >= 0 && decoder.Decode(&object) == nil {
		s.value(path, object)
	}
	return len(s.hits) > before
}

func (s *scan) text(path []string, text string) {
	if s.left -= len(text); s.left < 0 {
		return
	}
	if class, bad := Value(text); bad {
		s.found(path, class)
	}
}

func (s *scan) found(path []string, class Class) {
	if len(s.hits) >= mostHits {
		s.left = -1
		return
	}
	s.hits = append(s.hits, Hit{Path: joined(path), Class: class})
}

const (
	// Masked stands for a name that holds what must not be repeated.
	Masked = "(masked)"
	// longestElement and longestPath bound what others can have repeated.
	longestElement, longestPath = 80, 240
)

// digitsShown is how many digits in a row a name may show: those of a date.
const digitsShown = 8

// Shown is a name that others choose, fit to be shown: bounded, quoted where it needs to be, and masked
// where it holds a number or a secret itself.
func Shown(name string) string {
	if _, bad := Value(name); bad || rows(normal(name)) > digitsShown {
		return Masked
	}
	more := ""
	if runes := []rune(name); len(runes) > longestElement {
		name, more = string(runes[:longestElement]), "…"
	}
	if name == "" || strings.Trim(name, ordinary) != "" {
		name = strconv.QuoteToASCII(name)
	}
	if _, bad := Value(name); bad { // quotes part what was one word
		return Masked
	}
	return name + more
}

// rows is the length of the longest row of digits.
func rows(text string) (longest int) {
	n := 0
	for i := range len(text) {
		if n++; !isDigit(text[i]) {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}

// ordinary are the characters of names that need no quotes.
const ordinary = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./$"

func joined(path []string) string {
	text := strings.Join(path, ".")
	if len(text) > longestPath {
		return strings.ToValidUTF8(text[:longestPath], "") + "…"
	}
	return text
}
