// Package step is the catalogue, which knows every step.
package step

import (
	"github.com/coachplatform/coach-operator/internal/step/data/alpha"
	"github.com/coachplatform/coach-operator/internal/step/data/beta"
)

// Names of the steps.
var Names = []string{alpha.Name, beta.Name}
