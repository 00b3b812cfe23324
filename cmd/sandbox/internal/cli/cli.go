// Package cli is the sandbox's command line.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// command is one subcommand.
type command struct {
	name, arguments, about string
	run                    func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

func commands() []command {
	return []command{
		{"serve", "[flags]", "run the sandbox", serve},
		{"env", "[flags]", "print the variables that point AWS clients at it", env},
		{"seed", "[flags]", "give an account a network and the operator's role", seed},
		{"sabotage", "[flags] NAME", "break a database, past all protection", sabotage},
		{"resolve", "[flags] NAME", "print the address of a database's endpoint", resolve},
		{"sql", "[flags] ENDPOINT STATEMENT...", "run statements in a database, over verified TLS", sql},
		{"certificate", "[flags] NAME...", "write a server's certificate and key", certificate},
		{"admin", "[flags] METHOD PATH [JSON]", "call the admin API", callAdmin},
	}
}

func usage() string {
	var text strings.Builder
	text.WriteString("sandbox is AWS and Stripe for development on this machine.\n\nUsage: sandbox COMMAND, with -h for its flags\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&text, "  %-36s %s\n", c.name+" "+c.arguments, c.about)
	}
	return text.String()
}

// Run runs the command line and returns the exit code: 0, 1 for a failure, 2 for
// wrong usage.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		say(stderr, "%s", usage())
		return 2
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		say(stdout, "%s", usage())
		return 0
	}
	i := slices.IndexFunc(commands(), func(c command) bool { return c.name == args[0] })
	if i < 0 {
		say(stderr, "sandbox: unknown command %q\n\n%s", args[0], usage())
		return 2
	}
	err := commands()[i].run(ctx, args[1:], stdout, stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		say(stderr, "sandbox: %s\n", err)
		return 1
	}
	return 0
}

// say writes for people; whether they can read it changes nothing.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
