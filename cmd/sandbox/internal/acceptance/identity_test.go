package acceptance

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/calllog"
)

// operator is the base credentials of an operator, in an account of its own.
func operator() *sts.Client {
	return sts.NewFromConfig(configFor(credentials.NewStaticCredentialsProvider("AKIAOPERATOR", "secret", "")))
}

func TestARoleIsAssumedOnlyAsItsTrustPolicySays(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	for name, test := range map[string]struct {
		change func(*sts.AssumeRoleInput)
		want   string
	}{
		"with the external ID":       {func(*sts.AssumeRoleInput) {}, ""},
		"without the external ID":    {func(in *sts.AssumeRoleInput) { in.ExternalId = nil }, "AccessDenied"},
		"with another external ID":   {func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("guess") }, "AccessDenied"},
		"another role":               {func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(*in.RoleArn + "x") }, "AccessDenied"},
		"for too long":               {func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(43200) }, "ValidationError"},
		"under a malformed name":     {func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("a b") }, "ValidationError"},
		"with a broken policy":       {func(in *sts.AssumeRoleInput) { in.Policy = aws.String("{") }, "MalformedPolicyDocument"},
		"by an ARN that is no roles": {func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::" + a.id + ":user/someone") }, "ValidationError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := &sts.AssumeRoleInput{RoleArn: aws.String(a.seeded.RoleARN), RoleSessionName: aws.String("tenant"), ExternalId: aws.String("coach-demo")}
			test.change(in)
			out, err := operator().AssumeRole(t.Context(), in)
			wantCode(t, err, test.want)
			if err == nil && aws.ToString(out.AssumedRoleUser.Arn) != "arn:aws:sts::"+a.id+":assumed-role/coach-operator/tenant" {
				t.Errorf("assumed %s", aws.ToString(out.AssumedRoleUser.Arn))
			}
		})
	}
}

func TestASessionIsWhoItSays(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	session := a.as("tenant-7", map[string]string{"tenant": "t7"})
	got, err := session.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	wantCode(t, err, "")
	if aws.ToString(got.Account) != a.id || aws.ToString(got.Arn) != "arn:aws:sts::"+a.id+":assumed-role/coach-operator/tenant-7" {
		t.Errorf("caller %s in %s", aws.ToString(got.Arn), aws.ToString(got.Account))
	}
	var calls []calllog.Call
	a.get("/calls?account="+a.id, &calls)
	if len(calls) != 1 || calls[0].SessionName != "tenant-7" || calls[0].SessionTags["tenant"] != "t7" || !calls[0].ReadOnly || calls[0].Status != 200 {
		t.Errorf("calls %+v", calls)
	}
}

func TestUnknownCredentialsAreRefusedByEachServiceInItsWay(t *testing.T) {
	t.Parallel()
	unknown := clientsOf(configFor(credentials.NewStaticCredentialsProvider("ASIAUNKNOWN", "secret", "token")))
	for name, test := range map[string]struct {
		call func(context.Context) error
		want string
	}{
		"STS": {func(ctx context.Context) error {
			_, err := unknown.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			return err
		}, "InvalidClientTokenId"},
		"RDS": {func(ctx context.Context) error {
			_, err := unknown.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
			return err
		}, "InvalidClientTokenId"},
		"EC2": {func(ctx context.Context) error {
			_, err := unknown.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
			return err
		}, "AuthFailure"},
		"KMS": {func(ctx context.Context) error {
			_, err := unknown.kms.ListKeys(ctx, &kms.ListKeysInput{})
			return err
		}, "UnrecognizedClientException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantCode(t, test.call(t.Context()), test.want)
		})
	}
}

