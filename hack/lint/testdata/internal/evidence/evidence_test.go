package evidence

import (
	"os"
	"testing"

	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestUsesTheTestKit(t *testing.T) {
	env.Need(t)
	if _, err := os.MkdirTemp("", "case"); err != nil { // want usetesting
		t.Error(err)
	}
}
