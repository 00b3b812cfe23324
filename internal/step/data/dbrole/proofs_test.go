package dbrole

import (
	"fmt"
	"testing"
	"time"
)

const freshness = 15 * time.Minute

func TestProofsThatAreTooOldAreDropped(t *testing.T) {
	t.Parallel()
	r := newRecent[proof](freshness)
	began := time.Unix(1_800_000_000, 0)
	const hours, each = 5, 20 // a login each minute or so, with a new password each time
	for i := range hours * 60 {
		for n := range each {
			at := began.Add(time.Duration(i) * time.Minute)
			key := fmt.Sprint(i, n)
			r.put(key, proof{at: at, ok: true}, at)
			if _, ok := r.get(key, at); !ok {
				t.Fatal("a proof is forgotten at once")
			}
			if _, ok := r.get(fmt.Sprint(i-14, n), at); !ok && i >= 14 {
				t.Fatal("a proof that may still be used is forgotten")
			}
			if _, ok := r.get(fmt.Sprint(i-15, n), at); ok {
				t.Fatal("a proof that is too old is used")
			}
		}
		if most := 2*15*each + 2*each; len(r.items) > most {
			t.Fatalf("%d proofs are kept, want %d at most", len(r.items), most)
		}
	}
}

// BenchmarkRemember keeps a proof beside those of a number of logins. Their number must not matter.
func BenchmarkRemember(b *testing.B) {
	for _, logins := range []int{100, 10_000} {
		b.Run(fmt.Sprint(logins, " logins"), func(b *testing.B) {
			r := newRecent[proof](freshness)
			at := time.Unix(1_800_000_000, 0)
			keys := make([]string, logins)
			for i := range keys {
				keys[i] = fmt.Sprint("login ", i)
				r.put(keys[i], proof{at: at}, at)
			}
			step := freshness / time.Duration(logins)
			for i := 0; b.Loop(); i++ {
				at = at.Add(step) // each login once in the time that a proof counts
				r.put(keys[i%logins], proof{at: at}, at)
			}
		})
	}
}
