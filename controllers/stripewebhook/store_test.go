package stripewebhook

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// payout delivers how a payout of jo's went.
func (s *small) payout(t *testing.T, id, kind, code string, created time.Time) {
	t.Helper()
	body := fmt.Sprintf(`{"id":%q,"object":"event","type":%q,"account":%q,"api_version":"2023-10-16","created":%d,"data":{"object":{"failure_code":%q}}}`,
		id, kind, theAccount, created.Unix(), code)
	header := "t=" + stamp(s.clock.Now()) + ",v1=" + signature([]byte(body), s.clock.Now())
	if status := s.post(t.Context(), studio, strings.NewReader(body), header); status != http.StatusOK {
		t.Fatalf("%s is answered with %d", kind, status)
	}
}

// behind is an API server whose listings, as those of a cache, are those of a while ago. Before each of the
// next patches, something else happens.
type behind struct {
	client.Client

	listed v1alpha1.PayoutAccountList
	before []func()
}

func (b *behind) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	b.listed.DeepCopyInto(list.(*v1alpha1.PayoutAccountList))
	return nil
}

func (b *behind) Patch(ctx context.Context, o client.Object, patch client.Patch, options ...client.PatchOption) error {
	if len(b.before) > 0 {
		first := b.before[0]
		b.before = b.before[1:]
		first()
	}
	return b.Client.Patch(ctx, o, patch, options...)
}

func TestAnOlderPayoutSaysNothingWhateverTheCacheHasSeen(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const want = "account_closed@2026-03-01T12:00:00Z"
	for name, change := range map[string]func(s *small, cache *behind, report func()){
		"the cache is behind":                   func(_ *small, _ *behind, report func()) { report() },
		"another replica writes at that moment": func(_ *small, cache *behind, report func()) { cache.before = []func(){func() {}, report} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSmall(t)
			cache := &behind{Client: s.client}
			if err := s.client.List(t.Context(), &cache.listed); err != nil {
				t.Fatal(err)
			}
			other := newSmall(t)
			other.receiver.Client, other.receiver.Live, s.receiver.Client = s.client, s.client, cache
			change(s, cache, func() { other.payout(t, "evt_1", payoutFailed, "account_closed", noon) })
			s.payout(t, "evt_2", payoutPaid, "", noon.Add(-time.Hour))
			if got := s.hints(t)[v1alpha1.AnnotationPayout]; got != want {
				t.Errorf("kept %q, want %q", got, want)
			}
		})
	}
}
