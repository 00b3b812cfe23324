package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

// resolve asks the sandbox's own name server for the address of a database.
func resolve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	t := newTarget("resolve", stderr)
	ready, err := t.parse(args)
	if err != nil {
		return err
	}
	if t.flags.NArg() != 1 {
		return errors.New("resolve needs one name")
	}
	if ready.DNS == "" {
		return errors.New("the sandbox runs without a name server (-dns)")
	}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, ready.DNS)
	}}
	addresses, err := resolver.LookupHost(ctx, t.flags.Arg(0)+".")
	if err != nil {
		return fmt.Errorf("resolve %s: %w", t.flags.Arg(0), err)
	}
	_, err = fmt.Fprintln(stdout, addresses[0])
	return err
}
