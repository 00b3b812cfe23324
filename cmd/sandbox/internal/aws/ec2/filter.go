package ec2

import (
	"regexp"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// filter is one filter of a describe call: a value must fit one of the patterns.
type filter struct {
	name     string
	patterns []*regexp.Regexp
}

// readFilters reads the filters of a request; * and ? are wildcards in values.
func readFilters(form wire.Form) []filter {
	var all []filter
	for _, f := range form.Structs("Filter") {
		one := filter{name: f.Get("Name")}
		for _, value := range f.Strings("Value") {
			pattern := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(value))
			one.patterns = append(one.patterns, regexp.MustCompile("(?s)^"+pattern+"$"))
		}
		all = append(all, one)
	}
	return all
}

func (f filter) fits(values ...string) bool {
	return slices.ContainsFunc(values, func(value string) bool {
		return slices.ContainsFunc(f.patterns, func(p *regexp.Regexp) bool { return p.MatchString(value) })
	})
}
