package acceptance

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/google/go-cmp/cmp"
)

// logGroup is the log group of that name, or nil.
func (a *account) logGroup(name string) *types.LogGroup {
	a.t.Helper()
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(a.logs, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(name)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(a.t.Context())
		wantCode(a.t, err, "")
		for _, group := range page.LogGroups {
			if aws.ToString(group.LogGroupName) == name {
				return &group
			}
		}
	}
	return nil
}

// logKey is a key whose policy admits CloudWatch Logs under the condition.
func (a *account) logKey(condition string) *string {
	a.t.Helper()
	out, err := a.kms.CreateKey(a.t.Context(), &kms.CreateKeyInput{Policy: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + a.id + `:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"Service":"logs.` + region + `.amazonaws.com"},"Resource":"*","Action":
		["kms:Encrypt*","kms:Decrypt*","kms:ReEncrypt*","kms:GenerateDataKey*","kms:Describe*"],"Condition":` + condition + `}]}`)})
	wantCode(a.t, err, "")
	return out.KeyMetadata.Arn
}

func (a *account) forGroup(name string) string {
	return `{"ArnEquals":{"kms:EncryptionContext:aws:logs:arn":"arn:aws:logs:` + region + `:` + a.id + `:log-group:` + name + `"}}`
}

func TestALogGroupHasRetentionKeyAndTags(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	ctx, name := t.Context(), aws.String("/coach/one")
	_, err := a.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name, Tags: map[string]string{"tenant": "t1"}})
	wantCode(t, err, "")
	_, err = a.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name})
	wantCode(t, err, "ResourceAlreadyExistsException")
	group := a.logGroup("/coach/one")
	arn := "arn:aws:logs:" + region + ":" + a.id + ":log-group:/coach/one"
	if group == nil || group.RetentionInDays != nil || group.KmsKeyId != nil || aws.ToString(group.Arn) != arn+":*" ||
		aws.ToString(group.LogGroupArn) != arn || group.LogGroupClass != types.LogGroupClassStandard {
		t.Fatalf("a new group is %+v", group)
	}
	_, err = a.logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: name, RetentionInDays: aws.Int32(365)})
	wantCode(t, err, "")
	key := a.logKey(a.forGroup("/coach/one"))
	_, err = a.logs.AssociateKmsKey(ctx, &cloudwatchlogs.AssociateKmsKeyInput{LogGroupName: name, KmsKeyId: key})
	wantCode(t, err, "")
	if group = a.logGroup("/coach/one"); aws.ToInt32(group.RetentionInDays) != 365 || aws.ToString(group.KmsKeyId) != *key {
		t.Errorf("retention %d, key %s", aws.ToInt32(group.RetentionInDays), aws.ToString(group.KmsKeyId))
	}
	_, err = a.logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"more": "yes", "gone": "soon"}})
	wantCode(t, err, "")
	_, err = a.logs.UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"gone"}})
	wantCode(t, err, "")
	tags, err := a.logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &arn})
	wantCode(t, err, "")
	if diff := cmp.Diff(map[string]string{"tenant": "t1", "more": "yes"}, tags.Tags); diff != "" {
		t.Error("tags (-want +got):\n" + diff)
	}
	listed, err := a.tags.GetResources(ctx, &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"logs:log-group"}})
	wantCode(t, err, "")
	if len(listed.ResourceTagMappingList) != 1 || aws.ToString(listed.ResourceTagMappingList[0].ResourceARN) != arn {
		t.Errorf("the tagging API lists %v", listed.ResourceTagMappingList)
	}
	want := []map[string]any{{
		"name": "/coach/one", "arn": arn, "class": "STANDARD", "keyARN": *key, "retentionDays": 365.0,
		"tags": map[string]any{"tenant": "t1", "more": "yes"},
	}}
	if diff := cmp.Diff(want, a.world()["logGroups"]); diff != "" {
		t.Error("inventory (-want +got):\n" + diff)
	}
	_, err = a.logs.DisassociateKmsKey(ctx, &cloudwatchlogs.DisassociateKmsKeyInput{ResourceIdentifier: &arn})
	wantCode(t, err, "")
	_, err = a.logs.DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: name})
	wantCode(t, err, "")
	if group = a.logGroup("/coach/one"); group.RetentionInDays != nil || group.KmsKeyId != nil {
		t.Errorf("retention and key are left: %+v", group)
	}
	_, err = a.logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: name})
	wantCode(t, err, "")
	_, err = a.logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: name})
	wantCode(t, err, "ResourceNotFoundException")
}

func TestALogGroupTakesOnlyAKeyThatAdmitsIt(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	disabled := a.logKey(a.forGroup("/coach/one"))
	_, err := a.kms.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: disabled})
	wantCode(t, err, "")
	_, err = a.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/coach/one")})
	wantCode(t, err, "")
	for name, test := range map[string]struct {
		key  *string
		want string
	}{
		"a key for the group":                {a.logKey(a.forGroup("/coach/one")), ""},
		"a key for all groups of a prefix":   {a.logKey(strings.Replace(a.forGroup("/coach/*"), "ArnEquals", "ArnLike", 1)), ""},
		"a key for another group":            {a.logKey(a.forGroup("/coach/two")), "AccessDeniedException"},
		"a key that does not admit Logs":     {a.newKey().Arn, "AccessDeniedException"},
		"a disabled key":                     {disabled, "InvalidParameterException"},
		"a key that does not exist":          {aws.String("arn:aws:kms:" + region + ":" + a.id + ":key/00000000-0000-0000-0000-000000000000"), "InvalidParameterException"},
		"a key by its ID and not by its ARN": {a.newKey().KeyId, "InvalidParameterException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := a.logs.AssociateKmsKey(t.Context(), &cloudwatchlogs.AssociateKmsKeyInput{LogGroupName: aws.String("/coach/one"), KmsKeyId: test.key})
			wantCode(t, err, test.want)
		})
	}
}

func TestALogGroupThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	_, err := a.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("one")})
	wantCode(t, err, "")
	arn := "arn:aws:logs:" + region + ":" + a.id + ":log-group:one"
	many := map[string]string{}
	for i := range 51 {
		many["k"+itoa(int64(i))] = "v"
	}
	for name, test := range map[string]struct {
		call func(context.Context) error
		want string
	}{
		"a name with a blank": {func(ctx context.Context) error {
			_, err := a.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("a b")})
			return err
		}, "InvalidParameterException"},
		"a reserved name": {func(ctx context.Context) error {
			_, err := a.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("aws/mine")})
			return err
		}, "InvalidParameterException"},
		"a retention that is not offered": {func(ctx context.Context) error {
			_, err := a.logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("one"), RetentionInDays: aws.Int32(366)})
			return err
		}, "InvalidParameterException"},
		"a retention of nothing": {func(ctx context.Context) error {
			_, err := a.logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("two"), RetentionInDays: aws.Int32(365)})
			return err
		}, "ResourceNotFoundException"},
		"tags by the ARN of its streams": {func(ctx context.Context) error {
			_, err := a.logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String(arn + ":*")})
			return err
		}, "InvalidParameterException"},
		"too many tags": {func(ctx context.Context) error {
			_, err := a.logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: &arn, Tags: many})
			return err
		}, "TooManyTagsException"},
		"a page that is too large": {func(ctx context.Context) error {
			_, err := a.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{Limit: aws.Int32(51)})
			return err
		}, "InvalidParameterException"},
		"a prefix and a pattern": {func(ctx context.Context) error {
			_, err := a.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("a"), LogGroupNamePattern: aws.String("b")})
			return err
		}, "InvalidParameterException"},
		"an operation the sandbox does not have": {func(ctx context.Context) error {
			_, err := a.logs.DescribeMetricFilters(ctx, &cloudwatchlogs.DescribeMetricFiltersInput{})
			return err
		}, "UnknownOperationException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantCode(t, test.call(t.Context()), test.want)
		})
	}
}

func TestLogGroupsNeedPermission(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	for _, tenant := range []string{"t1", "t2"} {
		_, err := a.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{
			LogGroupName: aws.String("/coach/" + tenant), Tags: map[string]string{"tenant": tenant},
		})
		wantCode(t, err, "")
	}
	a.post("/accounts/"+a.id+"/policy", rawJSON(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["logs:PutRetentionPolicy","logs:TagResource"],"Resource":"*",
		 "Condition":{"StringEquals":{"aws:ResourceTag/tenant":"${aws:PrincipalTag/tenant}"}}},
		{"Effect":"Allow","Action":["logs:CreateLogGroup"],"Resource":"arn:aws:logs:*:*:log-group:/coach/*:*",
		 "Condition":{"StringEquals":{"aws:RequestTag/tenant":"${aws:PrincipalTag/tenant}"}}}]}`), nil)
	t1 := a.as("t1", map[string]string{"tenant": "t1"})
	retain := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := t1.logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String(name), RetentionInDays: aws.Int32(30)})
			return err
		}
	}
	create := func(name string, tags map[string]string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := t1.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(name), Tags: tags})
			return err
		}
	}
	for name, test := range map[string]struct {
		call func(context.Context) error
		want string
	}{
		"its own group by tag":                 {retain("/coach/t1"), ""},
		"another tenant's group":               {retain("/coach/t2"), "AccessDeniedException"},
		"a group that does not exist":          {retain("/coach/t3"), "AccessDeniedException"},
		"a new group tagged as another's":      {create("/coach/new", map[string]string{"tenant": "t2"}), "AccessDeniedException"},
		"a new group without tags":             {create("/coach/new", nil), "AccessDeniedException"},
		"tags on a new group need TagResource": {create("/coach/new", map[string]string{"tenant": "t1"}), "AccessDeniedException"},
		"an undeclared action": {func(ctx context.Context) error {
			_, err := t1.logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("/coach/t1")})
			return err
		}, "AccessDeniedException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantCode(t, test.call(t.Context()), test.want)
		})
	}
}

func TestADatabaseCreatesTheLogGroupsOfItsExports(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	kept := "/aws/rds/instance/logged/postgresql"
	_, err := a.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &kept})
	wantCode(t, err, "")
	_, err = a.logs.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &kept, RetentionInDays: aws.Int32(400)})
	wantCode(t, err, "")
	a.available("silent")
	a.available("logged", func(in *rds.CreateDBInstanceInput) {
		in.EnableCloudwatchLogsExports = []string{"postgresql", "upgrade"}
	})
	if group := a.logGroup(kept); aws.ToInt32(group.RetentionInDays) != 400 {
		t.Errorf("a group that was there before is another one now: %+v", group)
	}
	if group := a.logGroup("/aws/rds/instance/logged/upgrade"); group == nil || group.RetentionInDays != nil || group.KmsKeyId != nil {
		t.Errorf("the new group is %+v", group)
	}
	if group := a.logGroup("/aws/rds/instance/silent/postgresql"); group != nil {
		t.Errorf("a database without log exports has %+v", group)
	}
	_, err = a.rds.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: aws.String("silent"), ApplyImmediately: aws.Bool(true),
		CloudwatchLogsExportConfiguration: &rdstypes.CloudwatchLogsExportConfiguration{EnableLogTypes: []string{"postgresql"}},
	})
	wantCode(t, err, "")
	eventually(t, "the log group of an export that was enabled later", func() bool { return a.logGroup("/aws/rds/instance/silent/postgresql") != nil })
}
