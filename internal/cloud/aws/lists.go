package aws

import (
	"context"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/coachplatform/coach-operator/internal/cloud/cache"
)

// List returns the account's list of that name, which all platforms share, creating it first if there is none. Load
// lists everything by key, with the session of sweeps. It is how a step shares a listing of a service that has no
// client here; the name is the step's own.
func List[T any](a *Account, name string, load func(context.Context, awssdk.Config) (map[string]T, error)) *cache.ListCache[T] {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.lists[name].(*cache.ListCache[T]); ok {
		return known
	}
	created := cache.NewList(a.sessions.options.common(), a.sessions.options.Lag, func(ctx context.Context) (map[string]T, error) {
		items, err := load(ctx, a.read)
		return items, Classify(err)
	})
	a.lists[name] = created
	return created
}
