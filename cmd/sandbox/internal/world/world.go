// Package world creates, shows, breaks and forgets whole accounts, on behalf of the
// admin API.
package world

import (
	"context"
	"fmt"
	"sync"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/admin"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/ec2"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/iam"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/kms"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/limit"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/rds"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
)

// Services is what accounts are kept in.
type Services struct {
	Roles     *iam.Roles
	Databases *rds.Service
	Keys      *kms.Service
	Networks  *ec2.Service
	All       *service.Registry
	Limits    *limit.Limiter
}

// World is every account. It is safe for concurrent use.
type World struct {
	Services

	mu     sync.Mutex // one seed at a time: a second waits and finds it done
	seeded map[place]admin.Seeded
}

type place struct{ account, region string }

// New returns a world without accounts.
func New(services Services) *World {
	return &World{Services: services, seeded: map[place]admin.Seeded{}}
}

// Reset forgets everything an account holds, its open sessions included.
func (w *World) Reset(ctx context.Context, account string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.All.Forget(ctx, account); err != nil {
		return fmt.Errorf("reset account %s: %w", account, err)
	}
	w.Limits.Forget(account)
	for at := range w.seeded {
		if at.account == account {
			delete(w.seeded, at)
		}
	}
	return nil
}

// Inventory lists an account and region in a stable order.
func (w *World) Inventory(ctx context.Context, account, region string) (any, error) {
	return w.All.Inventory(ctx, account, region)
}
