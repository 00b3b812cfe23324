// Package naming is pure.
package naming

import "github.com/coachplatform/coach-operator/internal/fault" // want depguard

// Class is from outside.
var Class fault.Class
