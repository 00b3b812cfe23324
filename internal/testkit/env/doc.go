// Package env gives tests their surroundings: the sandbox that acts as AWS, fresh accounts in it, and
// a real API server. What a test requests is there or the test fails with the way out: nothing
// is skipped.
//
// A package whose tests share one sandbox and one API server says so once:
//
//	func TestMain(m *testing.M) { os.Exit(env.Main(m)) }
//
// Without it every test has its own, which ends with the test. make test builds the programs once for all packages
// (ProgramsVariable) and starts an API server for those that may share one (APIServerVariable):
//
//	func TestMain(m *testing.M) { os.Exit(env.Main(m, env.SharesAPIServer)) }
//
// Everything that a test starts ends with the test binary, however that ends.
package env
