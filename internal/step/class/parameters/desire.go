package parameters

import (
	"strconv"
	"strings"

	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// State is a DB parameter group as far as we own it.
type State struct {
	// Name and Family of the group.
	Name, Family string
	// Values of the owned parameters by name, canonical; one that is not set has none.
	Values map[string]string
	// Released is the value of the tag that says the group was released, or "".
	Released string

	// ARN is observed.
	ARN string
}

// Desire returns the wanted group.
func (p pair) Desire(in *scope.Class) (State, error) {
	s := State{Name: naming.ParameterGroup(in.Owner, p.major, p.minTLS), Family: p.family(), Values: map[string]string{}}
	for _, o := range owned {
		s.Values[o.name] = canonical(o.value(p.major, p.minTLS))
	}
	return s, nil
}

// canonical returns one form for equal values: RDS keeps what it was given, and on, TRUE and 1, or 0 and 0.0,
// mean the same to PostgreSQL. https://www.postgresql.org/docs/current/config-setting.html
func canonical(value string) string {
	value = strings.TrimSpace(value)
	switch strings.ToLower(value) {
	case "on", "true", "yes":
		return "1"
	case "off", "false", "no":
		return "0"
	}
	if n, err := strconv.ParseFloat(value, 64); err == nil {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return value
}
