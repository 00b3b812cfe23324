package env

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
)

// closer is something that ends with the tests that use it.
type closer interface{ close() error }

// shared is what the tests of one package share when its TestMain calls Main.
var shared struct {
	mu sync.Mutex
	on bool
	// apiServer says that the package may share its API server with other packages.
	apiServer bool
	items     map[string]closer
	// failed are things that could not be started: the next test would only wait for it again.
	failed map[string]error
}

// Share is something that a package shares with others where they are tested together.
type Share func()

// SharesAPIServer says that the package's tests keep to namespaces and classes of their own, whose names the API
// server generates, and reconcile no others. So they may share an API server with other packages, if there is one.
func SharesAPIServer() { shared.apiServer = true }

// Main runs the tests of a package, which share one sandbox and one API server, ends both and returns
// the exit code.
func Main(m *testing.M, shares ...Share) int {
	shared.mu.Lock()
	for _, share := range shares {
		share()
	}
	shared.on, shared.items, shared.failed = true, map[string]closer{}, map[string]error{}
	shared.mu.Unlock()
	if err := widen(); err != nil {
		fmt.Fprintln(os.Stderr, "letting tests run side by side:", err)
		return 1
	}
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	var problems error
	for _, item := range shared.items {
		problems = errors.Join(problems, item.close())
	}
	if problems != nil {
		fmt.Fprintln(os.Stderr, "ending what the tests shared:", problems)
		return max(code, 1)
	}
	return code
}

// sideBySide is how many tests run at once. They wait most of the time, for the sandbox and for time
// to pass, so the usual one per processor would be slow.
const sideBySide = "8"

// widen sets how many tests run at once, unless the command line does.
func widen() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", sideBySide)
}

// obtain returns the thing that the tests of the package share, or one of the test's own.
func obtain[T closer](t testing.TB, name string, start func() (T, error)) T {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if have, ok := shared.items[name].(T); ok {
		return have
	}
	if err := shared.failed[name]; err != nil {
		t.Fatalf("starting the %s has failed before: %v", name, err)
	}
	item, err := start()
	switch {
	case err != nil && shared.on:
		shared.failed[name] = err
		fallthrough
	case err != nil:
		t.Fatalf("starting the %s: %v", name, err)
	case shared.on:
		shared.items[name] = item
	default:
		t.Cleanup(func() {
			if err := item.close(); err != nil {
				t.Errorf("ending the %s: %v", name, err)
			}
		})
	}
	return item
}
