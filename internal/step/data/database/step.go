// Package database is the step that owns a tenant's RDS PostgreSQL instance: the instance itself, its
// master credential, and the record that makes a lost database a stop instead of an empty new one. It
// must not import other steps.
package database

import (
	"sync"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Name of the step.
const Name = "database"

// New returns the step.
func New(sessions *aws.Sessions) converge.Step[*scope.Platform] {
	return converge.Of[*scope.Platform, State]{
		ID:        Name,
		Condition: v1alpha1.ConditionDatabaseReady,
		About:     "The tenant's RDS PostgreSQL instance, its master credential and the record of which database it is.",
		Desire:    Desire,
		Resource:  &resource{sessions: sessions, moving: map[string]time.Time{}},
		Fields:    Fields,
		Controls:  Controls,
		MinEffect: minEffect,
		Constrain: constrain,
		Degraded:  degraded,
		Publish:   publish,
		Reads:     reads,
		Writes:    writes,
	}
}

// resource talks to RDS.
type resource struct {
	sessions *aws.Sessions

	mu sync.Mutex
	// moving is since when AWS has been seen at work on an instance, by its name.
	moving map[string]time.Time
}

const (
	// firstPoll is how soon an instance is observed again that AWS has begun to work on, and lastPoll how soon one
	// is that takes long, as most do.
	firstPoll = 2 * time.Second
	lastPoll  = 10 * time.Second
)

// poll says when to observe an instance again that AWS is at work on: the later, the longer that takes.
func (r *resource) poll(name string, now life, at time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now != moving {
		delete(r.moving, name)
		return 0
	}
	since, known := r.moving[name]
	if !known {
		r.moving[name], since = at, at
	}
	return min(firstPoll+at.Sub(since), lastPoll)
}

func publish(in *scope.Platform, s State) {
	in.Database = scope.Database{
		Identifier: s.Identifier, Endpoint: s.Endpoint, Port: s.Port, EngineVersion: s.EngineVersion, State: s.Status, AllocatedGiB: s.Allocated,
		Connectable: connectable(s.Status), CredentialPending: s.CredentialPending || s.Credential != in.MasterFingerprint,
		Record: s.Record,
	}
}
