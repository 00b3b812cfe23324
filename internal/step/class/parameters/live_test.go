package parameters_test

import (
	"slices"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/class/parameters"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// operator runs the step of one group, a sweep at a time.
type operator struct {
	clock *testclock.FakePassiveClock
	step  converge.Step[*scope.Class]
	in    *scope.Class
}

func newOperator(t *testing.T, a *env.Account, major, minTLS string) *operator {
	t.Helper()
	clock := testclock.NewFakePassiveClock(time.Now())
	sessions := a.Sessions(t, aws.Options{Clock: clock, Share: 1000})
	return &operator{clock: clock, step: parameters.New(sessions, major, minTLS), in: input(a)}
}

func (o *operator) pass(t *testing.T) converge.Outcome {
	t.Helper()
	o.clock.SetTime(o.clock.Now().Add(time.Minute))
	return o.step.Run(t.Context(), o.in, converge.Mode{Write: true})
}

// settle passes until there is nothing left to do.
func (o *operator) settle(t *testing.T) {
	t.Helper()
	for range 10 {
		if out := o.pass(t); out.Err == nil {
			return
		} else if !out.Applied {
			t.Fatalf("the step fails: %v", out.Err)
		}
	}
	t.Fatal("the step does not settle")
}

// release releases until that is done.
func (o *operator) release(t *testing.T) {
	t.Helper()
	for range 5 {
		done, err := o.step.Release(t.Context(), o.in)
		if err != nil {
			t.Fatalf("releasing: %v", err)
		}
		if done {
			return
		}
	}
	t.Fatal("releasing does not end")
}

func TestEveryMajorGetsItsGroup(t *testing.T) {
	t.Parallel()
	a := env.StartSandbox(t).Account(t)
	for _, major := range parameters.Majors {
		for _, minTLS := range []string{"TLSv1.2", "TLSv1.3"} {
			if !parameters.Supported(major, minTLS) {
				continue
			}
			o := newOperator(t, a, major, minTLS)
			o.settle(t)
			values := valuesOf(t, a, naming.ParameterGroup(o.in.Owner, major, minTLS), "")
			if values["rds.force_ssl"] != "1" || values["ssl_min_protocol_version"] != minTLS {
				t.Errorf("%s %s: %v", major, minTLS, values)
			}
		}
	}
}

func TestWhatAWSSetsByItselfIsNotSet(t *testing.T) {
	t.Parallel()
	a := env.StartSandbox(t).Account(t)
	o := newOperator(t, a, "16", "TLSv1.2")
	o.settle(t)
	name := naming.ParameterGroup(o.in.Owner, "16", "TLSv1.2")
	set, all := valuesOf(t, a, name, "user"), valuesOf(t, a, name, "")
	if _, ok := set["rds.force_ssl"]; ok || all["rds.force_ssl"] != "1" {
		t.Errorf("rds.force_ssl is 1 by default and was set: %v", set)
	}
	if set["log_error_verbosity"] != "terse" {
		t.Errorf("log_error_verbosity was not set: %v", set)
	}
}

func TestAGroupOfAnotherFamilyIsAConflict(t *testing.T) {
	t.Parallel()
	a := env.StartSandbox(t).Account(t)
	o := newOperator(t, a, "16", "TLSv1.2")
	create1(t, a, naming.ParameterGroup(o.in.Owner, "16", "TLSv1.2"), "postgres15", o.in.Owner.Tags())
	out := o.pass(t)
	if f := fault.As(out.Err); f.Class != fault.Conflict || f.Reason != v1alpha1.ReasonConflict || out.Applied {
		t.Errorf("got %+v", out)
	}
}

func TestAGroupThatDatabasesUseStaysAndIsMarked(t *testing.T) {
	t.Parallel()
	a := env.StartSandbox(t).Account(t)
	o := newOperator(t, a, "16", "TLSv1.2")
	o.settle(t)
	name := naming.ParameterGroup(o.in.Owner, "16", "TLSv1.2")
	subnets, api := "kept", administrator(t, a)
	_, err := api.CreateDBSubnetGroup(t.Context(), &rds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: &subnets, DBSubnetGroupDescription: &subnets, SubnetIds: a.PrivateSubnets,
	})
	if err != nil {
		t.Fatalf("creating a subnet group: %v", err)
	}
	_, err = api.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: awssdk.String("kept"), DBInstanceClass: awssdk.String("db.t4g.medium"),
		Engine: awssdk.String("postgres"), EngineVersion: awssdk.String("16"), AllocatedStorage: awssdk.Int32(20),
		MasterUsername: awssdk.String("someone"), MasterUserPassword: awssdk.String("only-for-this-test"),
		DBParameterGroupName: &name, DBSubnetGroupName: &subnets,
	})
	if err != nil {
		t.Fatalf("creating a database: %v", err)
	}
	o.release(t)
	if got := markOf(t, a, name); got != naming.ReleasedRetain {
		t.Errorf("the group is marked %q", got)
	}
	o.settle(t)
	if got := markOf(t, a, name); got != "" {
		t.Errorf("the group was not taken back: marked %q", got)
	}
}

func TestAGroupOfAMajorThatIsNoLongerOfferedIsLetGoToo(t *testing.T) {
	t.Parallel()
	a := env.StartSandbox(t).Account(t)
	o := newOperator(t, a, "16", "TLSv1.2")
	o.settle(t)
	o.in.Class.Spec.Database.EngineVersions = []string{"17"}
	o.release(t)
	out, err := administrator(t, a).DescribeDBParameterGroups(t.Context(), &rds.DescribeDBParameterGroupsInput{})
	if err != nil || len(out.DBParameterGroups) > 0 {
		t.Errorf("got %v, %v, want no group", out, err)
	}
}

