package acceptance

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/admin"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/calllog"
)

func TestASeededAccountHasWhatTheOperatorNeeds(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	first := a.seeded
	if a.seed(); !cmp.Equal(first, a.seeded) {
		t.Error("a second seed differs:\n" + cmp.Diff(first, a.seeded))
	}
	ctx := t.Context()
	byTag := func(value string) []ec2types.Filter {
		return []ec2types.Filter{{Name: aws.String("tag:coach-platform"), Values: []string{value}}}
	}
	subnets, err := a.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: byTag("private")})
	wantCode(t, err, "")
	zones := map[string]bool{}
	for _, subnet := range subnets.Subnets {
		zones[aws.ToString(subnet.AvailabilityZone)] = true
	}
	vpcs, err := a.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: byTag("demo")})
	wantCode(t, err, "")
	groups, err := a.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: byTag("workload")})
	wantCode(t, err, "")
	instances, err := a.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{first.Instances[0].ID, first.Instances[1].ID}})
	wantCode(t, err, "")
	if len(subnets.Subnets) != 3 || len(zones) != 3 || len(vpcs.Vpcs) != 1 || len(groups.SecurityGroups) != 1 || len(instances.Reservations) != 2 {
		t.Errorf("%d subnets in %d zones, %d VPCs, %d groups, %d instances", len(subnets.Subnets), len(zones), len(vpcs.Vpcs),
			len(groups.SecurityGroups), len(instances.Reservations))
	}
	open := func(subnet string) bool {
		t.Helper()
		out, err := a.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{
			Filters: []ec2types.Filter{{Name: aws.String("association.subnet-id"), Values: []string{subnet}}},
		})
		wantCode(t, err, "")
		return slices.ContainsFunc(out.RouteTables, func(table ec2types.RouteTable) bool {
			return slices.ContainsFunc(table.Routes, func(r ec2types.Route) bool { return strings.HasPrefix(aws.ToString(r.GatewayId), "igw-") })
		})
	}
	if !open(first.PublicSubnet) || open(first.PrivateSubnets[0]) {
		t.Error("not just the public subnet leads to the internet")
	}
}

// broken is a database with everything on that sabotage turns off.
func (a *account) broken() rdstypes.DBInstance {
	a.t.Helper()
	_, err := a.rds.CreateDBParameterGroup(a.t.Context(), &rds.CreateDBParameterGroupInput{
		DBParameterGroupName: aws.String("strict"), DBParameterGroupFamily: aws.String("postgres16"), Description: aws.String("strict"),
	})
	wantCode(a.t, err, "")
	a.setParameter("strict", "rds.force_ssl", "1")
	key := a.newKey()
	_, err = a.kms.EnableKeyRotation(a.t.Context(), &kms.EnableKeyRotationInput{KeyId: key.KeyId})
	wantCode(a.t, err, "")
	return a.available("victim", func(in *rds.CreateDBInstanceInput) {
		in.DeletionProtection, in.KmsKeyId, in.DBParameterGroupName = aws.Bool(true), key.KeyId, aws.String("strict")
	})
}

func (a *account) setParameter(group, name, value string) {
	a.t.Helper()
	_, err := a.rds.ModifyDBParameterGroup(a.t.Context(), &rds.ModifyDBParameterGroupInput{
		DBParameterGroupName: aws.String(group),
		Parameters:           []rdstypes.Parameter{{ParameterName: aws.String(name), ParameterValue: aws.String(value), ApplyMethod: rdstypes.ApplyMethodImmediate}},
	})
	wantCode(a.t, err, "")
}

// userParameters are the values set in a group.
func (a *account) userParameters(group string) map[string]string {
	a.t.Helper()
	found := map[string]string{}
	paginator := rds.NewDescribeDBParametersPaginator(a.rds, &rds.DescribeDBParametersInput{DBParameterGroupName: aws.String(group), Source: aws.String("user")})
	for paginator.HasMorePages() {
		page, err := paginator.NextPage(a.t.Context())
		wantCode(a.t, err, "")
		for _, p := range page.Parameters {
			found[aws.ToString(p.ParameterName)] = aws.ToString(p.ParameterValue)
		}
	}
	return found
}

