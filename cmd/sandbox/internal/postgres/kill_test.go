package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/pki"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/postgres"
)

// helperDir makes this test binary act as a sandbox that is going to be killed:
// it runs databases in that directory until then.
const (
	helperDir      = "SANDBOX_TEST_HELPER"
	helperBinaries = "SANDBOX_TEST_HELPER_BINARIES"
	helperPool     = "203.0.113.0/24" // set aside for documentation
)

func helper(dir string) int {
	if err := helperRun(dir); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

func helperRun(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ca, err := pki.Open(filepath.Join(dir, "pki"))
	if err != nil {
		return err
	}
	world.ca, world.binaries = ca, os.Getenv(helperBinaries)
	settings := config(filepath.Join(dir, "state"), slog.New(slog.DiscardHandler))
	settings.Addresses = netip.MustParsePrefix(helperPool)
	plane, err := postgres.New(settings)
	if err != nil {
		return err
	}
	for _, major := range []string{"14", "16"} {
		spec := newSpec(major)
		spec.ID = "killed-" + major
		address, err := plane.Create(ctx, spec)
		if err != nil {
			return err
		}
		fmt.Println(address)
	}
	fmt.Println("ready")
	<-ctx.Done()
	return nil
}

func TestTheNextPlaneCleansUpAfterAKilledOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), helperDir+"="+dir, helperBinaries+"="+world.binaries)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var addresses []netip.Addr
	lines := bufio.NewScanner(output)
	for lines.Scan() && lines.Text() != "ready" {
		address, err := netip.ParseAddr(lines.Text())
		if err != nil {
			t.Fatal(lines.Text())
		}
		addresses = append(addresses, address)
	}
	root, err := filepath.EvalSymlinks(filepath.Join(dir, "state", "servers"))
	if err != nil || len(addresses) != 2 {
		t.Fatalf("helper: addresses %v, %v", addresses, err)
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err == nil {
		t.Fatal("the helper ended by itself")
	}
	before := servers(t, root)
	if len(before) < 2 || !onMachine(t, addresses[0]) {
		t.Fatalf("the kill left servers %v, want some that run on", before)
	}

	settings := config(filepath.Join(dir, "state"), slog.New(slog.DiscardHandler))
	settings.Addresses = netip.MustParsePrefix(helperPool)
	plane, err := postgres.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := plane.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	if left := servers(t, root); len(left) != 0 {
		t.Errorf("servers %v still run", left)
	}
	for _, address := range addresses {
		if onMachine(t, address) {
			t.Errorf("address %s is still there", address)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(root, "instances")); err != nil || len(entries) != 0 {
		t.Errorf("data is still there: %v, %v", entries, err)
	}
	spec := newSpec("16")
	spec.ID = "killed-16"
	if again, err := plane.Create(t.Context(), spec); err != nil || again != addresses[1] {
		t.Errorf("created again: %s, %v; want address %s", again, err, addresses[1])
	}
	login{spec: spec, plane: plane}.session(t)
}

// servers are the processes that work below root.
func servers(t *testing.T, root string) []string {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, process := range processes {
		if cwd, err := os.Readlink(process); err == nil && strings.HasPrefix(cwd, root+"/") {
			found = append(found, process)
		}
	}
	return found
}
