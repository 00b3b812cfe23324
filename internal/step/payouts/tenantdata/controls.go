package tenantdata

import (
	"fmt"
	"strings"

	"github.com/coachplatform/coach-operator/internal/converge"
)

// shownFindings is how many findings are shown one by one.
const shownFindings = 3

// Controls are what the step can prove.
var Controls = []converge.Control[State]{{ID: "CP-DATA-01", Check: check}}

func check(_, got State) (converge.Verdict, string) {
	switch n := len(got.Findings); {
	case n > shownFindings:
		return converge.Violated, fmt.Sprintf("%s and %d more", list(got.Findings[:shownFindings]), n-shownFindings)
	case n > 0:
		return converge.Violated, list(got.Findings)
	case len(got.Partly) > 0:
		return converge.Unknown, fmt.Sprintf("%d of %d objects are more than can be scanned, such as %s",
			len(got.Partly), got.Objects, got.Partly[0])
	}
	return converge.Verified, fmt.Sprintf("objects without any: %d", got.Objects)
}

func list(all []string) string { return strings.Join(all, "; ") }
