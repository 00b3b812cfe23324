package cli

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/server"
)

// serve runs the sandbox until it receives a signal to end.
func serve(ctx context.Context, args []string, _, stderr io.Writer) error {
	config := server.Config{Log: slog.New(slog.NewTextHandler(stderr, nil)), Addresses: netip.MustParsePrefix("127.66.0.0/16")}
	flags := flag.NewFlagSet("sandbox serve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&config.State, "state", "", "directory for certificates, databases, logs and ready.json (required)")
	flags.StringVar(&config.Listen, "listen", "127.0.0.1:4566", "address of the AWS endpoint")
	flags.StringVar(&config.Admin, "admin", "127.0.0.1:4567", "address of the admin API, on loopback only")
	flags.StringVar(&config.DNS, "dns", "127.0.0.1:4553", "address that resolves database endpoints; empty for none")
	flags.StringVar(&config.Stripe, "stripe", "", "address of Stripe's API; empty for none")
	flags.Func("host", "further name or address clients reach the sandbox by (repeatable)", func(host string) error {
		config.Hosts = append(config.Hosts, host)
		return nil
	})
	flags.BoolVar(&config.DataPlane, "data-plane", true, "run a real PostgreSQL for every RDS instance")
	flags.TextVar(&config.Addresses, "addresses", config.Addresses, "addresses for databases")
	flags.DurationVar(&config.Pace, "pace", 5*time.Second, "time of one state transition, such as creating to backing-up")
	flags.DurationVar(&config.Lag, "lag", 2*time.Second, "how far listings are behind writes")
	flags.DurationVar(&config.Latency, "latency", 10*time.Millisecond, "least time from a call to its answer")
	flags.BoolVar(&config.Limits, "limits", false, "throttle calls beyond the rates that AWS publishes")
	flags.StringVar(&config.Moto, "moto", "", "moto_server of a Python environment (required)")
	flags.StringVar(&config.Postgres, "postgres", "", "directory of PostgreSQL binaries, by major (required with -data-plane)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return errors.New("serve takes no arguments, only flags")
	case config.State == "" || config.Moto == "":
		return errors.New("serve needs -state and -moto")
	case config.DataPlane && config.Postgres == "":
		return errors.New("serve needs -postgres, or -data-plane=false")
	case config.Pace < 0 || config.Lag < 0 || config.Latency < 0:
		return errors.New("serve: -pace, -lag and -latency must not be negative")
	}
	return server.Run(ctx, config)
}
