// Command apiserver runs an API server with our kinds, which many packages' tests share, until it gets SIGTERM.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func main() {
	out := flag.String("out", "", "file that the administrator's kubeconfig is written to, once it serves (required)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := env.Serve(ctx, *out)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "apiserver:", err)
		os.Exit(1)
	}
}
