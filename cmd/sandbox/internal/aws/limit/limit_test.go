package limit

import (
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

func callOf(account, region string) identity.Call {
	return identity.Call{Request: &wire.Request{Service: "rds", Region: region}, Caller: identity.Administrator(account)}
}

// admitted is how many of a hundred calls at one moment pass.
func admitted(l *Limiter, call identity.Call, limit service.Limit) int {
	count := 0
	for range 100 {
		if l.Admit(call, limit) {
			count++
		}
	}
	return count
}

func TestABurstPassesAndThenTheRate(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	l := New(func() time.Time { return now })
	limit := service.Limit{PerSecond: 12, Burst: 24}
	call := callOf("111122223333", "eu-central-1")
	for _, step := range []struct {
		name string
		wait time.Duration
		want int
	}{
		{"at first, the burst", 0, 24},
		{"at once, nothing more", 0, 0},
		{"after half a second, half the rate", 500 * time.Millisecond, 6},
		{"after a second, the rate", time.Second, 12},
		{"after an hour, the burst and no more", time.Hour, 24},
	} {
		now = now.Add(step.wait)
		if got := admitted(l, call, limit); got != step.want {
			t.Errorf("%s: %d calls, want %d", step.name, got, step.want)
		}
	}
}

func TestAccountsRegionsAndLimitsAreCountedApart(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	l := New(func() time.Time { return now })
	limit := service.Limit{PerSecond: 5, Burst: 5}
	admitted(l, callOf("111122223333", "eu-central-1"), limit)
	for name, test := range map[string]struct {
		account, region string
		limit           service.Limit
		want            int
	}{
		"the same":                       {"111122223333", "eu-central-1", limit, 0},
		"another account":                {"444455556666", "eu-central-1", limit, 5},
		"another region":                 {"111122223333", "eu-west-1", limit, 5},
		"the limit of another operation": {"111122223333", "eu-central-1", service.Limit{Operations: "CreateKey", PerSecond: 5, Burst: 5}, 5},
	} {
		if got := admitted(l, callOf(test.account, test.region), test.limit); got != test.want {
			t.Errorf("%s: %d calls, want %d", name, got, test.want)
		}
	}
	l.Forget("111122223333")
	if got := admitted(l, callOf("111122223333", "eu-central-1"), limit); got != 5 {
		t.Errorf("after the account was forgotten: %d calls, want 5", got)
	}
}
