package acceptance

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/calllog"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/fault"
)

// fault puts a rule for this account in force and returns its ID.
func (a *account) fault(rule map[string]any) string {
	a.t.Helper()
	rule["account"] = a.id
	var answer struct{ ID string }
	a.post("/faults", rule, &answer)
	return answer.ID
}

func (a *account) hits(id string) fault.State {
	a.t.Helper()
	var state fault.State
	a.get("/faults/"+id, &state)
	return state
}

func TestEachServiceThrottlesInItsWords(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	a.fault(map[string]any{"kind": "throttle"})
	for name, test := range map[string]struct {
		call func(context.Context) error
		want string
	}{
		"RDS": {func(ctx context.Context) error {
			_, err := a.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
			return err
		}, "Throttling"},
		"EC2": {func(ctx context.Context) error {
			_, err := a.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
			return err
		}, "RequestLimitExceeded"},
		"KMS": {func(ctx context.Context) error {
			_, err := a.kms.ListKeys(ctx, &kms.ListKeysInput{})
			return err
		}, "ThrottlingException"},
		"IAM": {func(ctx context.Context) error {
			_, err := a.iam.ListRoles(ctx, &iam.ListRolesInput{})
			return err
		}, "Throttling"},
		"tagging": {func(ctx context.Context) error {
			_, err := a.tags.GetResources(ctx, &resourcegroupstaggingapi.GetResourcesInput{})
			return err
		}, "ThrottledException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantCode(t, test.call(t.Context()), test.want)
		})
	}
}

func TestFaultsStrikeTheCallsTheyName(t *testing.T) {
	t.Parallel()
	a, other := newAccount(t, nil), newAccount(t, nil)
	id := a.fault(map[string]any{
		"service": "kms", "operation": "ListKeys", "nth": 2, "count": 2, "kind": "error", "code": "InternalException", "status": 500,
	})
	list := func(of *account) string {
		_, err := of.kms.ListKeys(t.Context(), &kms.ListKeysInput{})
		return code(err)
	}
	_, err := a.kms.ListAliases(t.Context(), &kms.ListAliasesInput{})
	wantCode(t, err, "")
	got := []string{list(a), list(other), list(a), list(a), list(a)}
	if want := "|" + "|InternalException|InternalException|"; strings.Join(got, "|") != want {
		t.Errorf("codes %v, want %s", got, want)
	}
	if state := a.hits(id); state.Seen != 4 || state.Hits != 2 {
		t.Errorf("seen %d, hit %d", state.Seen, state.Hits)
	}
}

func TestADroppedCallNeverHappensALostOneDoes(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	keys := func() int {
		t.Helper()
		out, err := a.kms.ListKeys(t.Context(), &kms.ListKeysInput{})
		wantCode(t, err, "")
		return len(out.Keys)
	}
	for _, test := range []struct {
		kind string
		want int
	}{{"drop", 0}, {"lost", 1}} {
		a.fault(map[string]any{"service": "kms", "operation": "CreateKey", "nth": 1, "kind": test.kind})
		if _, err := a.kms.CreateKey(t.Context(), &kms.CreateKeyInput{}); err == nil || !strings.HasPrefix(code(err), "not an AWS error") {
			t.Errorf("%s: the client got an answer: %v", test.kind, err)
		}
		if got := keys(); got != test.want {
			t.Errorf("after %s there are %d keys, want %d", test.kind, got, test.want)
		}
		a.admin("DELETE", "/faults?account="+a.id, nil, nil)
	}
	var calls []calllog.Call
	a.get("/calls?account="+a.id, &calls)
	if calls[0].Operation != "CreateKey" || calls[0].Status != 499 {
		t.Errorf("the log says of a cut call: %+v", calls[0])
	}
}

func TestAHeldCallWaitsBeforeOrAfterItTakesEffect(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		after bool
		want  int // keys while the call is held
	}{"before": {false, 0}, "after": {true, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, nil)
			id := a.fault(map[string]any{"service": "kms", "operation": "CreateKey", "kind": "hold", "after": test.after})
			done := make(chan error, 1)
			go func() {
				_, err := a.kms.CreateKey(t.Context(), &kms.CreateKeyInput{})
				done <- err
			}()
			eventually(t, "the call is held", func() bool { return a.hits(id).Holding })
			out, err := a.kms.ListKeys(t.Context(), &kms.ListKeysInput{})
			wantCode(t, err, "")
			if len(out.Keys) != test.want {
				t.Errorf("%d keys while it is held, want %d", len(out.Keys), test.want)
			}
			a.post("/faults/"+id+"/release", nil, nil)
			wantCode(t, <-done, "")
			if state := a.hits(id); state.Holding || state.Hits != 1 {
				t.Errorf("after the release: %+v", state)
			}
		})
	}
}

func TestACallHeldBeforeItsEffectDiesWithItsClient(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	id := a.fault(map[string]any{"service": "kms", "operation": "CreateKey", "kind": "hold"})
	ctx, kill := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := a.kms.CreateKey(ctx, &kms.CreateKeyInput{})
		done <- err
	}()
	eventually(t, "the call is held", func() bool { return a.hits(id).Holding })
	kill()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the client got %v", err)
	}
	eventually(t, "nothing is held", func() bool { return !a.hits(id).Holding })
	a.admin("DELETE", "/faults/"+id, nil, nil)
	out, err := a.kms.ListKeys(t.Context(), &kms.ListKeysInput{})
	wantCode(t, err, "")
	if len(out.Keys) != 0 {
		t.Error("the key was made after its client had died")
	}
}

func TestAStalledCallIsLate(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	a.fault(map[string]any{"service": "kms", "kind": "stall", "duration": "300ms"})
	begin := time.Now()
	_, err := a.kms.ListKeys(t.Context(), &kms.ListKeysInput{})
	wantCode(t, err, "")
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("it took only %s", took)
	}
}

func TestAStaleReadShowsWhatWasBeforeTheLastWrite(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	key := a.newKey()
	a.available("db")
	group := a.newGroup("group")
	_, err := a.kms.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId})
	wantCode(t, err, "")
	a.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("db"), DeletionProtection: aws.Bool(true)})
	state := func() (enabled, protected bool, found string) {
		t.Helper()
		described, err := a.kms.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})
		wantCode(t, err, "")
		_, err = a.ec2.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{*group}})
		return described.KeyMetadata.Enabled, aws.ToBool(a.database("db").DeletionProtection), code(err)
	}
	id := a.fault(map[string]any{"kind": "stale", "duration": "1m"})
	if enabled, protected, group := state(); !enabled || protected || group != "InvalidGroup.NotFound" {
		t.Errorf("stale: enabled %t, protected %t, group %q", enabled, protected, group)
	}
	a.admin("DELETE", "/faults/"+id, nil, nil)
	if enabled, protected, group := state(); enabled || !protected || group != "" {
		t.Errorf("fresh: enabled %t, protected %t, group %q", enabled, protected, group)
	}
}

func TestAFaultThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	for name, rule := range map[string]map[string]any{
		"no kind":                    {},
		"an unknown kind":            {"kind": "explode"},
		"an error without a code":    {"kind": "error", "status": 500},
		"an error that is a success": {"kind": "error", "code": "OK", "status": 200},
		"a stall without a duration": {"kind": "stall"},
		"after without hold":         {"kind": "drop", "after": true},
		"a negative nth":             {"kind": "drop", "nth": -1},
		"a misspelled field":         {"kind": "drop", "operaton": "CreateKey"},
	} {
		if status, _ := a.adminRaw("POST", "/faults", rule); status != 400 {
			t.Errorf("%s: status %d", name, status)
		}
	}
}