// actions are those that a pass took.
func (o *operator) actions(t *testing.T, a *env.Account) []string {
	t.Helper()
	mark := a.Mark(t)
	if out := o.pass(t); out.Err != nil || out.Applied || len(out.Changes) > 0 {
		t.Errorf("there is nothing to do, and the step says %+v", out)
	}
	var all []string
	for _, call := range a.Calls(t, mark) {
		if call.Service == "rds" {
			all = append(all, call.Operation)
		}
	}
	return all
}

func TestTheGroupOfAMajorThatIsNoLongerOfferedIsReconciled(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"rds.force_ssl": "0", "log_error_verbosity": "verbose"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := env.StartSandbox(t).Account(t)
			o := newOperator(t, a, "16", "TLSv1.2")
			o.settle(t)
			o.in.Class.Spec.Database.EngineVersions = []string{"17"}
			group := naming.ParameterGroup(o.in.Owner, "16", "TLSv1.2")
			before := valuesOf(t, a, group, "")[name]
			set("16", "TLSv1.2", name, value)(t, a, o.in)
			o.settle(t)
			if after := valuesOf(t, a, group, "")[name]; after != before || after == value {
				t.Errorf("%s is %q, want it restored to %q", name, after, before)
			}
			if calls := o.actions(t, a); !slices.Equal(calls, []string{"DescribeDBParameters"}) {
				t.Errorf("a cached read costs %v", calls)
			}
		})
	}
}

func TestAMajorThatIsNotOfferedGetsNoGroup(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*testing.T, *env.Account, *operator){
		"there never was one": func(*testing.T, *env.Account, *operator) {},
		"an unmanaged one has that name": func(t *testing.T, a *env.Account, o *operator) {
			t.Helper()
			create1(t, a, naming.ParameterGroup(o.in.Owner, "16", "TLSv1.2"), "postgres16", nil)
		},
		"a person removed it": func(t *testing.T, a *env.Account, o *operator) {
			t.Helper()
			offered := o.in.Class.Spec.Database.EngineVersions
			o.in.Class.Spec.Database.EngineVersions = []string{"16"}
			o.settle(t)
			o.in.Class.Spec.Database.EngineVersions = offered
			o.actions(t, a) // which sees it
			group := naming.ParameterGroup(o.in.Owner, "16", "TLSv1.2")
			_, err := administrator(t, a).DeleteDBParameterGroup(t.Context(), &rds.DeleteDBParameterGroupInput{DBParameterGroupName: &group})
			if err != nil {
				t.Fatalf("removing the group: %v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := env.StartSandbox(t).Account(t)
			o := newOperator(t, a, "16", "TLSv1.2")
			o.in.Class.Spec.Database.EngineVersions = []string{"17"}
			prepare(t, a, o)
			o.actions(t, a)
			if out := o.step.Run(t.Context(), o.in, converge.Mode{Write: true, Fresh: true}); out.Err != nil || out.Applied {
				t.Errorf("a fresh observation: %+v", out)
			}
		})
	}
}

func TestWhatIsNotOfferedCostsOneListingForAll(t *testing.T) {
	t.Parallel()
	a := env.StartSandbox(t).Account(t)
	clock := testclock.NewFakePassiveClock(time.Now())
	sessions := a.Sessions(t, aws.Options{Clock: clock, Share: 1000})
	mark := a.Mark(t)
	for range 3 {
		clock.SetTime(clock.Now().Add(time.Minute))
		for _, major := range []string{"14", "15", "17", "18"} {
			step := parameters.New(sessions, major, "TLSv1.2")
			in := input(a)
			in.Class.Spec.Database.EngineVersions = []string{"16"}
			if out := step.Run(t.Context(), in, converge.Mode{Write: true}); out.Err != nil || out.Applied {
				t.Fatalf("%s: %+v", major, out)
			}
		}
	}
	var calls []string
	for _, call := range a.Calls(t, mark) {
		if call.Service == "rds" {
			calls = append(calls, call.Operation)
		}
	}
	if !slices.Equal(calls, []string{"DescribeDBParameterGroups"}) {
		t.Errorf("three sweeps cost %v", calls)
	}
}

// valuesOf returns the parameters of a group that come from a source, or from any.
func valuesOf(t *testing.T, a *env.Account, group, source string) map[string]string {
	t.Helper()
	in := &rds.DescribeDBParametersInput{DBParameterGroupName: &group}
	if source != "" {
		in.Source = &source
	}
	values := map[string]string{}
	for pages := rds.NewDescribeDBParametersPaginator(administrator(t, a), in); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatalf("reading the parameters of %s: %v", group, err)
		}
		for _, p := range page.Parameters {
			values[awssdk.ToString(p.ParameterName)] = awssdk.ToString(p.ParameterValue)
		}
	}
	return values
}

// markOf is the value of the tag that says a group was released.
func markOf(t *testing.T, a *env.Account, group string) string {
	t.Helper()
	api := administrator(t, a)
	found, err := api.DescribeDBParameterGroups(t.Context(), &rds.DescribeDBParameterGroupsInput{DBParameterGroupName: &group})
	if err != nil {
		t.Fatalf("finding the group: %v", err)
	}
	out, err := api.ListTagsForResource(t.Context(), &rds.ListTagsForResourceInput{
		ResourceName: found.DBParameterGroups[0].DBParameterGroupArn,
	})
	if err != nil {
		t.Fatalf("reading the tags: %v", err)
	}
	for _, tag := range out.TagList {
		if awssdk.ToString(tag.Key) == naming.TagReleased {
			return awssdk.ToString(tag.Value)
		}
	}
	return ""
}
