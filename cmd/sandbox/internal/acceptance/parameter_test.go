package acceptance

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"
)

func (a *account) parameterGroup(name string) {
	a.t.Helper()
	_, err := a.rds.CreateDBParameterGroup(a.t.Context(), &rds.CreateDBParameterGroupInput{
		DBParameterGroupName: aws.String(name), DBParameterGroupFamily: aws.String("postgres16"), Description: aws.String(name),
	})
	wantCode(a.t, err, "")
}

func (a *account) parameterStatus(name string) string {
	a.t.Helper()
	return aws.ToString(a.database(name).DBParameterGroups[0].ParameterApplyStatus)
}

func parameter(name, value string, method rdstypes.ApplyMethod) rdstypes.Parameter {
	return rdstypes.Parameter{ParameterName: aws.String(name), ParameterValue: aws.String(value), ApplyMethod: method}
}

func TestDynamicParametersApplyStaticOnesWaitForAReboot(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.parameterGroup("own")
	a.available("db", func(in *rds.CreateDBInstanceInput) { in.DBParameterGroupName = aws.String("own") })
	set := func(p ...rdstypes.Parameter) string {
		t.Helper()
		_, err := a.rds.ModifyDBParameterGroup(t.Context(), &rds.ModifyDBParameterGroupInput{DBParameterGroupName: aws.String("own"), Parameters: p})
		return code(err)
	}
	const now, boot = rdstypes.ApplyMethodImmediate, rdstypes.ApplyMethodPendingReboot
	if got := set(parameter("rds.force_ssl", "1", now), parameter("log_connections", "1", now)); got != "" {
		t.Fatal(got)
	}
	eventually(t, "dynamic values are in sync", func() bool { return a.parameterStatus("db") == "in-sync" })
	if got := set(parameter("max_connections", "50", boot)); got != "" {
		t.Fatal(got)
	}
	if got := a.parameterStatus("db"); got != "pending-reboot" {
		t.Errorf("a static value: %s", got)
	}
	if got := set(parameter("log_connections", "0", now)); got != "" {
		t.Fatal(got)
	}
	eventually(t, "a static value still waits after a dynamic one", func() bool { return a.parameterStatus("db") == "pending-reboot" })
	_, err := a.rds.RebootDBInstance(t.Context(), &rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("db")})
	wantCode(t, err, "")
	eventually(t, "after the reboot all is in sync", func() bool { return a.parameterStatus("db") == "in-sync" })
	for name, test := range map[string]struct {
		p    rdstypes.Parameter
		want string
	}{
		"a static value at once":          {parameter("max_connections", "60", now), "InvalidParameterCombination"},
		"an unknown parameter":            {parameter("no_such_thing", "1", now), "InvalidParameterValue"},
		"a value out of range":            {parameter("rds.force_ssl", "2", now), "InvalidParameterValue"},
		"a number out of range":           {parameter("deadlock_timeout", "0", now), "InvalidParameterValue"},
		"one that cannot be changed":      {parameter("ssl", "0", boot), "InvalidParameterValue"},
		"the same value, another method":  {parameter("rds.force_ssl", "1", boot), ""},
		"a TLS version below the allowed": {parameter("ssl_min_protocol_version", "TLSv1", now), "InvalidParameterValue"},
	} {
		if got := set(test.p); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	want := map[string]string{"rds.force_ssl": "1", "log_connections": "0", "max_connections": "50"}
	if diff := cmp.Diff(want, a.userParameters("own")); diff != "" {
		t.Error("parameters set (-want +got):\n" + diff)
	}
	if got := a.parameterStatus("db"); got != "in-sync" {
		t.Errorf("after a change of the method alone: %s", got)
	}
}

