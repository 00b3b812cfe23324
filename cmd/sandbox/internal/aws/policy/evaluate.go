package policy

import (
	"regexp"
	"slices"
	"strings"
)

// Decision is what policies say of a request.
type Decision int

// The decisions, in rising strength: Deny wins over Allow wins over silence.
const (
	Silent Decision = iota
	Allow
	Deny
)

// Request is what is to be decided.
type Request struct {
	Action   string // "rds:CreateDBInstance"
	Resource string // ARN or "*"
	// Principal is the caller's ARN and its account, for documents that name
	// principals.
	Principal []string
	// Keys gives the values of a condition key, named in lower case; nil when the
	// key is absent from the request.
	Keys func(name string) []string
}

// Evaluate decides by one document.
func (d Document) Evaluate(req Request) Decision {
	decision := Silent
	for _, statement := range d.Statements {
		if !statement.matches(req) {
			continue
		}
		if statement.Effect == "Deny" {
			return Deny
		}
		decision = Allow
	}
	return decision
}

// Any decides by several documents of the same kind: one of them may allow, any
// of them may deny.
func Any(documents []Document, req Request) Decision {
	decision := Silent
	for _, document := range documents {
		decision = max(decision, document.Evaluate(req))
	}
	return decision
}

func (s Statement) matches(req Request) bool {
	return s.matchesPrincipal(req) && s.matchesAction(req) && s.matchesResource(req) && s.matchesConditions(req)
}

func (s Statement) matchesPrincipal(req Request) bool {
	switch {
	case s.Principal != nil:
		return s.Principal.include(req.Principal)
	case s.NotPrincipal != nil:
		return !s.NotPrincipal.include(req.Principal)
	}
	return true
}

func (p principals) include(callers []string) bool {
	for _, named := range p {
		for _, name := range named {
			if name == "*" || slices.Contains(callers, name) {
				return true
			}
		}
	}
	return false
}

func (s Statement) matchesAction(req Request) bool {
	if s.Action != nil {
		return anyMatch(s.Action, req.Action, fold, req.Keys)
	}
	return !anyMatch(s.NotAction, req.Action, fold, req.Keys)
}

func (s Statement) matchesResource(req Request) bool {
	switch {
	case s.Resource != nil:
		return anyMatch(s.Resource, req.Resource, exact, req.Keys)
	case s.NotResource != nil:
		return !anyMatch(s.NotResource, req.Resource, exact, req.Keys)
	}
	return true // a trust or key policy that names no resource means its own
}

const (
	exact = ""
	fold  = "(?i)"
)

func anyMatch(patterns []string, text, mode string, keys func(string) []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return like(p, text, mode, keys) })
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// like matches with the wildcards * and ? and with policy variables, whose values
// are literal. A variable without a value matches nothing.
func like(pattern, text, mode string, keys func(string) []string) bool {
	var expression strings.Builder
	expression.WriteString("(?s)" + mode + "^")
	rest := pattern
	for {
		place := variable.FindStringSubmatchIndex(rest)
		if place == nil {
			expression.WriteString(wildcards(rest) + "$")
			break
		}
		value, ok := resolve(rest[place[2]:place[3]], keys)
		if !ok {
			return false
		}
		expression.WriteString(wildcards(rest[:place[0]]) + regexp.QuoteMeta(value))
		rest = rest[place[1]:]
	}
	matcher, err := regexp.Compile(expression.String())
	return err == nil && matcher.MatchString(text)
}

func wildcards(pattern string) string {
	quoted := regexp.QuoteMeta(pattern)
	return strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted)
}

// resolve gives the value of a variable such as "aws:PrincipalTag/team", or the
// default written after a comma; ${*}, ${?} and ${$} are those characters.
func resolve(name string, keys func(string) []string) (string, bool) {
	if name == "*" || name == "?" || name == "$" {
		return name, true
	}
	name, fallback, hasDefault := strings.Cut(name, ",")
	if values := keys(strings.ToLower(strings.TrimSpace(name))); len(values) == 1 {
		return values[0], true
	}
	return strings.Trim(strings.TrimSpace(fallback), "'"), hasDefault
}

// expand is a condition value with its variables put in.
func expand(text string, keys func(string) []string) (string, bool) {
	complete := true
	expanded := variable.ReplaceAllStringFunc(text, func(found string) string {
		value, ok := resolve(found[2:len(found)-1], keys)
		complete = complete && ok
		return value
	})
	return expanded, complete
}

// Tag is the value of a tag by its key in lower case, as condition keys have no
// case; nil when there is no such tag.
func Tag(tags map[string]string, lower string) []string {
	for key, value := range tags {
		if strings.ToLower(key) == lower {
			return []string{value}
		}
	}
	return nil
}
