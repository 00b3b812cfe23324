// Package postgres is the data plane of the sandbox: a real PostgreSQL server
// for every RDS instance, set up as RDS sets up its own.
//
// What is real: the major version, an address of its own, TLS for the endpoint's
// name, pg_hba as rds.force_ssl decides it, a master user that is no superuser,
// passwords, restarts, snapshots, deletion. What differs from RDS is said where
// it happens: see hbaFile and templateSQL.
//
// A plane starts empty, as the AWS simulation before it does. Whatever an
// earlier process left in the same directory, running or not, is removed first.
package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/pki"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNotFound says that no instance or snapshot has this ID.
	ErrNotFound = errors.New("not found")
	// ErrExists says that an instance or snapshot with this ID is there already.
	ErrExists = errors.New("exists already")
	// ErrStopped says that the operation needs a running server.
	ErrStopped = errors.New("server is stopped")
	// ErrMajor says that no binaries of this major version are installed.
	ErrMajor = errors.New("major version is not installed")
	// ErrClosed says that the plane was closed.
	ErrClosed = errors.New("data plane is closed")
)

// idPattern keeps an ID usable as a file name.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9:._-]{0,199}$`)

// Config says where a Plane finds its parts. Every field but Log is required.
type Config struct {
	// Binaries holds MAJOR/bin/postgres for each major version on offer.
	Binaries string
	// Dir is the plane's own directory: its lock, the servers' logs, their data.
	Dir string
	// CA issues the servers' certificates.
	CA *pki.CA
	// Addresses is the pool that servers get their IPv4 addresses from. Unless
	// it is part of 127.0.0.0/8, an address is added to interface lo while used.
	Addresses netip.Prefix
	// Log takes what happens to servers; never a password. Default: discarded.
	Log *slog.Logger
}

// Plane runs the servers. It is safe for concurrent use; operations on one
// instance wait for each other.
type Plane struct {
	config  Config
	account account
	root    string
	lock    *os.File
	pool    *pool
	changes *changes
	closing chan struct{}

	templates sync.Mutex // held while a template is created

	mu        sync.Mutex // guards what follows, never held during slow work
	instances map[string]*instance
	snapshots map[string]*snapshot
}

// New opens the plane in config.Dir. It ends servers, removes data and gives
// back addresses that a killed process left there. A directory that another live
// process uses is an error.
func New(config Config) (*Plane, error) {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	p := &Plane{
		config:    config,
		closing:   make(chan struct{}),
		instances: map[string]*instance{},
		snapshots: map[string]*snapshot{},
	}
	if err := p.open(); err != nil {
		if p.lock != nil {
			err = errors.Join(err, p.lock.Close())
		}
		return nil, fmt.Errorf("open data plane: %w", err)
	}
	return p, nil
}

func (p *Plane) open() (err error) {
	if p.config.Binaries, err = filepath.Abs(p.config.Binaries); err != nil {
		return err
	}
	if p.config.Dir, err = filepath.Abs(p.config.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(p.config.Dir, logDir), 0o755); err != nil { //nolint:gosec // others may look in
		return err
	}
	if p.lock, err = lockDir(p.config.Dir); err != nil {
		return err
	}
	if p.account, err = serverAccount(); err != nil {
		return err
	}
	if p.account.switches && !enterable(p.config.Binaries) {
		return fmt.Errorf("user %s, who runs the servers, cannot enter %s", p.account.name, p.config.Binaries)
	}
	if p.pool, err = newPool(p.config.Addresses); err != nil {
		return err
	}
	if p.root, err = serverRoot(p.config.Dir, p.account); err != nil {
		return err
	}
	p.pool.records = filepath.Join(p.root, addressDir)
	if err := p.clean(); err != nil {
		return err
	}
	p.changes, err = newChanges(p.config.Log)
	return err
}

// Majors lists the major versions that can be created, lowest first.
func (p *Plane) Majors() []string {
	found, err := filepath.Glob(filepath.Join(p.config.Binaries, "*", "bin", "postgres"))
	if err != nil {
		p.config.Log.Error("list PostgreSQL versions", "error", err)
	}
	majors := make([]string, 0, len(found))
	for _, path := range found {
		majors = append(majors, filepath.Base(filepath.Dir(filepath.Dir(path))))
	}
	slices.SortFunc(majors, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	return majors
}

// Address is where the server of an instance listens, also while it is stopped.
func (p *Plane) Address(id string) (netip.Addr, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, ok := p.instances[id]
	if !ok || !i.address.IsValid() {
		return netip.Addr{}, false
	}
	return i.address, true
}

// Close stops every server within a bounded time, removes all data, and gives
// back all addresses. Logs stay. Every later call fails with ErrClosed.
func (p *Plane) Close() error {
	p.mu.Lock()
	select {
	case <-p.closing:
		p.mu.Unlock()
		return nil
	default:
		close(p.closing)
	}
	instances := slices.Collect(maps.Values(p.instances))
	p.mu.Unlock()

	failures := make([]error, len(instances))
	var all sync.WaitGroup
	for n, i := range instances {
		all.Go(func() { failures[n] = p.remove(i) })
	}
	all.Wait()
	rest := errors.Join(p.changes.close(), removeRoot(p.config.Dir, p.root), p.lock.Close())
	if err := errors.Join(errors.Join(failures...), rest); err != nil {
		return fmt.Errorf("close data plane: %w", err)
	}
	return nil
}

// reserve puts an instance under its ID so that no other can take it.
func (p *Plane) reserve(i *instance) error {
	if !idPattern.MatchString(i.spec.ID) {
		return fmt.Errorf("%q is not usable as an ID", i.spec.ID)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed() {
		return ErrClosed
	}
	if _, taken := p.instances[i.spec.ID]; taken {
		return ErrExists
	}
	p.instances[i.spec.ID] = i
	return nil
}

// with runs work on one instance while no one else does.
func (p *Plane) with(id, verb string, work func(*instance) error) error {
	p.mu.Lock()
	i, ok := p.instances[id]
	p.mu.Unlock()
	if !ok {
		return fmt.Errorf("%s instance %s: %w", verb, id, ErrNotFound)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := p.usable(i); err != nil {
		return fmt.Errorf("%s instance %s: %w", verb, id, err)
	}
	if err := work(i); err != nil {
		return fmt.Errorf("%s instance %s: %w", verb, id, err)
	}
	return nil
}

func (p *Plane) usable(i *instance) error {
	switch {
	case p.closed():
		return ErrClosed
	case i.gone:
		return ErrNotFound
	}
	return nil
}

func (p *Plane) closed() bool {
	select {
	case <-p.closing:
		return true
	default:
		return false
	}
}

// lockDir makes sure that one process at a time uses dir: the second would
// clean away the servers of the first.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the caller's directory
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is used by another sandbox: %w", dir, err), file.Close())
	}
	return file, nil
}

// number is a major version as a number, 0 for what is none.
func number(major string) int {
	n, err := strconv.Atoi(major)
	if err != nil {
		return 0
	}
	return n
}
