package aws

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"github.com/coachplatform/coach-operator/internal/fault"
)

// crowd sends calls without end until the test is over. A caller that is told to step aside does.
func crowd(ctx context.Context, b *budget, callers int, operation string, sent *int) {
	var mu sync.Mutex
	for range callers {
		go func() {
			for ctx.Err() == nil {
				if err := b.wait(ctx, rds.ServiceID, operation); err != nil {
					pause(ctx, fault.As(err).After)
					continue
				}
				mu.Lock()
				*sent++
				mu.Unlock()
			}
		}()
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// every calls do n times, once in each period, and returns the longest time that one took.
func every(period time.Duration, n int, do func()) time.Duration {
	tick := time.NewTicker(period)
	defer tick.Stop()
	var longest time.Duration
	for range n {
		<-tick.C
		began := time.Now()
		do()
		longest = max(longest, time.Since(began))
	}
	return longest
}

func TestReadsLeaveRoomForWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, reads := newBudget(0.8), 0
		crowd(ctx, b, 100, "DescribeDBInstances", &reads)
		writer := b.forTenant()
		longest := every(500*time.Millisecond, 120, func() { // 2 writes a second, for a minute
			if err := writer.wait(ctx, rds.ServiceID, "ModifyDBInstance"); err != nil {
				t.Errorf("a write: %v", err)
			}
		})
		cancel()
		synctest.Wait()
		if longest > 0 {
			t.Errorf("a write waited %s behind reads", longest)
		}
		// Reads take seven tenths of the operator's four fifths of RDS's 12 a second, after a first burst.
		if most := 168 + 60*7; reads > most || reads < most*9/10 {
			t.Errorf("%d reads in a minute, want at most %d and nearly as many", reads, most)
		}
	})
}

func TestABusyTenantDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, busy := newBudget(0.8), 0
		crowd(ctx, b.forTenant(), 50, "ModifyDBInstance", &busy)
		other := b.forTenant()
		longest := every(time.Second, 120, func() {
			if err := other.wait(ctx, rds.ServiceID, "ModifyDBInstance"); err != nil {
				t.Errorf("another tenant's write: %v", err)
			}
		})
		cancel()
		synctest.Wait()
		if longest > 0 {
			t.Errorf("another tenant waited %s", longest)
		}
		if most := 40 + 120*4; busy > most+1 || busy < most*9/10 {
			t.Errorf("the busy tenant sent %d calls in two minutes, want at most %d and nearly as many", busy, most)
		}
	})
}

func TestTheOperatorStaysWithinItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		b := newBudget(0.8)
		counts := make([]int, 20)
		for i := range counts {
			crowd(ctx, b.forTenant(), 1, "ModifyDBInstance", &counts[i])
		}
		<-ctx.Done()
		synctest.Wait()
		sum := 0
		for _, n := range counts {
			sum += n
		}
		if most := 240 + 60*96/10; sum > most+1 || sum < most*9/10 {
			t.Errorf("%d calls of 20 tenants in a minute, want at most %d and nearly as many", sum, most)
		}
	})
}

func TestABusyNamespaceDelaysNoOther(t *testing.T) {
	b, now := newBudget(1), time.Now()
	busy := For(t.Context(), "busy")
	free := func(ctx context.Context, b *budget) bool {
		delay, taken := b.turn(ctx, now, kms.ServiceID, "DescribeKey")
		return taken && delay == 0
	}
	sent := 0
	for free(busy, b.forTenant()) { // each platform has a limit of its own, which this one never reaches
		sent++
	}
	if sent != namespaceLimit.burst {
		t.Errorf("a namespace sent %d calls at once, want %d", sent, namespaceLimit.burst)
	}
	for name, ctx := range map[string]context.Context{
		"another namespace":         For(t.Context(), "other"),
		"a class":                   t.Context(),
		"what is loaded for all":    patient(busy),
		"what is loaded for others": patient(For(t.Context(), "other")),
	} {
		if !free(ctx, b) {
			t.Errorf("%s waits for the busy namespace", name)
		}
	}
}

func TestACallThatIsGivenUpWaitsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(0.8)
		for range 12 { // the tagging API's burst
			if err := b.wait(t.Context(), tagging.ServiceID, "TagResources"); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.wait(ctx, tagging.ServiceID, "TagResources"); err == nil {
			t.Error("a cancelled call waited its turn")
		}
	})
}