func TestSabotageBreaksWhatAWSWouldShow(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		state string
		holds func(a *account, before rdstypes.DBInstance) bool
	}{
		"public-access": {holds: func(a *account, _ rdstypes.DBInstance) bool {
			return aws.ToBool(a.database("victim").PubliclyAccessible)
		}},
		"backup-off": {holds: func(a *account, _ rdstypes.DBInstance) bool {
			return aws.ToInt32(a.database("victim").BackupRetentionPeriod) == 0
		}},
		"unprotect": {holds: func(a *account, _ rdstypes.DBInstance) bool {
			return !aws.ToBool(a.database("victim").DeletionProtection)
		}},
		"state":            {state: "storage-full", holds: func(a *account, _ rdstypes.DBInstance) bool { return a.status("victim") == "storage-full" }},
		"superuser-master": {holds: func(a *account, _ rdstypes.DBInstance) bool { return a.status("victim") == "available" }}, // AWS shows nothing
		"open-firewall": {holds: func(a *account, _ rdstypes.DBInstance) bool {
			return slices.Contains(a.peers(&a.seeded.WorkloadSecurityGroup), "0.0.0.0/0")
		}},
		"delete-database": {holds: func(a *account, _ rdstypes.DBInstance) bool { a.gone("victim"); return true }},
		"rotation-off":    {holds: func(a *account, before rdstypes.DBInstance) bool { return !a.rotated(before.KmsKeyId) }},
		"schedule-key-deletion": {holds: func(a *account, before rdstypes.DBInstance) bool {
			return a.keyState(before.KmsKeyId) == "PendingDeletion"
		}},
		"force-ssl-off": {holds: func(a *account, _ rdstypes.DBInstance) bool {
			return a.userParameters("strict")["rds.force_ssl"] == "0" && aws.ToString(a.database("victim").DBParameterGroups[0].ParameterApplyStatus) == "in-sync"
		}},
		"replace-database": {holds: func(a *account, before rdstypes.DBInstance) bool {
			return aws.ToString(a.await("victim", "available").DbiResourceId) != aws.ToString(before.DbiResourceId)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, nil).seed()
			before := a.broken()
			var answer struct{ Hit []string }
			a.post("/sabotage/"+name, admin.Sabotage{Account: a.id, Region: region, Tags: map[string]string{"coach:name": "victim"}, State: test.state}, &answer)
			if len(answer.Hit) != 1 || !test.holds(a, before) {
				t.Errorf("hit %v, and AWS shows nothing", answer.Hit)
			}
			if status, _ := a.adminRaw(http.MethodPost, "/sabotage/"+name, admin.Sabotage{Account: a.id, Region: region, Resource: "nothing", State: test.state}); status != http.StatusNotFound {
				t.Errorf("sabotage of nothing: status %d", status)
			}
		})
	}
	if len(admin.Sabotages) != 11 {
		t.Error("a sabotage was added without a case here")
	}
}

func (a *account) rotated(key *string) bool {
	a.t.Helper()
	out, err := a.kms.GetKeyRotationStatus(a.t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key})
	wantCode(a.t, err, "")
	return out.KeyRotationEnabled
}

func (a *account) keyState(key *string) string {
	a.t.Helper()
	out, err := a.kms.DescribeKey(a.t.Context(), &kms.DescribeKeyInput{KeyId: key})
	wantCode(a.t, err, "")
	return string(out.KeyMetadata.KeyState)
}

// world is the inventory, as a test compares it.
func (a *account) world() map[string][]map[string]any {
	a.t.Helper()
	var found map[string][]map[string]any
	a.get("/inventory?account="+a.id+"&region="+region, &found)
	return found
}

func TestTheInventoryShowsTheWorld(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.broken()
	first, second := a.world(), a.world()
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error("two inventories of one world differ:\n" + diff)
	}
	counts := map[string]int{}
	for kind, list := range first {
		counts[kind] = len(list)
	}
	want := map[string]int{
		"instances": 1, "snapshots": 0, "subnetGroups": 1, "parameterGroups": 1, "keys": 1, "aliases": 0, "securityGroups": 4, "roles": 1, "policies": 0, "logGroups": 0,
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error("counts (-want +got):\n" + diff)
	}
	instance := first["instances"][0]
	if instance["deletionProtection"] != true || instance["encrypted"] != true || instance["status"] != "available" {
		t.Errorf("instance %v", instance)
	}
	if text, err := json.Marshal(first); err != nil || strings.Contains(string(text), masterPassword) {
		t.Errorf("the inventory holds the master password, or fails: %v", err)
	}
}

