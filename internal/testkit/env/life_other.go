//go:build !linux

package env

import "os/exec"

// bindLife does nothing where the kernel cannot do it.
func bindLife(*exec.Cmd) {}
