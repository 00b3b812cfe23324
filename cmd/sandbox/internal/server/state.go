package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// prepare creates the state directory and takes its lock, so that two sandboxes
// never share one. The lock is the process's: it ends with it, however it ends.
func prepare(state string) (unlock func(), err error) {
	if err := os.MkdirAll(state, 0o755); err != nil { //nolint:gosec // others read the CA, PostgreSQL's user enters
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(state, "lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the user says where
	if err != nil {
		return nil, fmt.Errorf("lock state directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("lock state directory %s, another sandbox may use it: %w", state, err)
	}
	if err := os.Remove(filepath.Join(state, ReadyFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		_ = lock.Close()
		return nil, fmt.Errorf("prepare state directory: %w", err)
	}
	return func() { _ = lock.Close() }, nil
}
