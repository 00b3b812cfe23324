// Command kubectl-coach is the kubectl plugin: it shows what is proven of a platform, what is planned for it
// and which accounts it has at Stripe, prints the rights that the operator needs in a namespace, and has
// Stripe make the links by which coaches sign up. It changes nothing in the cluster.
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
	// codeViolated is for a control that does not hold, and for accounts that are amiss.
	codeViolated
	// codeUnknown is for what could not be told: also every error.
	codeUnknown
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctrl.SetLogger(logr.Discard()) // what libraries say to themselves is no answer
	code := run(ctx, app{out: os.Stdout, errs: os.Stderr, now: time.Now}, os.Args[1:])
	stop()
	os.Exit(code)
}

// app is what the commands need of the outside.
type app struct {
	out, errs io.Writer
	now       func() time.Time
	// connect returns the cluster; nil is the one of the user's kubeconfig.
	connect func() (cluster, error)
	// stripe says how Stripe is reached; zero is Stripe's own address and the system's authorities.
	stripe stripe.Options
}

// exit ends the program with a code and without a word.
type exit int

// Error implements error.
func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run runs one command and returns the exit code.
func run(ctx context.Context, a app, args []string) int {
	root := &cobra.Command{
		Use: "kubectl-coach", Short: "Look at coach platforms",
		Long: "Shows what is proven of a CoachPlatform, what is planned for it, and which accounts it has at Stripe. It changes\n" +
			"nothing in the cluster.\n\n" +
			"Installed on the PATH as kubectl-coach, it is called as: kubectl coach",
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