func TestEveryServiceHasALimit(t *testing.T) {
	for _, service := range []string{rds.ServiceID, ec2.ServiceID, kms.ServiceID, sts.ServiceID, tagging.ServiceID} {
		b := newBudget(1)
		if b.quotas.all[service] == nil || b.quotas.reads[service] == nil {
			t.Errorf("%s has no limit", service)
			continue
		}
		if all, reads := b.quotas.all[service].Limit(), b.quotas.reads[service].Limit(); reads >= all {
			t.Errorf("%s: reads may use %f of %f a second", service, reads, all)
		}
	}
}

func TestACallThatWouldWaitLongStepsAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := newBudget(1), time.Now()
		var waits, asides atomic.Int32
		var all sync.WaitGroup
		for range 20 { // of which 5 go at once, and 5 within a second
			all.Go(func() {
				err := b.wait(t.Context(), kms.ServiceID, "CreateKey")
				switch f := fault.As(err); {
				case err == nil && time.Since(began) > 0:
					waits.Add(1)
				case err != nil && f.Class == fault.Waiting && f.After >= 2*time.Second && time.Since(began) == 0:
					asides.Add(1)
				case err != nil:
					t.Errorf("got %v after %s", err, time.Since(began))
				}
			})
			synctest.Wait()
		}
		all.Wait()
		if waits.Load() != 5 || asides.Load() != 10 {
			t.Errorf("%d waited and %d stepped aside, want 5 and 10", waits.Load(), asides.Load())
		}
		// Callers that stepped aside took no place.
		pause(t.Context(), time.Second)
		if delay, taken := b.turn(t.Context(), time.Now(), kms.ServiceID, "CreateKey"); delay > 0 || !taken {
			t.Errorf("a call a second later waits %s (%t)", delay, taken)
		}
	})
}

func TestWhatIsLoadedForAllWaitsForAsLongAsItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := newBudget(1), time.Now()
		for range 35 { // 5 at once, and 5 in each of six seconds
			if err := b.wait(patient(t.Context()), kms.ServiceID, "UpdateAlias"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began).Round(time.Millisecond); took != 6*time.Second {
			t.Errorf("it took %s, want 6s", took)
		}
	})
}

func TestOperationsThatAWSCountsByThemselvesDoNotWaitForOneAnother(t *testing.T) {
	b, now := newBudget(1), time.Now()
	for b.free(now, "CreateKey") { // use it up
	}
	for _, c := range []struct {
		operation string
		free      bool
	}{
		{"CreateKey", false}, {"CreateAlias", true}, {"DescribeKey", true}, {"UpdateAlias", true}, {"DisableKey", true},
	} {
		if got := b.free(now, c.operation); got != c.free {
			t.Errorf("%s is free: %t, want %t", c.operation, got, c.free)
		}
	}
}

// free takes a turn if there is one now.
func (b *budget) free(now time.Time, operation string) bool {
	delay, taken := b.turn(context.Background(), now, kms.ServiceID, operation)
	return taken && delay == 0
}

// answers is an HTTP client that answers with the given statuses, and with success after them.
type answers struct {
	statuses []int
	calls    int
}

func (a *answers) Do(*http.Request) (*http.Response, error) {
	status := http.StatusOK
	if a.calls < len(a.statuses) {
		status = a.statuses[a.calls]
	}
	a.calls++
	body := `<DescribeDBInstancesResponse><DescribeDBInstancesResult/></DescribeDBInstancesResponse>`
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(bytes.NewBufferString(body)),
	}, nil
}

func TestEveryAttemptUsesTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := &answers{statuses: []int{http.StatusServiceUnavailable}}
		two := rate.NewLimiter(0, 4) // two reads, which count twice, and never a third
		b := &budget{quotas: &quotas{
			all: map[string]*rate.Limiter{rds.ServiceID: two}, reads: map[string]*rate.Limiter{rds.ServiceID: two},
		}}
		client := rds.New(rds.Options{
			Region: "eu-central-1", HTTPClient: web, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
			APIOptions: []func(*middleware.Stack) error{b.attach},
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{}); err != nil {
			t.Fatalf("a call that needs two attempts: %v", err)
		}
		if _, err := client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{}); err == nil || web.calls != 2 {
			t.Errorf("a call without budget: error %v, %d attempts were sent", err, web.calls)
		}
	})
}
