// Package beta is a step.
package beta

import "github.com/aws/aws-sdk-go-v2/service/kms"

// Name of the step.
const Name = "beta"

// ID is from the SDK, which steps use.
const ID = kms.ServiceID
