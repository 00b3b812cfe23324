package rds

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
)

// parameter is one DB parameter as RDS offers it. The catalogue holds those that
// matter for security, logging and sizing, not all four hundred.
type parameter struct {
	name    string
	usual   string // engine default; "" is none
	allowed string // "0,1", "10-600", or "" for any text
	kind    string // boolean, integer, float, string, list
	static  bool   // needs a reboot
	fixed   bool   // cannot be modified
	about   string
}

// parameters.tsv has one line for each: name, kind, static or dynamic, whether it
// can be modified, engine default, allowed values, description.
//
//go:embed parameters.tsv
var parametersTSV string

// columns is how many fields a line of the catalogue has.
const columns = 7

var catalogue = readCatalogue(parametersTSV)

// readCatalogue skips comments; that no line is malformed is tested.
func readCatalogue(text string) []parameter {
	var all []parameter
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || len(fields) != columns {
			continue
		}
		all = append(all, parameter{
			name: fields[0], kind: fields[1], static: fields[2] == "static", fixed: fields[3] == "no",
			usual: fields[4], allowed: fields[5], about: fields[6],
		})
	}
	return all
}

// in is the parameter as a major version has it. Before PostgreSQL 15 RDS did not
// force TLS; since 18 log_connections lists what to log.
// https://www.postgresql.org/docs/18/runtime-config-logging.html
func (p parameter) in(majorVersion string) parameter {
	switch {
	case p.name == "rds.force_ssl" && majorVersion == "14":
		p.usual = "0"
	case p.name == "log_connections" && majorVersion == "18":
		p.kind, p.usual, p.allowed = "list", "", "receipt,authentication,authorization,setup_durations,all"
	}
	return p
}

// find returns the parameter of that name as a major version has it.
func find(name, majorVersion string) (parameter, bool) {
	i := slices.IndexFunc(catalogue, func(p parameter) bool { return p.name == name })
	if i < 0 {
		return parameter{}, false
	}
	return catalogue[i].in(majorVersion), true
}

// accepts reports whether a value is one of those allowed.
func (p parameter) accepts(value string) bool {
	switch {
	case p.allowed == "":
		return true
	case p.kind == "integer" || p.kind == "float":
		return p.acceptsNumber(value)
	case p.kind == "list":
		return !slices.ContainsFunc(strings.Split(value, ","), func(v string) bool {
			return !slices.Contains(strings.Split(p.allowed, ","), strings.TrimSpace(v))
		})
	}
	return slices.Contains(strings.Split(p.allowed, ","), value)
}

// acceptsNumber reads a range such as "-1-600"; formulas are taken as they are.
func (p parameter) acceptsNumber(value string) bool {
	if strings.ContainsAny(value, "{(") {
		return true
	}
	if _, err := strconv.Atoi(value); err != nil && p.kind == "integer" {
		return false
	}
	dash := strings.IndexByte(p.allowed[1:], '-') + 1
	low, errLow := strconv.ParseFloat(p.allowed[:dash], 64)
	high, errHigh := strconv.ParseFloat(p.allowed[dash+1:], 64)
	n, err := strconv.ParseFloat(value, 64)
	return errLow == nil && errHigh == nil && err == nil && n >= low && n <= high
}