func TestWhatARolesPolicyDoesNotAllowIsRefused(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.subnetGroup()
	tenantsOnly := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["rds:Describe*","kms:List*","kms:DescribeKey"],"Resource":"*"},
		{"Effect":"Allow","Action":["rds:CreateDBInstance","rds:AddTagsToResource"],"Resource":"*",
		 "Condition":{"StringEquals":{"aws:RequestTag/tenant":"${aws:PrincipalTag/tenant}"}}},
		{"Effect":"Allow","Action":["rds:CreateDBInstance"],"Resource":["arn:aws:rds:*:*:subgrp:*","arn:aws:rds:*:*:pg:*"]},
		{"Effect":"Allow","Action":"rds:ModifyDBInstance","Resource":"*",
		 "Condition":{"StringEquals":{"aws:ResourceTag/tenant":"${aws:PrincipalTag/tenant}"}}},
		{"Effect":"Deny","Action":"rds:ModifyDBInstance","Resource":"arn:aws:rds:*:*:db:frozen"},
		{"Effect":"Allow","Action":["kms:CreateKey","kms:TagResource","ec2:CreateSecurityGroup"],"Resource":"*"}]}`
	a.post("/accounts/"+a.id+"/policy", rawJSON(tenantsOnly), nil)
	for _, tenant := range []string{"t1", "t2"} {
		a.available("db-"+tenant, tagged("tenant", tenant))
	}
	a.available("frozen", tagged("tenant", "t1"))
	t1 := a.as("t1", map[string]string{"tenant": "t1"})
	modify := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := t1.rds.ModifyDBInstance(ctx, &rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String(name), CopyTagsToSnapshot: aws.Bool(true)})
			return err
		}
	}
	create := func(tag string) func(context.Context) error {
		in := a.newDatabase("new")
		tagged("tenant", tag)(in)
		return func(ctx context.Context) error {
			_, err := t1.rds.CreateDBInstance(ctx, in)
			return err
		}
	}
	for name, test := range map[string]struct {
		call func(context.Context) error
		want string
	}{
		"its own database by tag":                 {modify("db-t1"), ""},
		"another tenant's database":               {modify("db-t2"), "AccessDenied"},
		"its own, but explicitly denied":          {modify("frozen"), "AccessDenied"},
		"one that does not exist, or has no tags": {modify("nothing"), "AccessDenied"},
		"a database tagged as its own":            {create("t1"), ""},
		"a database tagged as another's":          {create("t2"), "AccessDenied"},
		"an undeclared action": {func(ctx context.Context) error {
			_, err := t1.rds.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("db-t1"), SkipFinalSnapshot: aws.Bool(true)})
			return err
		}, "AccessDenied"},
		"an action of another service": {func(ctx context.Context) error {
			_, err := t1.iam.ListRoles(ctx, &iam.ListRolesInput{})
			return err
		}, "AccessDenied"},
		"a tagged key": {func(ctx context.Context) error {
			_, err := t1.kms.CreateKey(ctx, &kms.CreateKeyInput{Tags: []kmstypes.Tag{{TagKey: aws.String("k"), TagValue: aws.String("v")}}})
			return err
		}, ""},
		"a key's rotation": {func(ctx context.Context) error {
			_, err := t1.kms.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: aws.String("11111111-2222-3333-4444-555555555555")})
			return err
		}, "AccessDeniedException"},
		"tags on creation that were not declared": {func(ctx context.Context) error {
			_, err := t1.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
				GroupName: aws.String("g"), Description: aws.String("d"), VpcId: aws.String(a.seeded.VPC),
				TagSpecifications: []ec2types.TagSpecification{{
					ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: []ec2types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
				}},
			})
			return err
		}, "UnauthorizedOperation"},
		"the same without tags": {func(ctx context.Context) error {
			_, err := t1.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
				GroupName: aws.String("g"), Description: aws.String("d"), VpcId: aws.String(a.seeded.VPC),
			})
			return err
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantCode(t, test.call(t.Context()), test.want)
		})
	}
}

func tagged(key, value string) func(*rds.CreateDBInstanceInput) {
	return func(in *rds.CreateDBInstanceInput) {
		in.Tags = []rdstypes.Tag{{Key: aws.String(key), Value: aws.String(value)}}
	}
}

func TestSessionPoliciesAndBoundariesOnlyNarrow(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.post("/accounts/"+a.id+"/policy", rawJSON(statement("Allow", "rds:Describe*", "kms:ListKeys")), nil)
	assume := func(sessionPolicy string) clients {
		t.Helper()
		in := &sts.AssumeRoleInput{RoleArn: aws.String(a.seeded.RoleARN), RoleSessionName: aws.String("narrow"), ExternalId: aws.String("coach-demo")}
		if sessionPolicy != "" {
			in.Policy = aws.String(sessionPolicy)
		}
		out, err := operator().AssumeRole(t.Context(), in)
		wantCode(t, err, "")
		c := out.Credentials
		return clientsOf(configFor(credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)))
	}
	reads := func(c clients) (databases, keys string) {
		_, errRDS := c.rds.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
		_, errKMS := c.kms.ListKeys(t.Context(), &kms.ListKeysInput{})
		return code(errRDS), code(errKMS)
	}
	full, narrowed, widened := assume(""), assume(statement("Allow", "rds:*")), assume(statement("Allow", "*"))
	for _, test := range []struct {
		name            string
		clients         clients
		databases, keys string
	}{
		{"the role alone", full, "", ""},
		{"narrowed to RDS", narrowed, "", "AccessDeniedException"},
		{"a session policy gives nothing the role lacks", widened, "", ""},
	} {
		if databases, keys := reads(test.clients); databases != test.databases || keys != test.keys {
			t.Errorf("%s: %q and %q, want %q and %q", test.name, databases, keys, test.databases, test.keys)
		}
	}
	_, err := widened.rds.DescribeDBSubnetGroups(t.Context(), &rds.DescribeDBSubnetGroupsInput{})
	wantCode(t, err, "")
	_, err = widened.ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	wantCode(t, err, "UnauthorizedOperation")

	created, err := a.iam.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("boundary"), PolicyDocument: aws.String(statement("Allow", "kms:*"))})
	wantCode(t, err, "")
	_, err = a.iam.PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{
		RoleName: aws.String("coach-operator"), PermissionsBoundary: created.Policy.Arn,
	})
	wantCode(t, err, "")
	if databases, keys := reads(full); databases != "AccessDenied" || keys != "" {
		t.Errorf("within the boundary: %q and %q", databases, keys)
	}
}

func statement(effect string, actions ...string) string {
	list := ""
	for i, action := range actions {
		if i > 0 {
			list += ","
		}
		list += `"` + action + `"`
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Action":[` + list + `],"Resource":"*"}]}`
}

