// Command docs writes the reference documentation from what the code says of itself, and checks the
// documentation that people write: every link leads somewhere, every reason has a page, every example fits
// its kind, and the words are the field's.
//
//	go run ./hack/docs generate docs/reference
//	go run ./hack/docs check .
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
)

// files are what generate writes, each from one source in the code.
var files = and(policyFiles(), map[string]func() (string, error){
	"api.md":                func() (string, error) { return api("config/crd/bases") },
	"conditions.md":         func() (string, error) { return conditions("api/v1alpha1/conditions.go") },
	"controls.md":           controls,
	"flags.md":              flags,
	"iam.md":                iamPage,
	"iam-trust-policy.json": iamTrust,
	"metrics.md":            metrics,
	"steps.md":              steps,
})

func and[T any](some, more map[string]T) map[string]T {
	maps.Copy(some, more)
	return some
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: docs generate FOLDER | docs check REPOSITORY")
	}
	switch args[0] {
	case "generate":
		return generate(args[1])
	case "check":
		return check(args[1])
	default:
		return fmt.Errorf("unknown command %q", args[0])
	}
}

// generate writes every file into a folder, and removes what it no longer makes.
func generate(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	old, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range old {
		if _, ok := files[entry.Name()]; !ok {
			if err := os.Remove(filepath.Join(folder, entry.Name())); err != nil {
				return err
			}
		}
	}
	for name, render := range files {
		text, err := render()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
