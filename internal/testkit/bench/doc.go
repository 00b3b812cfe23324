// Package bench measures the operator as it is shipped, with many platforms, against a real API server
// and the sandbox, and prints what it measured. It asserts nothing. It runs with the build tag bench, by
// make bench.
//
// A new figure is a Figure that one of the phases adds to the report.
package bench
