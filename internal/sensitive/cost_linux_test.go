package sensitive_test

import (
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coachplatform/coach-operator/internal/sensitive"
)

// Annotations hold up to a quarter of a megabyte of any text: no text costs more than its
// length. https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/
//
// Two costs of one run are compared, in processor time of the test's own thread, so that no other
// process and no slow machine changes what is found.
func TestNoTextCostsMoreThanItsLength(t *testing.T) {
	const short, times = 1 << 10, 8
	const most = 3 * times // a cost that grows with the square grows times*times
	for _, pattern := range []string{
		"4", "4 ", "4242 ", "424-", "4242-4242 ", "DE", "DE89", "DE 8", "d.e-", "123-45-", "123 45 6780 ", "pin ", "iban 1 ", "iban123 ",
		"sk_", "sk_live_ ", "tok_a", "https://connect.stripe.com/ ", "00000000-0000-0000-0000-", "Ab", "aB1", "_", "-", "é", "４", "\u200b", "\xff", "𝟜-",
		"QUJD", "=",
	} {
		of := func(length int) time.Duration { return cost(t, strings.Repeat(pattern, length/len(pattern))) }
		if few, many := of(short), of(short*times); many > few*most {
			t.Errorf("%q costs %s, and %s when it is %d times as long", pattern, few, many, times)
		}
	}
}

// cost is the processor time that the searches of a text take, the least of a few tries.
func cost(t *testing.T, text string) time.Duration {
	t.Helper()
	least := time.Duration(math.MaxInt64)
	for range 3 {
		began := threadTime(t)
		_, _ = sensitive.Value(text)
		_, _ = sensitive.Name(text)
		_ = sensitive.Shown(text)
		_, _ = sensitive.Scan(map[string]any{text: text, lastApplied: text, "name": text, "value": text})
		least = min(least, threadTime(t)-began)
	}
	return least
}

// threadTime is the processor time of the thread that the test has to itself.
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}
