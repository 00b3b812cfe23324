// Package aws knows calls.
package aws

import (
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"k8s.io/client-go/rest" // want depguard

	"github.com/coachplatform/coach-operator/internal/converge"  // want depguard
	"github.com/coachplatform/coach-operator/internal/step/data/beta" // want depguard
)

// Values are from everywhere.
var Values = []any{kms.ServiceID, rest.Config{}, converge.Classes, beta.Name}
