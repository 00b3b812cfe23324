package rules

import (
	"context"
	"errors"
	"fmt"
)

var errGone = errors.New("gone")

// Effect is an enum.
type Effect int

// Effects.
const (
	InPlace Effect = iota
	Disruptive
)

// Holder keeps a context.
type Holder struct {
	ctx context.Context // want containedctx
}

// Err returns what the kept context says.
func (h Holder) Err() error { return h.ctx.Err() }

// Wrap loses the class of an error.
func Wrap(err error) error {
	if err == errGone { // want errorlint
		return nil
	}
	return fmt.Errorf("wrapping: %v", err) // want errorlint
}

// Ignore turns a failure into a success.
func Ignore(do func() error) error {
	if err := do(); err != nil {
		return nil // want nilerr
	}
	return nil
}

// Drop drops an error.
func Drop(do func() error) {
	do() // want errcheck
}

// Cost forgets an effect.
func Cost(e Effect) int {
	switch e { // want exhaustive
	case InPlace:
		return 0
	}
	return 1
}
