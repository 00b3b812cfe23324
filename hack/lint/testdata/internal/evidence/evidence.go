// Package evidence is no test.
package evidence

import (
	"testing" // want depguard

	"github.com/coachplatform/coach-operator/internal/testkit/env" // want depguard
)

// Need is for tests.
func Need(t *testing.T) {
	t.Helper()
	env.Need(t)
}
