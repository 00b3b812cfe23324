package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/pki"
)

// certificate writes tls.crt and tls.key for a server that clients of the sandbox
// are to trust, and that Stripe is to send events to.
func certificate(_ context.Context, args []string, _, stderr io.Writer) error {
	flags := flag.NewFlagSet("sandbox certificate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	state := flags.String("state", "", "state directory of the sandbox (required)")
	out := flags.String("out", "", "directory for tls.crt and tls.key (required)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *state == "" || *out == "" || flags.NArg() == 0 {
		return errors.New("certificate needs -state, -out and the names or addresses of the server")
	}
	var names []string
	var addresses []net.IP
	for _, host := range flags.Args() {
		if ip := net.ParseIP(host); ip != nil {
			addresses = append(addresses, ip)
			continue
		}
		names = append(names, host)
	}
	ca, err := pki.Open(filepath.Join(*state, "pki"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o750); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	_, _, err = ca.IssueFiles(*out, "tls", names, addresses)
	return err
}
