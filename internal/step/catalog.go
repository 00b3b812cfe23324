// Package step is the catalogue: which steps there are and in which order they run. The order lives
// only here.
package step

import (
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/database"
	"github.com/coachplatform/coach-operator/internal/step/firewall"
	"github.com/coachplatform/coach-operator/internal/step/key"
)

// Platform returns the steps of a CoachPlatform. Each may use what earlier ones published; they are
// released in reverse.
func Platform(sessions *aws.Sessions) []converge.Step[*scope.Platform] {
	return []converge.Step[*scope.Platform]{
		key.New(sessions),
		firewall.New(sessions),
		database.New(sessions),
	}
}
