package wire

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Form is the parameters of a query request, or the part of them below a prefix.
type Form struct {
	values url.Values
	prefix string
}

// NewForm returns a form of plain values, for calls the sandbox makes itself.
func NewForm(values url.Values) Form { return Form{values: values} }

// Has reports whether the parameter was given, even if empty.
func (f Form) Has(name string) bool { return f.values.Has(f.prefix + name) }

// Get is the parameter, or "".
func (f Form) Get(name string) string { return f.values.Get(f.prefix + name) }

// Lower is Get in lower case: RDS identifiers have no case.
func (f Form) Lower(name string) string { return strings.ToLower(f.Get(name)) }

// Bool is the parameter, or the given value when absent.
func (f Form) Bool(name string, absent bool) bool {
	if !f.Has(name) {
		return absent
	}
	return strings.EqualFold(f.Get(name), "true")
}

// Int is the parameter, or the given value when absent. What is not a number is
// an InvalidParameterValue.
func (f Form) Int(name string, absent int) (int, error) {
	if !f.Has(name) {
		return absent, nil
	}
	n, err := strconv.Atoi(f.Get(name))
	if err != nil {
		return 0, Errorf(400, "InvalidParameterValue", "%s must be an integer", name)
	}
	return n, nil
}

// List is the members of a list in order. Both forms are read: "Name.member.1"
// (or any element name) and the flat "Name.1".
func (f Form) List(name string) []Form {
	members := map[int]string{}
	for key := range f.values {
		rest, ok := strings.CutPrefix(key, f.prefix+name+".")
		if !ok {
			continue
		}
		if number, prefix, ok := member(rest); ok {
			members[number] = f.prefix + name + "." + prefix
		}
	}
	numbers := make([]int, 0, len(members))
	for number := range members {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	list := make([]Form, 0, len(numbers))
	for _, number := range numbers {
		list = append(list, Form{values: f.values, prefix: members[number]})
	}
	return list
}

// member splits "member.3.Key" or "3.Key" into 3 and the prefix "member.3".
func member(rest string) (number int, prefix string, ok bool) {
	parts := strings.SplitN(rest, ".", 3)
	for i, part := range parts[:min(2, len(parts))] {
		if n, err := strconv.Atoi(part); err == nil {
			return n, strings.Join(parts[:i+1], "."), true
		}
	}
	return 0, "", false
}

// Value is what stands at this member itself: of a list of strings.
func (f Form) Value() string { return f.values.Get(f.prefix) }

// Sub is the structure at this member, whose fields Get then reads.
func (f Form) Sub() Form { return Form{values: f.values, prefix: f.prefix + "."} }

// Strings is the members of a list of strings, or nil when there are none.
func (f Form) Strings(name string) []string {
	var list []string
	for _, m := range f.List(name) {
		list = append(list, m.Value())
	}
	return list
}

// Structs is the members of a list of structures.
func (f Form) Structs(name string) []Form {
	list := f.List(name)
	for i := range list {
		list[i] = list[i].Sub()
	}
	return list
}

// With is the form with one parameter set.
func (f Form) With(name, value string) Form {
	values := maps.Clone(f.values)
	values.Set(f.prefix+name, value)
	return Form{values: values, prefix: f.prefix}
}

// HasAny reports whether the parameter or anything below it was given.
func (f Form) HasAny(name string) bool {
	for key := range f.values {
		if key == f.prefix+name || strings.HasPrefix(key, f.prefix+name+".") {
			return true
		}
	}
	return false
}

// Names is every parameter name, for checks of what was requested.
func (f Form) Names() []string {
	names := make([]string, 0, len(f.values))
	for name := range f.values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
