package postgres

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// enterable says whether a user who owns nothing on the way can reach dir.
func enterable(dir string) bool {
	dir, err := filepath.EvalSymlinks(dir)
	for err == nil {
		var info fs.FileInfo
		if info, err = os.Stat(dir); err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
		dir = filepath.Dir(dir)
	}
	return false
}

// makeDirs is MkdirAll whose last directory has exactly this mode, whatever the
// umask.
func makeDirs(dir string, mode fs.FileMode) error {
	if err := os.MkdirAll(dir, mode); err != nil {
		return err
	}
	return os.Chmod(dir, mode)
}

// topDir is ext4's flag FS_TOPDIR_FL.
const topDir = 0x00020000

// spread asks ext4 to lay the directories in dir far from each other. Without
// it, files created where others were just deleted take ten times as long, because
// ext4 searches past every inode freed in the last minutes. Other file systems
// refuse, and need no such help.
func spread(dir string) {
	file, err := os.Open(dir) //nolint:gosec // a path of the plane's own
	if err != nil {
		return
	}
	defer file.Close() //nolint:errcheck // nothing was written
	flags, err := unix.IoctlGetInt(int(file.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil {
		_ = unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, flags|topDir)
	}
}

// transient are data directory entries whose content no copy may carry over:
// it belongs to the server that runs there.
var transient = map[string]bool{
	"postmaster.pid": true, "postmaster.opts": true, "pg_dynshmem": true, "pg_notify": true, "pg_replslot": true,
	"pg_serial": true, "pg_snapshots": true, "pg_stat_tmp": true, "pg_subtrans": true, "pgsql_tmp": true,
}

// copyTree copies a data directory, or a part of one, for the account. Files
// that vanish meanwhile are left out: a running server's log of changes brings
// a copy up to date. Skipped directories are created, but empty. The target may
// exist.
func (a account) copyTree(ctx context.Context, from, to string, skip func(relative string) bool) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if path != from && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return a.copyEntry(path, filepath.Join(to, relative), entry,
			transient[filepath.Base(relative)] || skip(relative))
	})
}

func (a account) copyEntry(from, to string, entry fs.DirEntry, skipped bool) error {
	switch {
	case entry.IsDir():
		if err := makeDirs(to, 0o700); err != nil {
			return err
		}
		if err := a.own(to); err != nil {
			return err
		}
		if skipped {
			return fs.SkipDir
		}
		return nil
	case skipped || !entry.Type().IsRegular():
		return nil
	}
	if err := copyFile(from, to); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return a.own(to)
}

// nothing skips no file.
func nothing(string) bool { return false }

func copyFile(from, to string) error {
	source, err := os.Open(from) //nolint:gosec // a path of the plane's own
	if err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // likewise
	if err != nil {
		return errors.Join(err, source.Close())
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, source.Close(), target.Close())
}
