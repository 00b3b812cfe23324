// Command lint is golangci-lint with the two linters of the Kubernetes project that it does not
// carry: kube-api-linter, for API types, and logcheck, for structured log calls. golangci-lint loads
// such linters only when they are compiled in.
package main

import (
	"fmt"
	"os"

	"github.com/golangci/golangci-lint/v2/pkg/commands"
	"github.com/golangci/golangci-lint/v2/pkg/exitcodes"
	_ "sigs.k8s.io/kube-api-linter"
	_ "sigs.k8s.io/logtools/logcheck/gclplugin"
)

// version is the one of golangci-lint, which a configuration file may ask for.
var version = "unknown"

func main() {
	if err := commands.Execute(commands.BuildInfo{Version: version, Commit: "none", Date: "unknown"}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitcodes.Failure)
	}
}
