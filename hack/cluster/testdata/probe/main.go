// Command probe is what the test of the node runs, in pods and beside them: a server to
// reach, a client to reach it with, and a DNS server for a zone outside the cluster.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: probe serve ADDRESS           an HTTP server that says its host's name
       probe dns ADDRESS ZONE=IP     a DNS server: every name of the zone is at that IP
       probe get URL                 print the body
       probe resolve udp|tcp NAME    print the addresses of a name`

var errUsage = errors.New(usage)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return errUsage
	}
	switch verb, rest := args[0], args[1:]; {
	case verb == "serve" && len(rest) == 1:
		return serve(ctx, rest[0])
	case verb == "dns" && len(rest) == 2:
		return serveZone(ctx, rest[0], rest[1])
	case verb == "get" && len(rest) == 1:
		return get(ctx, rest[0])
	case verb == "resolve" && len(rest) == 2:
		return resolve(ctx, rest[0], rest[1])
	}
	return errUsage
}
