// Package sensitive recognizes bank, card and identity numbers, and secrets of Stripe's, in any text: by
// the names of fields and by the numbers themselves. What it finds it names by class and place, and never
// repeats. It imports no other package of the operator's.
package sensitive

// Class is what was found. It names no value.
type Class string

// Classes.
const (
	Bank     Class = "bank account"
	Card     Class = "card"
	Identity Class = "identity"
	Secret   Class = "secret of Stripe"
)
