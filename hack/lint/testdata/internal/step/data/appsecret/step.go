// Package appsecret is the step that talks to the cluster, by a client and nothing else.
package appsecret

import (
	"github.com/aws/aws-sdk-go-v2/service/kms" // want depguard
	ctrl "sigs.k8s.io/controller-runtime" // want depguard
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Values are from there.
var Values = []any{client.ObjectKey{}, ctrl.Request{}, kms.ServiceID}
