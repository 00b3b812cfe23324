package postgres

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// account is the system user that servers run as. PostgreSQL refuses root, so
// root's servers run as nobody; anyone else's run as themselves.
type account struct {
	name     string // who runs the servers
	self     string // who runs this process; the only user let in as rdsadmin
	uid, gid int
	switches bool // the two differ
}

func serverAccount() (account, error) {
	self, err := user.Current()
	if err != nil {
		return account{}, fmt.Errorf("look up own user: %w", err)
	}
	runs := self
	if os.Geteuid() == 0 {
		if runs, err = user.Lookup("nobody"); err != nil {
			return account{}, fmt.Errorf("find a user for PostgreSQL, which refuses root: %w", err)
		}
	}
	uid, err := strconv.Atoi(runs.Uid)
	if err != nil {
		return account{}, err
	}
	gid, err := strconv.Atoi(runs.Gid)
	if err != nil {
		return account{}, err
	}
	return account{name: runs.Username, self: self.Username, uid: uid, gid: gid, switches: runs != self}, nil
}

// credential makes a process run as the account; nil when it does anyway.
func (a account) credential() *syscall.Credential {
	if !a.switches {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)} //nolint:gosec // system IDs fit
}

func (a account) own(path string) error {
	if !a.switches {
		return nil
	}
	return os.Lchown(path, a.uid, a.gid)
}

// write creates a file of the account, readable by it alone. Who reads it
// meanwhile gets the old content or the new, whole.
func (a account) write(path, content string) error {
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		return err
	}
	if err := a.own(path + ".new"); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
