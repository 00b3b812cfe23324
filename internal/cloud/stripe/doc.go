// Package stripe is the operator's side of Stripe: which calls are made, how often, what is read of the
// answers, and what their errors mean. It owns no decision and imports no step. Nothing personal is ever
// decoded: answers are read into structs that have no place for it, and errors keep no text of Stripe's.
package stripe
