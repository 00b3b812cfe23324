package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The parts of a plane's root and of its own directory.
const (
	instanceDir = "instances"
	snapshotDir = "snapshots"
	templateDir = "templates"
	addressDir  = "addresses"
	logDir      = "logs"
	rootLink    = "servers"
)

// leftoverPatience is how long a server of a killed process may take to end
// after SIGQUIT, and then after SIGKILL.
const leftoverPatience = 5 * time.Second

// serverRoot is the directory that holds what servers need: dir/servers. When
// the servers' user could not enter that, as under root's home or a private
// temporary directory, it is one of its own under the system's temporary
// directory, and dir/servers a link to it.
func serverRoot(dir string, runs account) (string, error) {
	path := filepath.Join(dir, rootLink)
	target, err := os.Readlink(path)
	switch {
	case err == nil && ours(target):
		return target, nil
	case err == nil:
		// The temporary directory was cleared; the link leads nowhere of ours.
		if err := os.Remove(path); err != nil {
			return "", err
		}
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.EINVAL):
		return "", err
	}
	if !runs.switches || enterable(dir) {
		return path, makeDirs(path, 0o711)
	}
	return linkedRoot(path)
}

func linkedRoot(path string) (string, error) {
	target, err := os.MkdirTemp("", "coach-sandbox-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(target, 0o711); err != nil { //nolint:gosec // the servers pass through it
		return "", err
	}
	if !enterable(target) {
		return "", fmt.Errorf("no directory that the servers' user can enter: %s is closed", filepath.Dir(target))
	}
	return target, os.Symlink(target, path)
}

// ours says whether path is a directory that this user created: anyone may create one
// in a temporary directory.
func ours(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	status, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(status.Uid) == os.Geteuid()
}

// removeRoot removes all that servers had, and the link to it.
func removeRoot(dir, root string) error {
	return errors.Join(os.RemoveAll(root), os.RemoveAll(filepath.Join(dir, rootLink)))
}

// clean empties the root of what an earlier process left: its servers first,
// then its addresses, then all data.
func (p *Plane) clean() error {
	if err := endLeftovers(p.root, p.config.Log); err != nil {
		return fmt.Errorf("end servers of an earlier process: %w", err)
	}
	if err := p.pool.recover(); err != nil {
		return fmt.Errorf("give back addresses of an earlier process: %w", err)
	}
	for _, part := range []string{instanceDir, snapshotDir, templateDir, addressDir} {
		path := filepath.Join(p.root, part)
		if err := errors.Join(os.RemoveAll(path), makeDirs(path, 0o711)); err != nil {
			return err
		}
		spread(path)
	}
	return nil
}

// endLeftovers ends what runs under root. No record of process IDs is needed,
// which a kill between a start and its record would defeat: each of our
// processes works in a directory under root from its first instant on.
func endLeftovers(root string, log *slog.Logger) error {
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} {
		found, err := leftovers(root)
		if err != nil {
			return err
		}
		for _, pid := range found {
			log.Info("ending leftover database process", "pid", pid, "signal", signal.String())
			if err := end(pid, root, signal); err != nil {
				return err
			}
		}
		if ended, err := awaitNone(root); ended || err != nil {
			return err
		}
	}
	return errors.New("some do not end")
}

// awaitNone waits, for a bounded time, until nothing runs under root.
func awaitNone(root string) (bool, error) {
	for deadline := time.Now().Add(leftoverPatience); time.Now().Before(deadline); time.Sleep(pollPause) {
		if found, err := leftovers(root); len(found) == 0 || err != nil {
			return err == nil, err
		}
	}
	return false, nil
}

func leftovers(root string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && isServer(pid, root) {
			found = append(found, pid)
		}
	}
	return found, nil
}

// isServer says whether a process is a PostgreSQL program at work under root.
func isServer(pid int, root string) bool {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	cwd, err := os.Readlink(filepath.Join(proc, "cwd"))
	if err != nil || !strings.HasPrefix(cwd, root+string(filepath.Separator)) {
		return false
	}
	program, err := os.Readlink(filepath.Join(proc, "exe"))
	return err == nil && slices.Contains([]string{"postgres", "initdb"}, filepath.Base(program))
}

// end signals a process after one more check of what it is. The handle is taken
// before the check, so the ID cannot pass to another process in between.
func end(pid int, root string, signal syscall.Signal) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer process.Release() //nolint:errcheck // nothing depends on the handle
	if !isServer(pid, root) {
		return nil
	}
	if err := process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}
