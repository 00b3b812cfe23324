// Package fault is a leaf.
package fault

import "k8s.io/utils/clock" // want depguard

// Class of a failure.
type Class int

// Clock is from outside.
var Clock clock.PassiveClock
