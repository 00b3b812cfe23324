package aws

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"github.com/coachplatform/coach-operator/internal/fault"
)

func budgetOf(share float64) *budget { return newBudget(share, "eu-central-1", newQuotas()) }

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
		b, reads := budgetOf(0.8), 0
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
		if most := 13 + 60*7; reads > most || reads < most*9/10 {
			t.Errorf("%d reads in a minute, want at most %d and nearly as many", reads, most)
		}
	})
}

func TestABusyTenantDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, busy := budgetOf(0.8), 0
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
		if most := 9 + 120*4; busy > most+1 || busy < most*9/10 {
			t.Errorf("the busy tenant sent %d calls in two minutes, want at most %d and nearly as many", busy, most)
		}
	})
}

func TestTheOperatorStaysWithinItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		b := budgetOf(0.8)
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
		if most := 19 + 60*96/10; sum > most+1 || sum < most*9/10 {
			t.Errorf("%d calls of 20 tenants in a minute, want at most %d and nearly as many", sum, most)
		}
	})
}

func TestABusyNamespaceDelaysNoOther(t *testing.T) {
	b, now := budgetOf(1), time.Now()
	busy := forNamespace(t.Context(), "busy")
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
		"another namespace":         forNamespace(t.Context(), "other"),
		"a class":                   t.Context(),
		"what is loaded for all":    patient(busy),
		"what is loaded for others": patient(forNamespace(t.Context(), "other")),
	} {
		if !free(ctx, b) {
			t.Errorf("%s waits for the busy namespace", name)
		}
	}
}

func TestACallThatIsGivenUpWaitsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(0.8)
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

func TestReadsHaveLessThanTheLimitOfTheirService(t *testing.T) {
	for id := range services {
		bucket := budgetOf(1).bucket(id, "DescribeAnything")
		if all, reads := bucket.all.Limit(), bucket.reads.Limit(); all <= 0 || reads >= all {
			t.Errorf("%s: reads may use %f of %f a second", id, reads, all)
		}
	}
}

func TestACallOfAnUnknownServiceIsRefused(t *testing.T) {
	err := budgetOf(1).wait(t.Context(), "Time Machine", "TravelBack")
	if f := fault.As(err); err == nil || f.Class != fault.Invalid || !strings.Contains(f.Message, "Time Machine") {
		t.Errorf("a call of a service without a row: %v", err)
	}
}

func TestThrottledAnswersSlowTheirServiceDownForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(1)
		rate := func(period time.Duration) float64 { // of calls, when as many are sent as the budget admits
			ctx, cancel := context.WithTimeout(t.Context(), period)
			defer cancel()
			sent := 0
			crowd(ctx, b, 20, "ModifyDBInstance", &sent)
			<-ctx.Done()
			synctest.Wait()
			return float64(sent) / period.Seconds()
		}
		rate(time.Minute) // the burst is used up
		between := func(name string, got, least, most float64) {
			t.Helper()
			if got < least || got > most {
				t.Errorf("%s: %.1f calls a second, want %.1f to %.1f", name, got, least, most)
			}
		}
		between("before", rate(10*time.Second), 10, 13)
		for range 5 { // calls that were sent together count as one
			b.throttled(rds.ServiceID, "ModifyDBInstance")
		}
		between("after a throttled answer", rate(10*time.Second), 5, 8)
		for range 8 {
			b.throttled(rds.ServiceID, "ModifyDBInstance")
			pause(t.Context(), 2*oneThrottle)
		}
		between("after many", rate(10*time.Second), 1, 2.5)
		if !b.free(time.Now(), "CreateKey") {
			t.Error("another service was slowed down, too")
		}
		pause(t.Context(), 5*recovery)
		rate(time.Minute)
		between("when it has recovered", rate(10*time.Second), 10, 13)
	})
}

func TestACallThatWouldWaitLongStepsAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := budgetOf(1), time.Now()
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
		b, began := budgetOf(1), time.Now()
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
	b, now := budgetOf(1), time.Now()
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

func TestAThrottledAnswerReachesTheBudget(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		code   string
		slowed bool
	}{
		"success":                    {http.StatusOK, "", false},
		"a throttled answer":         {http.StatusBadRequest, "Throttling", true},
		"an error of another kind":   {http.StatusBadRequest, "InvalidParameterValue", false},
		"an answer without a code":   {http.StatusBadGateway, "", false},
		"another throttling code":    {http.StatusServiceUnavailable, "RequestLimitExceeded", true},
		"a quota that is used up":    {http.StatusBadRequest, "InstanceQuotaExceeded", false},
		"a denial of the permission": {http.StatusForbidden, "AccessDenied", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := budgetOf(1)
			client := rds.New(rds.Options{
				Region: "eu-central-1", HTTPClient: &answers{statuses: []int{c.status}, code: c.code}, RetryMaxAttempts: 1,
				Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
				APIOptions:  []func(*middleware.Stack) error{b.attach},
			})
			_, err := client.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
			if (err == nil) != (c.status == http.StatusOK) {
				t.Errorf("the call: %v", err)
			}
			if slowed := b.bucket(rds.ServiceID, "DescribeDBInstances").pace < 1; slowed != c.slowed {
				t.Errorf("slowed down %t, want %t", slowed, c.slowed)
			}
		})
	}
}

func TestLimitsAreOfARegionUnlessTheServiceIsGlobal(t *testing.T) {
	services["Global"] = service{iam: "global", global: true, limit: limit{1, 1}}
	defer delete(services, "Global")
	quotas := newQuotas()
	here, there := newBudget(1, "eu-central-1", quotas), newBudget(1, "eu-west-1", quotas)
	if here.bucket(rds.ServiceID, "ModifyDBInstance") == there.bucket(rds.ServiceID, "ModifyDBInstance") {
		t.Error("two regions share a limit of RDS")
	}
	if here.bucket("Global", "Create") != there.bucket("Global", "Create") {
		t.Error("two regions have limits of their own in a global service")
	}
}

// answers is an HTTP client that answers with the given statuses, and with success after them.
type answers struct {
	statuses []int
	// code is that of the errors.
	code  string
	calls int
}

func (a *answers) Do(*http.Request) (*http.Response, error) {
	status := http.StatusOK
	if a.calls < len(a.statuses) {
		status = a.statuses[a.calls]
	}
	a.calls++
	body := `<ErrorResponse><Error><Code>` + a.code + `</Code></Error></ErrorResponse>`
	if status == http.StatusOK {
		body = `<DescribeDBInstancesResponse><DescribeDBInstancesResult/></DescribeDBInstancesResponse>`
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(bytes.NewBufferString(body)),
	}, nil
}

func TestEveryAttemptUsesTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := &answers{statuses: []int{http.StatusServiceUnavailable}}
		b := budgetOf(1)
		two := rate.NewLimiter(0, 4) // two reads, which count twice, and never a third
		*b.bucket(rds.ServiceID, "DescribeDBInstances") = bucket{all: two, reads: two, pace: 1}
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
