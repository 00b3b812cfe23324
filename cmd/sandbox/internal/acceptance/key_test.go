package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	tagtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/fxamacker/cbor/v2"
)

func (a *account) newKey(tags ...string) *kmstypes.KeyMetadata {
	a.t.Helper()
	in := &kms.CreateKeyInput{Description: aws.String("a key")}
	for i := 0; i+1 < len(tags); i += 2 {
		in.Tags = append(in.Tags, kmstypes.Tag{TagKey: aws.String(tags[i]), TagValue: aws.String(tags[i+1])})
	}
	out, err := a.kms.CreateKey(a.t.Context(), in)
	wantCode(a.t, err, "")
	return out.KeyMetadata
}

func TestAKeyHasRotationAliasTagsAndStates(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	ctx, key := t.Context(), a.newKey("tenant", "t1")
	if key.CreationDate == nil || time.Since(*key.CreationDate) > time.Minute || key.KeyState != kmstypes.KeyStateEnabled {
		t.Errorf("new key: %+v", key)
	}
	_, err := a.kms.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: key.KeyId, RotationPeriodInDays: aws.Int32(180)})
	wantCode(t, err, "")
	status, err := a.kms.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})
	wantCode(t, err, "")
	if !status.KeyRotationEnabled || aws.ToInt32(status.RotationPeriodInDays) != 180 || status.NextRotationDate == nil {
		t.Errorf("rotation: %+v", status)
	}
	_, err = a.kms.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/tenant"), TargetKeyId: key.KeyId})
	wantCode(t, err, "")
	_, err = a.kms.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/tenant"), TargetKeyId: key.KeyId})
	wantCode(t, err, "AlreadyExistsException")
	described, err := a.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/tenant")})
	wantCode(t, err, "")
	if aws.ToString(described.KeyMetadata.Arn) != aws.ToString(key.Arn) {
		t.Errorf("the alias leads to %s", aws.ToString(described.KeyMetadata.Arn))
	}
	_, err = a.kms.TagResource(ctx, &kms.TagResourceInput{KeyId: key.KeyId, Tags: []kmstypes.Tag{{TagKey: aws.String("more"), TagValue: aws.String("yes")}}})
	wantCode(t, err, "")
	tags, err := a.kms.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: key.Arn})
	wantCode(t, err, "")
	if len(tags.Tags) != 2 {
		t.Errorf("tags %+v", tags.Tags)
	}
	_, err = a.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(3)})
	wantCode(t, err, "ValidationException")
	scheduled, err := a.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(7)})
	wantCode(t, err, "")
	if scheduled.KeyState != kmstypes.KeyStatePendingDeletion || scheduled.DeletionDate == nil {
		t.Errorf("scheduled: %+v", scheduled)
	}
	_, err = a.kms.EnableKey(ctx, &kms.EnableKeyInput{KeyId: key.KeyId})
	wantCode(t, err, "KMSInvalidStateException")
	status, err = a.kms.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})
	wantCode(t, err, "")
	if status.KeyRotationEnabled {
		t.Error("a key that is to be deleted is still rotated")
	}
	_, err = a.kms.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: key.KeyId})
	wantCode(t, err, "")
	_, err = a.kms.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: key.KeyId})
	wantCode(t, err, "DisabledException")
	_, err = a.kms.EnableKey(ctx, &kms.EnableKeyInput{KeyId: key.KeyId})
	wantCode(t, err, "")
}

