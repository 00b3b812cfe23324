// Package step is the catalogue: which steps there are and in which order they run. The order lives
// only here.
package step

import (
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/account"
	"github.com/coachplatform/coach-operator/internal/step/database"
	"github.com/coachplatform/coach-operator/internal/step/firewall"
	"github.com/coachplatform/coach-operator/internal/step/key"
	"github.com/coachplatform/coach-operator/internal/step/network"
	"github.com/coachplatform/coach-operator/internal/step/parameters"
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

// The parameter groups that classes can have: every PostgreSQL major that RDS offers with every TLS
// version that is still safe.
var (
	majors      = []string{"14", "15", "16", "17", "18"}
	tlsVersions = []string{"TLSv1.2", "TLSv1.3"}
)

// Class returns the steps of a PlatformClass.
func Class(sessions *aws.Sessions) []converge.Step[*scope.Class] {
	steps := []converge.Step[*scope.Class]{account.New(sessions), network.New(sessions)}
	for _, major := range majors {
		for _, version := range tlsVersions {
			steps = append(steps, parameters.New(sessions, major, version))
		}
	}
	return steps
}
