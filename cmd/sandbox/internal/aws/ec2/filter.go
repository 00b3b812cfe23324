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

// fitsTags decides filters on tags; known is false when it is none.
func (f filter) fitsTags(tags map[string]string) (fits, known bool) {
	if f.name == "tag-key" {
		for key := range tags {
			if f.fits(key) {
				return true, true
			}
		}
		return false, true
	}
	key, known := strings.CutPrefix(f.name, "tag:")
	value, tagged := tags[key]
	return tagged && f.fits(value), known
}

// shows decides whether a group passes a filter; known is false for a filter the
// mirror cannot decide.
func (g group) shows(f filter) (fits, known bool) {
	switch f.name {
	case "group-id":
		return f.fits(g.id), true
	case "group-name":
		return f.fits(g.name), true
	case "description":
		return f.fits(g.description), true
	case "vpc-id":
		return f.fits(g.vpc), true
	case "owner-id":
		return f.fits(g.owner), true
	case "ip-permission.cidr":
		return f.fits(g.peers(false)...), true
	case "egress.ip-permission.cidr":
		return f.fits(g.peers(true)...), true
	case "ip-permission.group-id":
		return f.fits(g.peers(false)...), true
	}
	return f.fitsTags(g.tags)
}

func (g group) peers(egress bool) []string {
	var peers []string
	for _, s := range g.rules {
		if s.egress == egress {
			peers = append(peers, s.peer)
		}
	}
	return peers
}

// shows decides the same for a rule.
func (s standing) shows(f filter) (fits, known bool) {
	switch f.name {
	case "group-id":
		return f.fits(s.group), true
	case "security-group-rule-id":
		return f.fits(s.id), true
	}
	return f.fitsTags(s.tags)
}

// filtered is the items that pass every filter; known is false when one of the
// filters cannot be decided.
func filtered[T interface{ shows(f filter) (bool, bool) }](items []T, filters []filter) (passing []T, known bool) {
	var probe T
	for _, f := range filters {
		if _, known := probe.shows(f); !known {
			return nil, false
		}
	}
	for _, item := range items {
		if !slices.ContainsFunc(filters, func(f filter) bool { fits, _ := item.shows(f); return !fits }) {
			passing = append(passing, item)
		}
	}
	return passing, true
}
