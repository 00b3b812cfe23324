package stripesecret

import (
	"context"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// kept is how long a key that was read counts: thousands of accounts share one.
const kept = 30 * time.Second

// Keys reads keys for many objects of few platforms. It is safe for concurrent use.
type Keys struct {
	mu  sync.Mutex
	all map[string]*keyRead
}

// keyRead is the key of one platform; whoever reads it keeps only those waiting who need it, too.
type keyRead struct {
	mu  sync.Mutex
	key scope.Secret
	err error
	at  time.Time
}

// Of returns the key of a platform's Stripe account, as it was at most half a minute ago.
func (k *Keys) Of(ctx context.Context, live client.Reader, now time.Time, platform *v1alpha1.CoachPlatform) (scope.Secret, error) {
	one := k.entry(string(platform.UID)+"/"+platform.Spec.Stripe.CredentialsSecretName, now)
	one.mu.Lock()
	defer one.mu.Unlock()
	if now.Sub(one.at) < kept {
		return one.key, one.err
	}
	one.key, one.err = Key(ctx, live, platform)
	if one.err == nil || fault.ClassOf(one.err) != fault.Transient { // that the API server did not answer is not kept
		one.at = now
	}
	return one.key, one.err
}

// entry returns the entry of a platform, and drops those of platforms that are gone.
func (k *Keys) entry(id string, now time.Time) *keyRead {
	k.mu.Lock()
	defer k.mu.Unlock()
	if one, ok := k.all[id]; ok {
		return one
	}
	for other, was := range k.all {
		if was.mu.TryLock() {
			if now.Sub(was.at) >= kept {
				delete(k.all, other)
			}
			was.mu.Unlock()
		}
	}
	if k.all == nil {
		k.all = map[string]*keyRead{}
	}
	one := &keyRead{}
	k.all[id] = one
	return one
}
