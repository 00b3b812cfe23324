// Package env is for tests.
package env

import "testing"

// Need fails a test.
func Need(t *testing.T) {
	t.Helper()
	t.Fatal("needed")
}
