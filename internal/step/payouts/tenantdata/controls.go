package tenantdata

import (
	"fmt"
	"strings"

	"github.com/coachplatform/coach-operator/internal/converge"
)

// told is how many findings are told one by one.
const told = 3

// Controls are what the step can prove.
var Controls = []converge.Control[State]{{ID: "CP-DATA-01", Check: check}}

func check(_, got State) (converge.Verdict, string) {
	switch n := len(got.Findings); {
	case n > told:
		return converge.Violated, fmt.Sprintf("%s and %d more", list(got.Findings[:told]), n-told)
	case n > 0:
		return converge.Violated, list(got.Findings)
	case len(got.Partly) > 0:
		return converge.Unknown, fmt.Sprintf("%d of %d objects are more than can be looked through, such as %s",
			len(got.Partly), got.Objects, got.Partly[0])
	}
	return converge.Verified, fmt.Sprintf("objects without any: %d", got.Objects)
}

func list(all []string) string { return strings.Join(all, "; ") }