func TestAnotherParameterGroupWaitsForAReboot(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.parameterGroup("next")
	a.available("db")
	a.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("db"), DBParameterGroupName: aws.String("next"), ApplyImmediately: aws.Bool(true)})
	eventually(t, "the group waits", func() bool { return a.parameterStatus("db") == "pending-reboot" })
	_, err := a.rds.DeleteDBParameterGroup(t.Context(), &rds.DeleteDBParameterGroupInput{DBParameterGroupName: aws.String("next")})
	wantCode(t, err, "InvalidDBParameterGroupState")
	_, err = a.rds.RebootDBInstance(t.Context(), &rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("db")})
	wantCode(t, err, "")
	eventually(t, "the group is in effect", func() bool { return a.parameterStatus("db") == "in-sync" })
}

func TestDefaultsOfAFamily(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	for family, want := range map[string]string{"postgres14": "0", "postgres15": "1", "postgres17": "1"} {
		got, listed := "", 0
		paginator := rds.NewDescribeDBParametersPaginator(a.rds, &rds.DescribeDBParametersInput{
			DBParameterGroupName: aws.String("default." + family), MaxRecords: aws.Int32(20),
		})
		for paginator.HasMorePages() {
			page, err := paginator.NextPage(t.Context())
			wantCode(t, err, "")
			for _, p := range page.Parameters {
				listed++
				if aws.ToString(p.ParameterName) == "rds.force_ssl" {
					got = aws.ToString(p.ParameterValue)
				}
			}
		}
		if got != want || listed < 50 {
			t.Errorf("%s: rds.force_ssl is %q among %d parameters, want %q", family, got, listed, want)
		}
	}
	_, err := a.rds.ModifyDBParameterGroup(t.Context(), &rds.ModifyDBParameterGroupInput{
		DBParameterGroupName: aws.String("default.postgres16"), Parameters: []rdstypes.Parameter{parameter("log_connections", "1", rdstypes.ApplyMethodImmediate)},
	})
	wantCode(t, err, "InvalidParameterValue")
}

func TestResetTakesParametersBack(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	a.parameterGroup("own")
	a.setParameter("own", "log_connections", "1")
	a.setParameter("own", "log_disconnections", "1")
	_, err := a.rds.ResetDBParameterGroup(t.Context(), &rds.ResetDBParameterGroupInput{
		DBParameterGroupName: aws.String("own"), ResetAllParameters: aws.Bool(false),
		Parameters: []rdstypes.Parameter{{ParameterName: aws.String("log_connections"), ApplyMethod: rdstypes.ApplyMethodImmediate}},
	})
	wantCode(t, err, "")
	if diff := cmp.Diff(map[string]string{"log_disconnections": "1"}, a.userParameters("own")); diff != "" {
		t.Error("after resetting one (-want +got):\n" + diff)
	}
	_, err = a.rds.ResetDBParameterGroup(t.Context(), &rds.ResetDBParameterGroupInput{DBParameterGroupName: aws.String("own"), ResetAllParameters: aws.Bool(true)})
	wantCode(t, err, "")
	if got := a.userParameters("own"); len(got) != 0 {
		t.Errorf("after resetting all: %v", got)
	}
}

func TestSubnetGroupsAreChecked(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	for i, test := range []struct {
		name    string
		subnets []string
		want    string
	}{
		{"subnets in one zone", a.seeded.PrivateSubnets[:1], "DBSubnetGroupDoesNotCoverEnoughAZs"},
		{"a subnet that does not exist", []string{"subnet-0123456789abcdef0"}, "InvalidSubnet"},
		{"subnets in two zones", a.seeded.PrivateSubnets[:2], ""},
	} {
		_, err := a.rds.CreateDBSubnetGroup(t.Context(), &rds.CreateDBSubnetGroupInput{
			DBSubnetGroupName: aws.String("group" + itoa(int64(i))), DBSubnetGroupDescription: aws.String("d"), SubnetIds: test.subnets,
		})
		if got := code(err); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	a.available("db", func(in *rds.CreateDBInstanceInput) { in.DBSubnetGroupName = aws.String("group2") })
	_, err := a.rds.DeleteDBSubnetGroup(t.Context(), &rds.DeleteDBSubnetGroupInput{DBSubnetGroupName: aws.String("group2")})
	wantCode(t, err, "InvalidDBSubnetGroupStateFault")
}
