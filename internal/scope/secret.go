package scope

import "fmt"

// Secret is a text that is never printed; Reveal returns it.
type Secret struct{ text string }

// NewSecret hides a text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text.
func (s Secret) Reveal() string { return s.text }

// Empty says that there is none.
func (s Secret) Empty() bool { return s.text == "" }

// String implements fmt.Stringer without the text.
func (s Secret) String() string {
	if s.Empty() {
		return "(none)"
	}
	return "(secret)"
}

// GoString keeps the text out of %#v.
func (s Secret) GoString() string { return s.String() }

// Format keeps the text out of every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalJSON keeps the text out of every document.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }
