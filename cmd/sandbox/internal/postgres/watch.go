package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/jackc/pgx/v5"
)

// From PostgreSQL 16 on, rds_superuser holds rds_iam WITH ADMIN OPTION here, so
// that the master can grant it (see templateSQL). To pg_hba that makes every
// master a member of rds_iam, which on RDS it is not, and would lock it out. So
// members of rds_superuser are let in by a line before the one for rds_iam.
//
// That line alone would hide a trap that RDS does have: a master that creates a
// role becomes a member of it, and with it of rds_iam once the role is granted
// that. Such masters are found by a query and named in a file that pg_hba reads
// at first. The query runs when the server's log of changes (pg_wal) was written
// to, which is before the client hears that its GRANT succeeded: the trap shuts
// within milliseconds, and an idle server is left in peace.

// iamMembers selects the members of rds_superuser that reach rds_iam by another
// way than rds_superuser's own ADMIN OPTION.
const iamMembers = `
WITH RECURSIVE reach AS (
	SELECT member FROM pg_auth_members
	WHERE roleid = 'rds_iam'::regrole
		AND NOT (member = 'rds_superuser'::regrole AND grantor = 'rdsadmin'::regrole)
	UNION
	SELECT m.member FROM pg_auth_members m JOIN reach r ON m.roleid = r.member
)
SELECT rolname FROM pg_roles JOIN reach ON oid = member
WHERE rolcanlogin AND pg_has_role(oid, 'rds_superuser', 'MEMBER')
ORDER BY rolname`

// checkPauses are the pauses before the checks that follow a change: a change is
// written down before others can see it.
var checkPauses = []time.Duration{0, 10 * time.Millisecond, 50 * time.Millisecond}

func (i *instance) watchesIAM() bool { return number(i.spec.Major) >= 16 }

// guard keeps the list of one server's IAM members up to date. It touches
// nothing of the instance that an operation may change.
type guard struct {
	connect func(context.Context) (*pgx.Conn, error)
	write   func(content string) error
	reload  func() error
	log     *slog.Logger

	connection *pgx.Conn
	written    string
}

// watch begins to guard a started server; i.watcher ends it.
func (p *Plane) watch(ctx context.Context, i *instance) error {
	if !i.watchesIAM() {
		return nil
	}
	spec, process := i.spec, i.server.process
	reader := &instance{dir: i.dir, spec: spec}
	g := &guard{
		connect: func(ctx context.Context) (*pgx.Conn, error) { return reader.connect(ctx, "postgres") },
		write:   func(content string) error { return p.account.write(filepath.Join(reader.data(), lockedOut), content) },
		reload:  func() error { return process.Signal(syscall.SIGHUP) },
		log:     p.config.Log.With("id", spec.ID),
	}
	changed, forget, err := p.changes.watch(filepath.Join(i.data(), "pg_wal"))
	if err != nil {
		return fmt.Errorf("watch for changes: %w", err)
	}
	if err := g.update(ctx); err != nil {
		forget()
		return fmt.Errorf("read members of rds_iam: %w", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.run(ctx, changed)
	}()
	i.watcher = func() {
		forget()
		cancel()
		<-ended
	}
	return nil
}

func (g *guard) run(ctx context.Context, changed <-chan struct{}) {
	defer g.disconnect(context.WithoutCancel(ctx))
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		for _, pause := range checkPauses {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			if err := g.update(ctx); err != nil && ctx.Err() == nil {
				g.log.WarnContext(ctx, "read members of rds_iam", "error", err)
			}
		}
	}
}

// update brings the list up to date. After a failure the next update connects anew.
func (g *guard) update(ctx context.Context) error {
	content, err := g.read(ctx)
	if err != nil {
		g.disconnect(ctx)
		return err
	}
	if content == g.written {
		return nil
	}
	if err := errors.Join(g.write(content), g.reload()); err != nil {
		return err
	}
	g.written = content
	return nil
}

func (g *guard) read(ctx context.Context) (string, error) {
	if g.connection == nil {
		connection, err := g.connect(ctx)
		if err != nil {
			return "", err
		}
		g.connection = connection
	}
	rows, err := g.connection.Query(ctx, iamMembers)
	if err != nil {
		return "", err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return memberList(names), err
}

func (g *guard) disconnect(ctx context.Context) {
	if g.connection == nil {
		return
	}
	if err := g.connection.Close(ctx); err != nil {
		g.log.DebugContext(ctx, "close session", "error", err)
	}
	g.connection = nil
}

// memberList is a file of names for pg_hba. It is never empty, which pg_hba
// takes for a missing field; rdsadmin is rejected there anyway.
func memberList(names []string) string {
	var text strings.Builder
	for _, name := range slices.Concat([]string{"rdsadmin"}, names) {
		text.WriteString(pgx.Identifier{name}.Sanitize() + "\n")
	}
	return text.String()
}

// changes notifies instances of writes to their directories. One for all, because
// the system allows a user only some hundred inotify instances.
type changes struct {
	watcher *fsnotify.Watcher

	mu      sync.Mutex
	waiting map[string]chan struct{}
}

func newChanges(log *slog.Logger) (*changes, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	c := &changes{watcher: watcher, waiting: map[string]chan struct{}{}}
	go c.run(log)
	return c, nil
}

// watch sends on the channel after writes to files in dir, until forgotten.
func (c *changes) watch(dir string) (changed <-chan struct{}, forget func(), err error) {
	if err := c.watcher.Add(dir); err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	channel := make(chan struct{}, 1)
	c.waiting[dir] = channel
	return channel, func() { c.forget(dir) }, nil
}

func (c *changes) forget(dir string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, dir)
	// An error means that the directory is not watched any more: what is wanted.
	_ = c.watcher.Remove(dir)
}

func (c *changes) run(log *slog.Logger) {
	for {
		select {
		case event, open := <-c.watcher.Events:
			if !open {
				return
			}
			c.notify(filepath.Dir(event.Name))
		case err, open := <-c.watcher.Errors:
			if !open {
				return
			}
			log.Warn("watch for changes", "error", err)
			c.notifyAll()
		}
	}
}

func (c *changes) notify(dir string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case c.waiting[dir] <- struct{}{}:
	default: // notified already, or no listener
	}
}

// notifyAll makes up for events that were lost.
func (c *changes) notifyAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, channel := range c.waiting {
		select {
		case channel <- struct{}{}:
		default:
		}
	}
}

func (c *changes) close() error { return c.watcher.Close() }

// keepMembers creates the list where there is none yet, before the first start.
func (p *Plane) keepMembers(i *instance) error {
	path := filepath.Join(i.data(), lockedOut)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return p.account.write(path, memberList(nil))
}
