// Command sandbox is AWS and Stripe for development: it answers the calls of the
// operator, its tests and its benchmark on this machine.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
