package dbrole_test

import "testing"

// BenchmarkAQuietObservation is what a platform costs in each resync: one session over verified TLS, the catalog, and
// the question whether a login without TLS is refused. Logins were tried before.
func BenchmarkAQuietObservation(b *testing.B) {
	w := newWorld(b, "16")
	w.settle()
	w.observe()
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if out := w.observe(); out.Err != nil || len(out.Changes) > 0 {
			b.Fatalf("not quiet: %v, %v", out.Err, paths(out))
		}
	}
}
