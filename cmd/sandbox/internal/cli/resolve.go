package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// resolve queries the sandbox's own name server for the address of a database.
func resolve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	t := newTarget("resolve", stderr)
	ready, err := t.parse(args)
	if err != nil {
		return err
	}
	if t.flags.NArg() != 1 {
		return errors.New("resolve needs one name")
	}
	addresses, err := lookup(ctx, ready, t.flags.Arg(0))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, addresses[0])
	return err
}
