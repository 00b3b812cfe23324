package env

import (
	"context"
	"time"

	testclock "k8s.io/utils/clock/testing"
)

const (
	// scale is how much faster an operator's clock goes than the sandbox.
	scale = 200
	// longestWait is the longest that a test waits for the sandbox, however long the operator does.
	longestWait = 55 * time.Second / scale
)

// Clock is the clock of an operator in a test. It only moves when the test waits, and for every second
// of it the test waits a small part of one. So waits that are longer than AWS's lag stay longer than
// the sandbox's, however slow the machine is.
type Clock struct{ *testclock.FakePassiveClock }

// NewClock returns a clock that shows the present time.
func NewClock() *Clock { return &Clock{testclock.NewFakePassiveClock(time.Now())} }

// Wait lets time pass; it ends early when ctx does.
func (c *Clock) Wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(min(d/scale, longestWait)):
	case <-ctx.Done():
	}
	c.SetTime(c.Now().Add(d))
}
