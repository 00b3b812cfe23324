package policy

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operator is one condition operator: does a value of the request fit a value of
// the policy?
type operator struct {
	fits func(wanted, actual string, keys func(string) []string) bool
	// negated operators hold when no wanted value fits, also when the key is absent.
	negated bool
}

func equals(wanted, actual string, keys func(string) []string) bool {
	expanded, ok := expand(wanted, keys)
	return ok && expanded == actual
}

func equalsFold(wanted, actual string, keys func(string) []string) bool {
	expanded, ok := expand(wanted, keys)
	return ok && strings.EqualFold(expanded, actual)
}

func likeExact(wanted, actual string, keys func(string) []string) bool {
	return like(wanted, actual, exact, keys)
}

func address(wanted, actual string, _ func(string) []string) bool {
	if !strings.Contains(wanted, "/") {
		wanted += "/32"
	}
	prefix, err := netip.ParsePrefix(wanted)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(actual)
	return err == nil && prefix.Contains(addr)
}

// numeric returns an operator that compares the actual number with the wanted one.
func numeric(holds func(sign int) bool) operator {
	return operator{fits: func(wanted, actual string, _ func(string) []string) bool {
		w, errW := strconv.ParseFloat(wanted, 64)
		a, errA := strconv.ParseFloat(actual, 64)
		return errW == nil && errA == nil && holds(sign(a-w))
	}}
}

// date does the same for moments.
func date(holds func(sign int) bool) operator {
	return operator{fits: func(wanted, actual string, _ func(string) []string) bool {
		w, errW := time.Parse(time.RFC3339, wanted)
		a, errA := time.Parse(time.RFC3339, actual)
		return errW == nil && errA == nil && holds(a.Compare(w))
	}}
}

func sign(difference float64) int {
	switch {
	case difference < 0:
		return -1
	case difference > 0:
		return 1
	}
	return 0
}

func less(s int) bool    { return s < 0 }
func atMost(s int) bool  { return s <= 0 }
func same(s int) bool    { return s == 0 }
func atLeast(s int) bool { return s >= 0 }
func greater(s int) bool { return s > 0 }

var operators = map[string]operator{
	"stringequals":              {fits: equals},
	"stringnotequals":           {fits: equals, negated: true},
	"stringequalsignorecase":    {fits: equalsFold},
	"stringnotequalsignorecase": {fits: equalsFold, negated: true},
	"stringlike":                {fits: likeExact},
	"stringnotlike":             {fits: likeExact, negated: true},
	"arnequals":                 {fits: likeExact},
	"arnlike":                   {fits: likeExact},
	"arnnotequals":              {fits: likeExact, negated: true},
	"arnnotlike":                {fits: likeExact, negated: true},
	"bool":                      {fits: equalsFold},
	"ipaddress":                 {fits: address},
	"notipaddress":              {fits: address, negated: true},
	"numericequals":             numeric(same),
	"numericlessthan":           numeric(less),
	"numericlessthanequals":     numeric(atMost),
	"numericgreaterthan":        numeric(greater),
	"numericgreaterthanequals":  numeric(atLeast),
	"dateequals":                date(same),
	"datelessthan":              date(less),
	"datelessthanequals":        date(atMost),
	"dategreaterthan":           date(greater),
	"dategreaterthanequals":     date(atLeast),
}

func (s Statement) matchesConditions(req Request) bool {
	for name, keys := range s.Condition {
		for key, wanted := range keys {
			if !s.conditionHolds(name, strings.ToLower(key), wanted, req.Keys) {
				return false
			}
		}
	}
	return true
}

// conditionHolds decides one line of a condition. An operator the sandbox does
// not know never lets an Allow through and never holds a Deny back.
func (s Statement) conditionHolds(name, key string, wanted []string, keys func(string) []string) bool {
	name = strings.ToLower(name)
	actual := keys(key)
	if name == "null" {
		return slices.Contains(wanted, strconv.FormatBool(len(actual) == 0))
	}
	name, ifExists := strings.CutSuffix(name, "ifexists")
	if ifExists && len(actual) == 0 {
		return true
	}
	quantifier, base, found := strings.Cut(name, ":")
	if !found {
		quantifier, base = "", name
	}
	chosen, known := operators[base]
	if !known {
		return s.Effect == "Deny"
	}
	return chosen.holds(quantifier, wanted, actual, keys)
}

func (o operator) holds(quantifier string, wanted, actual []string, keys func(string) []string) bool {
	one := func(value string) bool {
		fits := slices.ContainsFunc(wanted, func(w string) bool { return o.fits(w, value, keys) })
		return fits != o.negated
	}
	switch {
	case quantifier == "forallvalues":
		return !slices.ContainsFunc(actual, func(v string) bool { return !one(v) })
	case quantifier == "foranyvalue":
		return slices.ContainsFunc(actual, one)
	case len(actual) == 0:
		return o.negated
	}
	return slices.ContainsFunc(actual, one)
}
