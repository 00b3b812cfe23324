package aws

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// maxMessage bounds what is quoted of an AWS message.
const maxMessage = 300

// IsNotFound says that AWS answered that the resource does not exist.
func IsNotFound(err error) bool { return meaningOf(err) == notFound }

// IsDuplicate says that AWS answered that the resource exists already.
func IsDuplicate(err error) bool { return meaningOf(err) == exists }

// Classify turns an error of the AWS SDK into a fault; nil stays nil and a fault stays itself.
func Classify(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	call, code, is := callOf(err), codeOf(err), meaningOf(err)
	switch {
	case is == denied:
		return fault.New(fault.Denied, v1alpha1.ReasonAccessDenied,
			"AWS refuses %s (%s); %s", call, code, wayOut(call)).Because(err)
	case is == quota:
		return fault.New(fault.Denied, v1alpha1.ReasonQuotaExceeded,
			"AWS refuses %s: a quota of the account is used up (%s); raise it with AWS, or remove what is not needed", call, code).
			Because(err)
	case is == busy:
		f := fault.Wait(v1alpha1.ReasonSettling, 0, "AWS cannot do %s now (%s); it is tried again", call, code)
		return f.Because(err)
	case is == invalid:
		return fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
			"AWS refuses %s (%s): %s", call, code, quote(err)).Because(err)
	case isThrottle(code):
		return fault.New(fault.Transient, v1alpha1.ReasonThrottled,
			"AWS asks for fewer calls (%s); it is tried again", call).Because(err)
	default:
		return fault.New(fault.Transient, v1alpha1.ReasonTransientError,
			"%s failed in a way that is expected to pass; it is tried again", call).Because(err)
	}
}

func wayOut(call string) string {
	if call == "sts:AssumeRole" {
		return "check that the class's role exists and trusts the operator with the class's external ID and with sts:TagSession"
	}
	return "grant it to the class's role (docs/reference/iam.md has the least policies)"
}

// codeOf returns the error code that AWS gave, "" for no error, "Network" for none.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	// The innermost API error is the one that was really answered: a call fails with the error of the
	// AssumeRole that it needed.
	code := "Network"
	for {
		api, ok := errors.AsType[smithy.APIError](err)
		if !ok {
			return code
		}
		code = api.ErrorCode()
		inner, isError := api.(error)
		if !isError {
			return code
		}
		if err = errors.Unwrap(inner); err == nil {
			return code
		}
	}
}

// operationOf returns the innermost operation that failed, nil if err is of none.
func operationOf(err error) (operation *smithy.OperationError) {
	for {
		op, ok := errors.AsType[*smithy.OperationError](err)
		if !ok {
			return operation
		}
		operation, err = op, op.Unwrap()
	}
}

// callOf names the innermost call that failed, such as rds:ModifyDBInstance.
func callOf(err error) string {
	if op := operationOf(err); op != nil {
		return action(op.Service(), op.Operation())
	}
	return "the call to AWS"
}

// meaningOf returns what the answer of AWS means, "" if it has no meaning of its own.
func meaningOf(err error) meaning {
	service := ""
	if op := operationOf(err); op != nil {
		service = op.Service()
	}
	return means(service, codeOf(err))
}

// action is the name that IAM has for an operation.
func action(service, operation string) string {
	return cmp.Or(services[service].iam, service) + ":" + operation
}

func isThrottle(code string) bool {
	_, ok := retry.DefaultThrottleErrorCodes[code]
	return ok
}

// quote returns what AWS says is wrong with a request: its text names the parameter and holds no
// request ID.
func quote(err error) string {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return fmt.Sprintf("%T", err)
	}
	text := strings.Join(strings.Fields(api.ErrorMessage()), " ")
	if len(text) > maxMessage {
		text = text[:maxMessage]
	}
	return text
}
