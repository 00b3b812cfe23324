// Package sandbox acts as AWS and may know it.
package sandbox

import "github.com/aws/aws-sdk-go-v2/service/kms"

// ID is from the SDK.
const ID = kms.ServiceID
