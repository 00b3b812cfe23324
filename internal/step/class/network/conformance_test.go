package network_test

import (
	"os"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/class/network"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
	"github.com/coachplatform/coach-operator/internal/testkit/steptest"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

func TestConformance(t *testing.T) {
	steptest.Run(t, steptest.Suite[*scope.Class]{
		New: network.New,
		Input: func(_ *testing.T, a *env.Account) func() *scope.Class {
			return func() *scope.Class { return input(a) }
		},
		Unmanaged: func(t *testing.T, a *env.Account, in *scope.Class) {
			t.Helper()
			_, err := administrator(t, a).CreateDBSubnetGroup(t.Context(), &rds.CreateDBSubnetGroupInput{
				DBSubnetGroupName:        awssdk.String(naming.SubnetGroup(in.Owner)),
				DBSubnetGroupDescription: awssdk.String("another owner's"), SubnetIds: a.PrivateSubnets,
			})
			if err != nil {
				t.Fatalf("creating an unmanaged group: %v", err)
			}
		},
		Drifts: []steptest.Drift[*scope.Class]{
			{Path: "subnets", Name: "one taken out", Do: modify("", func(a *env.Account) []string { return a.PrivateSubnets[:2] })},
			{Path: "subnets", Name: "a public one put in", Do: modify("", func(a *env.Account) []string {
				return append([]string{a.PublicSubnet}, a.PrivateSubnets...)
			})},
			{Path: "description", Name: "changed", Do: modify("mine", func(a *env.Account) []string { return a.PrivateSubnets })},
			{Path: "released", Name: "marked", Do: mark},
		},
		// What is shared by all platforms of a class is read once in a sweep, for the class.
		Quiet: []string{
			"ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
			"rds:DescribeDBSubnetGroups",
		},
		// AWS checks it when something is created with tags; the step itself only tags what it releases.
		Implied: []string{"rds:AddTagsToResource"},
		Least:   steptest.Coverage{Boundaries: 16, Drifts: 4, Failures: 54},
	})
}

func input(a *env.Account) *scope.Class {
	return &scope.Class{Owner: naming.Class{Installation: "test", Name: env.ClassName}, Class: a.Class()}
}

func administrator(t *testing.T, a *env.Account) *rds.Client {
	t.Helper()
	return rds.NewFromConfig(a.Administrator(t))
}

// modify changes the group's subnets, and its description unless that is "".
func modify(description string, subnets func(*env.Account) []string) steptest.Mutation[*scope.Class] {
	return func(t *testing.T, a *env.Account, in *scope.Class) {
		t.Helper()
		name, text := naming.SubnetGroup(in.Owner), &description
		if description == "" {
			text = nil
		}
		_, err := administrator(t, a).ModifyDBSubnetGroup(t.Context(), &rds.ModifyDBSubnetGroupInput{
			DBSubnetGroupName: &name, DBSubnetGroupDescription: text, SubnetIds: subnets(a),
		})
		if err != nil {
			t.Fatalf("modifying the group: %v", err)
		}
	}
}

func mark(t *testing.T, a *env.Account, in *scope.Class) {
	t.Helper()
	api, name := administrator(t, a), naming.SubnetGroup(in.Owner)
	out, err := api.DescribeDBSubnetGroups(t.Context(), &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: &name})
	if err != nil {
		t.Fatalf("finding the group: %v", err)
	}
	_, err = api.AddTagsToResource(t.Context(), &rds.AddTagsToResourceInput{
		ResourceName: out.DBSubnetGroups[0].DBSubnetGroupArn,
		Tags:         []rdstypes.Tag{{Key: awssdk.String(naming.TagReleased), Value: awssdk.String(naming.ReleasedRetain)}},
	})
	if err != nil {
		t.Fatalf("marking the group: %v", err)
	}
}