func TestAKeyPolicyHasItsSay(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	session := a.as("tenant", nil)
	document := func(principal, effect string) *string {
		return aws.String(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + a.id + `:root"},"Action":"kms:*","Resource":"*"},
			{"Effect":"` + effect + `","Principal":{"AWS":"` + principal + `"},"Action":"kms:GetKeyRotationStatus","Resource":"*"}]}`)
	}
	made, err := a.kms.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: document(a.seeded.RoleARN, "Deny")})
	wantCode(t, err, "")
	rotation := func() error {
		_, err := session.kms.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: made.KeyMetadata.KeyId})
		return err
	}
	wantCode(t, rotation(), "AccessDeniedException")
	_, err = a.kms.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: made.KeyMetadata.KeyId, Policy: document(a.seeded.RoleARN, "Allow")})
	wantCode(t, err, "")
	a.post("/accounts/"+a.id+"/policy", rawJSON(statement("Allow", "rds:*")), nil)
	wantCode(t, rotation(), "") // named in the key's policy, the role needs no other
	_, err = session.kms.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: made.KeyMetadata.KeyId})
	wantCode(t, err, "AccessDeniedException")
}

func TestAccountsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	a, b := newAccount(t, nil).seed(), newAccount(t, nil).seed()
	a.available("mine")
	_, err := b.rds.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("mine")})
	wantCode(t, err, "DBInstanceNotFound")
	_, err = b.ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{VpcIds: []string{a.seeded.VPC}})
	wantCode(t, err, "InvalidVpcID.NotFound")
	before := b.listRoles()
	_, err = a.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("only-in-a"), AssumeRolePolicyDocument: aws.String(statement("Allow", "sts:AssumeRole"))})
	wantCode(t, err, "")
	if diff := cmp.Diff(before, b.listRoles()); diff != "" {
		t.Error("a role made in one account shows in another:\n" + diff)
	}
}

func (a *account) listRoles() []string {
	a.t.Helper()
	out, err := a.iam.ListRoles(a.t.Context(), &iam.ListRolesInput{})
	wantCode(a.t, err, "")
	names := []string{}
	for _, role := range out.Roles {
		names = append(names, aws.ToString(role.RoleName))
	}
	return names
}

func TestSessionTagsNeedTagSession(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	_, err := a.iam.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("untaggable"), Tags: []iamtypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}`),
	})
	wantCode(t, err, "")
	in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + a.id + ":role/untaggable"), RoleSessionName: aws.String("tenant")}
	_, err = operator().AssumeRole(t.Context(), in)
	wantCode(t, err, "")
	in.Tags = []ststypes.Tag{{Key: aws.String("tenant"), Value: aws.String("t1")}}
	_, err = operator().AssumeRole(t.Context(), in)
	wantCode(t, err, "AccessDenied")
	_, err = a.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: in.RoleArn, RoleSessionName: in.RoleSessionName})
	wantCode(t, err, "AccessDenied") // it trusts one account only
}

func TestWhatACallImpliesNeedsPermissionToo(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	a.subnetGroup()
	key := a.newKey()
	a.post("/accounts/"+a.id+"/policy", rawJSON(statement("Allow", "rds:CreateDBInstance", "kms:CreateKey", "kms:DescribeKey", "iam:CreateRole")), nil)
	session := a.as("bare", nil)
	database := func(name string, change func(*rds.CreateDBInstanceInput)) func(context.Context) error {
		in := a.newDatabase(name)
		in.Tags = nil
		change(in)
		return func(ctx context.Context) error {
			_, err := session.rds.CreateDBInstance(ctx, in)
			return err
		}
	}
	role := func(tags []iamtypes.Tag) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := session.iam.CreateRole(ctx, &iam.CreateRoleInput{
				RoleName: aws.String("made"), AssumeRolePolicyDocument: aws.String(statement("Allow", "sts:AssumeRole")), Tags: tags,
			})
			return err
		}
	}
	newKey := func(tags []kmstypes.Tag) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := session.kms.CreateKey(ctx, &kms.CreateKeyInput{Tags: tags})
			return err
		}
	}
	for name, test := range map[string]struct {
		call func(context.Context) error
		want string
	}{
		"a bare database":                {database("bare", func(*rds.CreateDBInstanceInput) {}), ""},
		"tags on a database":             {database("tagged", tagged("k", "v")), "AccessDenied"},
		"a customer's key of a database": {database("keyed", func(in *rds.CreateDBInstanceInput) { in.KmsKeyId = key.KeyId }), "AccessDenied"},
		"a bare key":                     {newKey(nil), ""},
		"tags on a key":                  {newKey([]kmstypes.Tag{{TagKey: aws.String("k"), TagValue: aws.String("v")}}), "AccessDeniedException"},
		"a bare role":                    {role(nil), ""},
		"tags on a role":                 {role([]iamtypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}}), "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantCode(t, test.call(t.Context()), test.want)
		})
	}
}
