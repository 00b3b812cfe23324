package env_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// servingVariable names a file that the test writes in a process of its own, which it kills then.
const servingVariable = "ENV_TEST_SERVING"

func TestProcessesEndWithATestBinaryThatIsKilled(t *testing.T) {
	t.Parallel()
	if file := os.Getenv(servingVariable); file != "" {
		env.APIServer(t)
		env.StartSandbox(t)
		if err := os.WriteFile(filepath.Clean(file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		<-t.Context().Done()
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "serving")
	cmd := exec.CommandContext(t.Context(), binary, "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), servingVariable+"="+file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the processes serve", func() bool {
		_, err := os.Stat(file)
		return err == nil
	})
	children := childrenOf(t, cmd.Process.Pid)
	if len(children) < 3 {
		t.Errorf("processes %v, want at least etcd, the API server and the sandbox", children)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	until(t, "the processes are gone", func() bool {
		for _, pid := range children {
			if p, err := procfs.NewProc(pid); err == nil {
				if stat, err := p.Stat(); err == nil && stat.State != "Z" {
					return false
				}
			}
		}
		return true
	})
}

func childrenOf(t *testing.T, parent int) (pids []int) {
	t.Helper()
	all, err := procfs.AllProcs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if stat, err := p.Stat(); err == nil && stat.PPID == parent {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(3*time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not after three minutes: %s", what)
		}
	}
}