func TestAResetAccountIsEmpty(t *testing.T) {
	t.Parallel()
	a, other := newAccount(t, nil).seed(), newAccount(t, nil).seed()
	a.broken()
	a.fault(map[string]any{"kind": "throttle", "service": "tagging"})
	untouched := other.world()
	a.post("/accounts/"+a.id+"/reset", nil, nil)
	for kind, list := range a.world() {
		if kind == "securityGroups" { // that of the default VPC
			continue
		}
		if len(list) != 0 {
			t.Errorf("%d %s are left", len(list), kind)
		}
	}
	var faults, calls []any
	a.get("/faults?account="+a.id, &faults)
	a.get("/calls?account="+a.id, &calls)
	if len(faults)+len(calls) != 0 {
		t.Errorf("%d faults and %d calls are left", len(faults), len(calls))
	}
	if diff := cmp.Diff(untouched, other.world()); diff != "" {
		t.Error("the reset touched another account:\n" + diff)
	}
}

func TestTheCallLogRecordsWritesAndNoSecret(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.subnetGroup()
	session := a.as("writer", map[string]string{"tenant": "t3"})
	_, err := session.rds.CreateDBInstance(t.Context(), a.newDatabase("logged"))
	wantCode(t, err, "")
	_, err = session.rds.CreateDBInstance(t.Context(), a.newDatabase("logged"))
	wantCode(t, err, "DBInstanceAlreadyExists")
	var calls []calllog.Call
	a.get("/calls?account="+a.id, &calls)
	calls = slices.DeleteFunc(calls, func(c calllog.Call) bool { return c.Operation != "CreateDBInstance" })
	if len(calls) != 2 {
		t.Fatalf("calls %+v", calls)
	}
	for i, want := range []struct {
		status int
		code   string
	}{{200, ""}, {400, "DBInstanceAlreadyExists"}} {
		if c := calls[i]; c.Status != want.status || c.Error != want.code || c.ReadOnly || c.SessionName != "writer" ||
			c.SessionTags["tenant"] != "t3" || c.Resource != "arn:aws:rds:"+region+":"+a.id+":db:logged" || c.Service != "rds" {
			t.Errorf("call %d: %+v", i, c)
		}
	}
	_, content := a.adminRaw(http.MethodGet, "/calls?account="+a.id, nil)
	if strings.Contains(string(content), masterPassword) {
		t.Error("the log holds the master password")
	}
	last := calls[1].Seq
	_, err = a.kms.ListKeys(t.Context(), &kms.ListKeysInput{})
	wantCode(t, err, "")
	var since []calllog.Call
	a.get("/calls?account="+a.id+"&since="+itoa(last), &since)
	if len(since) != 1 || since[0].Operation != "ListKeys" || !since[0].ReadOnly {
		t.Errorf("since %d: %+v", last, since)
	}
}

func TestTheAdminAPIRefusesNonsense(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	for name, test := range map[string]struct {
		method, path string
		body         any
		want         int
	}{
		"an account that is none":     {http.MethodPost, "/accounts/me/seed", nil, 400},
		"an unknown fault":            {http.MethodGet, "/faults/none", nil, 404},
		"a negative pace":             {http.MethodPost, "/settings?account=" + a.id, map[string]any{"pace": "-1s"}, 400},
		"a pace that is a number":     {http.MethodPost, "/settings?account=" + a.id, map[string]any{"pace": 5}, 400},
		"an unknown setting":          {http.MethodPost, "/settings?account=" + a.id, map[string]any{"speed": "1s"}, 400},
		"an unknown sabotage":         {http.MethodPost, "/sabotage/magic", admin.Sabotage{Account: a.id, Resource: "x"}, 404},
		"a sabotage of everything":    {http.MethodPost, "/sabotage/unprotect", admin.Sabotage{Account: a.id}, 400},
		"a status AWS does not know":  {http.MethodPost, "/sabotage/state", admin.Sabotage{Account: a.id, Resource: "x", State: "odd"}, 400},
		"a policy that is none":       {http.MethodPost, "/accounts/" + a.id + "/policy", map[string]any{}, 400},
		"a since that is no sequence": {http.MethodGet, "/calls?since=yesterday", nil, 400},
		"an unknown path":             {http.MethodGet, "/everything", nil, 404},
	} {
		if status, content := a.adminRaw(test.method, test.path, test.body); status != test.want {
			t.Errorf("%s: status %d, want %d: %s", name, status, test.want, content)
		}
	}
}
