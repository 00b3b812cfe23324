// Package shared is a controller that knows too much.
package shared

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms" // want depguard
	"github.com/jackc/pgx/v5"                  // want depguard
	"github.com/stripe/stripe-go/v82"          // want depguard
	v1 "k8s.io/api/core/v1"                    // want importas
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	cmd "github.com/coachplatform/coach-operator/cmd/sandbox" // want depguard
)

// Name of the package.
const Name = "controllers"

// Values are from everywhere.
var Values = []any{kms.ServiceID, pgx.Name, stripe.Name, v1.Pod{}, cmd.ID}

// Reconcile logs a key without its value.
func Reconcile(ctx context.Context) {
	logf.FromContext(ctx).Info("Looking", "step") // want logcheck
}
