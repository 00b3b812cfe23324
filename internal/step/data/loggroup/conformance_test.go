package loggroup_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/data/loggroup"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
	"github.com/coachplatform/coach-operator/internal/testkit/steptest"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

// mutation changes an account as its administrator would.
type mutation = steptest.Mutation[*scope.Platform]

func TestConformance(t *testing.T) {
	steptest.Run(t, steptest.Suite[*scope.Platform]{
		New:   loggroup.New,
		Input: input,
		Unmanaged: func(t *testing.T, a *env.Account, in *scope.Platform) {
			t.Helper()
			other := in.Tenant
			other.NamespaceUID = "another"
			create(groupOf(in, "upgrade"), other.Tags())(t, a, in)
		},
		Drifts: []steptest.Drift[*scope.Platform]{
			{Path: "groups", Name: "one is deleted", Do: remove("upgrade")},
			{Path: "tags", Name: "one is created again as RDS would", Do: asRDS, Also: []string{"key", "retentionDays"}},
			{Path: "key", Name: "the key is taken off", Do: withoutKey},
			{Path: "key", Name: "another key is put on", Do: anotherKey},
			{Path: "retentionDays", Name: "shorter", Do: keepFor(1)},
			{Path: "retentionDays", Name: "for ever", Do: keepForEver},
			{Path: "released", Name: "marked", Do: markReleased},
		},
		Breaks: []steptest.Break[*scope.Platform]{
			{Control: "CP-LOG-01", Name: "the key is taken off", Do: withoutKey},
			{Control: "CP-LOG-01", Name: "another key is put on", Do: anotherKey},
			{Control: "CP-LOG-01", Name: "a group is created again as RDS would", Do: asRDS},
			{Control: "CP-LOG-02", Name: "kept for a day", Do: keepFor(1)},
		},
		Quiet: []string{"logs:DescribeLogGroups", "tag:GetResources"},
		Least: steptest.Coverage{Boundaries: 10, Drifts: 7, Breaks: 4, Failures: 30},
	})
}

// input is a platform with a key that CloudWatch Logs may use for its log groups.
func input(t *testing.T, a *env.Account) func() *scope.Platform {
	t.Helper()
	spec := env.Platform(t).Spec
	in := &scope.Platform{Tenant: env.Tenant(), Class: a.Class(), Spec: spec.DeepCopy()}
	in.Class.Spec.Database.LogRetentionDays = 365
	in.Key = createKey(t, a, in)
	return func() *scope.Platform {
		next := *in
		return &next
	}
}

// createKey creates a key with the policy that the step's declaration makes.
func createKey(t *testing.T, a *env.Account, in *scope.Platform) scope.Key {
	t.Helper()
	statements := []map[string]any{{
		"Sid": "Account", "Effect": "Allow", "Resource": "*", "Action": "kms:*",
		"Principal": map[string]string{"AWS": fmt.Sprintf("arn:aws:iam::%s:root", a.ID)},
	}}
	for _, s := range loggroup.KeyUser(nil).Statements(in) {
		statements = append(statements, map[string]any{
			"Sid": s.Sid, "Effect": "Allow", "Resource": "*", "Principal": s.Principal, "Action": s.Actions, "Condition": s.Condition,
		})
	}
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	check(t, "writing a key policy", err)
	out, err := kms.NewFromConfig(a.Administrator(t)).CreateKey(t.Context(), &kms.CreateKeyInput{Policy: awssdk.String(string(policy))})
	check(t, "creating a key", err)
	return scope.Key{ID: *out.KeyMetadata.KeyId, ARN: *out.KeyMetadata.Arn}
}

func check(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func client(t *testing.T, a *env.Account) *logs.Client {
	t.Helper()
	return logs.NewFromConfig(a.Administrator(t))
}

func groupOf(in *scope.Platform, log string) string {
	return "/aws/rds/instance/" + in.Tenant.Resource() + "/" + log
}

func create(name string, tags map[string]string) mutation {
	return func(t *testing.T, a *env.Account, _ *scope.Platform) {
		t.Helper()
		_, err := client(t, a).CreateLogGroup(t.Context(), &logs.CreateLogGroupInput{LogGroupName: &name, Tags: tags})
		check(t, "creating a log group", err)
	}
}

func remove(log string) mutation {
	return func(t *testing.T, a *env.Account, in *scope.Platform) {
		t.Helper()
		_, err := client(t, a).DeleteLogGroup(t.Context(), &logs.DeleteLogGroupInput{LogGroupName: awssdk.String(groupOf(in, log))})
		check(t, "deleting a log group", err)
	}
}

// asRDS leaves a log group as RDS creates one: without key, end and tags.
func asRDS(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	remove("postgresql")(t, a, in)
	create(groupOf(in, "postgresql"), nil)(t, a, in)
}

func withoutKey(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	_, err := client(t, a).DisassociateKmsKey(t.Context(), &logs.DisassociateKmsKeyInput{LogGroupName: awssdk.String(groupOf(in, "postgresql"))})
	check(t, "taking the key off", err)
}

func anotherKey(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	_, err := client(t, a).AssociateKmsKey(t.Context(), &logs.AssociateKmsKeyInput{
		LogGroupName: awssdk.String(groupOf(in, "upgrade")), KmsKeyId: awssdk.String(createKey(t, a, in).ARN),
	})
	check(t, "putting another key on", err)
}

func keepFor(days int32) mutation {
	return func(t *testing.T, a *env.Account, in *scope.Platform) {
		t.Helper()
		_, err := client(t, a).PutRetentionPolicy(t.Context(), &logs.PutRetentionPolicyInput{
			LogGroupName: awssdk.String(groupOf(in, "postgresql")), RetentionInDays: &days,
		})
		check(t, "changing the retention", err)
	}
}

func keepForEver(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	_, err := client(t, a).DeleteRetentionPolicy(t.Context(), &logs.DeleteRetentionPolicyInput{LogGroupName: awssdk.String(groupOf(in, "postgresql"))})
	check(t, "removing the retention", err)
}

func markReleased(t *testing.T, a *env.Account, in *scope.Platform) {
	t.Helper()
	arn := fmt.Sprintf("arn:aws:logs:%s:%s:log-group:%s", in.Class.Spec.Region, a.ID, groupOf(in, "upgrade"))
	_, err := client(t, a).TagResource(t.Context(), &logs.TagResourceInput{
		ResourceArn: &arn, Tags: map[string]string{naming.TagReleased: naming.ReleasedRetain},
	})
	check(t, "marking a group", err)
}
