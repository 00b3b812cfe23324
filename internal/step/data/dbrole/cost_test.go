package dbrole_test

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"
)

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

const (
	// manyRelations is how many the tenant creates, as far as it comes in creatingTime.
	manyRelations = 1_000_000
	creatingTime  = 2 * time.Minute
	// mostHeap is what the operator may need for one database, whatever is in it: the Deployment allows 1 GiB for all.
	mostHeap = 32 << 20
)

// BenchmarkManyRelations observes and repairs a database whose tenant has created as many relations as it could, has
// closed them to readers, and has named columns after what must not be kept. It fails if the heap grows with them.
func BenchmarkManyRelations(b *testing.B) {
	w := newWorld(b, "16")
	w.settle()
	w.spoiled = true
	app := w.as("coach_app")
	w.mustDo(app.Exec(b.Context(), "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM coach_readers"))
	relations, began := 0, time.Now()
	const each = 2000 // what a transaction can lock
	for ; relations < manyRelations && time.Since(began) < creatingTime; relations += each {
		w.mustDo(app.Exec(b.Context(), fmt.Sprintf(`DO $x$ BEGIN FOR i IN %d..%d LOOP
			EXECUTE 'CREATE VIEW public.' || rpad('v' || i || '_', 60, 'x') || ' AS SELECT 1 AS iban'; END LOOP; END $x$`,
			relations, relations+each-1)))
	}
	b.ResetTimer()
	for b.Loop() {
		peak := watchHeap()
		w.observe()
		passes := 1
		for out := w.write(); len(out.Changes) > 0; out = w.write() {
			if passes++; passes > manyRelations/10_000 {
				b.Fatalf("not converged: %v, %v", out.Err, paths(out))
			}
		}
		heap := peak()
		b.ReportMetric(float64(relations), "relations")
		b.ReportMetric(float64(passes), "passes")
		b.ReportMetric(float64(heap)/(1<<20), "peak-heap-MiB")
		if heap > mostHeap {
			b.Errorf("%d bytes of heap, want %d at most", heap, mostHeap)
		}
	}
}

// watchHeap measures until it is called how much the heap grows at most, garbage included.
func watchHeap() (stop func() uint64) {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	before, most := sample[0].Value.Uint64(), uint64(0)
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				metrics.Read(sample)
				most = max(most, sample[0].Value.Uint64())
			}
		}
	})
	return func() uint64 {
		close(done)
		watching.Wait()
		return max(most, before) - before
	}
}
