// Package proxy is a part of the sandbox and may know its other parts.
package proxy

import "github.com/coachplatform/coach-operator/cmd/sandbox"

// ID is from the SDK.
const ID = sandbox.ID
