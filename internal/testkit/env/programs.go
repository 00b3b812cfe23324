package env

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ProgramsVariable names a directory with the programs manager and sandbox, built from these sources. Unset,
// each package that needs one builds it.
const ProgramsVariable = "COACH_TEST_PROGRAMS"

// program returns a program, which build builds in dir unless that was done before.
func program(ctx context.Context, name, dir string, build func(ctx context.Context, file string) *exec.Cmd) (string, error) {
	if built := os.Getenv(ProgramsVariable); built != "" {
		file := filepath.Join(built, name)
		if _, err := os.Stat(file); err != nil {
			return "", fmt.Errorf("%s names a directory without %s: %w", ProgramsVariable, name, err)
		}
		return file, nil
	}
	file := filepath.Join(dir, name)
	if out, err := build(ctx, file).CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the %s: %w: %s", name, err, out)
	}
	return file, nil
}
