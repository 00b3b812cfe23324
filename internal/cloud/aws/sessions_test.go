package aws_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestClassesOfOneIdentityShareASession(t *testing.T) {
	world := env.StartSandbox(t).Account(t)
	sessions := world.Sessions(t, aws.Options{})
	first := sessions.Account(world.Class())
	for name, c := range map[string]struct {
		change func(*v1alpha1.PlatformClassSpec)
		shared bool
	}{
		"another class of the same identity": {func(s *v1alpha1.PlatformClassSpec) { s.AllowedNamespaces = nil }, true},
		"another region":                     {func(s *v1alpha1.PlatformClassSpec) { s.Region = "eu-west-1" }, false},
		"another account":                    {func(s *v1alpha1.PlatformClassSpec) { s.AccountID = "111111111111" }, false},
		"another role":                       {func(s *v1alpha1.PlatformClassSpec) { s.Identity.RoleARN += "-two" }, false},
		"another external ID":                {func(s *v1alpha1.PlatformClassSpec) { s.Identity.ExternalID += "-two" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			class := world.Class()
			class.Name = "another"
			c.change(&class.Spec)
			if got := sessions.Account(class) == first; got != c.shared {
				t.Errorf("shared %t, want %t", got, c.shared)
			}
		})
	}
	if first.ID() != world.ID || first.Region() != world.Region {
		t.Errorf("the session is of %s in %s", first.ID(), first.Region())
	}
}

func TestIdentityIsVerifiedAndItsFailuresHaveAWayOut(t *testing.T) {
	sandbox := env.StartSandbox(t)
	world, other := sandbox.Account(t), sandbox.Account(t)
	for name, c := range map[string]struct {
		change func(*v1alpha1.PlatformClassSpec)
		class  fault.Class
		reason string
	}{
		"the class's role and account": {change: func(*v1alpha1.PlatformClassSpec) {}},
		"a wrong external ID": {
			func(s *v1alpha1.PlatformClassSpec) { s.Identity.ExternalID = "guessed" }, fault.Denied, v1alpha1.ReasonAccessDenied,
		},
		"a role that does not exist": {
			func(s *v1alpha1.PlatformClassSpec) { s.Identity.RoleARN += "-gone" }, fault.Denied, v1alpha1.ReasonAccessDenied,
		},
		"a role of another account": {
			func(s *v1alpha1.PlatformClassSpec) { s.Identity.RoleARN = other.RoleARN }, fault.Denied, v1alpha1.ReasonWrongAccount,
		},
	} {
		t.Run(name, func(t *testing.T) {
			class := world.Class()
			c.change(&class.Spec)
			err := world.Sessions(t, aws.Options{}).Account(class).Prove(t.Context(), true)
			if c.reason == "" {
				if err != nil {
					t.Errorf("the session is not verified: %v", err)
				}
				return
			}
			if f := fault.As(err); err == nil || f.Class != c.class || f.Reason != c.reason {
				t.Errorf("error %v, want %s %s", err, c.class, c.reason)
			}
		})
	}
}

// The session of sweeps cannot write, even if the role can.
func TestASweepCannotWrite(t *testing.T) {
	world := env.StartSandbox(t).Account(t)
	account := world.Sessions(t, aws.Options{}).Account(world.Class())
	if _, err := account.KMS.ListKeys(t.Context(), &kms.ListKeysInput{}); err != nil {
		t.Errorf("reading: %v", err)
	}
	_, err := account.KMS.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if fault.As(aws.Classify(err)).Reason != v1alpha1.ReasonAccessDenied {
		t.Errorf("writing with the session of sweeps: %v", err)
	}
}

func TestAWriteSessionIsItsOwnersAlone(t *testing.T) {
	world := env.StartSandbox(t).Account(t)
	account := world.Sessions(t, aws.Options{}).Account(world.Class())
	mine, other := env.Tenant(), env.Tenant()
	other.Name = "other"
	// The role may touch what carries the tags of the session and nothing else.
	world.Policy(t, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["kms:CreateKey","kms:TagResource"],"Resource":"*",
		 "Condition":{"StringEquals":{"aws:RequestTag/coach:name":"${aws:PrincipalTag/coach:name}"}}}]}`)
	create := func(session awssdk.Config, tags map[string]string) error {
		var list []kmstypes.Tag
		for k, v := range tags {
			list = append(list, kmstypes.Tag{TagKey: &k, TagValue: &v})
		}
		_, err := kms.NewFromConfig(session).CreateKey(t.Context(), &kms.CreateKeyInput{Tags: list})
		return err
	}
	if err := create(account.Write(mine), mine.Tags()); err != nil {
		t.Errorf("creating one's own key: %v", err)
	}
	if err := create(account.Write(mine), other.Tags()); fault.As(aws.Classify(err)).Reason != v1alpha1.ReasonAccessDenied {
		t.Errorf("creating another tenant's key: %v", err)
	}
	if err := create(account.Write(mine), mine.Tags()); err != nil {
		t.Errorf("writing again: %v", err)
	}
	sessions := 0
	for _, c := range world.Calls(t, 0) {
		if c.Action() == "sts:AssumeRole" {
			sessions++
		}
		if c.Action() == "kms:CreateKey" && (c.SessionName != mine.Resource() || !maps.Equal(c.SessionTags, mine.Tags())) {
			t.Errorf("a write in session %s with tags %v", c.SessionName, c.SessionTags)
		}
	}
	if sessions != 1 {
		t.Errorf("%d sessions were opened for one owner", sessions)
	}
}

func TestMetricsCountEveryCallAndItsError(t *testing.T) {
	world := env.StartSandbox(t).Account(t)
	type call struct{ Service, Operation, Code string }
	var mu sync.Mutex
	var heard []call
	account := world.Sessions(t, aws.Options{Metrics: func(service, operation, code string) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, call{service, operation, code})
	}}).Account(world.Class())
	if err := account.Prove(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	unknown := "alias/none"
	if _, err := account.KMS.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &unknown}); !aws.IsNotFound(err) {
		t.Errorf("a key that does not exist: %v", err)
	}
	want := []call{
		{sts.ServiceID, "AssumeRole", ""},
		{sts.ServiceID, "GetCallerIdentity", ""},
		{kms.ServiceID, "DescribeKey", "NotFoundException"},
	}
	if diff := cmp.Diff(want, heard); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestAConfigurationThatCannotBeLoadedIsAnError(t *testing.T) {
	cause := errors.New("no profile")
	_, err := aws.NewSessions(t.Context(), aws.Options{
		Load: func(context.Context) (awssdk.Config, error) { return awssdk.Config{}, cause },
	})
	if !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
}
