// Package e2e holds the tests on a real node: they need the demonstration (hack/demo) and run with
// the build tag e2e, by make e2e.
package e2e
