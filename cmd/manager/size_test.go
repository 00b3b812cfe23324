package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// largest is how many bytes the program may have: a little more than it has, and half of what templates make it.
const largest = 55_000_000

// templates is the name of a function that a template needs. A stripped program has its functions' names, too.
const templates = "text/template.(*Template).Execute"

// TestTheShippedProgramIsSmall builds the program as it is shipped. Templates call methods by name: if it can execute
// one, the linker has to keep every exported method.
func TestTheShippedProgramIsSmall(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "manager")
	if out, err := exec.CommandContext(t.Context(), "../../hack/build", program).CombinedOutput(); err != nil {
		t.Fatalf("building the operator: %v: %s", err, out)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if len(content) > largest {
		t.Errorf("the program has %d bytes, at most %d are allowed", len(content), largest)
	}
	if !bytes.Contains(content, []byte("main.main")) {
		t.Error("the program shows no names of functions, so none can be looked for")
	}
	for _, unwanted := range []string{templates, "golang.org/x/net/trace."} {
		if bytes.Contains(content, []byte(unwanted)) {
			t.Errorf("the program has %s: go mod why -m and go list -deps show what brings it", unwanted)
		}
	}
}
