// Package converge knows faults only.
package converge

import (
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming" // want depguard
)

// Classes are from inside and from outside.
var Classes = []fault.Class{naming.Class}
