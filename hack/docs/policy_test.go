package main

import (
	"os"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/onsi/gomega"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

// deadline is far beyond what a busy machine needs.
const deadline = 5 * time.Minute

// password of the database's master.
const password = "made-up-for-this-test"

// world is an account whose role has the least policies, with a class and one platform in it.
type world struct {
	account  *env.Account
	sessions *aws.Sessions
	class    *v1alpha1.PlatformClass
	platform scope.Platform
}

func newWorld(t *testing.T) *world {
	t.Helper()
	var policies []string
	for _, render := range policyFiles() {
		policy, err := render()
		if err != nil {
			t.Fatal(err)
		}
		policies = append(policies, policy)
	}
	w := &world{account: env.StartSandbox(t).Account(t)}
	w.account.Policies(t, policies...)
	w.sessions = w.account.Sessions(t, aws.Options{Sweep: time.Millisecond, Freshness: time.Millisecond, Lag: env.Lag, Share: 1000})
	w.class = w.account.Class()
	w.class.Spec.Database.EngineVersions = []string{"16"}
	w.platform = scope.Platform{
		Tenant: env.Tenant(), Shared: naming.Class{Installation: "test", Name: w.class.Name}, Class: w.class,
		Spec:              &env.Platform(t).Spec,
		MasterFingerprint: scope.Fingerprint(password),
		Passwords:         env.NewPasswords(map[string]string{scope.Master: password}),
	}
	return w
}

// settle runs steps again and again until a whole pass finds nothing to do.
func settle[In any](t *testing.T, steps []converge.Step[In], in func() In) {
	t.Helper()
	gomega.NewWithT(t).Eventually(func() []string {
		var left []string
		input := in()
		for _, s := range steps {
			out := s.Run(t.Context(), input, converge.Mode{Write: true, Generation: 1})
			if out.Err == nil {
				continue
			}
			if fault.ClassOf(out.Err) == fault.Denied {
				t.Fatalf("step %s: %v", s.Name(), out.Err)
			}
			left = append(left, s.Name()+": "+out.Err.Error())
		}
		return left
	}, deadline, 50*time.Millisecond).Should(gomega.BeEmpty())
}

func TestTheLeastPoliciesAreEnoughAndBindEachTenant(t *testing.T) {
	w := newWorld(t)
	settle(t, step.Class(w.sessions), func() *scope.Class {
		return &scope.Class{Owner: w.platform.Shared, Class: w.class}
	})
	var seen *scope.Platform
	settle(t, step.Cloud(w.sessions), func() *scope.Platform {
		fresh := w.platform
		seen = &fresh
		return seen
	})
	t.Run("another tenant's session changes nothing", func(t *testing.T) { w.refuseNeighbour(t, seen) })
	t.Run("what is released can be released", func(t *testing.T) { w.release(t, seen) })
}

// refuseNeighbour tries to change each of a tenant's things in the session of another tenant.
func (w *world) refuseNeighbour(t *testing.T, seen *scope.Platform) {
	t.Helper()
	neighbour := env.Tenant()
	neighbour.Name = "neighbour"
	cfg := w.sessions.Account(w.class).Write(neighbour)
	db, id := rds.NewFromConfig(cfg), awssdk.String(seen.Database.Identifier)
	tag := []rdstypes.Tag{{Key: awssdk.String("note"), Value: awssdk.String("mine")}}
	arn := "arn:aws:rds:" + w.account.Region + ":" + w.account.ID + ":db:" + seen.Database.Identifier
	tries := map[string]func() error{
		"opening the firewall": func() error {
			_, err := ec2.NewFromConfig(cfg).AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
				GroupId: &seen.Firewall.GroupID, IpProtocol: awssdk.String("tcp"), FromPort: awssdk.Int32(1),
				ToPort: awssdk.Int32(2), CidrIp: awssdk.String("0.0.0.0/0"),
			})
			return err
		},
		"modifying the database": func() error {
			_, err := db.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{
				DBInstanceIdentifier: id, PubliclyAccessible: awssdk.Bool(true),
			})
			return err
		},
		"taking the database by its tags": func() error {
			var own []rdstypes.Tag
			for k, v := range neighbour.Tags() {
				own = append(own, rdstypes.Tag{Key: &k, Value: &v})
			}
			_, err := db.AddTagsToResource(t.Context(), &rds.AddTagsToResourceInput{ResourceName: &arn, Tags: own})
			return err
		},
		"tagging the database": func() error {
			_, err := db.AddTagsToResource(t.Context(), &rds.AddTagsToResourceInput{ResourceName: &arn, Tags: tag})
			return err
		},
		"scheduling the key's deletion": func() error {
			_, err := kms.NewFromConfig(cfg).ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &seen.Key.ID})
			return err
		},
		"tagging the key": func() error {
			_, err := kms.NewFromConfig(cfg).TagResource(t.Context(), &kms.TagResourceInput{
				KeyId: &seen.Key.ID, Tags: []kmstypes.Tag{{TagKey: awssdk.String("note"), TagValue: awssdk.String("mine")}},
			})
			return err
		},
	}
	for what, try := range tries {
		if class := fault.ClassOf(aws.Classify(try())); class != fault.Denied {
			t.Errorf("%s as another tenant: %s, want denied", what, class)
		}
	}
}

// release releases everything, last step first.
func (w *world) release(t *testing.T, seen *scope.Platform) {
	t.Helper()
	steps := step.Cloud(w.sessions)
	gomega.NewWithT(t).Eventually(func() []string {
		var left []string
		for _, s := range steps {
			done, err := s.Release(t.Context(), seen)
			if err != nil && fault.ClassOf(err) == fault.Denied {
				t.Fatalf("releasing %s: %v", s.Name(), err)
			}
			if !done {
				left = append(left, s.Name())
			}
		}
		return left
	}, deadline, 50*time.Millisecond).Should(gomega.BeEmpty())
}
