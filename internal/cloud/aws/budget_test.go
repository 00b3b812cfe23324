package aws

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
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
)

// crowd makes calls without end until the test is over.
func crowd(ctx context.Context, b *budget, callers int, operation string, made *int) {
	var mu sync.Mutex
	for range callers {
		go func() {
			for b.wait(ctx, rds.ServiceID, operation) == nil {
				mu.Lock()
				*made++
				mu.Unlock()
			}
		}()
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

func TestABusyTenantDelaysNobodyElse(t *testing.T) {
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
			t.Errorf("the busy tenant made %d calls in two minutes, want at most %d and nearly as many", busy, most)
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
		if b.all[service] == nil || b.reads[service] == nil {
			t.Errorf("%s has no limit", service)
			continue
		}
		if all, reads := b.all[service].Limit(), b.reads[service].Limit(); reads >= all {
			t.Errorf("%s: reads may use %f of %f a second", service, reads, all)
		}
	}
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
		two := rate.NewLimiter(0, 2) // two calls, and never a third
		b := &budget{all: map[string]*rate.Limiter{rds.ServiceID: two}}
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
