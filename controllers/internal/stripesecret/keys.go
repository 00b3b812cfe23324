package stripesecret

import (
	"context"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// kept is how long a key that was read counts: thousands of accounts share one.
const kept = 30 * time.Second

// Keys reads keys for many objects of few platforms. It is safe for concurrent use.
type Keys struct {
	mu  sync.Mutex
	all map[string]keyRead
}

type keyRead struct {
	key scope.Secret
	err error
	at  time.Time
}

// Of returns the key of a platform's Stripe account, as it was at most half a minute ago.
func (k *Keys) Of(ctx context.Context, live client.Reader, now time.Time, platform *v1alpha1.CoachPlatform) (scope.Secret, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	id := string(platform.UID) + "/" + platform.Spec.Stripe.CredentialsSecretName
	if was, ok := k.all[id]; ok && now.Sub(was.at) < kept {
		return was.key, was.err
	}
	for other, was := range k.all { // those of platforms that are gone
		if now.Sub(was.at) >= kept {
			delete(k.all, other)
		}
	}
	key, err := Key(ctx, live, platform)
	if ctx.Err() != nil {
		return key, err
	}
	if k.all == nil {
		k.all = map[string]keyRead{}
	}
	k.all[id] = keyRead{key: key, err: err, at: now}
	return key, err
}
