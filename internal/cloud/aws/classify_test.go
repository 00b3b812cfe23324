package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/coachplatform/coach-operator/internal/fault"
)

const requestID = "6f1c2d3e-0000-4000-8000-000000000001"

// answered is an AWS error as the SDK returns it.
func answered(service, operation string, err error) error {
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &awshttp.ResponseError{
		RequestID: requestID,
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusBadRequest}}, Err: err,
		},
	}}
}

func code(code, message string) error { return &smithy.GenericAPIError{Code: code, Message: message} }

func TestClassify(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		class  fault.Class
		reason string
		says   string // part of the message
	}{
		"a missing permission names the action": {
			answered("RDS", "ModifyDBInstance", code("AccessDenied", "User is not authorized")),
			fault.Denied, "AccessDenied", "rds:ModifyDBInstance (AccessDenied); grant it to the class's role",
		},
		"a missing permission of CloudWatch Logs has its IAM name": {
			answered("CloudWatch Logs", "PutRetentionPolicy", code("AccessDeniedException", "no")),
			fault.Denied, "AccessDenied", "logs:PutRetentionPolicy",
		},
		"a code has the meaning of its service": {
			answered("CloudWatch Logs", "PutRetentionPolicy", code("OperationAbortedException", "no")),
			fault.Waiting, "Settling", "AWS cannot do logs:PutRetentionPolicy now",
		},
		"and none in another service": {
			answered("KMS", "PutKeyPolicy", code("OperationAbortedException", "no")),
			fault.Transient, "TransientError", "kms:PutKeyPolicy failed",
		},
		"a missing permission of the tagging API has its IAM name": {
			answered("Resource Groups Tagging API", "GetResources", code("AccessDeniedException", "no")),
			fault.Denied, "AccessDenied", "tag:GetResources",
		},
		"a role that cannot be assumed is reported as such, for every call that needed it": {
			answered("KMS", "DescribeKey", fmt.Errorf("get identity: %w",
				answered("STS", "AssumeRole", code("AccessDenied", "no")))),
			fault.Denied, "AccessDenied", "sts:AssumeRole (AccessDenied); check that the class's role exists",
		},
		"a typed error has its code too": {
			answered("KMS", "CreateKey", &kmstypes.LimitExceededException{}),
			fault.Denied, "QuotaExceeded", "kms:CreateKey: a quota of the account is used up",
		},
		"a busy state is a wait": {
			answered("RDS", "ModifyDBInstance", code("InvalidDBInstanceState", "instance "+requestID+" is modifying")),
			fault.Waiting, "Settling", "AWS cannot do rds:ModifyDBInstance now",
		},
		"an invalid parameter quotes AWS": {
			answered("RDS", "CreateDBInstance", code("InvalidParameterValue", "Invalid\n  DB engine version")),
			fault.Invalid, "InvalidSpec", "rds:CreateDBInstance (InvalidParameterValue): Invalid DB engine version",
		},
		"a throttle is transient": {
			answered("EC2", "DescribeVpcs", code("RequestLimitExceeded", "slow down")),
			fault.Transient, "Throttled", "AWS asks for fewer calls (ec2:DescribeVpcs)",
		},
		"an error of AWS's own is transient": {
			answered("KMS", "DescribeKey", code("KMSInternalException", "request "+requestID)),
			fault.Transient, "TransientError", "kms:DescribeKey failed",
		},
		"an unknown code is transient": {
			answered("KMS", "DescribeKey", code("NovelException", "request "+requestID)),
			fault.Transient, "TransientError", "kms:DescribeKey failed",
		},
		"a thing that is missing in the middle of a write is transient": {
			answered("RDS", "ModifyDBInstance", code("DBInstanceNotFound", "no "+requestID)),
			fault.Transient, "TransientError", "rds:ModifyDBInstance failed",
		},
		"no connection is transient": {
			&smithy.OperationError{ServiceID: "RDS", OperationName: "DescribeDBInstances", Err: errors.New("dial: " + requestID)},
			fault.Transient, "TransientError", "rds:DescribeDBInstances failed",
		},
		"a cancelled call is transient": {
			&smithy.OperationError{ServiceID: "RDS", OperationName: "DescribeDBInstances", Err: context.Canceled},
			fault.Transient, "TransientError", "rds:DescribeDBInstances failed",
		},
		"an unclassified error is transient": {errors.New(requestID), fault.Transient, "TransientError", "the call to AWS failed"},
		"a fault stays itself": {
			fmt.Errorf("reading: %w", fault.New(fault.Conflict, "Conflict", "not ours")), fault.Conflict, "Conflict", "not ours",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := fault.As(Classify(c.err))
			if got.Class != c.class || got.Reason != c.reason || !strings.Contains(got.Message, c.says) {
				t.Errorf("%s %s %q, want %s %s with %q", got.Class, got.Reason, got.Message, c.class, c.reason, c.says)
			}
			if strings.Contains(got.Message, requestID) {
				t.Errorf("the message would be another one for every request: %q", got.Message)
			}
			if c.reason != "Conflict" && !errors.Is(got, c.err) {
				t.Error("the cause is lost")
			}
		})
	}
}

func TestClassifyOfNothingIsNothing(t *testing.T) {
	if err := Classify(nil); err != nil {
		t.Errorf("an error out of nothing: %v", err)
	}
}

func TestAQuotedMessageIsBounded(t *testing.T) {
	got := fault.As(Classify(answered("EC2", "X", code("InvalidParameterValue", strings.Repeat("long ", 1000)))))
	if len(got.Message) > maxMessage+100 {
		t.Errorf("message of %d characters", len(got.Message))
	}
}

func TestNotFoundAndDuplicateAreAnswersOfAWSOnly(t *testing.T) {
	for name, c := range map[string]struct {
		err                 error
		notFound, duplicate bool
	}{
		"no error":                {err: nil},
		"no connection":           {err: errors.New("NotFoundException")},
		"not found":               {err: answered("KMS", "DescribeKey", &kmstypes.NotFoundException{}), notFound: true},
		"not found of RDS":        {err: answered("RDS", "DescribeDBInstances", code("DBInstanceNotFound", "")), notFound: true},
		"there already":           {err: answered("KMS", "CreateAlias", &kmstypes.AlreadyExistsException{}), duplicate: true},
		"a role that is missing":  {err: answered("KMS", "DescribeKey", answered("STS", "AssumeRole", code("AccessDenied", "")))},
		"a denied read":           {err: answered("KMS", "DescribeKey", code("AccessDeniedException", "NotFoundException"))},
		"an error about the call": {err: answered("RDS", "DescribeDBInstances", code("ValidationError", ""))},
	} {
		t.Run(name, func(t *testing.T) {
			if IsNotFound(c.err) != c.notFound || IsDuplicate(c.err) != c.duplicate {
				t.Errorf("not found %t, duplicate %t", IsNotFound(c.err), IsDuplicate(c.err))
			}
		})
	}
}
