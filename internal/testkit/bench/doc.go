// Package bench measures the operator as it is shipped, with many platforms or with many payout accounts of
// one, against a real API server and the sandbox, and prints what it measured. It asserts nothing. It runs
// with the build tag bench, by make bench, which gives each of its tests a process of its own.
//
// A new figure is a Figure that one of the phases adds to the report.
package bench
