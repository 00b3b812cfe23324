package acceptance

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/calllog"
)

// burst makes many calls at once and returns how often each error code came, and how long all took.
func burst(t *testing.T, calls int, call func(context.Context) error) (codes map[string]int, took time.Duration) {
	t.Helper()
	start := time.Now()
	results := make([]string, calls)
	var group sync.WaitGroup
	for i := range calls {
		group.Go(func() { results[i] = code(call(t.Context())) })
	}
	group.Wait()
	codes = map[string]int{}
	for _, result := range results {
		codes[result]++
	}
	return codes, time.Since(start)
}

func TestCallsBeyondThePublishedRatesAreThrottled(t *testing.T) {
	t.Parallel()
	const calls = 200
	limited, unlimited := newAccount(t, map[string]any{"limits": true}), newAccount(t, nil)
	describe := func(a *account) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := a.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
			return err
		}
	}
	if codes, _ := burst(t, calls, describe(unlimited)); codes[""] != calls {
		t.Errorf("without limits: %v", codes)
	}
	for name, test := range map[string]struct {
		call             func(context.Context) error
		burst, perSecond int
		answer, code     string
		status           int
	}{
		"RDS": {describe(limited), 24, 12, "", "Throttling", http.StatusBadRequest},
		"EC2": {func(ctx context.Context) error {
			_, err := limited.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: new("sg-00000000000000000")})
			return err
		}, 50, 5, "InvalidGroup.NotFound", "RequestLimitExceeded", http.StatusServiceUnavailable},
		"KMS": {func(ctx context.Context) error {
			_, err := limited.kms.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: new("alias/none")})
			return err
		}, 5, 5, "NotFoundException", "ThrottlingException", http.StatusBadRequest},
		"tagging": {func(ctx context.Context) error {
			_, err := limited.tags.GetResources(ctx, &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"kms"}})
			return err
		}, 15, 15, "", "ThrottledException", http.StatusBadRequest},
		"CloudWatch Logs": {func(ctx context.Context) error {
			_, err := limited.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
			return err
		}, 10, 10, "", "ThrottlingException", http.StatusBadRequest},
	} {
		codes, took := burst(t, calls, test.call)
		most := test.burst + int(took.Seconds()*float64(test.perSecond)) + 1
		if admitted := codes[test.answer]; admitted < test.burst || admitted > most || codes[test.code] != calls-admitted || codes[test.code] == 0 {
			t.Errorf("%s: %v in %s, want at least %d and at most %d admitted, the rest %s", name, codes, took, test.burst, most, test.code)
		}
		var logged []calllog.Call
		limited.get("/calls?account="+limited.id, &logged)
		throttled := 0
		for _, c := range logged {
			if c.Error == test.code && c.Status == test.status {
				throttled++
			}
		}
		if throttled != codes[test.code] {
			t.Errorf("%s: the log has %d throttled calls, want %d", name, throttled, codes[test.code])
		}
		limited.admin(http.MethodDelete, "/calls?account="+limited.id, nil, nil)
	}
}
