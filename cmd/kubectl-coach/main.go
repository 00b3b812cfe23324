// Command kubectl-coach is the kubectl plugin. It shows the evidence, the plan and the Stripe accounts of a
// platform, prints the RBAC that the operator needs in a namespace, and creates Stripe onboarding links. It
// changes nothing in the cluster.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
)

// Exit codes.
const (
	codeFine = iota
	// codeViolated is for a violated control, and for accounts that need attention.
	codeViolated
	// codeUnknown is for an unknown control, and for every error.
	codeUnknown
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctrl.SetLogger(logr.Discard()) // logs of libraries are not output
	code := run(ctx, app{out: os.Stdout, errs: os.Stderr, now: time.Now}, os.Args[1:])
	stop()
	os.Exit(code)
}

// app has what the commands need from outside.
type app struct {
	out, errs io.Writer
	now       func() time.Time
	// connect returns the cluster. Nil means that of the user's kubeconfig.
	connect func() (cluster, error)
	// stripe says how to reach Stripe. Zero means Stripe's own address and the system's certificate authorities.
	stripe stripe.Options
}

// exit ends the program with a code and without a message.
type exit int

// Error implements error.
func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run runs one command and returns the exit code.
func run(ctx context.Context, a app, args []string) int {
	root := &cobra.Command{
		Use: "kubectl-coach", Short: "Inspect coach platforms",
		Long: "Show the evidence, the plan and the Stripe accounts of a CoachPlatform, and create onboarding links for coaches.\n" +
			"Nothing in the cluster is changed.\n\n" +
			"Install it on the PATH as kubectl-coach and run: kubectl coach",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl coach"},
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.errs)
	if a.connect == nil {
		a.connect = bind(root.PersistentFlags())
	}
	root.AddCommand( //nolint:contextcheck // cobra hands the context on
		evidenceCommand(a), planCommand(a), grantCommand(a), linkCommand(a), inventoryCommand(a),
	)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return codeFine
	}
	if code, ok := errors.AsType[exit](err); ok {
		return int(code)
	}
	_, _ = fmt.Fprintln(a.errs, "error:", err) // the exit code says so, too
	return codeUnknown
}
