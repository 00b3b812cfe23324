package network_test

import (
	"slices"
	"strings"
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
	"github.com/coachplatform/coach-operator/internal/step/class/network"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// operator runs the step for one class, a sweep at a time.
type operator struct {
	clock *testclock.FakePassiveClock
	step  converge.Step[*scope.Class]
	class *v1alpha1.PlatformClass
	in    *scope.Class
}

func newOperator(t *testing.T, a *env.Account) *operator {
	t.Helper()
	clock := testclock.NewFakePassiveClock(time.Now())
	return &operator{
		clock: clock, class: a.Class(),
		step: network.New(a.Sessions(t, aws.Options{Clock: clock, Share: 1000})),
	}
}

func (o *operator) pass(t *testing.T) converge.Outcome {
	t.Helper()
	o.clock.SetTime(o.clock.Now().Add(time.Minute))
	o.in = &scope.Class{Owner: naming.Class{Installation: "test", Name: env.ClassName}, Class: o.class.DeepCopy()}
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

func TestWhatWasSeenIsHandedOn(t *testing.T) {
	t.Parallel()
	a := env.StartSandbox(t).Account(t)
	o := newOperator(t, a)
	o.settle(t)
	wanted := slices.Sorted(slices.Values(a.PrivateSubnets))
	if o.in.Network.VPCID != a.VPC || !slices.Equal(o.in.Network.SubnetIDs, wanted) {
		t.Errorf("got %+v, want %s with %v", o.in.Network, a.VPC, wanted)
	}
}

func TestANetworkThatCannotWorkIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*env.Account, *v1alpha1.ClassNetwork)
		says   []string
	}{
		"a public subnet": {func(a *env.Account, n *v1alpha1.ClassNetwork) {
			n.Subnets = v1alpha1.Selector{IDs: []string{a.PrivateSubnets[0], a.PublicSubnet}}
		}, []string{"are public", "subnet-"}},
		"one subnet only": {func(a *env.Account, n *v1alpha1.ClassNetwork) {
			n.Subnets = v1alpha1.Selector{IDs: a.PrivateSubnets[:1]}
		}, []string{"1 subnets in 1 zones"}},
		"no VPC": {func(_ *env.Account, n *v1alpha1.ClassNetwork) {
			n.VPC = v1alpha1.Selector{Tags: []v1alpha1.Tag{{Key: "coach-platform", Value: "nothing"}}}
		}, []string{"selects 0 VPCs"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := env.StartSandbox(t).Account(t)
			o := newOperator(t, a)
			c.change(a, &o.class.Spec.Network)
			out := o.pass(t)
			if f := fault.As(out.Err); f.Class != fault.Invalid || f.Reason != v1alpha1.ReasonNetworkInvalid {
				t.Fatalf("got %v, want an invalid network", out.Err)
			}
			for _, part := range c.says {
				if !strings.Contains(out.Err.Error(), part) {
					t.Errorf("%q does not say %q", out.Err, part)
				}
			}
			if out.Applied {
				t.Error("something was written")
			}
		})
	}
}

func TestASubnetThatADatabaseUsesIsNotTakenOut(t *testing.T) {
	t.Parallel()
	a := env.StartSandbox(t).Account(t)
	o := newOperator(t, a)
	o.settle(t)
	use(t, a, o.in.Owner)
	o.class.Spec.Network.Subnets = v1alpha1.Selector{IDs: a.PrivateSubnets[1:]}
	out := o.pass(t)
	if f := fault.As(out.Err); f.Class != fault.Invalid || !strings.Contains(f.Message, "select them again") {
		t.Errorf("got %v, want the way out", out.Err)
	}
}

func TestAGroupThatDatabasesUseStaysAndIsMarked(t *testing.T) {
	t.Parallel()
	a := env.StartSandbox(t).Account(t)
	o := newOperator(t, a)
	o.settle(t)
	use(t, a, o.in.Owner)
	released := false
	for range 5 {
		done, err := o.step.Release(t.Context(), o.in)
		if err != nil {
			t.Fatalf("releasing: %v", err)
		}
		if released = done; done {
			break
		}
	}
	if tags := tagsOf(t, a, naming.SubnetGroup(o.in.Owner)); !released || tags[naming.TagReleased] != naming.ReleasedRetain {
		t.Fatalf("released %v, tags %v", released, tags)
	}
	o.settle(t)
	if tags := tagsOf(t, a, naming.SubnetGroup(o.in.Owner)); tags[naming.TagReleased] != "" {
		t.Errorf("the group was not taken back: %v", tags)
	}
}

// use puts a database into the group.
func use(t *testing.T, a *env.Account, owner naming.Class) {
	t.Helper()
	_, err := administrator(t, a).CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: awssdk.String("kept"), DBInstanceClass: awssdk.String("db.t4g.medium"),
		Engine: awssdk.String("postgres"), EngineVersion: awssdk.String("16"), AllocatedStorage: awssdk.Int32(20),
		MasterUsername: awssdk.String("someone"), MasterUserPassword: awssdk.String("only-for-this-test"),
		DBSubnetGroupName: awssdk.String(naming.SubnetGroup(owner)),
	})
	if err != nil {
		t.Fatalf("creating a database: %v", err)
	}
}

func tagsOf(t *testing.T, a *env.Account, group string) map[string]string {
	t.Helper()
	api := administrator(t, a)
	found, err := api.DescribeDBSubnetGroups(t.Context(), &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: &group})
	if err != nil {
		t.Fatalf("finding the group: %v", err)
	}
	out, err := api.ListTagsForResource(t.Context(), &rds.ListTagsForResourceInput{
		ResourceName: found.DBSubnetGroups[0].DBSubnetGroupArn,
	})
	if err != nil {
		t.Fatalf("reading the tags: %v", err)
	}
	tags := map[string]string{}
	for _, tag := range out.TagList {
		tags[awssdk.ToString(tag.Key)] = awssdk.ToString(tag.Value)
	}
	return tags
}
