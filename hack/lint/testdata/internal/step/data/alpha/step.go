// Package alpha is a step that knows too much.
package alpha

import (
	"sigs.k8s.io/controller-runtime/pkg/client" // want depguard

	cmd "github.com/coachplatform/coach-operator/cmd/shared" // want depguard
	controllers "github.com/coachplatform/coach-operator/controllers/shared" // want depguard
	"github.com/coachplatform/coach-operator/internal/step/data/beta" // want depguard
)

// Name of the step.
const Name = "alpha"

// Values are from everywhere.
var Values = []any{client.ObjectKey{}, controllers.Name, cmd.Name, beta.Name}
