// Package v1alpha1 is a webhook that knows too much.
package v1alpha1

import "github.com/aws/aws-sdk-go-v2/service/kms" // want depguard

// ID is from the SDK.
const ID = kms.ServiceID
