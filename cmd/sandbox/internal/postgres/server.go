package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// startTimeout bounds the time until a started server answers.
	startTimeout = 60 * time.Second
	// pollPause is the time between two checks of a server that starts or reloads.
	pollPause = 10 * time.Millisecond
	// logTail is how much of a log's end, in bytes, is searched for the reason
	// why a server did not start.
	logTail = 4096
)

// stopSignals end a server, each after the one before had its time: first
// PostgreSQL's fast shutdown, then its immediate one, then the kernel's.
var stopSignals = []struct {
	signal   syscall.Signal
	patience time.Duration
}{
	{syscall.SIGINT, 15 * time.Second},
	{syscall.SIGQUIT, 5 * time.Second},
	{syscall.SIGKILL, 5 * time.Second},
}

// server is one running postmaster.
type server struct {
	process  *os.Process
	stopping atomic.Bool
	done     chan struct{} // closed when it has ended
}

// start runs the instance's server and returns once it accepts connections.
func (p *Plane) start(ctx context.Context, i *instance) error {
	if err := p.issue(i); err != nil {
		return err
	}
	if err := p.writeConfig(i); err != nil {
		return err
	}
	command := p.command(ctx, i.spec.Major, "postgres", "-D", i.data())
	command.Dir = i.data()
	log, err := os.OpenFile(i.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	command.Stdout, command.Stderr = log, log
	defer log.Close() //nolint:errcheck // the server writes to it, not this process
	if err := command.Start(); err != nil {
		return err
	}
	i.server = &server{process: command.Process, done: make(chan struct{})}
	go i.server.wait(command, p.config.Log.With("id", i.spec.ID))
	if err = p.ready(ctx, i); err == nil {
		err = p.watch(ctx, i)
	}
	if err != nil {
		return errors.Join(err, i.stop())
	}
	return nil
}

// command prepares one of PostgreSQL's programs. It gets no environment of ours,
// so no credentials either, and a process group of its own, so that a Ctrl-C at
// the terminal leaves stopping to the plane.
func (p *Plane) command(ctx context.Context, major, program string, args ...string) *exec.Cmd {
	path := filepath.Join(p.config.Binaries, major, "bin", program)
	ctx = context.WithoutCancel(ctx)
	command := exec.CommandContext(ctx, path, args...) //nolint:gosec // of the configured binaries
	command.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin"}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: p.account.credential()}
	return command
}

func (s *server) wait(command *exec.Cmd, log *slog.Logger) {
	err := command.Wait()
	if s.stopping.Load() {
		log.Debug("database server stopped")
	} else {
		log.Warn("database server ended by itself", "outcome", err)
	}
	close(s.done)
}

// running says whether the instance has a server that has not ended.
func (i *instance) running() bool { return i.server != nil && !i.server.ended() }

func (s *server) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// stop ends the server, if there is one, within a bounded time.
func (i *instance) stop() error {
	if i.server == nil {
		return nil
	}
	if i.watcher != nil {
		i.watcher()
		i.watcher = nil
	}
	i.server.stopping.Store(true)
	for _, step := range stopSignals {
		if err := i.server.process.Signal(step.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("signal server: %w", err)
		}
		select {
		case <-i.server.done:
			i.server = nil
			return nil
		case <-time.After(step.patience):
		}
	}
	return fmt.Errorf("server process %d does not end", i.server.process.Pid)
}

func (p *Plane) restart(ctx context.Context, i *instance) error {
	if err := i.stop(); err != nil {
		return err
	}
	return p.start(ctx, i)
}

// ready waits until the server answers a query.
func (p *Plane) ready(ctx context.Context, i *instance) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	err := poll(ctx, func() (bool, error) {
		if p.closed() {
			return false, ErrClosed
		}
		if i.server.ended() {
			return false, fmt.Errorf("server did not start: %s", reason(i.log))
		}
		connection, err := i.connect(ctx, "postgres")
		if err != nil {
			return false, nil //nolint:nilerr // not answering yet is what is waited for
		}
		return true, connection.Close(ctx)
	})
	if err != nil {
		return fmt.Errorf("wait for server: %w", err)
	}
	return nil
}

// reload makes the server read its configuration anew and waits until it has:
// a new session shows when the postmaster that started it last did.
func (i *instance) reload(ctx context.Context) error {
	before, err := i.loadTime(ctx)
	if err != nil {
		return err
	}
	if err := i.server.process.Signal(syscall.SIGHUP); err != nil {
		return fmt.Errorf("signal server: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	err = poll(ctx, func() (bool, error) {
		now, err := i.loadTime(ctx)
		return now.After(before), err
	})
	if err != nil {
		return fmt.Errorf("wait for reload: %w", err)
	}
	return nil
}

// poll calls condition until it holds, fails, or ctx ends.
func poll(ctx context.Context, condition func() (bool, error)) error {
	pause := time.NewTicker(pollPause)
	defer pause.Stop()
	for {
		if done, err := condition(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
	}
}

// reason is why a server did not start: the last failure in its log, which holds
// no statement and therefore no password.
func reason(log string) string {
	content, err := os.ReadFile(log) //nolint:gosec // a path of the plane's own
	if err != nil {
		return "its log cannot be read"
	}
	lines := strings.Split(strings.TrimSpace(string(content[max(0, len(content)-logTail):])), "\n")
	for _, line := range slices.Backward(lines) {
		if strings.Contains(line, "FATAL:") || strings.Contains(line, "PANIC:") {
			return line
		}
	}
	return lines[len(lines)-1]
}
