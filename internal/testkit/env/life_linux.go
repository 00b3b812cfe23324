package env

import (
	"os/exec"
	"syscall"
)

// bindLife makes the kernel end the program when the test binary is gone: a test that is killed or
// runs out of time has no chance to clean up.
func bindLife(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
