// Package scope carries values.
package scope

import (
	"github.com/coachplatform/coach-operator/internal/converge" // want depguard
	"github.com/coachplatform/coach-operator/internal/naming"
)

// Values are from inside and from outside.
var Values = []any{naming.Class, converge.Classes}
