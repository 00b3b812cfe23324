package env

import (
	"context"
	"sync"
)

// Intents are kept in memory; they implement scope.Intents. The zero value holds none.
type Intents struct {
	mu  sync.Mutex
	all map[string]bool
}

// Declare implements scope.Intents.
func (i *Intents) Declare(_ context.Context, resource string) (bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.all[resource] {
		return false, nil
	}
	if i.all == nil {
		i.all = map[string]bool{}
	}
	i.all[resource] = true
	return true, nil
}
