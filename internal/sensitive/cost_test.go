package sensitive_test

import (
	"strings"
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/internal/sensitive"
)

// Annotations hold up to a quarter of a megabyte of any text: no text costs more than its
// length. https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/
func TestNoTextCostsMoreThanItsLength(t *testing.T) {
	t.Parallel()
	const length, limit = 64 << 10, 3 * time.Second // a text that costs its square takes minutes
	for _, pattern := range []string{
		"4", "4 ", "4242 ", "424-", "4242-4242 ", "DE", "DE89", "DE 8", "d.e-", "123-45-", "123 45 6780 ", "pin ", "iban 1 ", "iban123 ",
		"sk_", "sk_live_ ", "tok_a", "https://connect.stripe.com/ ", "00000000-0000-0000-0000-", "Ab", "aB1", "_", "-", "é", "４", "\u200b", "\xff", "𝟜-",
		"QUJD", "=",
	} {
		text := strings.Repeat(pattern, length/len(pattern))
		began := time.Now()
		_, _ = sensitive.Value(text)
		_, _ = sensitive.Name(text)
		_ = sensitive.Shown(text)
		_, _ = sensitive.Scan(map[string]any{text: text, lastApplied: text, "name": text, "value": text})
		if took := time.Since(began); took > limit {
			t.Errorf("%q takes %s", pattern, took)
		}
	}
}
