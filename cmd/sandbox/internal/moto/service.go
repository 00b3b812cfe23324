package moto

import (
	"context"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
)

// Serve lets moto answer a call as the caller's account.
func (s *Server) Serve(ctx context.Context, call identity.Call) (any, error) {
	return s.Forward(ctx, call.Request, call.Caller.Account)
}
