package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// snapshot is a copy of an instance's data.
type snapshot struct {
	dir        string
	major      string
	masterUser string
	complete   bool
}

// Snapshot copies the data of an instance as it is at one moment, without
// stopping its server.
func (p *Plane) Snapshot(ctx context.Context, id, name string) error {
	return p.with(id, "snapshot", func(i *instance) error {
		s, err := p.reserveSnapshot(i, name)
		if err != nil {
			return err
		}
		if !i.running() {
			err = p.account.copyTree(ctx, i.data(), s.dir, nothing)
		} else {
			err = p.backup(ctx, i, s.dir)
		}
		return p.settleSnapshot(name, s, err)
	})
}

// Restore creates a new instance from a snapshot, with the roles and passwords it
// holds. The spec's major version is the snapshot's when empty.
func (p *Plane) Restore(ctx context.Context, spec Spec, name string) (netip.Addr, error) {
	address, err := p.restore(ctx, spec, name)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("restore instance %s from snapshot %s: %w", spec.ID, name, err)
	}
	return address, nil
}

func (p *Plane) restore(ctx context.Context, spec Spec, name string) (netip.Addr, error) {
	s, err := p.findSnapshot(name)
	if err != nil {
		return netip.Addr{}, err
	}
	if spec.Major != "" && spec.Major != s.major {
		return netip.Addr{}, fmt.Errorf("snapshot is of PostgreSQL %s, not %s", s.major, spec.Major)
	}
	spec.Major, spec.MasterUser = s.major, s.masterUser
	return p.build(ctx, spec, func(i *instance) error {
		if err := p.account.copyTree(ctx, s.dir, i.data(), nothing); err != nil {
			return err
		}
		if err := p.start(ctx, i); err != nil {
			return err
		}
		if spec.MasterPassword == "" {
			return nil
		}
		return i.setPassword(ctx, spec.MasterPassword)
	})
}

// DeleteSnapshot removes a snapshot; instances created from it stay.
func (p *Plane) DeleteSnapshot(_ context.Context, name string) error {
	s, err := p.findSnapshot(name)
	if err == nil {
		p.forgetSnapshot(name)
		err = os.RemoveAll(s.dir)
	}
	if err != nil {
		return fmt.Errorf("delete snapshot %s: %w", name, err)
	}
	return nil
}

func (p *Plane) reserveSnapshot(i *instance, name string) (*snapshot, error) {
	if !idPattern.MatchString(name) {
		return nil, fmt.Errorf("%q is not usable as a snapshot ID", name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, taken := p.snapshots[name]; taken {
		return nil, fmt.Errorf("snapshot %s: %w", name, ErrExists)
	}
	dir := filepath.Join(p.root, snapshotDir, name)
	s := &snapshot{dir: dir, major: i.spec.Major, masterUser: i.spec.MasterUser}
	p.snapshots[name] = s
	return s, nil
}

// settleSnapshot makes a copied snapshot usable, or undoes a failed one.
func (p *Plane) settleSnapshot(name string, s *snapshot, err error) error {
	if err != nil {
		p.forgetSnapshot(name)
		return errors.Join(fmt.Errorf("snapshot %s: %w", name, err), os.RemoveAll(s.dir))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.complete = true
	return nil
}

func (p *Plane) findSnapshot(name string) (*snapshot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.snapshots[name]
	switch {
	case p.closed():
		return nil, ErrClosed
	case !ok || !s.complete:
		return nil, ErrNotFound
	}
	return s, nil
}

func (p *Plane) forgetSnapshot(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.snapshots, name)
}

// keepLog makes the server keep its log of changes until the session ends.
const keepLog = "SELECT pg_create_physical_replication_slot('snapshot', true, true)"

// backup copies the data of a running server by PostgreSQL's own protocol for
// that: between its start and its end the server logs whole pages, and the copy
// carries the log and a label that says where to replay it from.
func (p *Plane) backup(ctx context.Context, i *instance, to string) error {
	begin, end := "SELECT pg_backup_start('snapshot', true)", "SELECT labelfile FROM pg_backup_stop(false)"
	if number(i.spec.Major) < 15 {
		begin, end = "SELECT pg_start_backup('snapshot', true, false)", "SELECT labelfile FROM pg_stop_backup(false, false)"
	}
	return i.as(ctx, "postgres", func(connection *pgx.Conn) error {
		for _, statement := range []string{keepLog, begin} {
			if _, err := connection.Exec(ctx, statement); err != nil {
				return fmt.Errorf("begin backup: %w", err)
			}
		}
		isLog := func(relative string) bool { return strings.HasPrefix(relative, "pg_wal"+string(filepath.Separator)) }
		if err := p.account.copyTree(ctx, i.data(), to, isLog); err != nil {
			return err
		}
		var label string
		if err := connection.QueryRow(ctx, end).Scan(&label); err != nil {
			return fmt.Errorf("end backup: %w", err)
		}
		if err := p.account.write(filepath.Join(to, "backup_label"), label); err != nil {
			return err
		}
		return p.account.copyTree(ctx, filepath.Join(i.data(), "pg_wal"), filepath.Join(to, "pg_wal"), nothing)
	})
}
