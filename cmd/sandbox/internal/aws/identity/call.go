package identity

import "github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"

// Call is a request and who makes it: what a service answers.
type Call struct {
	*wire.Request
	Caller Principal
}
