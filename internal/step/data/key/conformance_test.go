package key_test

import (
	"os"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/data/database"
	"github.com/coachplatform/coach-operator/internal/step/data/key"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
	"github.com/coachplatform/coach-operator/internal/testkit/steptest"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

func TestConformance(t *testing.T) {
	steptest.Run(t, steptest.Suite[*scope.Platform]{
		New: newStep,
		Input: func(t *testing.T, a *env.Account) func() *scope.Platform {
			t.Helper()
			spec, intents := env.Platform(t).Spec, &env.Intents{}
			return func() *scope.Platform {
				return &scope.Platform{Tenant: env.Tenant(), Class: a.Class(), Spec: spec.DeepCopy(), Intents: intents}
			}
		},
		Unmanaged: func(t *testing.T, a *env.Account, in *scope.Platform) {
			t.Helper()
			id := makeKey(t, a, nil)
			do(t, "naming an unmanaged key", func(k *kms.Client) error {
				_, err := k.CreateAlias(t.Context(), &kms.CreateAliasInput{
					AliasName: awssdk.String(in.Tenant.Alias()), TargetKeyId: &id,
				})
				return err
			}, a)
		},
		Drifts: []steptest.Drift[*scope.Platform]{
			{Path: "state", Name: "disabled", Do: disable},
			// KMS suspends the rotation of a key that awaits deletion.
			{Path: "state", Name: "awaiting deletion", Do: scheduleDeletion, Also: []string{"rotationDays"}},
			{Path: "policy", Name: "opened to everybody", Do: open},
			{Path: "rotationDays", Name: "switched off", Do: stopRotation},
			{Path: "rotationDays", Name: "made slower", Do: slowRotation},
			{Path: "alias", Name: "deleted", Do: dropAlias},
			{Path: "alias", Name: "pointed elsewhere", Do: moveAlias},
			{Path: "released", Name: "marked", Do: markReleased},
		},
		Implied: []string{"kms:ScheduleKeyDeletion"},
		Fixed:   map[string]string{"duplicates": "keys are only dropped beside a database; see below"},
		Breaks: []steptest.Break[*scope.Platform]{
			{Control: "CP-KEY-01", Name: "rotation switched off", Do: stopRotation},
			{Control: "CP-KEY-02", Name: "key disabled", Do: disable},
			{Control: "CP-KEY-02", Name: "key awaiting deletion", Do: scheduleDeletion},
			{Control: "CP-KEY-03", Name: "policy opened to everybody", Do: open},
		},
		Quiet: []string{"rds:DescribeDBInstances", "tag:GetResources"},
		Least: steptest.Coverage{Boundaries: 27, Drifts: 8, Breaks: 4, Failures: 65},
	})
}

// newStep returns the step for a key that RDS uses.
func newStep(sessions *aws.Sessions) converge.Step[*scope.Platform] {
	return key.New(sessions, database.KeyUser(sessions))
}

func do(t *testing.T, what string, call func(*kms.Client) error, a *env.Account) {
	t.Helper()
	if err := call(kms.NewFromConfig(a.Administrator(t))); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func makeKey(t *testing.T, a *env.Account, tags map[string]string) string {
	t.Helper()
	var id string
	do(t, "creating a key", func(k *kms.Client) error {
		var list []kmstypes.Tag
		for key, value := range tags {
			list = append(list, kmstypes.Tag{TagKey: &key, TagValue: &value})
		}
		out, err := k.CreateKey(t.Context(), &kms.CreateKeyInput{Tags: list})
		if err == nil {
			id = awssdk.ToString(out.KeyMetadata.KeyId)
		}
		return err
	}, a)
	return id
}

func disable(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	do(t, "disabling the key", func(k *kms.Client) error {
		_, err := k.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &in.Key.ID})
		return err
	}, a)
}

func scheduleDeletion(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	do(t, "scheduling the key's deletion", func(k *kms.Client) error {
		_, err := k.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &in.Key.ID})
		return err
	}, a)
}

func open(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}`
	do(t, "opening the key policy", func(k *kms.Client) error {
		_, err := k.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &in.Key.ID, Policy: &policy})
		return err
	}, a)
}

func stopRotation(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	do(t, "switching rotation off", func(k *kms.Client) error {
		_, err := k.DisableKeyRotation(t.Context(), &kms.DisableKeyRotationInput{KeyId: &in.Key.ID})
		return err
	}, a)
}

func slowRotation(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	do(t, "slowing rotation", func(k *kms.Client) error {
		_, err := k.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{
			KeyId: &in.Key.ID, RotationPeriodInDays: awssdk.Int32(2560),
		})
		return err
	}, a)
}

func dropAlias(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	do(t, "deleting the alias", func(k *kms.Client) error {
		_, err := k.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: awssdk.String(in.Tenant.Alias())})
		return err
	}, a)
}

func moveAlias(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	other := makeKey(t, a, nil)
	do(t, "pointing the alias elsewhere", func(k *kms.Client) error {
		_, err := k.UpdateAlias(t.Context(), &kms.UpdateAliasInput{
			AliasName: awssdk.String(in.Tenant.Alias()), TargetKeyId: &other,
		})
		return err
	}, a)
}

func markReleased(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	do(t, "marking the key as released", func(k *kms.Client) error {
		_, err := k.TagResource(t.Context(), &kms.TagResourceInput{KeyId: &in.Key.ID, Tags: []kmstypes.Tag{
			{TagKey: awssdk.String(naming.TagReleased), TagValue: awssdk.String(naming.ReleasedRetain)},
		}})
		return err
	}, a)
}