func TestAKeyPolicyThatLocksItsWriterOutIsRefused(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	locked := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"kms:*","Resource":"*"}]}`
	_, err := a.kms.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: aws.String(locked)})
	wantCode(t, err, "MalformedPolicyDocumentException")
	_, err = a.kms.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: aws.String("not json")})
	wantCode(t, err, "MalformedPolicyDocumentException")
}

func TestADatabaseNeedsAUsableKey(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	key := a.newKey()
	_, err := a.kms.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/db"), TargetKeyId: key.KeyId})
	wantCode(t, err, "")
	made := a.available("with-alias", func(in *rds.CreateDBInstanceInput) { in.KmsKeyId = aws.String("alias/db") })
	if aws.ToString(made.KmsKeyId) != aws.ToString(key.Arn) {
		t.Errorf("key %s, want its ARN %s", aws.ToString(made.KmsKeyId), aws.ToString(key.Arn))
	}
	_, err = a.kms.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId})
	wantCode(t, err, "")
	in := a.newDatabase("with-disabled")
	in.KmsKeyId = key.KeyId
	_, err = a.rds.CreateDBInstance(t.Context(), in)
	wantCode(t, err, "KMSKeyNotAccessibleFault")
}

func TestListingsLagButKeysAreThereAtOnce(t *testing.T) {
	t.Parallel()
	a := newAccount(t, map[string]any{"lag": "1h"}).seed()
	key := a.newKey("tenant", "t9")
	a.newKey("tenant", "t1")
	_, err := a.kms.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})
	wantCode(t, err, "")
	a.create(a.newDatabase("young"))
	count := func() (keys, tagged, databases int) {
		t.Helper()
		listed, err := a.kms.ListKeys(t.Context(), &kms.ListKeysInput{})
		wantCode(t, err, "")
		found, err := a.tags.GetResources(t.Context(), &resourcegroupstaggingapi.GetResourcesInput{
			ResourceTypeFilters: []string{"kms:key"}, TagFilters: []tagtypes.TagFilter{{Key: aws.String("tenant"), Values: []string{"t9"}}},
		})
		wantCode(t, err, "")
		instances, err := a.rds.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
		wantCode(t, err, "")
		return len(listed.Keys), len(found.ResourceTagMappingList), len(instances.DBInstances)
	}
	if keys, tagged, databases := count(); keys+tagged+databases != 0 {
		t.Errorf("listings show %d keys, %d tagged ones and %d databases at once", keys, tagged, databases)
	}
	a.post("/settings?account="+a.id, map[string]any{"lag": "0s"}, nil)
	// The third key is the one RDS made for itself.
	if keys, tagged, databases := count(); keys != 3 || tagged != 1 || databases != 1 {
		t.Errorf("without lag listings show %d keys, %d tagged ones and %d databases", keys, tagged, databases)
	}
	if got := a.database("young"); aws.ToString(got.DBInstanceIdentifier) != "young" {
		t.Errorf("by name: %+v", got)
	}
}

func TestKeysAndTagsAreListedInPages(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	const count = 7
	for range count {
		a.newKey("batch", "one")
	}
	found := map[string]bool{}
	keys := kms.NewListKeysPaginator(a.kms, &kms.ListKeysInput{Limit: aws.Int32(3)})
	for keys.HasMorePages() {
		page, err := keys.NextPage(t.Context())
		wantCode(t, err, "")
		for _, key := range page.Keys {
			found[aws.ToString(key.KeyArn)] = true
		}
	}
	pages := 0
	tags := resourcegroupstaggingapi.NewGetResourcesPaginator(a.tags, &resourcegroupstaggingapi.GetResourcesInput{ResourcesPerPage: aws.Int32(3)})
	for tags.HasMorePages() {
		page, err := tags.NextPage(t.Context())
		wantCode(t, err, "")
		pages++
		for _, m := range page.ResourceTagMappingList {
			delete(found, aws.ToString(m.ResourceARN))
		}
	}
	if pages != 3 || len(found) != 0 {
		t.Errorf("%d pages, and tags miss %d of the keys", pages, len(found))
	}
}

// TestCBORIsUnderstood makes by hand the call a client of Smithy RPC v2 makes.
func TestCBORIsUnderstood(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	call := func(operation string, in map[string]any) (int, map[string]any) {
		t.Helper()
		body, err := cbor.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		return a.cbor(t.Context(), operation, body)
	}
	status, out := call("CreateKey", map[string]any{"Description": "by hand", "Tags": []map[string]string{{"TagKey": "k", "TagValue": "v"}}})
	metadata, _ := out["KeyMetadata"].(map[any]any)
	if status != http.StatusOK || metadata["Description"] != "by hand" {
		t.Fatalf("status %d, %v", status, out)
	}
	if _, ok := metadata["CreationDate"].(time.Time); !ok {
		t.Errorf("creation date is a %T", metadata["CreationDate"])
	}
	status, out = call("DescribeKey", map[string]any{"KeyId": "alias/none"})
	if status != http.StatusBadRequest || out["__type"] != "NotFoundException" {
		t.Errorf("status %d, %v", status, out)
	}
}

func (a *account) cbor(ctx context.Context, operation string, body []byte) (status int, out map[string]any) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, running.AWS+"/service/TrentService/operation/"+operation, bytes.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	request.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	request.Header.Set("Content-Type", "application/cbor")
	request.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20260101/%s/kms/aws4_request, SignedHeaders=host, Signature=0", a.id, region))
	response, err := running.client.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if err := cbor.Unmarshal(content, &out); err != nil {
		a.t.Fatalf("%s: %v", content, err)
	}
	if got := response.Header.Get("Smithy-Protocol"); got != "rpc-v2-cbor" {
		a.t.Errorf("answered in %q", got)
	}
	return response.StatusCode, out
}
